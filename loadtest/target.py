"""The backend that is played on: a laptop's or one on AWS, known by its `client-config.json`."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from pydantic import ValidationError

from game.area_rules import describe
from game.catalogue import Area, Board, CatalogueError, load_catalogue
from game.client_config import Endpoints
from game.model import Model
from game.scoring import Order
from game.wording import listed
from loadtest.errors import LoadTestError
from loadtest.options import DEFAULT_TARGET, Boards, Options
from loadtest.rest import Rest, RestError

_SECONDS = aiohttp.ClientTimeout(total=10)


class TargetBoard(Model, extra="ignore"):
    """A board as the target offers it."""

    id: str
    order: Order
    areas: tuple[str, ...]
    season: str | None = None


class TargetConfig(Endpoints, extra="ignore"):
    """The part of `client-config.json` that players need; other fields are ignored."""

    boards: tuple[TargetBoard, ...]

    @property
    def cognito_url(self) -> str:
        """The address of Cognito's JSON protocol."""
        return self.cognito_endpoint or f"https://cognito-idp.{self.region}.amazonaws.com/"


@dataclass(frozen=True)
class Ground:
    """The boards that are watched, by id with their order, and the areas that are scored in.

    fed: the boards that each of these areas feeds, with the areas that each of them is over.
    all_boards: the same boards, as the catalogue has them.
    """

    boards: dict[str, Order]
    areas: dict[str, Area]
    fed: dict[str, dict[str, tuple[str, ...]]]
    all_boards: dict[str, Board]


async def read_target(options: Options) -> TargetConfig:
    """Read the target's configuration.

    Raises LoadTestError when there is no answer, the answer is no configuration, or the target is not this
    machine and `allow_remote` is not set.
    """
    is_url = options.address.startswith(("http://", "https://"))
    if is_url:
        await _refuse_remote(options, options.address)
    text = await _download(options.address) if is_url else _read(options.address)
    try:
        config = TargetConfig.model_validate_json(text)
    except ValidationError as error:
        wrong = sorted({".".join(map(str, detail["loc"])) or "the whole" for detail in error.errors()})
        raise LoadTestError(f"{options.address} is no client-config.json: {', '.join(wrong)}") from error
    for url in (config.rest_url, config.web_socket_url, config.cognito_url):
        await _refuse_remote(options, url)
    return config


async def check_seasons(options: Options, ground: Ground, rest: Rest) -> None:
    """Raise LoadTestError unless a board that is watched has the seasons that the options ask for."""
    if options.season is None:
        return
    found = []
    for name in ground.boards:
        board = ground.all_boards.get(name)
        if board is None or board.seasons is None:
            continue
        try:
            seasons = await rest.seasons(name)
        except RestError as error:
            raise LoadTestError(f"--season: {name}: {error}") from error
        lengths = {one.ends_at - one.starts_at for one in seasons.seasons if one.season == seasons.current}
        if options.season in lengths:
            return
        found += [f"{name}'s last {describe(length)}" for length in lengths]
    raise LoadTestError(
        f"--season: no board of the target has seasons of {describe(options.season)}"
        f" ({', '.join(found) or 'none of the --boards has any'}). Leave --target out, and a backend that has"
        " is started for the run; or name the target's catalogue with --catalogue, and its seasons' length."
    )


def choose_ground(options: Options, config: TargetConfig) -> Ground:
    """Return the boards that are watched, and where players score.

    The bounds of scores are not part of `client-config.json`; they come from the catalogue. Players score in
    the areas of the boards over one area; where only sums are watched, in the areas of these. Raises
    LoadTestError for a board that is not known, and for an area whose scores players here cannot foretell.
    """
    try:
        catalogue = load_catalogue(options.catalogue)
    except CatalogueError as error:
        raise LoadTestError(str(error)) from error
    offered = {board.id: board for board in config.boards}
    watched = _choose(options.boards, list(offered))
    unknown = [name for name in watched if name not in offered]
    if unknown:
        raise LoadTestError(f"--boards: there is no {', '.join(unknown)}; the target has {listed(offered)}")
    scored = _scored([offered[name] for name in watched])
    missing = [name for name in scored if name not in catalogue.areas]
    if missing or not scored:
        raise LoadTestError(
            f"--catalogue: {options.catalogue} does not say what a score is in"
            f" {', '.join(missing) or 'any area'}; name the catalogue that the target has, or other --boards"
        )
    areas = {name: catalogue.areas[name] for name in scored}
    if odd := [name for name, area in areas.items() if not _is_playable(area)]:
        raise LoadTestError(
            f"--boards: players score where the best is kept, nothing but points decides, and players may"
            f" submit, not in {', '.join(odd)}; name other boards"
        )
    fed = {name: catalogue.boards_of(name) for name in scored}
    return Ground(
        {name: offered[name].order for name in watched},
        areas,
        {name: {board.id: board.areas for board in boards} for name, boards in fed.items()},
        {board.id: board for boards in fed.values() for board in boards},
    )


def _is_playable(area: Area) -> bool:
    return area.keep == "best" and area.tiebreak is None and area.rules.write == "player"


def _choose(boards: Boards, offered: list[str]) -> list[str]:
    if boards is None:
        return offered[:32]
    return offered[:boards] if isinstance(boards, int) else list(dict.fromkeys(boards))


def _scored(watched: Sequence[TargetBoard]) -> list[str]:
    single = [board for board in watched if len(board.areas) == 1]
    return list(dict.fromkeys(area for board in single or watched for area in board.areas))


async def _download(url: str) -> str:
    try:
        async with (
            aiohttp.ClientSession(timeout=_SECONDS, raise_for_status=True) as http,
            http.get(url) as answer,
        ):
            return await answer.text()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        advice = "start one with `make run`, or name" if url == DEFAULT_TARGET else "is it on? Or name"
        raise LoadTestError(
            f"No backend answers at {url} ({str(error) or 'no answer'}): {advice} another with --target."
        ) from error


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LoadTestError(f"--target: {path}: {error}") from error


async def _refuse_remote(options: Options, url: str) -> None:
    host = urlsplit(url).hostname or ""
    if not options.allow_remote and not await _is_this_machine(host):
        raise LoadTestError(
            f"{host or url} is not this machine. A load test may cost its owner money, and must be allowed by"
            " them: if that is you, add --allow-remote."
        )


async def _is_this_machine(host: str) -> bool:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    return bool(found) and all(_is_own_address(family, address[0]) for family, _, _, _, address in found)


def _is_own_address(family: int, address: str | int) -> bool:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            # Only an address of this machine can be bound to.
            probe.bind((address, 0))
        except OSError:
            return False
    return True
