"""The claims of a player's prizes: too early, several at once, and once more.

    in review            -> 409 in_review, until `claimableAt`
    then, at once        -> one 200, and for the others 409 claimed with the same prize; or 404 for all
    afterwards           -> 409 claimed again

At the end the player's money is what it was before, and every prize once. A player one of whose claims has no
answer may have got a prize without knowing: their money is not judged.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from loadtest.accounts import Account
from loadtest.messages import Rewarded
from loadtest.rest import Rest, RestError, Won

_AT_ONCE = 3
"""Claims of one prize at a time."""
_PAUSE_SECONDS = 0.25
"""Between two looks whether a prize can be claimed."""
_LONGEST_PAUSE_SECONDS = 300.0

_Season = tuple[str, int]
_Outcome = Won | RestError


class Claims:
    """The prizes that a player claims. `broken` counts what must not be, by sentence."""

    def __init__(
        self,
        account: Account,
        rest: Rest,
        counts: Counter[str],
        broken: Counter[str],
        report: Callable[[Rewarded], None],
    ) -> None:
        self._account = account
        self._rest = rest
        self._counts = counts
        self._broken = broken
        self._report = report
        self._money: int | None = None
        self._given: dict[_Season, Won] = {}
        self._is_sure = True

    async def claim(self, board: str, season: int) -> None:
        """Claim the prize of a season that is over: again and again until it is closed. Raises AccountError.

        It goes on for as long as the season is in review, unless that takes longer than anybody would wait.
        """
        if self._money is None:
            self._money = (await self._rest.progress(await self._account.token())).money
        outcomes = [await self._ask(board, season)]
        while (wait := self._wait(outcomes[-1])) is not None:
            if wait > _LONGEST_PAUSE_SECONDS:
                return
            await asyncio.sleep(wait)
            outcomes.append(await self._ask(board, season))
        outcomes += await asyncio.gather(*(self._ask(board, season) for _ in range(_AT_ONCE)))
        outcomes.append(await self._ask(board, season))
        self._judge(board, season, outcomes)

    async def check(self) -> None:
        """See that the player's money is what the prizes make it. Raises AccountError and RestError."""
        if self._money is None or not self._is_sure:
            return
        money = (await self._rest.progress(await self._account.token())).money
        due = self._money + sum(won.prize.money for won in self._given.values())
        if money != due:
            won = ", ".join(f"{board} {season}" for board, season in self._given) or "nothing"
            self._broken[f"a player has {money} money instead of {due}, with prizes of {won}"] += 1

    async def _ask(self, board: str, season: int) -> _Outcome:
        try:
            return await self._rest.claim(await self._account.token(), board, season)
        except RestError as error:
            return error

    def _wait(self, outcome: _Outcome) -> float | None:
        """Return for how long a claim is too early, in seconds; None where it is not."""
        if isinstance(outcome, Won):
            return None
        if outcome.code == "in_review":
            self._counts["claims refused: in review"] += 1
            claimable_at = outcome.problem.get("claimableAt")
            left = (claimable_at / 1000 - time.time()) if isinstance(claimable_at, int) else 0.0
            return max(_PAUSE_SECONDS, left)
        return None if outcome.is_refusal and outcome.status != 429 else _PAUSE_SECONDS

    def _judge(self, board: str, season: int, outcomes: list[_Outcome]) -> None:
        name = f"{board}, season {season}"
        given = [one for one in outcomes if isinstance(one, Won)]
        refused = [one for one in outcomes if isinstance(one, RestError)]
        told = [one.problem.get("prize") for one in refused if one.code == "claimed"]
        lost = [one for one in refused if not one.is_refusal]
        self._counts["claims refused: claimed"] += len(told)
        self._counts["claims refused: no prize"] += sum(one.status == 404 for one in refused)
        if len(given) > 1:
            self._broken[f"{name}: a prize was given {len(given)} times"] += 1
        if told and not given and not lost:
            self._broken[f"{name}: a prize is said to be claimed, and was not given"] += 1
        if any(one != given[0].prize.model_dump(by_alias=True) for one in told if given):
            self._broken[f"{name}: a prize that was given is told as another one"] += 1
        if given:
            self._counts["prizes given"] += 1
            self._given[board, season] = given[0]
        elif lost:
            self._is_sure = False
            return
        won = given[0] if given else None
        self._report(Rewarded(user_id=self._account.user_id, board=board, season=season, won=won))
