"""The whole backend on one machine, started in order and stopped in reverse.

emulator -> tables, bucket, user pool, secret -> is the catalogue true to the rows? -> stream position
-> gateway, REST, poller, sweep

Nothing relies on boards as they were published before this start, for the emulator may have been killed, and
then lacks what came after its last save. So each is published again, in a new epoch, when it is first needed
(`Database.run`): a start asks for no board, however many there are. The stream position is taken before that,
so that nothing written in between is missed.
"""

import asyncio
import contextlib
import logging
import math
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, NoReturn

import aioboto3
import uvicorn
from botocore.exceptions import BotoCoreError, ClientError

from api.backend import Backend
from api.groups import Memberships
from game.catalogue import Catalogue, load_catalogue
from game.client_config import Deployment
from game.functions import BROADCASTER, RANKER
from game.live import RANK_SWEEP_SECONDS
from infra.settings import Identity
from local import provision
from local.emulator import Emulator
from local.event_source import EventSource
from local.gateway.server import Event, Gateway, Handler
from local.http_server import configuration
from local.page_headers import page_headers
from local.portraits import portrait_workers
from local.pushers import task_pushers
from local.rest import RestServer
from local.settings import CHECKOUT, LocalSettings, has_own_endpoint, point_at_emulator, set_region
from realtime.authorizer import authorize
from realtime.push.client import PushClient, open_push_client
from realtime.routes import ROUTES, Live, handle
from runtime.clock import now_ms
from runtime.run_keys import RunKeys, keys_of_secret
from runtime.token_kinds import ID_TOKEN
from runtime.tokens import TokenVerifier
from store import conversion
from store.board_rules import explain, settle
from store.database import Database, open_database
from store.errors import RequestError
from store.portraits import open_bucket
from store.rank_nodes import indexed_boards
from store.schema import SCORES
from store.spectators import Bounds
from store.unfinished import Janitor
from store.users import open_user_pool
from streams.broadcaster import Broadcaster
from streams.fanout import FanOutRunner, Slice
from streams.ranker import PARTS, Ranker, RankReport
from streams.records import batch_response
from streams.report import Report

HOST = "127.0.0.1"
STAGE = "local"
MEND_COMMAND = "make {mend} board={board}"
PAGES = CHECKOUT / "clients" / "web"
# The further the broadcaster is behind, the more scores one diff stands for: so a batch takes all there are.
STREAM_BATCH = 1000
_CLOCK_SECONDS = 30
_SHUTDOWN_SECONDS = 2
JANITOR_SECONDS = 60
"""Between two runs of the janitor, and how long one may take; on AWS it is five minutes."""

logger = logging.getLogger("podium.local")


class StackError(Exception):
    """The backend cannot start, or cannot go on; the message is a sentence for the person at the terminal."""


async def serve(settings: LocalSettings, ready: Callable[[Deployment], None]) -> None:
    """Run the backend until cancelled, then stop it; `ready` is called once everything answers.

    Raises StackError, EmulatorError or CatalogueError when something is in the way, or when the emulator
    ends by itself.
    """
    try:
        await _serve(settings, ready)
    except (RequestError, ClientError, BotoCoreError) as error:
        raise StackError(f"A service of AWS, or what stands in for it, does not answer: {error}") from error


async def _serve(settings: LocalSettings, ready: Callable[[Deployment], None]) -> None:
    catalogue = load_catalogue(settings.catalogue)
    set_region(os.environ)
    async with AsyncExitStack() as stack:
        # Both ports first: nothing has to be undone when one is in use.
        listener = stack.enter_context(contextlib.closing(_bind(settings.http_port, "PODIUM_HTTP_PORT")))
        _bind(settings.ws_port, "PODIUM_WS_PORT").close()
        emulator = await start_emulator(settings, stack)
        session = aioboto3.Session()
        db = await stack.enter_async_context(open_database(session, run=secrets.token_hex(8)))
        await provision.create_tables(db)
        await _require_form(db)
        if broken := await settle(db, catalogue, thorough=True):
            raise StackError(explain(broken, MEND_COMMAND))
        await provision.create_bucket(session)
        await provision.create_run_secret(session)
        deployment = _deployment(settings, await provision.create_user_pool(session))
        verifier = _verifier(deployment)
        push = await stack.enter_async_context(open_push_client(session, f"http://{HOST}:{settings.ws_port}"))
        users = await stack.enter_async_context(open_user_pool(session, deployment.user_pool_id))
        spectators = Bounds(settings.spectators, per_address=settings.spectators)
        live = Live(db, catalogue, push, now_ms, users.is_member, spectators)
        broadcaster = await stack.enter_async_context(_broadcaster(db, catalogue, push))
        ranker = Ranker(db, now_ms)
        sources = await _start_event_sources(settings, session, db, broadcaster, ranker, stack)
        origins = ("*",) if settings.spectators else ()
        gateway = Gateway(
            authorizer=lambda event: authorize(verifier, event, spectator_origins=origins),
            routes=_routes(live),
            stage=STAGE,
        )
        await gateway.start(HOST, settings.ws_port)
        stack.push_async_callback(gateway.stop)
        portraits = await stack.enter_async_context(open_bucket(session, provision.BUCKET))
        workers = await stack.enter_async_context(portrait_workers(db, push, provision.BUCKET))
        backend = Backend(
            db,
            catalogue,
            deployment,
            now_ms,
            portraits,
            process_portrait=workers.start,
            hang_up=push.close,
            delete_user=users.delete,
            is_guest=users.is_guest,
            is_member=Memberships(users.is_member),
            describe_user=users.describe,
            verify=partial(verifier.verify, uses=ID_TOKEN),
            run_keys=RunKeys(keys_of_secret(session, provision.RUN_SECRET), time.time),
            # Metrics are for CloudWatch; the log tells the same to people.
            count=lambda _: None,
        )
        headers = page_headers(deployment, portraits.client.meta.endpoint_url)
        rest = RestServer(backend, verifier, PAGES, headers)
        await stack.enter_async_context(_serving(rest, listener))
        # The first of these to end ends the backend.
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        for source in sources:
            tasks.create_task(source.run())
        tasks.create_task(_sweep(broadcaster, settings.sweep_seconds))
        tasks.create_task(_turn_seasons(broadcaster, catalogue))
        tasks.create_task(_clean(Janitor(db, catalogue, portraits, now_ms, push.close, users.delete)))
        tasks.create_task(_sweep_ranks(db, ranker, catalogue))
        if emulator:
            tasks.create_task(_watch(emulator))
        ready(deployment)


async def _require_form(db: Database) -> None:
    try:
        await conversion.require(db, thorough=True, command="make migrate")
    except conversion.UnconvertedError as error:
        raise StackError(str(error)) from error


async def start_emulator(settings: LocalSettings, stack: AsyncExitStack) -> Emulator | None:
    """Start the emulator, to be stopped by `stack`; None where another endpoint is set for the SDK."""
    if has_own_endpoint(os.environ):
        return None
    emulator = Emulator(
        port=settings.emulator_port,
        data_dir=settings.data_dir,
        guests_per_minute=Identity().guests_per_minute,
    )
    await emulator.start()
    stack.push_async_callback(emulator.stop)
    point_at_emulator(os.environ, emulator.url, emulator.credentials)
    return emulator


async def _watch(emulator: Emulator) -> NoReturn:
    raise StackError(await emulator.wait())


def _deployment(settings: LocalSettings, pool: provision.UserPool) -> Deployment:
    return Deployment(
        region=set_region(os.environ),
        rest_url=f"http://{HOST}:{settings.http_port}",
        web_socket_url=f"ws://{HOST}:{settings.ws_port}/{STAGE}",
        user_pool_id=pool.id,
        user_pool_client_id=pool.client_id,
        cognito_endpoint=os.environ.get("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER")
        or os.environ["AWS_ENDPOINT_URL"],
        avatar_bucket=provision.BUCKET,
    )


def _verifier(deployment: Deployment) -> TokenVerifier:
    pool_id = deployment.user_pool_id
    return TokenVerifier(
        issuer=f"https://cognito-idp.{deployment.region}.amazonaws.com/{pool_id}",
        client_id=deployment.user_pool_client_id,
        key_set_url=f"{deployment.cognito_endpoint}/{pool_id}/.well-known/jwks.json",
    )


def _routes(live: Live) -> dict[str, Handler]:
    async def route(event: Event) -> dict[str, Any]:
        return await handle(live, event)

    return dict.fromkeys(ROUTES, route)


@asynccontextmanager
async def _broadcaster(db: Database, catalogue: Catalogue, push: PushClient) -> AsyncIterator[Broadcaster]:
    async def push_slice(task: Slice) -> None:
        report = Report()
        await runner.push_slice(task, report)
        _log_report(report)

    async with task_pushers(push_slice) as pushers:
        runner = FanOutRunner(db, catalogue, push, now_ms, pushers.start)
        yield Broadcaster(db, catalogue, runner, now_ms, spectators=True)


async def _start_event_sources(
    settings: LocalSettings,
    session: aioboto3.Session,
    db: Database,
    broadcaster: Broadcaster,
    ranker: Ranker,
    stack: AsyncExitStack,
) -> list[EventSource]:
    """Start the two readers of the stream of scores."""
    table = await db.client.describe_table(TableName=db.name(SCORES))
    client = await stack.enter_async_context(session.client("dynamodbstreams"))

    async def broadcast(event: dict[str, Any]) -> dict[str, Any]:
        report = Report()
        failures = await broadcaster.process(event["Records"], report)
        _log_report(report)
        return batch_response(failures)

    async def rank(event: dict[str, Any]) -> dict[str, Any]:
        return batch_response(await ranker.process(event["Records"], RankReport()))

    sources = [
        EventSource(
            client=client,
            stream_arn=table["Table"]["LatestStreamArn"],
            handler=handler,
            batch_size=STREAM_BATCH,
            dead_letters=settings.data_dir / f"{file}.jsonl",
            function_name=function.name,
        )
        for function, handler, file in (
            (BROADCASTER, broadcast, "dead-letters"),
            (RANKER, rank, "dead-letters-ranks"),
        )
    ]
    for source in sources:
        await source.start()
    return sources


async def _sweep(broadcaster: Broadcaster, seconds: float) -> NoReturn:
    while True:
        await asyncio.sleep(seconds)
        report = Report()
        try:
            await broadcaster.sweep(report)
        except Exception:
            logger.exception("the sweep failed; the next one comes in %g seconds", seconds)
        if report.boards_left:
            logger.warning(
                "a sweep had no time for %d of %d active boards; the next one begins with them",
                report.boards_left,
                report.boards_active,
            )
        _log_report(report)


async def _turn_seasons(broadcaster: Broadcaster, catalogue: Catalogue) -> NoReturn:
    """Publish boards again as soon as their season has begun; where that fails, the sweep does it."""
    while True:
        now = now_ms()
        ends = (seasons.ends_at(seasons.number_at(now)) for seasons in catalogue.seasons.values())
        end = min(ends, default=math.inf)
        # A laptop sleeps, and its clock is set: so it is looked at now and then.
        await asyncio.sleep(min(_CLOCK_SECONDS, max(0, end - now) / 1000))
        if now_ms() < end:
            continue
        report = Report()
        try:
            await broadcaster.turn(report)
        except Exception:
            logger.exception("a season's boards could not be published: the next sweep does it")
        _log_report(report)


async def _clean(janitor: Janitor) -> NoReturn:
    """Finish what is pending of players, for ever; the log says what cannot be."""
    while True:
        try:
            await janitor.run(JANITOR_SECONDS)
        except Exception:
            logger.exception("the janitor failed; it comes again in %g seconds", JANITOR_SECONDS)
        await asyncio.sleep(JANITOR_SECONDS)


async def _sweep_ranks(db: Database, ranker: Ranker, catalogue: Catalogue) -> NoReturn:
    """Compare all ranks once, for the last run may have left records out, and then a part every hour."""
    parts = 1
    while True:
        try:
            indexed = await indexed_boards(db)
            await ranker.tend(catalogue, RankReport(), parts=parts, indexed=indexed)
        except Exception:
            logger.exception("the sweep of ranks failed; the next one comes in an hour")
        parts = PARTS
        await asyncio.sleep(RANK_SWEEP_SECONDS)


def _log_report(report: Report) -> None:
    if report.boards_changed or report.diffs_pushed or report.pushes_failed:
        logger.info(
            "%d boards changed, %d frames pushed, %d failed, %d connections gone%s",
            report.boards_changed,
            report.diffs_pushed,
            report.pushes_failed,
            report.connections_gone,
            "" if report.score_to_pushed is None else f"; score to pushed {report.score_to_pushed:.0f} ms",
        )


def _bind(port: int, variable: str) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise StackError(
            f"Port {port} cannot be used ({error.strerror}): stop what listens there, "
            f"or set {variable} to a free port."
        ) from error
    return listener


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals end the whole stack, not the HTTP server alone.
        yield


@asynccontextmanager
async def _serving(rest: RestServer, listener: socket.socket) -> AsyncIterator[None]:
    config = configuration(rest, stop_seconds=_SHUTDOWN_SECONDS)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
        if task.done():
            task.result()
    try:
        yield
    finally:
        server.should_exit = True
        await task
