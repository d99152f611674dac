"""The pre-sign-up trigger, under the events that Cognito sends."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import pytest

from api import sign_up_app
from game.guests import GuestRefusedError
from store.guests import GuestBudget
from tests.unit.embedded_metrics import documents, metrics
from tests.unit.events import recorded
from tests.unit.realtime.fakes import RecordedDatabase, clock, recorded_database
from tests.unit.realtime.lambda_container import container_of, fake_context

Stage = Callable[[int | None], AbstractContextManager[list[RecordedDatabase]]]

ADDRESS = {"email": "ada@example.org"}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The function of a stage that takes this many guests per minute; its tables, once they are open."""

    @contextmanager
    def stage(per_minute: int | None) -> Iterator[list[RecordedDatabase]]:
        opened: list[RecordedDatabase] = []

        @asynccontextmanager
        async def open_budget() -> AsyncIterator[GuestBudget | None]:
            if per_minute is None:
                yield None
                return
            async with recorded_database() as tables:
                opened.append(tables)
                yield GuestBudget(tables.db, per_minute, clock)

        with container_of(monkeypatch, sign_up_app, open_budget):
            yield opened

    return stage


def signed_up(name: str = "guest-badger-x7k2pq4n", **attributes: str) -> dict[str, Any]:
    """A player's own sign-up."""
    event = recorded("pre_sign_up_guest")
    event["userName"] = name
    event["request"]["userAttributes"] = attributes
    return event


def handle(event: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = sign_up_app.handler(event, fake_context())
    return answer


def test_guest_is_confirmed_and_nothing_else_of_the_event_changes(stage: Stage) -> None:
    with stage(1):
        answer = handle(recorded("pre_sign_up_guest"))
    expected = recorded("pre_sign_up_guest")
    expected["response"]["autoConfirmUser"] = True
    assert answer == expected


@pytest.mark.parametrize("per_minute", [None, 1])
@pytest.mark.parametrize(
    "event",
    [
        recorded("pre_sign_up_external"),
        recorded("pre_sign_up_admin"),
        recorded("pre_sign_up_external") | {"userName": "guest-badger-x7k2pq4n"},
        recorded("pre_sign_up_admin") | {"userName": "guest-badger-x7k2pq4n"},
        signed_up("ada"),
        signed_up("ada", **ADDRESS),
        signed_up(**ADDRESS),
        signed_up("Guest-badger-x7k2pq4n"),
        signed_up("guest-x"),
        signed_up("gues\u0442-badger-x7k2pq4n"),
    ],
    ids=lambda event: f"{event['triggerSource']}-{event['userName']}",
)
def test_others_are_left_alone_whatever_they_are_called(
    stage: Stage, per_minute: int | None, event: dict[str, Any]
) -> None:
    before = recorded("pre_sign_up_guest")["response"]
    with stage(per_minute) as opened:
        answer = handle(event)
        assert answer is event
        assert answer["response"] == before
        assert [tables.log for tables in opened] == []


def test_guest_beyond_the_limit_of_the_minute_is_refused_and_counted(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    with stage(2):
        for _ in range(2):
            handle(signed_up())
        capsys.readouterr()
        with pytest.raises(GuestRefusedError, match=r"^guests_busy$"):
            handle(signed_up())
        assert handle(signed_up("ada")) == signed_up("ada")
    output = capsys.readouterr().out
    assert [metric.name for metric in metrics(output)] == ["GuestsRefused"]
    assert documents(output)[0]["GuestsRefused"] == [1.0]


def test_guest_who_cannot_be_counted_is_refused(
    stage: Stage, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with stage(9) as opened:
        handle(signed_up())
        opened[0].throttled.add("UpdateItem")
        with pytest.raises(GuestRefusedError, match=r"^guests_busy$"):
            handle(signed_up())
        opened[0].throttled.clear()
        assert handle(signed_up())["response"]["autoConfirmUser"]
    assert "a guest could not be counted" in caplog.text
    assert [metric.name for metric in metrics(capsys.readouterr().out)] == ["GuestsRefused"]


def test_count_that_never_answers_is_given_up_before_cognito_does(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: GuestBudget) -> bool:
        raise TimeoutError

    assert sign_up_app._COUNTING_SECONDS < 5
    monkeypatch.setattr(GuestBudget, "take", never)
    with stage(9), pytest.raises(GuestRefusedError, match=r"^guests_busy$"):
        handle(signed_up())


def test_stage_without_guests_refuses_them(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    with stage(None), pytest.raises(GuestRefusedError, match=r"^guests_off$"):
        handle(signed_up())
    assert metrics(capsys.readouterr().out) == set()
