"""`python -m local` with a command: run, players, drop, rekey, migrate or index."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine

import uvloop
from pydantic import ValidationError

from game.catalogue import CatalogueError
from game.client_config import Deployment
from local import players
from local.console import complain, say, set_up_logging
from local.emulator import EmulatorError
from local.settings import LocalSettings
from local.stack import StackError, serve
from local.tables import index_rows, mend, migrate
from ops.command import INTERRUPTED


def main() -> int:
    """Run a command; the exit status. What a person can mend is one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the whole backend until Ctrl-C")
    players.add_arguments(commands.add_parser("players", help="simulate a handful of players"))
    for command, what in (("drop", "delete a board's rows"), ("rekey", "write a board's rows again")):
        mending = commands.add_parser(command, help=f"{what}, while the backend is stopped")
        mending.add_argument("board", help="the board's id")
        mending.add_argument("--apply", action="store_true", help="do it; without, only say what it would do")
    migration = commands.add_parser("migrate", help="convert the data of 0.1.0, while the backend is stopped")
    migration.add_argument("--apply", action="store_true", help="do it; without, only say what would be done")
    index = commands.add_parser("index", help="count a board's rows, while the backend is stopped")
    index.add_argument("board", nargs="?", help="the board's id; by default every board of the catalogue")
    arguments = parser.parse_args()
    set_up_logging()
    status = 0
    try:
        if arguments.command == "run":
            uvloop.run(_until_signal(serve(_settings(), _ready)))
            say("Stopped. The data is kept.")
        elif arguments.command == "players":
            uvloop.run(_until_signal(players.play(arguments)))
        elif uvloop.run(_until_signal(_operators(arguments))):
            complain("Stopped before the end: run it again to go on.")
            status = INTERRUPTED
    except* (StackError, EmulatorError, CatalogueError, players.PlayersError) as group:
        complain("\n".join(_messages(group)))
        status = 1
    return status


def _operators(arguments: argparse.Namespace) -> Coroutine[None, None, None]:
    """Return the work of an operator's command."""
    settings = _settings()
    if arguments.command == "migrate":
        return migrate(settings, apply=arguments.apply)
    if arguments.command == "index":
        return index_rows(settings, arguments.board)
    return mend(settings, arguments.command, arguments.board, apply=arguments.apply)


def _messages(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):
        return [message for one in error.exceptions for message in _messages(one)]
    return [str(error)]


def _settings() -> LocalSettings:
    try:
        return LocalSettings()
    except ValidationError as error:
        problems = [f"PODIUM_{str(detail['loc'][0]).upper()}: {detail['msg']}" for detail in error.errors()]
        raise StackError("; ".join(problems)) from error


def _ready(deployment: Deployment) -> None:
    say(f"\nready\n  {deployment.rest_url}\n  {deployment.web_socket_url}\n")


async def _until_signal(work: Coroutine[None, None, None]) -> bool:
    """Run until done, or until Ctrl-C, SIGTERM or SIGHUP; then the work is cancelled and cleans up.

    Returns whether it was cancelled.
    """
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            say("\nStopping …")
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
