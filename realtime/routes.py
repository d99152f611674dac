"""The WebSocket routes. Each takes an API Gateway proxy event and answers through `@connections`.

A connection is a player's or a spectator's (`realtime.callers`). What a spectator may ask for is a list, so
that a new action is for players unless it is put there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from game.catalogue import Catalogue
from game.frames import FRAME_LIMIT, fits
from game.groups import ADMINS
from game.live import CONNECTIONS_LIMIT, SPECTATOR_ACTIONS, SUBPROTOCOL, Action
from game.model import Model
from game.seasons import Moment
from game.strict_json import RepeatedMemberError, check_members
from game.wording import listed
from realtime import protocol
from realtime.activity import ActivityMarks
from realtime.callers import address, authorizer_context, is_spectator, user_id
from realtime.gone import forget, hang_up
from realtime.push.client import PushClient
from realtime.recent import RecentBoards
from realtime.subprotocols import Event, offered_subprotocols
from store import boards, connections, players, spectators, subscriptions
from store.boards import PublishedBoard
from store.database import Database
from store.errors import ConflictError, StoreError, throttled
from store.players import DeletedError
from store.spectators import NO_SPECTATORS, Bounds
from store.subscriptions import TooManyBoardsError
from store.users import UsersUnavailableError

Response = dict[str, Any]
OK: Response = {"statusCode": 200}
BUSY: Response = {"statusCode": 503}
FORBIDDEN: Response = {"statusCode": 403}

# Together within API Gateway's 29 seconds for a route, with room for reads and writes.
BROADCAST_SECONDS = 15
ANSWER_SECONDS = 10

logger = logging.getLogger("podium.routes")

_FrameT = TypeVar("_FrameT", bound=Model)


class FrameError(Exception):
    """The client's frame cannot be served; becomes an `error` frame."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.frame = protocol.ErrorFrame(code=code, message=message)


class UnreachableError(Exception):
    """A connection took no answer; it was closed, so that its client comes back."""


IsMember = Callable[[str, str, str], Awaitable[bool]]
"""Tells whether a user, by user name and `sub`, is in a group now; see `store.users.UserPool.is_member`."""


@dataclass(frozen=True)
class Live:
    """The clients that the routes work with. `now_ms` gives milliseconds since the epoch, UTC.

    spectators: how many of them are let in.
    """

    db: Database
    catalogue: Catalogue
    push: PushClient
    now_ms: Callable[[], int]
    is_member: IsMember
    spectators: Bounds = NO_SPECTATORS
    recent: RecentBoards = field(default_factory=RecentBoards)
    marks: ActivityMarks = field(default_factory=ActivityMarks)


async def connect(live: Live, event: Event) -> Response:
    """Record the connection, which the authorizer has let in (`$connect`).

    403 for a deleted player; 503 for a spectator, where there are enough of them.
    """
    connection_id, player = _connection_id(event), user_id(event)
    if player is None:
        now, bounds = live.now_ms(), live.spectators
        if not await spectators.admit(live.db, bounds, connection_id, address(event), now):
            return BUSY
    elif not await _admit_player(live, connection_id, player):
        return FORBIDDEN
    if SUBPROTOCOL in offered_subprotocols(event):
        return OK | {"headers": {"Sec-WebSocket-Protocol": SUBPROTOCOL}}
    return OK


async def _admit_player(live: Live, connection_id: str, player: str) -> bool:
    """Record a player's connection, and make room for it; return False for a deleted player.

    Recorded first: a deletion that comes after the look at the player finds the connection, and closes it.
    """
    await connections.open_connection(live.db, connection_id, player, live.now_ms())
    try:
        await players.require_alive(live.db, player)
    except DeletedError:
        await connections.refuse_connection(live.db, connection_id, player)
        return False
    await _make_room(live, connection_id, player)
    return True


async def disconnect(live: Live, event: Event) -> Response:
    """Forget the connection (`$disconnect`)."""
    try:
        standing = _standing_channels(event)
    except KeyError:  # it does not say whose it was
        standing = []
    await connections.close_connection(live.db, _connection_id(event), standing)
    if is_spectator(event):
        await spectators.leave(live.db)
    return OK


async def subscribe(live: Live, event: Event) -> Response:
    """Follow boards: first write the subscriptions, then read the boards, then answer.

    A diff published after the boards are read finds the subscription; one published before is in the answer.
    From then on the sweep visits the boards.
    """
    frame = _parse(protocol.Subscribe, event)
    wanted = _known(live.catalogue, "boards", frame.boards)
    _known(live.catalogue, "versions", frame.versions)
    connection_id = _connection_id(event)
    # A push that met the connection while it was being opened was answered 410, and deleted the rows that it
    # had from the start: they are written again.
    player, standing = user_id(event), _standing_channels(event)
    try:
        await subscriptions.subscribe(
            live.db, live.catalogue.boards, connection_id, wanted, standing, player, live.now_ms()
        )
    except TooManyBoardsError as error:
        raise FrameError("too_many_boards", f"boards: {error}") from error
    # A player who is deleted while a connection opens is not hung up on: that was answered with 410, too.
    try:
        if player is not None:
            await players.require_alive(live.db, player)
    except DeletedError:
        await connections.unsubscribe(live.db, connection_id, [*wanted, *standing])
        await live.push.close(connection_id)
        return OK
    # Consistent, and never from `live.recent`.
    published = await _published(live, wanted)
    await live.marks.mark(live.db, published.values(), live.now_ms())
    answers = []
    for board in wanted:
        held = frame.versions.get(board)
        if held and held.position == published[board].position:
            answers.append(protocol.encode(protocol.Current(board=board, **held.position._asdict())))
        else:
            answers.append(_snapshot(live, published[board]))
    return await _answer(live, event, *answers)


async def unsubscribe(live: Live, event: Event) -> Response:
    """Follow boards no longer."""
    frame = _parse(protocol.Unsubscribe, event)
    unwanted = _known(live.catalogue, "boards", frame.boards)
    await subscriptions.unsubscribe(
        live.db, live.catalogue.boards, _connection_id(event), unwanted, _standing_channels(event)
    )
    return await _answer(live, event, protocol.encode(protocol.Unsubscribed(boards=unwanted)))


async def ping(live: Live, event: Event) -> Response:
    """Answer `pong`, and a snapshot of every board named that has moved on from what the client holds.

    Within an epoch, boards of a second ago are good enough: only a newer version is sent.
    Which of two epochs is the later one only a consistent read tells.
    """
    frame = _parse(protocol.Ping, event)
    names = _known(live.catalogue, "versions", frame.versions)
    published = await live.recent.get(live.db, names, live.now_ms())
    doubtful = [
        name
        for name in names
        if name not in published
        or published[name].epoch != frame.versions[name].epoch
        or not published[name].is_current(live.catalogue.boards[name], live.now_ms())
    ]
    published |= await _published(live, doubtful)
    try:
        await live.marks.mark(live.db, published.values(), live.now_ms())
    except StoreError as error:
        # The subscription has marked them before, and the next ping tries again.
        logger.warning("boards could not be marked active: %s", error)
    answers = [protocol.encode(protocol.Pong())]
    for name in names:
        held, current = frame.versions[name].position, published[name].position
        if current.epoch != held.epoch or current.version > held.version:
            answers.append(_snapshot(live, published[name]))
    return await _answer(live, event, *answers)


async def broadcast(live: Live, event: Event) -> Response:
    """Push an admin's message to everyone on a channel.

    A connection outlives its token, and its token the membership: the token must not have expired, and the
    user pool must still have the caller in the group.
    """
    _check_token_of_admin(live, event)
    frame = _parse(protocol.Broadcast, event)
    text = protocol.encode(protocol.Announcement(channel=frame.channel, message=frame.message))
    if not fits(text):
        raise FrameError("too_large", f"message: the announcement is over {FRAME_LIMIT} bytes")
    await _check_still_admin(live, event)
    delivered = failed = 0
    deadline = _deadline(BROADCAST_SECONDS)
    async for page in connections.subscribers(live.db, frame.channel):
        result = await live.push.push(text, page, within=_left(deadline))
        delivered += result.delivered
        failed += len(result.failed) + len(result.untried)
        await forget(live.db, live.push, result.gone)
        await hang_up(live.push, result.failed)
    return await _answer(
        live, event, protocol.encode(protocol.Broadcasted(delivered=delivered, failed=failed))
    )


async def _make_room(live: Live, connection_id: str, user_id: str) -> None:
    """Close what a player has open beyond the limit: the connections that subscribed the longest ago.

    Of connections that are opened at once each finds all that came before it, so the last one sees to the
    limit. One that could not be closed keeps its rows, and is found again the next time. So does one that may
    be opening: API Gateway says that it is gone, and opens it after that. Where it was open and is closed,
    `$disconnect` deletes them.
    """
    surplus = await connections.surplus(live.db, connection_id, user_id, CONNECTIONS_LIMIT, live.now_ms())
    unclosed = await hang_up(live.push, [one.connection_id for one in surplus])
    closed = [
        one.connection_id for one in surplus if not one.may_be_opening and one.connection_id not in unclosed
    ]
    standing = connections.standing_channels(user_id)
    await asyncio.gather(*(connections.close_connection(live.db, one, standing) for one in closed))


def _check_token_of_admin(live: Live, event: Event) -> None:
    context = authorizer_context(event)
    if ADMINS not in str(context.get("groups", "")).split():
        raise _forbidden()
    # A connection from before this was recorded has to come back, too.
    if live.now_ms() >= int(context.get("expiresAt", 0)) * 1000:
        raise FrameError(
            "token_expired", "action: the token of this connection has expired: connect again with a new one"
        )


async def _check_still_admin(live: Live, event: Event) -> None:
    username, player = str(authorizer_context(event).get("username", "")), user_id(event)
    try:
        if not (username and player and await live.is_member(username, player, ADMINS)):
            raise _forbidden()
    except UsersUnavailableError as error:
        raise FrameError("unavailable", "action: admins cannot be looked up now; try again") from error


def _forbidden() -> FrameError:
    return FrameError("forbidden", f"action: broadcast is for the group {ADMINS}")


async def default(_: Live, event: Event) -> Response:
    """Say what is wrong with a frame that no other route took (`$default`)."""
    actions = ", ".join(sorted(get_args(Action)))
    frame = _parse(_AnyFrame, event)
    if frame.action in get_args(Action):
        raise FrameError("bad_frame", "a frame must be strict JSON: NaN and Infinity are not numbers")
    raise FrameError("unknown_action", f"action: must be one of {actions}, not {frame.action!r:.100}")


class _AnyFrame(Model, extra="ignore"):
    action: str


Route = Callable[[Live, Event], Awaitable[Response]]
ROUTES: dict[str, Route] = {
    "$connect": connect,
    "$disconnect": disconnect,
    "$default": default,
    "subscribe": subscribe,
    "unsubscribe": unsubscribe,
    "ping": ping,
    "broadcast": broadcast,
}


async def handle(live: Live, event: Event) -> Response:
    """Serve an event by its route key. A bad frame is answered with an `error` frame.

    A frame that the tables have no room for at the moment, or that too many others of its connection race, is
    answered with the error `busy`, and its client asks again; a connection is then refused with a 503.
    """
    route = event["requestContext"]["routeKey"]
    try:
        _check_spectator(route, event)
        return await ROUTES[route](live, event)
    except FrameError as error:
        return await _answer(live, event, protocol.encode(error.frame))
    except Exception as error:
        if not (throttled(error) or isinstance(error, ConflictError)) or route == "$disconnect":
            raise
        logger.error("%s: too many requests at once: %s", route, error)
        if route == "$connect":
            return BUSY
        busy = protocol.ErrorFrame(code="busy", message="too many requests at once; try again later")
        return await _answer(live, event, protocol.encode(busy))


def _check_spectator(route: str, event: Event) -> None:
    allowed = route.startswith("$") or route in SPECTATOR_ACTIONS
    if not allowed and is_spectator(event):
        actions = listed(sorted(SPECTATOR_ACTIONS))
        raise FrameError(
            "forbidden", f"action: without a token only {actions}; for {route}, connect with a player's token"
        )


def _parse(model: type[_FrameT], event: Event) -> _FrameT:
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        raise FrameError("bad_frame", "a frame must be JSON text, not binary")
    if not fits(body):
        raise FrameError("too_large", f"a frame must be at most {FRAME_LIMIT} bytes")
    try:
        check_members(body)
        return model.model_validate_json(body)
    except RepeatedMemberError as error:
        raise FrameError("bad_frame", str(error)) from error
    except ValidationError as error:
        raise FrameError("bad_frame", protocol.explain(error.errors(include_url=False))) from error


def _known(catalogue: Catalogue, field: str, names: Collection[str]) -> list[str]:
    """Return the names without repeats. Raises FrameError for one that is no board."""
    for name in names:
        if name not in catalogue.boards:
            known = listed(catalogue.boards)
            raise FrameError("unknown_board", f"{field}: there is no board {name!r:.100}; there are {known}")
    return list(dict.fromkeys(names))


async def _published(live: Live, names: Collection[str]) -> dict[str, PublishedBoard]:
    found = await boards.load_many(live.db, names)
    for name in names:
        board = live.catalogue.boards[name]
        if name not in found or not found[name].is_current(board, live.now_ms()):
            found[name] = await boards.load_or_create(live.db, board, live.now_ms(), protocol.encode_snapshot)
    return found


def _snapshot(live: Live, published: PublishedBoard) -> str:
    board = published.bind(live.catalogue.boards[published.game_area])
    moment = Moment(live.now_ms(), published.spread)
    return protocol.encode_snapshot(board, published.position, published.entries, moment)


async def _answer(live: Live, event: Event, *frames: str) -> Response:
    connection_id = _connection_id(event)
    deadline = _deadline(ANSWER_SECONDS)
    for frame in frames:
        result = await live.push.push(frame, [connection_id], within=_left(deadline))
        if result.gone:
            # The index may not show yet what this very frame wrote, after `$disconnect` had deleted it.
            await connections.unsubscribe(live.db, connection_id, _standing_channels(event))
            await forget(live.db, live.push, result.gone)
            break
        if result.failed or result.untried:
            await live.push.close(connection_id)
            raise UnreachableError(f"connection {connection_id} took no answer, and was closed")
    return OK


def _standing_channels(event: Event) -> list[str]:
    """Return the channels that the caller's connection always has."""
    player = user_id(event)
    if player is None:
        return connections.spectator_channels(address(event))
    return connections.standing_channels(player)


def _deadline(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


def _left(deadline: float) -> float:
    return max(0.0, deadline - asyncio.get_running_loop().time())


def _connection_id(event: Event) -> str:
    return str(event["requestContext"]["connectionId"])
