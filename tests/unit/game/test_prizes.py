"""Which rank wins which prize, what a player has after it, and how a mistake in prizes is named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from game.economy import AMOUNT_LIMIT, QUANTITY_LIMIT
from game.player import Player, Refusal, grant
from game.prizes import Prize, Tier, faults, prize_of
from tests.unit.game.player_scene import ECONOMY, assert_changes, refused

RULE = "boards.week.prizes"


def tiers(*given: dict[str, Any]) -> tuple[Tier, ...]:
    return tuple(Tier.model_validate({"money": number} | one) for number, one in enumerate(given, start=1))


def winners(share: str, of: int) -> int:
    """Return how many of `of` players win; they are the first ones."""
    (tier,) = tiers({"top": share})
    won = [tier.fits(rank, of) for rank in range(1, of + 1)]
    assert won == sorted(won, reverse=True)
    return sum(won)


@pytest.mark.parametrize(
    ("share", "of", "count"),
    [
        ("10%", 1, 1),
        ("10%", 3, 1),
        ("10%", 10, 1),
        ("10%", 11, 2),
        ("10%", 10_000, 1000),
        ("10%", 10_001, 1001),
        ("50%", 1, 1),
        ("50%", 3, 2),
        ("50%", 10_001, 5001),
        ("100%", 1, 1),
        ("100%", 3, 3),
        ("100%", 10_001, 10_001),
        ("0.01%", 1, 1),
        ("0.01%", 10_000, 1),
        ("0.01%", 10_001, 2),
        ("33.33%", 3, 1),
        ("33.34%", 3, 2),
        ("007.5%", 40, 3),
    ],
)
def test_percentage_is_rounded_up_and_at_least_one_player(share: str, of: int, count: int) -> None:
    assert winners(share, of) == count


def test_first_prize_that_fits_is_the_players() -> None:
    week = tiers({"ranks": [1, 1]}, {"ranks": [2, 3]}, {"top": "10%"}, {"ranks": [1, 100]})
    won = {rank: prize_of(week, rank, 1000) for rank in (1, 2, 3, 4, 100, 101)}
    assert {rank: prize and prize.money for rank, prize in won.items()} == {
        1: 1,
        2: 2,
        3: 2,
        4: 3,
        100: 3,
        101: None,
    }
    assert (prize_of(week, 4, 5) or Prize()).money == 4
    assert prize_of((), 1, 1) is None


@pytest.mark.parametrize(
    ("tier", "key"),
    [
        ({"ranks": [3, 2]}, "ranks"),
        ({"ranks": [0, 2]}, "ranks.0"),
        ({"ranks": [1]}, "ranks.1"),
        ({"ranks": [1, 2.0]}, "ranks.1"),
        ({"ranks": [1, 10**10]}, "ranks.1"),
        ({"top": "0%"}, "top"),
        ({"top": "100.01%"}, "top"),
        ({"top": "10"}, "top"),
        ({"top": 10}, "top"),
        ({"top": "-1%"}, "top"),
        ({"top": "0.001%"}, "top"),
        ({"top": "1%", "ranks": [1, 1]}, ""),
        ({}, ""),
        ({"ranks": [1, 1], "money": 0}, ""),
        ({"ranks": [1, 1], "money": -1}, "money"),
        ({"ranks": [1, 1], "money": AMOUNT_LIMIT + 1}, "money"),
        ({"ranks": [1, 1], "items": {"torch": 0}}, "items.torch"),
        ({"ranks": [1, 1], "items": {"torch": QUANTITY_LIMIT + 1}}, "items.torch"),
        ({"ranks": [1, 1], "items": {"torch": True}}, "items.torch"),
        ({"ranks": [1, 1], "xp": 5}, "xp"),
    ],
)
def test_wrong_tier_is_refused_by_key(tier: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Tier.model_validate({"money": 1} | tier)
    assert {".".join(map(str, error["loc"])) for error in caught.value.errors()} == {key}


@pytest.mark.parametrize(
    ("items", "named"),
    [
        ({"torch": 5, "crown": 1}, []),
        ({"camel": 1}, ["prizes.0.items.camel: the shop has no 'camel'"]),
        ({"crown": 2}, ["prizes.0.items.crown: there is only one, so no player can get 2"]),
    ],
)
def test_items_must_be_in_the_shop_and_fit_into_an_inventory(items: dict[str, int], named: list[str]) -> None:
    assert [*faults(ECONOMY, tiers({"ranks": [1, 1], "items": items}))] == named


@pytest.mark.parametrize(
    ("given", "covered"),
    [
        ([{"ranks": [1, 1]}, {"ranks": [1, 3]}], []),
        ([{"ranks": [1, 3]}, {"ranks": [2, 3]}], [1]),
        ([{"ranks": [1, 3]}, {"ranks": [4, 9]}, {"ranks": [2, 8]}], [2]),
        ([{"ranks": [5, 6]}, {"ranks": [3, 10]}, {"ranks": [2, 10]}, {"ranks": [3, 6]}], [3]),
        ([{"top": "10%"}, {"ranks": [1, 1]}], [1]),
        ([{"top": "10%"}, {"ranks": [1, 2]}], []),
        ([{"top": "50%"}, {"ranks": [2, 2]}], []),
        ([{"top": "51%"}, {"ranks": [2, 2]}], [1]),
        ([{"top": "100%"}, {"ranks": [1, 10**9]}], [1]),
        ([{"top": "10%"}, {"top": "10%"}, {"top": "11%"}], [1]),
        ([{"ranks": [1, 10**9]}, {"top": "100%"}], []),
        ([{"top": "50%"}, {"ranks": [3, 5]}, {"ranks": [2, 5]}, {"ranks": [1, 5]}], [3]),
    ],
)
def test_prize_that_no_player_can_get_is_named(given: list[dict[str, Any]], covered: list[int]) -> None:
    assert [one.split(":")[0] for one in faults(ECONOMY, tiers(*given))] == [f"prizes.{n}" for n in covered]


shares = st.integers(1, 100).map(lambda percent: {"top": f"{percent}%"})
ranges = st.tuples(st.integers(1, 12), st.integers(0, 6)).map(lambda pair: {"ranks": [pair[0], sum(pair)]})


@given(st.lists(st.one_of(shares, ranges), min_size=1, max_size=5))
def test_prizes_are_said_to_be_covered_exactly_where_no_player_gets_them(given: list[dict[str, Any]]) -> None:
    week = tiers(*given)
    # Two percentages that differ by one part at 100 players; no rank beyond 18 is named.
    won = {
        prize.money
        for of in range(1, 102)
        for rank in range(1, of + 1)
        if (prize := prize_of(week, rank, of))
    }
    named = {int(one.removeprefix("prizes.").split(":")[0]) + 1 for one in faults(ECONOMY, week)}
    # Ranks may cover what a percentage is of up to 101 players, though not of more.
    assert named <= set(range(1, len(week) + 1)) - won
    assert {one for one in set(range(1, len(week) + 1)) - won if week[one - 1].ranks} <= named


def test_tier_reads_in_json_as_it_was_written() -> None:
    for text in ("10%", "0.25%", "7.5%", "100%"):
        (tier,) = tiers({"top": text})
        assert tier.model_dump(mode="json")["top"] == text
        assert Tier.model_validate(tier.model_dump(exclude_none=True)) == tier


def test_prize_is_added_to_what_the_player_has() -> None:
    player = Player(money=5, inventory={"torch": 2, "flag": 1})
    prize = Prize(money=40, items={"torch": 3, "crown": 1})
    assert_changes(
        player,
        lambda player: grant(ECONOMY, player, prize, RULE),
        money=45,
        inventory={"torch": 5, "flag": 1, "crown": 1},
    )


def test_unique_item_that_the_player_has_stays_one() -> None:
    assert_changes(
        Player(inventory={"crown": 1}),
        lambda player: grant(ECONOMY, player, Prize(items={"crown": 1}), RULE),
        inventory={"crown": 1},
    )


def test_prize_beyond_the_greatest_balance_is_refused() -> None:
    full = Player(money=AMOUNT_LIMIT - 1)
    error = refused(lambda player: grant(ECONOMY, player, Prize(money=2), RULE), full)
    assert (error.refusal, error.rule) == (Refusal.OVER_LIMIT, RULE)
    assert grant(ECONOMY, full, Prize(money=1), RULE).money == AMOUNT_LIMIT
    richer = Player(money=AMOUNT_LIMIT + 7)
    assert grant(ECONOMY, richer, Prize(items={"torch": 1}), RULE).inventory == {"torch": 1}
