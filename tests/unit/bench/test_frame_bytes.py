"""What a subscriber downloads: the frames are a board's own, and the counting is right."""

import json

import pytest

from bench import frame_bytes
from bench.frame_bytes import frame_sizes, with_top
from bench.play import START, Player, Score, record
from bench.scale import Scale
from game.board import Position
from game.catalogue import load_catalogue
from game.replica import Replica
from realtime.protocol import Diff, Snapshot

CATALOGUE = with_top(load_catalogue(), 3)
SCORES = list(record(CATALOGUE, hours=0.1, players=40))


@pytest.mark.parametrize("name", ["forest", "sprint", "global"])
def test_frames_lead_a_client_from_one_board_to_the_next(name: str) -> None:
    board = CATALOGUE.boards[name]
    live = {one: frame_bytes._Live(each) for one, each in CATALOGUE.boards.items()}
    replica = Replica(board.order)
    replica.snapshot(Position(START, 1), ())
    bests: dict[str, dict[str, tuple[int, int]]] = {}
    versions = 0
    for score in SCORES:
        touched = set(frame_bytes._take(CATALOGUE, live, score))
        _remember(bests, score)
        if name not in touched or (frames := live[name].publish()) is None:
            continue
        versions += 1
        frame, snapshot = frames
        _apply(replica, frame)
        assert replica.entries == Snapshot.model_validate_json(snapshot).entries
        # Worked out once more, from all that was submitted.
        ranked = sorted(
            (-points if board.order == "desc" else points, at) for points, at in bests[name].values()
        )
        assert [(abs(points), at) for points, at in ranked[:3]] == [
            (entry.score, entry.achieved_at) for entry in replica.entries
        ]
    assert versions > 5


def _apply(replica: Replica, frame: str) -> None:
    if json.loads(frame)["type"] == "snapshot":
        snapshot = Snapshot.model_validate_json(frame)
        replica.snapshot(Position(snapshot.epoch, snapshot.version), snapshot.entries)
    else:
        diff = Diff.model_validate_json(frame)
        replica.diff(diff.epoch, diff.from_, diff.to, diff.changes)


def _remember(bests: dict[str, dict[str, tuple[int, int]]], score: Score) -> None:
    """Each player's best on every board, and when it was reached."""
    user_id, own = score.player.user_id, bests.setdefault(score.area, {})
    held = own.get(user_id)
    improved = held is None or (
        score.points > held[0] if CATALOGUE.areas[score.area].order == "desc" else score.points < held[0]
    )
    if improved:
        own[user_id] = score.points, score.at
        if score.area in CATALOGUE.counting_areas:
            areas = [bests.get(area, {}).get(user_id) for area in CATALOGUE.counting_areas]
            total = sum(best[0] for best in areas if best)
            bests.setdefault("global", {})[user_id] = total, score.at


def scores(*points: int, every: int = 400) -> list[Score]:
    """Scores of one player after the other in the time trial, which adds to no other board."""
    return [
        Score(START + number * every, Player(f"player-{number}", f"Player {number}", None), "sprint", one)
        for number, one in enumerate(points)
    ]


def test_score_below_the_top_makes_no_frame() -> None:
    assert len(list(frame_sizes(CATALOGUE, scores(1, 2, 3, 4, 5), window=0.1, since=START))) == 3


def test_scores_of_one_window_share_a_frame() -> None:
    played = scores(30, 20, 10)
    assert len(list(frame_sizes(CATALOGUE, played, window=1, since=START))) == 1
    assert len(list(frame_sizes(CATALOGUE, played, window=0.4, since=START))) == 3


def test_what_came_before_is_on_the_board_and_not_counted() -> None:
    everything = list(frame_sizes(CATALOGUE, scores(50, 40, 30, 20), window=0.1, since=START))
    later = list(frame_sizes(CATALOGUE, scores(50, 40, 30, 20), window=0.1, since=START + 1200))
    ((diff, snapshot),) = later
    assert snapshot == everything[-1][1]
    # A diff against the board of three; it lets one go and one in.
    assert diff < snapshot


def test_frame_is_never_larger_than_the_snapshot() -> None:
    sizes = list(frame_sizes(CATALOGUE, SCORES, window=1, since=START))
    assert all(frame <= snapshot for frame, snapshot in sizes)


async def test_diffs_are_smaller_the_larger_the_board() -> None:
    figures = await frame_bytes.run(Scale(quick=True))
    totals = [figure for figure in figures if "batches of 0.05 s, in all" in figure.case]
    assert [figure.case.partition(",")[0] for figure in totals] == ["K = 10", "K = 50", "K = 100"]
    assert 1 < totals[0].ratio < totals[1].ratio < totals[2].ratio
    assert len(figures) == 18
    assert {(figure.peer_name, figure.better) for figure in figures} == {("snapshots", "less")}
