"""`python -m cost`: a month on AWS, and what clients see when API Gateway's quota is short."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.text import Text

from cost import tables
from cost.crowd import Crowd
from cost.prices import DEFAULT_PATH, PricesError, load_prices
from cost.study import Study, study, to_json
from cost.workload import Workload

DEFAULT_OUT = Path("cost-report")

_ModelT = TypeVar("_ModelT", bound=BaseModel)


def main(options: Sequence[str] | None = None) -> int:
    """Price a month, print it and write the report; the exit status: 2 when an input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m cost", description=__doc__)
    _add_fields(parser.add_argument_group("the game"), Workload)
    _add_fields(parser.add_argument_group("a crowd at one board"), Crowd)
    report = parser.add_argument_group("the report")
    report.add_argument(
        "--prices", type=Path, default=DEFAULT_PATH, metavar="FILE", help="list prices, in TOML (%(default)s)"
    )
    report.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_OUT,
        metavar="FOLDER",
        help="where cost.json is written (%(default)s)",
    )
    arguments = parser.parse_args(options)
    console = Console()
    try:
        workload, crowd = _read(Workload, arguments), _read(Crowd, arguments)
        prices = load_prices(arguments.prices)
    except PricesError as error:
        Console(stderr=True).print(Text(str(error)))
        return 2
    except ValidationError as error:
        Console(stderr=True).print(Text("\n".join(_problems(error))))
        return 2
    found = study(workload, prices, crowd)
    _show(console, found)
    arguments.out.mkdir(parents=True, exist_ok=True)
    values = arguments.out / "cost.json"
    values.write_bytes(to_json(found))
    console.print(
        Text(f"{values} has all values, with the inputs, the prices and what helps each quota."),
        soft_wrap=True,
    )
    return 0


def _add_fields(group: argparse._ArgumentGroup, model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        if field.annotation is bool:
            group.add_argument(
                tables.option(name),
                action=argparse.BooleanOptionalAction,
                default=field.default,
                help=field.description,
            )
        else:
            default = "" if field.default is None else f" ({tables.value(field.default)})"
            group.add_argument(
                tables.option(name), metavar="X", default=field.default, help=f"{field.description}{default}"
            )


def _read(model: type[_ModelT], arguments: argparse.Namespace) -> _ModelT:
    return model.model_validate({name: getattr(arguments, name) for name in model.model_fields})


def _problems(error: ValidationError) -> list[str]:
    return [
        ": ".join([*(tables.option(str(part)) for part in detail["loc"][:1]), detail["msg"]])
        for detail in error.errors(include_url=False)
    ]


def _show(console: Console, found: Study) -> None:
    for sentence in tables.summary(found):
        console.print(Text(sentence))
    for table in (
        tables.bill_table(found.workload, found.bill, found.prices),
        tables.growth_table(found.growth),
        tables.quota_table(found.quotas),
        tables.lever_table(found.levers, busy=False),
        tables.lever_table(found.levers, busy=True),
        tables.window_table(found.crowd),
        tables.requests_table(found.crowd),
    ):
        console.print(table, Text())
