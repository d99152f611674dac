"""A handful of simulated players, so that a lone newcomer sees the boards move.

They use the backend as any game does: sign up and in with Cognito, and submit scores over REST. Every player
gets better with time, by ever smaller steps, so that ranks keep changing and no board is ever finished.
"""

import argparse
import asyncio
import logging
import random
from collections.abc import Mapping
from typing import Any

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from botocore import UNSIGNED
from botocore.exceptions import BotoCoreError, ClientError

NAMES = ("Ada", "Grace", "Alan", "Katherine", "Edsger", "Barbara", "Donald", "Radia", "Tim", "Margaret")
_PASSWORD = "Podium-player-1"  # noqa: S105 -- of made-up players on this machine
_TIMEOUT = aiohttp.ClientTimeout(total=10)

logger = logging.getLogger("podium.players")


class PlayersError(Exception):
    """The players cannot play; the message is a sentence for the person at the terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--config", default="http://127.0.0.1:8000/client-config.json", help="address of client-config.json"
    )
    parser.add_argument("--players", type=int, default=6, choices=range(1, len(NAMES) + 1), metavar="N")
    parser.add_argument("--pause", type=float, default=2.0, help="mean seconds between a player's scores")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long they play")


async def play(arguments: argparse.Namespace) -> None:
    """Let the players play for the given time. Raises PlayersError when there is no backend to play on."""
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT, raise_for_status=True) as http:
            async with http.get(arguments.config) as response:
                config = await response.json()
            async with http.get(f"{config['restUrl']}/catalogue") as response:
                offered = await response.json()
            config["gameAreas"] = [area for area in offered["areas"] if _takes_any_score(area)]
            logger.info("%d players for %g minutes", arguments.players, arguments.minutes)
            await _play_together(arguments, config, http)
    except* (aiohttp.ClientError, BotoCoreError, ClientError, TimeoutError, ValueError) as group:
        raise PlayersError(f"No backend answers as {arguments.config} says: is `make run` on?") from group


async def _play_together(
    arguments: argparse.Namespace, config: dict[str, Any], http: aiohttp.ClientSession
) -> None:
    try:
        async with asyncio.timeout(arguments.minutes * 60) as time, asyncio.TaskGroup() as group:
            for name in NAMES[: arguments.players]:
                group.create_task(_Player(name, config, http).play(arguments.pause))
    except TimeoutError:
        if not time.expired():
            raise
        logger.info("the simulated players have stopped")


def _takes_any_score(area: Mapping[str, Any]) -> bool:
    rules: Mapping[str, str] = area.get("rules", {})
    return rules.get("write") != "server" and rules.get("run") != "required"


class _Player:
    def __init__(self, name: str, config: dict[str, Any], http: aiohttp.ClientSession) -> None:
        self._name = name
        self._config = config
        self._http = http
        self._random = random.Random(name)
        # Where the player stands between the worst (0) and the best (1) score, an area.
        self._form = {area["id"]: self._random.uniform(0.05, 0.4) for area in config["gameAreas"]}

    async def play(self, pause: float) -> None:
        while True:
            token = await self._sign_in()
            # Well within the token's hour.
            for _ in range(500):
                await asyncio.sleep(self._random.expovariate(1 / pause))
                await self._submit(token)

    async def _submit(self, token: str) -> None:
        area = self._random.choice(self._config["gameAreas"])
        form = self._form[area["id"]]
        form += (1 - form) * self._random.uniform(0, 0.05)
        self._form[area["id"]] = form
        points = round(form * 1_000_000) if area["order"] == "desc" else round((1 - form) * 60_000) + 1
        async with self._http.post(
            f"{self._config['restUrl']}/score",
            json={"gameArea": area["id"], "score": points},
            headers={"Authorization": f"Bearer {token}"},
            raise_for_status=False,
        ) as response:
            answer = await response.json()
        # Another catalogue may have other bounds.
        outcome = answer.get("detail") or ("a best" if answer["improved"] else "no best")
        logger.info("%s: %d in %s: %s", self._name, points, area["id"], outcome)

    async def _sign_in(self) -> str:
        username = f"player-{self._name.lower()}"
        client_id = self._config["userPoolClientId"]
        async with aioboto3.Session().client(
            "cognito-idp",
            region_name=self._config["region"],
            endpoint_url=self._config.get("cognitoEndpoint"),
            config=AioConfig(signature_version=UNSIGNED),
        ) as cognito:
            try:
                await cognito.sign_up(
                    ClientId=client_id,
                    Username=username,
                    Password=_PASSWORD,
                    UserAttributes=[{"Name": "name", "Value": self._name}],
                )
                # The emulator takes any code.
                await cognito.confirm_sign_up(
                    ClientId=client_id, Username=username, ConfirmationCode="000000"
                )
            except cognito.exceptions.UsernameExistsException:
                pass
            answer = await cognito.initiate_auth(
                ClientId=client_id,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": username, "PASSWORD": _PASSWORD},
            )
        return str(answer["AuthenticationResult"]["IdToken"])
