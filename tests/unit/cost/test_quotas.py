"""Which quotas are reached, with how many players."""

from typing import Any

import pytest

from cost.quotas import MOST_PLAYERS, PUSHES, QUOTAS, Busy, Quota, players_at, reached
from cost.workload import Workload
from tests.unit.cost.workloads import still

GAMES = {
    "as it comes": Workload(),
    "boards that never rest": Workload(change_share=1),
    "watched by more than play": Workload(spectators=5_000),
    "large": Workload(players=5_000_000, boards=20, boards_followed=10, top=100),
}


def titled(title: str) -> Quota:
    (quota,) = (quota for quota in QUOTAS if quota.title == title)
    return quota


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: quota.title)
def test_quota_is_used_up_by_the_computed_players_and_by_no_fewer(quota: Quota, game: str) -> None:
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
        assert one.used == titled(one.quota).used(GAMES[game])
        assert one.page.startswith("https://docs.aws.amazon.com/")


def test_usage_by_hand() -> None:
    """One session a second, and 600 clients connected."""
    game = still(
        google_share=0.25, guest_share=0.2, sign_in_share=0.4, new_share=0.5, rank_lookups_per_session=2
    )
    assert titled("API Gateway: new connections").usage(Busy(game)) == pytest.approx(1)
    assert titled("Cognito: passwords and renewed tokens").usage(Busy(game)) == pytest.approx(0.75)
    assert titled("Cognito: sign-ins with Google").usage(Busy(game)) == pytest.approx(0.1)
    assert titled("Cognito: emails by its own sender").usage(Busy(game)) == pytest.approx(
        86_400 * 0.5 * 0.75 * 0.8 / (365 / 12)
    )
    sign_ups = 86_400 * 0.5 * 0.75 / (365 / 12 * 86_400)
    assert titled("Cognito: sign-ups with a password").usage(Busy(game)) == pytest.approx(sign_ups)
    assert titled("SES: emails at once").usage(Busy(game)) == pytest.approx(sign_ups * 0.8)
    assert titled("SES: emails of a day").usage(Busy(game)) == pytest.approx(sign_ups * 0.8 * 86_400)
    assert titled("Stage: new guests of a minute").usage(Busy(game)) == pytest.approx(sign_ups * 0.2 * 60)
    assert titled("Firewall: sign-ups of one address").usage(Busy(game)) == pytest.approx(sign_ups * 0.3)
    # A row of a subscription comes and goes.
    watching = still(boards_followed=1)
    assert titled("DynamoDB partition: subscriptions").usage(Busy(watching)) == pytest.approx(2)
    # Two rows, the neighbours above and below, the root and a node, and a leaf of 48 rows; twice a second.
    leaf = -(-48 * 176 // 4096)
    assert titled("DynamoDB partition: rank lookups").usage(Busy(game)) == pytest.approx(2 * (6 + leaf))


@pytest.mark.parametrize("title", ["Cognito: sign-ups with a password", "Firewall: sign-ups of one address"])
def test_sign_ups_are_out_of_reach_but_on_the_day_of_a_launch(title: str) -> None:
    """A month's new players come evenly here; on a launch day all come at once."""
    assert players_at(titled(title), Workload()) is None
    assert titled(title).used(Workload().grown(MOST_PLAYERS)) > 0


def test_portraits_do_not_count_against_an_address() -> None:
    without, shown = (still(portrait_share=share, boards_followed=1) for share in (0, 1))
    quota = titled("Firewall: requests of one address")
    assert quota.usage(Busy(shown)) == quota.usage(Busy(without)) > 0
    rest = titled("REST stage: its own limit")
    assert rest.usage(Busy(shown)) > rest.usage(Busy(without))


def test_fan_out_of_a_million_takes_as_long_as_the_pace_says() -> None:
    game = Workload(players=1, sessions_per_day=100, session_minutes=120, peak_factor=1, boards_followed=1)
    game = game.grown(round(1_000_000 / game.connected))
    assert titled("Lambda: the time of a pusher").usage(Busy(game)) == pytest.approx(125, rel=1e-3)
    assert titled("Lambda: the time of a pusher").usage(Busy(Workload())) == 0, "one function does it"


def test_pings_read_a_board_once_a_second_and_container() -> None:
    quota = titled("DynamoDB partition: board's row")
    few, many = Workload(players=1_000_000), Workload(players=1_000_000, session_minutes=80)
    # Four times the clients connected, and the pings, but the same sessions.
    assert quota.usage(Busy(many)) < 1.5 * quota.usage(Busy(few))


def test_spectators_open_connections_and_are_counted_twice_each() -> None:
    game = still(peak_factor=1)
    watched = game.with_changes(spectators=1_200 * 60)
    visits = watched.visits
    opened = titled("API Gateway: new connections")
    assert opened.usage(Busy(watched)) - opened.usage(Busy(game)) == pytest.approx(visits)
    assert titled("DynamoDB row: spectators counted").usage(Busy(watched)) == pytest.approx(2 * visits)
    assert watched.grown(2 * watched.players).visits == pytest.approx(2 * visits)


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
        ({"stage_rate": 4_000}, "REST stage: its own limit"),
        ({"portrait_share": 0}, "REST stage: its own limit"),
        ({"stage_rate": 4_000}, "WebSocket stage: its own limit"),
        ({"address_requests": 4_000}, "Firewall: requests of one address"),
        ({"sessions_per_day": 0.25}, "DynamoDB partition: subscriptions"),
        ({"google_share": 0.8}, "SES: emails of a day"),
        ({"guest_share": 0.8}, "SES: emails of a day"),
        ({"guests_per_minute": 240}, "Stage: new guests of a minute"),
        ({"mails_per_second": 28}, "SES: emails at once"),
        ({"sign_in_share": 0.01}, "Cognito: sign-ins with Google"),
    ],
    ids=str,
)
def test_suggested_change_lets_the_quota_serve_more_players(change: dict[str, Any], title: str) -> None:
    # With a few guests: mails and guests both come to their limits.
    game = Workload(change_share=1, guest_share=0.12)
    quota = titled(title)
    before, after = players_at(quota, game), players_at(quota, game.with_changes(**change))
    assert before is not None
    assert after is None or after > 1.1 * before
