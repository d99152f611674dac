"""The scores that were accepted, by the season that their answers named; and whether past seasons agree.

A board of a season must show each player once, with what the accepted scores of this very season make. So a
score shows that was counted in two seasons, in another one than its answer says, or in none. A player with a
score whose outcome is not known may have it in any season, and is not judged. A player who claimed has what
the final rank wins, and nothing else.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from game.board import Entry
from game.prizes import Prize, prize_of
from game.scoring import better
from loadtest.messages import Answered, AnyReport, Attempted, Rewarded
from loadtest.rest import Page, Rest, RestError
from loadtest.result import SeasonResult
from loadtest.target import Ground

_WHOLE_BOARD = 20_000
"""Entries of a past season that are read, at most: more players than simulated ones take part then."""


@dataclass
class _Season:
    """One season of one board: how many scores counted for it, and what each player must have there."""

    scores: int = 0
    points: dict[str, int] = field(default_factory=dict)


class Ledger:
    """Hears what became of each score, and of each prize. `broken` counts what must not be, by sentence."""

    def __init__(self, ground: Ground) -> None:
        self.broken: Counter[str] = Counter()
        self._ground = ground
        self._seasonal = {name for name, board in ground.all_boards.items() if board.seasons is not None}
        self._seasons: defaultdict[tuple[str, int], _Season] = defaultdict(_Season)
        self._open: dict[int, str] = {}
        self._unsure: set[str] = set()
        self._won: dict[tuple[str, str, int], Rewarded] = {}

    def hear(self, report: AnyReport) -> None:
        """Take a report."""
        if isinstance(report, Attempted):
            self._open[report.number] = report.user_id
        elif isinstance(report, Answered):
            self._open.pop(report.number, None)
            self._answered(report)
        elif isinstance(report, Rewarded):
            self._won[report.user_id, report.board, report.season] = report

    @property
    def unjudged(self) -> int:
        """How many players have a score whose outcome is not known."""
        return len(self._unsure | {*self._open.values()})

    def seasons(self) -> tuple[SeasonResult, ...]:
        """Return the seasons in which scores counted."""
        return tuple(
            SeasonResult(board=board, season=number, scores=season.scores, players=len(season.points))
            for (board, number), season in sorted(self._seasons.items())
        )

    async def compare(self, rest: Rest) -> list[str]:
        """Return what is wrong with the boards of all seasons that the play went through, read over REST."""
        problems: list[str] = []
        for name in sorted({board for board, _ in self._seasons}):
            numbers = [season for board, season in self._seasons if board == name]
            # What counted for the season before or after shows there, too.
            around = range(min(numbers) - 1, max(numbers) + 2)
            try:
                readable = {one.season for one in (await rest.seasons(name)).seasons}
                for number in sorted(readable.intersection(around)):
                    page = await rest.top(name, _WHOLE_BOARD, number)
                    problems += self._differences(name, number, page)
            except RestError as error:
                problems.append(f"{name}: its past seasons cannot be read: {error}")
        return problems

    def _answered(self, answer: Answered) -> None:
        if answer.outcome in ("failed", "over"):
            if not answer.sure:
                self._unsure.add(answer.user_id)
            return
        named = Counter(one.board for one in answer.boards if one.season is not None)
        for board in self._ground.fed[answer.area].keys() & self._seasonal:
            if named[board] != 1:
                many = "no season" if not named[board] else f"{named[board]} seasons"
                self.broken[f"{board}: a score in {answer.area} counted for {many}"] += 1
        for one in answer.boards:
            if one.season is not None:
                season = self._seasons[one.board, one.season]
                season.scores += 1
                order, held = self._ground.all_boards[one.board].order, season.points.get(answer.user_id)
                alone = len(self._ground.all_boards[one.board].areas) == 1
                # Of a board over one area a score says what it makes; of a sum, the answer.
                points = answer.points if alone else one.points
                if held is None or better(order, points, held):
                    season.points[answer.user_id] = points

    def _differences(self, board: str, number: int, page: Page) -> Iterator[str]:
        unsure = self._unsure | {*self._open.values()}
        ours = {user for season in self._seasons.values() for user in season.points} - unsure
        where = f"{board}, season {number}"
        shown = Counter(entry.user_id for entry in page.entries if entry.user_id in ours)
        yield from (f"{where}: {user} has {times} rows" for user, times in shown.items() if times > 1)
        expected = self._seasons[board, number].points if (board, number) in self._seasons else {}
        held = {entry.user_id: entry.points for entry in page.entries}
        for user in sorted(ours):
            if held.get(user) != expected.get(user):
                is_missing = user not in held
                has = "no row" if is_missing else f"a row with {held[user]}"
                should = "no score" if user not in expected else f"scores, the best of them {expected[user]}"
                yield f"{where}: {user} has {has}, and {should} counted for it"
        if page.next_cursor is None:
            yield from self._wrong_prizes(board, number, page.entries)

    def _wrong_prizes(self, board: str, number: int, entries: Sequence[Entry]) -> Iterator[str]:
        tiers = self._ground.all_boards[board].prizes
        ranks = {entry.user_id: entry.rank for entry in entries}
        for (user, won_on, season), reward in self._won.items():
            if (won_on, season) != (board, number) or user not in ranks:
                continue
            rank, of = ranks[user], len(entries)
            due = prize_of(tiers, rank, of)
            won = reward.won
            if (won and (won.rank, won.of, won.prize)) != (due and (rank, of, due)):
                got = f"{_named(won.prize)} for rank {won.rank} of {won.of}" if won else "nothing"
                wins = f"rank {rank} of {of} wins {_named(due)}"
                yield f"{board}, season {number}: {user} got {got}, and {wins}"


def _named(prize: Prize | None) -> str:
    return prize.model_dump_json(by_alias=True) if prize else "nothing"
