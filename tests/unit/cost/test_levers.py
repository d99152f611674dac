"""What each setting buys."""

from cost.levers import busiest, levers
from cost.month import bill
from cost.prices import load_prices
from cost.workload import Workload

PRICES = load_prices()
GAME = Workload(players=100_000)


def test_effects_are_those_of_the_game_with_the_setting() -> None:
    found = levers(GAME, PRICES)
    assert found.given.calm.usd == bill(GAME, PRICES).usd
    assert found.given.busy.usd == bill(busiest(GAME), PRICES).usd
    effects = {lever.name: lever for lever in found.changed}
    window = GAME.with_changes(window=30)
    assert effects["window 30 s"].calm.usd == bill(window, PRICES).usd
    assert effects["window 30 s"].busy.usd == bill(busiest(window), PRICES).usd
    assert effects["Cognito Lite"].calm.usd < found.given.calm.usd


def test_order_of_windows_sizes_and_boards() -> None:
    found = {lever.name: lever for lever in levers(GAME, PRICES).changed}
    given = levers(GAME, PRICES).given
    for longer, shorter in [("window 30 s", "window 5 s"), ("window 5 s", "window 0 s")]:
        assert found[longer].busy.pushes < found[shorter].busy.pushes
        assert found[longer].busy.last_seconds > found[shorter].busy.last_seconds
    assert found["K 10"].calm.pushes < given.calm.pushes < found["K 100"].calm.pushes
    assert found["1 board followed"].busy.pushes < given.busy.pushes < found["4 boards followed"].busy.pushes
    assert found["boards emptied every day"].calm.pushes > found["boards emptied every 7 days"].calm.pushes


def test_the_setting_as_given_is_not_among_the_changes() -> None:
    names = [lever.name for lever in levers(Workload(window=5, top=10, boards=2), PRICES).changed]
    assert "window 5 s" not in names
    assert "K 10" not in names
    assert "window 1 s" in names
    # There are no more boards to follow.
    assert not [name for name in names if name.startswith("4 boards")]
    assert "2 boards followed" not in names
