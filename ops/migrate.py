"""Converts the data of release 0.1.0: players' bests, from `UserProgress` into rows of `Standings`.

    python -m ops.migrate podium-prod-              # says what would be done
    python -m ops.migrate podium-prod- --apply

The command on a laptop is `make migrate`, and on AWS `make migrate stage=prod`. The game must be closed
meanwhile: docs/deploy.md has the steps. Every best of a player becomes a standing, unless there is one; then
the bests leave the row. So it can be interrupted at any point and run again, and a player who has been
converted is not written again. A new name that had not reached all boards is brought to them. At the end a
row is written by which functions know that the data has the new form (`store.conversion`).

A best that cannot be read becomes a standing that cannot be read, as it is: nothing is lost, and only that
board of that player is damaged. A row whose bests are no map at all is named and left; then the command ends
with an error, and functions do not start.
"""

import argparse
from collections.abc import Callable, Sequence

from ops.command import run_on_tables, say
from runtime.clock import now_ms
from store import conversion
from store.database import Database
from store.errors import NoTableError, StoreError
from store.schema import STANDINGS


async def report(db: Database, *, apply: bool, told: Callable[[str], object]) -> None:
    """Convert, and tell what was done, or would be. Raises StoreError, also where something is left."""
    if await conversion.is_converted(db):
        told("The data has the form of this release already: there is nothing to convert.")
        return
    if apply:
        await _require_table(db)
    done = await conversion.convert(
        db, apply=apply, now_ms=now_ms, told=lambda done: told(f"… {done.players} players")
    )
    told(done.sentence(applied=apply))
    if done.left:
        raise UnreadableError(done.left)


async def _require_table(db: Database) -> None:
    try:
        await db.client.describe_table(TableName=db.name(STANDINGS))
    except NoTableError as error:
        raise NoStandingsError(
            f"There is no table {db.name(STANDINGS)} yet: `make tables` deploys it."
        ) from error


class NoStandingsError(StoreError):
    """The table that the standings go to is not there."""


class UnreadableError(StoreError):
    """Rows whose bests are no map: which boards they name cannot be known."""

    def __init__(self, players: Sequence[str]) -> None:
        super().__init__(
            f"The bests of {len(players)} players cannot be read and were left, the first of them "
            f"{', '.join(players[:20])}. Mend `bests` in their rows of UserProgress, or take it away; then "
            "run this again."
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert a deployment's data."""
    parser = argparse.ArgumentParser(prog="python -m ops.migrate", description=__doc__.partition("\n")[0])
    parser.add_argument("prefix", help="what the deployment's tables' names begin with")
    parser.add_argument("--region", help="where the tables are; by default as the SDK's own settings say")
    parser.add_argument("--apply", action="store_true", help="do it; without, only say what would be done")
    options = parser.parse_args(arguments)
    run_on_tables(options.prefix, options.region, lambda db: report(db, apply=options.apply, told=say))


if __name__ == "__main__":
    main()
