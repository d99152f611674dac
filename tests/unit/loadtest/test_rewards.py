"""Claims of prizes: what players ask, and that a prize which is given twice is told."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from loadtest import rewards
from loadtest.accounts import Account, Cognito
from loadtest.messages import Rewarded
from loadtest.rest import Rest
from loadtest.rewards import Claims
from tests.unit.loadtest.stand_in import StandIn

PRIZE = {"money": 500, "items": {}}
GIVEN = (200, {"gameArea": "week", "season": 1, "rank": 1, "of": 9, "prize": PRIZE, "money": 500})
CLAIMED = (409, {"code": "claimed", "prize": PRIZE, "rank": 1})
IN_REVIEW = (409, {"code": "in_review", "claimableAt": 1000})
NOTHING: tuple[int, Any] = (404, {})


class Scene:
    """A player's claims of season 1, and what comes of them."""

    def __init__(self, stand_in: StandIn, http: aiohttp.ClientSession, account: Account) -> None:
        self.counts: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.reports: list[Rewarded] = []
        self._stand_in = stand_in
        rest = Rest(http, stand_in.url)
        self.claims = Claims(account, rest, self.counts, self.broken, self.reports.append)

    async def claim(self, *answers: tuple[int, Any], money: int = 0) -> list[str]:
        """Claim with these answers; then the player has this money. What is broken."""
        self._stand_in.failures["POST /rewards/claim"].extend(answers)
        await self.claims.claim("week", 1)
        assert not self._stand_in.failures["POST /rewards/claim"]
        self._stand_in.money = money
        await self.claims.check()
        return [*self.broken]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewards, "_PAUSE_SECONDS", 0)


@asynccontextmanager
async def scene(stand_in: StandIn, http: aiohttp.ClientSession) -> AsyncIterator[Scene]:
    async with Cognito.open(stand_in.config(), "Secret-1") as cognito:
        yield Scene(stand_in, http, await Account.make(cognito, "ada", "Ada"))


async def test_prize_is_claimed_in_review_at_once_and_once_more(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    async with scene(stand_in, http) as play:
        answers = (IN_REVIEW, IN_REVIEW, GIVEN, CLAIMED, CLAIMED, CLAIMED, CLAIMED)
        assert await play.claim(*answers, money=500) == []
    assert play.counts == {
        "claims refused: in review": 2,
        "claims refused: claimed": 4,
        "claims refused: no prize": 0,
        "prizes given": 1,
    }
    [report] = play.reports
    assert report.won is not None
    assert (report.user_id, report.won.rank, report.won.prize.money) == ("sub-ada", 1, 500)


async def test_player_without_a_prize_gets_none(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    async with scene(stand_in, http) as play:
        assert await play.claim(*[NOTHING] * 5) == []
    assert [report.won for report in play.reports] == [None]


@pytest.mark.parametrize(
    ("answers", "money", "told"),
    [
        ((GIVEN, GIVEN, CLAIMED, CLAIMED, CLAIMED), 500, "week, season 1: a prize was given 2 times"),
        (
            (GIVEN, CLAIMED, CLAIMED, CLAIMED, CLAIMED),
            1000,
            "a player has 1000 money instead of 500, with prizes of week 1",
        ),
        ([NOTHING] * 5, 500, "a player has 500 money instead of 0, with prizes of nothing"),
        ([CLAIMED] * 5, 0, "week, season 1: a prize is said to be claimed, and was not given"),
        (
            (GIVEN, (409, {"code": "claimed", "prize": {"money": 7, "items": {}}}), *[CLAIMED] * 3),
            500,
            "week, season 1: a prize that was given is told as another one",
        ),
    ],
    ids=["answers", "money", "out of nothing", "never", "another"],
)
async def test_prize_that_was_not_given_exactly_once_is_told(
    answers: list[tuple[int, Any]],
    money: int,
    told: str,
    stand_in: StandIn,
    http: aiohttp.ClientSession,
) -> None:
    async with scene(stand_in, http) as play:
        assert await play.claim(*answers, money=money) == [told]


async def test_claim_without_an_answer_leaves_the_money_unjudged(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    async with scene(stand_in, http) as play:
        assert await play.claim((503, {}), *[CLAIMED] * 5, money=500) == []
    assert play.reports == []


async def test_season_that_is_reviewed_for_days_is_not_waited_for(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    async with scene(stand_in, http) as play, asyncio.timeout(10):
        far = (409, {"code": "in_review", "claimableAt": 10**14})
        assert await play.claim(far) == []
    assert play.reports == []
