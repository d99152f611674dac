"""Rounds: each contestant runs once per round, none is always first, and the median counts."""

from collections.abc import Awaitable, Callable

from bench.rounds import interleaved, medians


def contestants(ran: list[str], **values: list[float]) -> dict[str, Callable[[], Awaitable[float]]]:
    """Contestants that note their turn in `ran`, and measure these values one after the other."""

    def one(name: str) -> Callable[[], Awaitable[float]]:
        left = iter(values[name])

        async def measure() -> float:
            ran.append(name)
            return next(left)

        return measure

    return {name: one(name) for name in values}


async def test_contestants_take_turns_and_each_round_starts_with_another() -> None:
    ran: list[str] = []
    measured = await interleaved(contestants(ran, a=[1, 2, 3], b=[4, 5, 6], c=[7, 8, 9]), 3)
    assert ran == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert measured == {"a": [1, 2, 3], "b": [4, 5, 6], "c": [7, 8, 9]}


async def test_one_bad_run_does_not_move_the_median() -> None:
    assert await medians(contestants([], ours=[10, 10_000, 12], peer=[5, 4, 0.001]), 3) == {
        "ours": 12,
        "peer": 4,
    }
