"""Says whether the catalogue is true to the rows of a deployment's boards; drops a board's, or rekeys them.

    python -m ops.boards check podium-prod-                  # says what the catalogue would break
    python -m ops.boards drop podium-prod- forest            # says what would go
    python -m ops.boards drop podium-prod- forest --apply
    python -m ops.boards rekey podium-prod- forest           # says how many rows would be written again
    python -m ops.boards rekey podium-prod- forest --apply

`make deploy` runs `check` first. An interrupted `drop` or `rekey` can be run again. The game must be closed
until the end of the deployment: docs/deploy.md has the steps. On a laptop the commands are `make drop
board=forest` and `make rekey board=forest`.
"""

import argparse
import sys
from collections.abc import Sequence

from game.catalogue import load_catalogue
from ops.command import run_on_tables, say
from runtime.clock import now_ms
from store import conversion
from store.board_rules import commands, drop, explain, find_breaks
from store.database import Database
from store.errors import NoTableError
from store.rekeying import Rekeyed, rekey


async def _check(db: Database) -> None:
    try:
        if await conversion.is_unconverted(db):
            raise conversion.UnconvertedError(conversion.migrate_command(db))
        found = await find_breaks(db, load_catalogue(), thorough=True)
    except NoTableError:
        say(f"There are no tables {db.prefix}* yet, and so no rows.")
        return
    if found:
        sys.exit(f"{explain(found, commands(db))}\nNothing was deployed.")


async def _drop(db: Database, board: str, *, apply: bool) -> None:
    await drop(db, load_catalogue(), board, apply=apply, told=lambda done: say(done.sentence(applied=apply)))


async def _rekey(db: Database, board: str, *, apply: bool) -> None:
    def tell(done: Rekeyed) -> None:
        sys.stderr.write(f"{done.players} players\r")

    done = await rekey(db, load_catalogue(), board, now_ms, apply=apply, told=tell)
    say(done.sentence(applied=apply))


async def _run(db: Database, options: argparse.Namespace) -> None:
    if options.command == "check":
        await _check(db)
    elif options.command == "rekey":
        await _rekey(db, options.board, apply=options.apply)
    else:
        await _drop(db, options.board, apply=options.apply)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(prog="python -m ops.boards", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="refuse a catalogue that would break rows")
    dropping = commands.add_parser("drop", help="delete a board's rows")
    rekeying = commands.add_parser("rekey", help="write a board's rows again, by the catalogue")
    for one in (check, dropping, rekeying):
        one.add_argument("prefix", help="what the deployment's tables' names begin with")
        one.add_argument("--region", help="where the tables are; by default as the SDK's own settings say")
    for one in (dropping, rekeying):
        one.add_argument("board", help="the board's id")
        one.add_argument("--apply", action="store_true", help="do it; without, only say what it would do")
    options = parser.parse_args(arguments)
    run_on_tables(options.prefix, options.region, lambda db: _run(db, options))


if __name__ == "__main__":
    main()
