"""`python -m local.ministack`: serves ministack until SIGTERM; `local.emulator` starts and configures it.

read the state -> serve, saving now and then -> SIGTERM -> no more requests -> save -> end

Exits with 0 when all is on the disk; with 1, having told why, when it is not, or when it does not start.
"""

import argparse
import asyncio
import logging
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import AUTH, _get_module, app

from local.ministack import cognito, services, sidecars
from local.ministack.asgi import App
from local.ministack.changes import Changes
from local.ministack.generations import StateError
from local.ministack.guard import Guard
from local.ministack.reports import Reports
from local.ministack.saver import Saver

_KEEP_ALIVE_SECONDS = 75

logger = logging.getLogger("podium.launcher")


def main() -> int:
    """Serve; return the exit status."""
    arguments = _arguments()
    reports = Reports(arguments.reports)
    changes = Changes(app)
    saver = None
    if arguments.save_seconds is not None:
        try:
            saver = _restored(arguments.save_seconds, changes, reports)
        except StateError as error:
            logger.error("%s", error)
            reports.send("refused", str(error))
            return 1
    _complete_cognito(arguments.guests_per_minute)
    _raise_file_limit()
    served = _guarded(changes, arguments.hosts) if arguments.hosts else changes
    asyncio.run(_serve(served, _config(arguments), saver))
    if saver and saver.save():
        return 1
    reports.send("ended")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.ministack", description=__doc__)
    parser.add_argument("--bind", required=True, help="host:port to serve at")
    parser.add_argument("--certificate", help="PEM file: TLS there")
    parser.add_argument("--key", help="PEM file of the certificate's key")
    parser.add_argument("--plain", help="host:port to serve at without TLS, too")
    parser.add_argument("--hosts", nargs="+", help="guard the door: what a request may have as its Host")
    parser.add_argument("--guests-per-minute", type=int, help="new guests that are let in; none unless told")
    parser.add_argument("--reports", type=int, help="descriptor of a pipe; see local/ministack/reports.py")
    parser.add_argument(
        "--save-seconds", type=float, help="keep the state in STATE_DIR and S3_DATA_DIR, saved this often"
    )
    return parser.parse_args()


def _complete_cognito(guests_per_minute: int | None) -> None:
    module = _get_module("cognito")
    cognito.bring_up_to_date(module)
    guests = None if guests_per_minute is None else cognito.Minute(guests_per_minute)
    cognito.Accounts(module, guests, compares=AUTH).install()


def _guarded(guarded: App, hosts: list[str]) -> App:
    return Guard(guarded, secret=os.environ["AWS_SECRET_ACCESS_KEY"], hosts=hosts, form_fields=_form_fields)


def _form_fields(content_type: str, body: bytes) -> dict[str, str]:
    """Return the fields as ministack itself takes them: another parser might find what it does not."""
    parts = _get_module("s3")._parse_multipart_form(content_type, body)
    return {name.lower(): value.decode(errors="replace") for name, _, _, value in parts if name != "file"}


def _restored(save_seconds: float, changes: Changes, reports: Reports) -> Saver:
    state, objects = Path(os.environ["STATE_DIR"]), Path(os.environ["S3_DATA_DIR"])
    for folder in (state, objects):
        folder.mkdir(parents=True, exist_ok=True)
    sidecars.check(objects)
    is_saved = services.restore(state)
    return Saver(state, save_seconds, lambda: changes.count, reports, is_saved=is_saved)


def _config(arguments: argparse.Namespace) -> Config:
    config = Config()
    config.bind = arguments.bind
    config.insecure_bind = arguments.plain or []
    config.certfile = arguments.certificate
    config.keyfile = arguments.key
    config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    return config


def _raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS says "unlimited" and means less.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(served: App, config: Config, saver: Saver | None) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop(*_: object) -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(stopping.set)

    # Not the loop's own handlers, which end with it: the next signal would end the last save. There may be a
    # next one: Linux can send it again as the other threads of a killed parent end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    saving = asyncio.create_task(saver.run(stopping)) if saver else None
    await serve(served, config, shutdown_trigger=stopping.wait)
    if saving:
        await saving


if __name__ == "__main__":
    sys.exit(main())
