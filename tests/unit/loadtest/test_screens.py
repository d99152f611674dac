"""Screens that share what they show, beside replicas that do not; and the promise broken on purpose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.board import Entry, Position, RemoveEntry, SetEntry, diff, ranked
from game.scoring import Order
from loadtest.screens import Boards, Screen, digest
from realtime.protocol import Diff, Snapshot, encode
from realtime.replica import Outcome, Replica
from tests.unit.game.strategies import ORDERS, boards

SIZE = 6
EPOCH = 1_763_812_800_000


def entry(user_id: str, points: int, rank: int = 1) -> Entry:
    return Entry(rank=rank, user_id=user_id, name=user_id, avatar=None, points=points, achieved_at=points)


def snapshot(version: int, *entries: Entry, size: int = SIZE, epoch: int = EPOCH) -> bytes:
    frame = Snapshot(board="forest", epoch=epoch, version=version, size=size, entries=entries)
    return encode(frame).encode()


def change(version: int, *changes: SetEntry | RemoveEntry, to: int | None = None) -> bytes:
    frame = Diff(board="forest", epoch=EPOCH, from_=version, to=to or version + 1, changes=list(changes))
    return encode(frame).encode()


def set_entry(user_id: str, points: int) -> SetEntry:
    return SetEntry.model_validate(entry(user_id, points).model_dump())


class Room:
    """Some screens of one process, all of one board."""

    def __init__(self, screens: int, order: Order = "desc") -> None:
        self.boards = Boards({"forest": order})
        self.screens = [self.boards.screens()["forest"] for _ in range(screens)]

    def take(self, payload: bytes, now: float = 0.0, *only: Screen) -> list[Outcome]:
        """Give a frame to every screen, or only to these."""
        outcomes = []
        for screen in only or self.screens:
            frame = self.boards.frames.decode(payload)
            assert isinstance(frame.content, Snapshot | Diff), frame.problem
            outcomes.append(screen.take(frame, frame.content, now))
        return outcomes


@pytest.mark.parametrize("order", ORDERS)
@given(data=st.data())
def test_sharing_changes_nothing_for_a_screen(order: Order, data: st.DataObject) -> None:
    """Whatever arrives in whatever order: each screen is as a replica of its own would be."""
    history = [data.draw(boards(order, max_size=3)) for _ in range(data.draw(st.integers(1, 6)))]
    room = Room(3, order)
    replicas = [Replica(order) for _ in room.screens]
    deliveries = st.tuples(st.integers(0, 2), st.integers(0, len(history) - 1), st.booleans())
    for who, version, as_diff in data.draw(st.lists(deliveries, max_size=25)):
        screen, replica = room.screens[who], replicas[who]
        if as_diff and version:
            changes = diff(history[version - 1], history[version])
            [outcome] = room.take(change(version - 1, *changes), 0.0, screen)
            expected = replica.diff(EPOCH, version - 1, version, changes)
        else:
            [outcome] = room.take(snapshot(version, *history[version]), 0.0, screen)
            expected = replica.snapshot(Position(EPOCH, version), history[version])
        assert outcome is expected
        assert (screen.state.position if screen.state else None) == replica.position
        assert (screen.state.entries if screen.state else ()) == replica.entries
        assert screen.behind == replica.behind
    assert not room.boards.broken
    held = [screen.state for screen in room.screens if screen.state]
    assert {state: state.holders for state in held} == {state: held.count(state) for state in held}


def test_screens_that_show_the_same_share_one_state() -> None:
    room = Room(3)
    first, second, third = room.screens
    room.take(snapshot(1, entry("ada", 5)), 0.0, first, second)
    room.take(change(1, set_entry("grace", 7)))  # the third has nothing that it could be applied to
    room.take(snapshot(2, entry("grace", 7, 1), entry("ada", 5, 2)), 0.0, third)
    assert first.state is second.state is third.state
    assert first.state is not None
    assert first.state.holders == 3
    assert [e.user_id for e in first.state.entries] == ["grace", "ada"]
    assert len(room.boards.states) == 2


def test_refused_diff_makes_its_screen_alone_fall_behind() -> None:
    room = Room(2)
    fast, slow = room.screens
    room.take(snapshot(1, entry("ada", 5)))
    room.take(change(1, set_entry("ada", 6)), 0.0, fast)
    assert room.take(change(2, set_entry("ada", 7))) == [Outcome.APPLIED, Outcome.RESYNC]
    assert [screen.behind for screen in room.screens] == [False, True]
    room.take(snapshot(2, entry("ada", 6)), 0.0, slow)
    assert [screen.behind for screen in room.screens] == [False, True]
    room.take(change(2, set_entry("ada", 7)), 0.0, slow)
    assert [screen.behind for screen in room.screens] == [False, False]
    assert slow.state is fast.state


def test_steps_count_who_was_watching_and_when() -> None:
    room = Room(3)
    early, late, absent = room.screens
    room.take(snapshot(1, entry("ada", 5)))
    early.watch(0.2)
    late.watch(3.0)
    late.watch(9.0)  # it watches already
    room.take(change(1, set_entry("ada", 6)), 4.00007)
    room.take(change(1, set_entry("ada", 6)), 4.5)  # not new
    [step] = room.boards.steps
    assert step.before
    assert step.after
    assert (step.before.position.version, step.after.position.version) == (1, 2)
    assert step.seen == {(1, 40_000): 1, (3, 40_000): 1}
    assert absent.watching_since is None


def test_client_that_left_and_forgot_holds_nothing() -> None:
    room = Room(2)
    stays, goes = room.screens
    room.take(snapshot(1, entry("ada", 5)))
    goes.watch(0)
    goes.leave(forget=False)
    assert goes.state is stays.state
    assert goes.watching_since is None
    goes.leave(forget=True)
    assert goes.state is None
    assert stays.state is not None
    assert stays.state.holders == 1


def test_old_states_are_forgotten_and_those_on_a_screen_are_not() -> None:
    room = Room(2)
    keeps, follows = room.screens
    room.take(snapshot(0, entry("ada", 0)))
    for version in range(700):
        room.take(change(version, set_entry("ada", version + 1)), 0.0, follows)
    [history] = room.boards.histories.values()
    assert keeps.state
    forgotten = history.forget()
    assert keeps.state not in forgotten
    assert [state.position.version for state in forgotten] == list(range(1, 100))
    assert history.held() == Position(EPOCH, 0)


SEASON_MS = 1000


def season_snapshot(season: int, version: int, *entries: Entry) -> Snapshot:
    starts_at = EPOCH + season * SEASON_MS
    return Snapshot(
        board="forest",
        epoch=starts_at,
        version=version,
        size=SIZE,
        season=season,
        starts_at=starts_at,
        ends_at=starts_at + SEASON_MS,
        now=starts_at,
        spread=10,
        entries=entries,
    )


def season_diff(season: int, version: int, *changes: SetEntry | RemoveEntry) -> Diff:
    epoch = EPOCH + season * SEASON_MS
    return Diff(
        board="forest", season=season, epoch=epoch, from_=version, to=version + 1, changes=list(changes)
    )


def frame_of(content: Snapshot | Diff) -> bytes:
    return encode(content).encode()


@given(data=st.data())
def test_sharing_changes_nothing_for_a_screen_whose_board_has_seasons(data: st.DataObject) -> None:
    """Whatever arrives, and whenever screens turn: each is as a replica of its own would be."""
    seasons = [
        [(), *data.draw(st.lists(boards("desc", max_size=3), min_size=1, max_size=3))] for _ in range(3)
    ]
    room = Room(3)
    replicas = [Replica("desc") for _ in room.screens]
    what = st.sampled_from(["snapshot", "diff", "turn"])
    for _ in range(data.draw(st.integers(0, 25))):
        who, season, kind = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2)), data.draw(what)
        version = data.draw(st.integers(0, len(seasons[season]) - 1))
        screen, replica, entries = room.screens[who], replicas[who], seasons[season][version]
        if kind == "turn":
            now = EPOCH + season * SEASON_MS
            assert screen.turn(now, 0.0) == replica.turn(now)
        else:
            content: Snapshot | Diff = season_snapshot(season, version, *entries)
            if kind == "diff" and version:
                changes = diff(seasons[season][version - 1], entries)
                content = season_diff(season, version - 1, *changes)
            [outcome] = room.take(frame_of(content), 0.0, screen)
            assert outcome is replica.take(content)
        shown = screen.state.replica if screen.state else Replica("desc")
        for name in ("position", "entries", "season", "ends_at", "turning", "is_told"):
            assert getattr(shown, name) == getattr(replica, name), name
        assert screen.behind == replica.behind
    assert not room.boards.broken


def test_screens_turn_to_one_empty_board_and_go_on_from_there() -> None:
    room = Room(3)
    room.take(frame_of(season_snapshot(1, 4, entry("ada", 5))))
    end = EPOCH + 2 * SEASON_MS
    assert [screen.turn(end - 1, 1.0) for screen in room.screens] == [False] * 3
    first, second, third = room.screens
    first.watch(0)
    assert [screen.turn(end, 2.0) for screen in (first, second)] == [True, True]
    # A frame of the new season turns the third.
    room.take(frame_of(season_diff(2, 0, set_entry("grace", 7))), 2.0)
    states = {screen.state for screen in room.screens}
    shown = [(state.position, state.replica.season) for state in states if state]
    assert shown == [(Position(end, 1), 2)] * len(states)
    assert third.state is not None
    assert [one.user_id for one in third.state.entries] == ["grace"]
    assert not room.boards.broken


def test_refused_diff_of_a_new_season_empties_the_screen() -> None:
    room = Room(1)
    room.take(frame_of(season_snapshot(1, 4, entry("ada", 5))))
    assert room.take(frame_of(season_diff(2, 3, set_entry("grace", 7)))) == [Outcome.RESYNC]
    [screen] = room.screens
    assert screen.state is not None
    assert (screen.state.replica.season, screen.state.entries) == (2, ())
    assert screen.replica is not None
    assert screen.replica.turning


def test_state_of_a_season_that_is_over_is_kept_for_a_while() -> None:
    room = Room(1)
    room.take(frame_of(season_snapshot(1, 4, entry("ada", 5))))
    [screen] = room.screens
    assert screen.turn(EPOCH + 2 * SEASON_MS, 0.0)
    [history] = room.boards.histories.values()
    forgotten = [len(history.forget()) for _ in range(100)]
    assert forgotten.index(1) == 60
    assert sum(forgotten) == 1


# The promise, broken on purpose: each of these must be told.


def test_gap_that_goes_unnoticed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(self: Replica, epoch: int, _: int, to: int, *__: object) -> Outcome:
        self.position = Position(epoch, to)
        return Outcome.APPLIED

    monkeypatch.setattr(Replica, "diff", careless)
    room = Room(1)
    room.take(snapshot(1, entry("ada", 5)))
    room.take(change(3, set_entry("ada", 6)))
    [told] = room.boards.broken
    assert told == f"forest: a diff from 3 was applied to version 1 of epoch {EPOCH}: a gap went unnoticed"


def test_diff_over_several_versions_is_told() -> None:
    room = Room(1)
    room.take(snapshot(1, entry("ada", 5)))
    room.take(change(1, set_entry("ada", 6), to=4))
    assert list(room.boards.broken) == [f"forest: a diff from 1 led to version 4 of epoch {EPOCH}"]


def test_going_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Replica, position: Position, entries: tuple[Entry, ...], *_: object) -> Outcome:
        self.position, self.entries = position, entries
        return Outcome.APPLIED

    monkeypatch.setattr(Replica, "snapshot", forgetful)
    room = Room(1)
    room.take(snapshot(3, entry("ada", 5)))
    room.take(snapshot(2, entry("ada", 4)))
    assert list(room.boards.broken) == [
        f"forest: version 3 of epoch {EPOCH} went back to version 2 of epoch {EPOCH}"
    ]


def test_going_back_to_an_earlier_season_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(1)
    room.take(frame_of(season_snapshot(2, 1, entry("ada", 5))))

    def forgetful(self: Replica, position: Position, *_: object) -> Outcome:
        self.position, self.season, self.ends_at = position, 1, None
        return Outcome.APPLIED

    monkeypatch.setattr(Replica, "snapshot", forgetful)
    room.take(frame_of(season_snapshot(1, 9, entry("ada", 4))))
    assert list(room.boards.broken) == ["forest: season 2 went back to season 1"]


@pytest.mark.parametrize(
    "lie",
    [
        change(1),
        change(1, set_entry("ada", 8)),
        change(1, RemoveEntry(user_id="ada")),
        snapshot(2, entry("grace", 7)),
    ],
    ids=["swallowed", "rewritten", "removed", "replaced"],
)
def test_frame_that_another_screen_got_differently_is_told(lie: bytes) -> None:
    room = Room(2)
    honest, deceived = room.screens
    room.take(snapshot(1, entry("ada", 5)))
    room.take(change(1, set_entry("ada", 7)), 0.0, honest)
    room.take(lie, 0.0, deceived)
    assert list(room.boards.broken) == [f"forest: version 2 of epoch {EPOCH} is not the same on all screens"]
    assert honest.state is not deceived.state


@pytest.mark.parametrize(
    "entries",
    [
        (entry("ada", 5, 1), entry("grace", 7, 2)),
        (entry("grace", 7, 1), entry("ada", 5, 3)),
    ],
    ids=["order", "ranks"],
)
def test_board_out_of_its_order_is_told(entries: tuple[Entry, ...]) -> None:
    room = Room(1)
    room.take(snapshot(1, *entries))
    assert list(room.boards.broken) == [f"forest: version 1 of epoch {EPOCH} is not in its order"]


def test_board_longer_than_its_size_is_told() -> None:
    room = Room(1)
    room.take(snapshot(1, entry("ada", 5), size=1))
    room.take(change(1, set_entry("grace", 7)))
    [told] = room.boards.broken
    assert told.endswith("has 2 entries, more than its size of 1")


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"{", "a frame that is not JSON"),
        (b'{"type":"diff"}', "a frame that is not in the protocol"),
        (b'{"type":"snapshot","board":"forest","epoch":1}', "a frame that is not in the protocol"),
        (b"[1]", "a frame that is not in the protocol"),
        (
            b'{"message":"Internal server error","connectionId":"x","requestId":"y"}',
            "gateway: Internal server error",
        ),
        (b'{"type":"error","code":"bad_frame","message":"no"}', "error frame: bad_frame"),
        (b'{"type":"pong"}', ""),
    ],
)
def test_frames_that_are_no_change_say_what_they_are(payload: bytes, problem: str) -> None:
    assert Boards({"forest": "desc"}).frames.decode(payload).problem == problem


@given(st.data())
def test_digest_is_that_of_the_entries(data: st.DataObject) -> None:
    one, other = data.draw(boards("desc")), data.draw(boards("desc"))
    assert (digest(one) == digest(other)) == (one == other)
    assert digest(ranked("desc", reversed(one))) == digest(one)
