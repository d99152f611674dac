"""What a game may save of a player, and what is refused: tables of every rule."""

import pytest

from game.economy import AMOUNT_LIMIT, Economy
from game.player import Player, Refusal, StaleVersionError, complete_task, save
from tests.unit.game.player_scene import ECONOMY, FORGIVING, TODAY, Act, assert_changes, refused


def saving(level: int, xp: int, *, version: int = 4, economy: Economy = ECONOMY) -> Act:
    return lambda player: save(
        economy, player, level=level, xp=xp, checkpoint={"at": "gate"}, version=version
    )


SAVER = Player(level=2, xp=120, version=4, checkpoint="old", money=9)


@pytest.mark.parametrize(
    ("level", "xp"),
    [(2, 120), (2, 121), (2, 170)],
)
def test_save_moves_forward(level: int, xp: int) -> None:
    assert_changes(SAVER, saving(level, xp), level=level, xp=xp, checkpoint={"at": "gate"}, version=5)


def test_save_may_reach_the_next_level() -> None:
    assert_changes(
        Player(level=2, xp=210, version=4),
        saving(3, 250),
        level=3,
        xp=250,
        checkpoint={"at": "gate"},
        version=5,
    )


def test_save_may_stay_below_the_level_that_its_xp_reach() -> None:
    player = Player(level=1, xp=99, version=4)
    assert saving(1, 110)(player).level == 1


@pytest.mark.parametrize(
    ("level", "xp", "field"),
    [
        (2, 171, "xp"),
        (2, AMOUNT_LIMIT, "xp"),
        (3, 170, "level"),
        (AMOUNT_LIMIT, 120, "level"),
        (2, 119, "xp"),
        (1, 0, "xp"),
        (1, 120, "level"),
    ],
)
def test_save_that_leaps_or_falls_is_refused(level: int, xp: int, field: str) -> None:
    error = refused(saving(level, xp), SAVER)
    assert (error.refusal, error.field) == (Refusal.OVER_LIMIT, field)


@pytest.mark.parametrize(("level", "xp"), [(1, 0), (1, 120), (2, 119), (2, 100)])
def test_save_may_fall_where_the_catalogue_lets_it(level: int, xp: int) -> None:
    after = saving(level, xp, economy=FORGIVING)(SAVER)
    assert (after.level, after.xp, after.version) == (level, xp, 5)


@pytest.mark.parametrize(("level", "xp", "field"), [(2, 171, "xp"), (2, 99, "level"), (3, 120, "level")])
def test_save_may_not_leap_even_there(level: int, xp: int, field: str) -> None:
    assert refused(saving(level, xp, economy=FORGIVING), SAVER).field == field


@pytest.mark.parametrize("version", [0, 3, 5, AMOUNT_LIMIT])
def test_save_of_another_version_is_stale_whatever_else_it_says(version: int) -> None:
    with pytest.raises(StaleVersionError) as caught:
        saving(99, AMOUNT_LIMIT, version=version)(SAVER)
    assert caught.value.version == 4


def test_level_is_kept_when_the_designer_raises_the_curve() -> None:
    raised = Economy.model_validate({"levels": {"xp": [0, 500], "xpPerSave": 50, "backwards": False}})
    after = saving(2, 130, economy=raised)(SAVER)
    assert (after.level, after.xp) == (2, 130)


def test_reward_of_money_alone_makes_no_save_stale() -> None:
    economy = Economy.model_validate({"tasks": {"tip": {"title": "Tip", "money": 3, "repeat": "once"}}})
    after = complete_task(economy, SAVER, "tip", TODAY)
    assert after == SAVER.model_copy(update={"money": 12, "tasks": {"tip": TODAY}})


def test_save_made_before_a_reward_of_xp_is_stale() -> None:
    rewarded = complete_task(ECONOMY, SAVER, "visit", TODAY)
    with pytest.raises(StaleVersionError):
        saving(2, 120)(rewarded)
