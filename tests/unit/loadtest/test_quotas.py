"""Which quotas are reached, with how many players."""

from typing import Any

import pytest

from loadtest.quotas import MOST_PLAYERS, PUSHES, QUOTAS, Quota, players_at, reached
from loadtest.workload import Workload
from tests.unit.loadtest.workloads import still

GAMES = {
    "as it comes": Workload(),
    "boards that never rest": Workload(change_share=1),
    "large": Workload(players=5_000_000, boards=20, boards_followed=10, top=100),
}


def titled(title: str) -> Quota:
    (quota,) = (quota for quota in QUOTAS if quota.title == title)
    return quota


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: quota.title)
def test_so_many_players_use_it_up_and_fewer_do_not(quota: Quota, game: str) -> None:
    workload = GAMES[game]
    players = players_at(quota, workload)
    if players is None:
        assert quota.used(workload.grown(MOST_PLAYERS)) < 1
    else:
        assert quota.used(workload.grown(players)) >= 1
        assert quota.used(workload.grown(int(players * 0.998) - 1)) < 1


@pytest.mark.parametrize("game", GAMES)
def test_first_reached_comes_first(game: str) -> None:
    found = reached(GAMES[game])
    assert len(found) == len(QUOTAS)
    counts = [one.players or MOST_PLAYERS + 1 for one in found]
    assert counts == sorted(counts)
    for one in found:
        assert one.used == one.quota.used(GAMES[game])
        assert one.quota.page.startswith("https://docs.aws.amazon.com/")


def test_usage_by_hand() -> None:
    """One session a second, and 600 clients connected."""
    game = still(google_share=0.25, sign_in_share=0.4, new_share=0.5, rank_lookups_per_session=2)
    assert titled("API Gateway: new connections").usage(game) == pytest.approx(1)
    assert titled("Cognito: passwords and renewed tokens").usage(game) == pytest.approx(0.75)
    assert titled("Cognito: sign-ins with Google").usage(game) == pytest.approx(0.1)
    assert titled("Cognito: emails by its own sender").usage(game) == pytest.approx(
        86_400 * 0.5 * 0.75 / (365 / 12)
    )
    # Half of the players' rows of 176 bytes, and three Querys and a GetItem beside, twice a second.
    above = -(-43_200 * 176 // 4096)
    assert titled("DynamoDB partition: rank lookups").usage(game) == pytest.approx(2 * (above + 3))


def test_busiest_moment_counts() -> None:
    assert PUSHES.used(still(peak_factor=3)) == pytest.approx(3 * PUSHES.used(still()), rel=0.01)


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({"window": 30}, "API Gateway: requests and pushes"),
        ({"boards_followed": 1}, "API Gateway: requests and pushes"),
        ({"requests_quota": 20_000}, "API Gateway: requests and pushes"),
        ({"requests_quota": 20_000}, "API Gateway: requests alone"),
        ({"portrait_share": 0}, "API Gateway: requests alone"),
        ({"rank_lookups_per_session": 0.1}, "DynamoDB partition: rank lookups"),
        ({"window": 30}, "DynamoDB partition: subscribers"),
        ({"top": 10}, "DynamoDB partition: board's row"),
        ({"request_milliseconds": 20}, "Lambda: functions at work"),
        ({"sign_in_share": 0.01}, "Cognito: sign-ins with Google"),
    ],
    ids=str,
)
def test_what_is_said_to_help_helps(change: dict[str, Any], title: str) -> None:
    game = Workload(change_share=1)
    quota = titled(title)
    before, after = players_at(quota, game), players_at(quota, game.with_changes(**change))
    assert before is not None
    assert after is None or after > 1.1 * before
