"""What becomes of a batch: accepted, retried, bisected, discarded."""

import asyncio
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.dead_letters import DeadLetters
from local.event_delivery import RETRIES, RETRY_CAP, EventDelivery, backoff
from tests.unit.local.fake_streams import EPOCH, STREAM_ARN, numbers, wire_record

Answer = Exception | Mapping[str, Any] | None


def _report(*failed: int | str | None) -> dict[str, Any]:
    """Return a response that names records as failed: by number, or as whatever else is given."""
    return {
        "batchItemFailures": [
            {"itemIdentifier": f"{item:021d}" if isinstance(item, int) else item} for item in failed
        ]
    }


class Scene:
    """A handler that answers from a script (and then accepts all), and what it saw."""

    def __init__(self, folder: Path, *answers: Answer, retries: int = RETRIES) -> None:
        self.answers = list(answers)
        self.invocations: list[list[int]] = []
        self.sleeps: list[float] = []
        self.now = EPOCH
        self.path = folder / "dead.jsonl"
        self.delivery = EventDelivery(
            handler=self._handle,
            retries=retries,
            dead_letters=DeadLetters(self.path, stream_arn=STREAM_ARN, function_name="broadcaster"),
            sleep=self._sleep,
            now_s=lambda: self.now,
            random=lambda: 1.0,
        )

    async def deliver(self, count: int) -> None:
        await self.delivery.deliver("shard-a", [wire_record(number) for number in range(1, count + 1)])

    @property
    def dead(self) -> list[list[int]]:
        """The discarded batches."""
        return [numbers(document["payload"]) for document in self.documents]

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    async def _handle(self, event: dict[str, Any]) -> Mapping[str, Any] | None:
        self.invocations.append(numbers(event))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.mark.parametrize(
    "answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"statusCode": 200}], ids=str
)
async def test_batch_without_failures_is_done(answer: Answer, tmp_path: Path) -> None:
    scene = Scene(tmp_path, answer)
    await scene.deliver(3)
    assert scene.invocations == [[1, 2, 3]]
    assert scene.sleeps == []


@pytest.mark.parametrize(
    ("answer", "retried"),
    [
        (_report(1), [1, 2, 3, 4]),
        (_report(3), [3, 4]),
        (_report(4), [4]),
        (_report(4, 2, 3), [2, 3, 4]),
        (_report(2, 2), [2, 3, 4]),
    ],
    ids=str,
)
async def test_reported_failures_retry_from_the_lowest(
    answer: Answer, retried: list[int], tmp_path: Path
) -> None:
    scene = Scene(tmp_path, answer)
    await scene.deliver(4)
    assert scene.invocations == [[1, 2, 3, 4], retried]


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("boom"),
        _report(""),
        _report(None),
        _report(99),
        _report(3, 99),
        {"batchItemFailures": [{"bad": "000000000000000000003"}]},
        {"batchItemFailures": ["000000000000000000003"]},
        {"batchItemFailures": [{"itemIdentifier": ["unhashable"]}]},
        {"batchItemFailures": 7},
    ],
    ids=str,
)
async def test_error_or_impossible_report_fails_the_whole_batch(answer: Answer, tmp_path: Path) -> None:
    scene = Scene(tmp_path, answer)
    await scene.deliver(4)
    assert scene.invocations == [[1, 2, 3, 4], [1, 2], [3, 4]]
    assert len(scene.sleeps) == 1


async def test_bisect_leaves_only_the_bad_record_behind(tmp_path: Path) -> None:
    scene = Scene(tmp_path, retries=2)

    async def fail_on_six(event: dict[str, Any]) -> None:
        scene.invocations.append(numbers(event))
        if 6 in numbers(event):
            raise ValueError("six")

    scene.delivery._handler = fail_on_six
    await scene.deliver(8)
    assert scene.invocations == [
        [1, 2, 3, 4, 5, 6, 7, 8],
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [5, 6],
        [5],
        *[[6]] * 3,
        [7, 8],
    ]
    assert scene.dead == [[6]]
    (document,) = scene.documents
    assert document["requestContext"]["approximateInvokeCount"] == 6
    assert document["responseContext"]["functionError"] == "Unhandled"


async def test_retries_are_counted_without_the_first_attempt(tmp_path: Path) -> None:
    scene = Scene(tmp_path, *[_report(1)] * 9, retries=3)
    await scene.deliver(2)
    assert scene.invocations == [[1, 2]] * 4
    assert scene.dead == [[1, 2]]
    (document,) = scene.documents
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert document["requestContext"]["approximateInvokeCount"] == 4
    assert "functionError" not in document["responseContext"]


async def test_no_retries_discards_at_the_first_failure(tmp_path: Path) -> None:
    scene = Scene(tmp_path, _report(3), retries=0)
    await scene.deliver(4)
    assert scene.invocations == [[1, 2, 3, 4]]
    assert scene.dead == [[3, 4]]
    assert scene.sleeps == []


async def test_progress_gives_the_next_record_its_own_retries(tmp_path: Path) -> None:
    scene = Scene(tmp_path, *[_report(number) for number in (1, 1, 2, 2, 3, 3)], retries=2)
    await scene.deliver(3)
    assert scene.invocations[-1] == [3]
    assert scene.dead == []


async def test_delay_doubles_up_to_the_cap_and_starts_again_after_success(tmp_path: Path) -> None:
    scene = Scene(tmp_path, *[_report(1)] * 8, None, retries=8)
    await scene.deliver(1)
    assert scene.sleeps == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    scene.answers = [_report(1)]
    await scene.deliver(1)
    assert scene.sleeps[8:] == [0.2]


async def test_delay_starts_again_after_progress(tmp_path: Path) -> None:
    scene = Scene(tmp_path, _report(1), _report(1), _report(2), _report(2))
    await scene.deliver(2)
    assert scene.sleeps == [0.2, 0.4, 0.2, 0.4]


def test_delay_is_full_jitter_and_bounded() -> None:
    assert backoff(3, lambda: 0.25) == pytest.approx(0.2)
    assert backoff(10_000, lambda: 1.0) == RETRY_CAP


async def test_retry_is_untouched_by_what_the_handler_did_to_its_event(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    seen: list[dict[str, Any]] = []

    async def spoil_once(event: dict[str, Any]) -> dict[str, Any] | None:
        seen.append(json.loads(json.dumps(event)))
        event["Records"][0]["dynamodb"].clear()
        return _report(1) if len(seen) == 1 else None

    scene.delivery._handler = spoil_once
    await scene.deliver(1)
    assert seen == [{"Records": [wire_record(1)]}] * 2


async def test_cancelling_the_delivery_cancels_the_handler(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def hang(event: dict[str, Any]) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    scene.delivery._handler = hang
    task = asyncio.create_task(scene.deliver(1))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled.is_set()
    assert scene.dead == []


_ANSWERS = st.lists(
    st.one_of(
        st.just("accept"),
        st.just("raise"),
        st.just("garbage"),
        st.lists(st.integers(0, 11), min_size=1, max_size=3),  # positions to report, modulo the batch's size
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=300)
@given(count=st.integers(1, 12), answers=_ANSWERS, retries=st.integers(0, 3))
def test_every_record_is_finished_once_and_in_order(
    count: int, answers: list[str | list[int]], retries: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder), retries=retries)
        script = iter(answers)
        accepted: list[int] = []

        async def handle(event: dict[str, Any]) -> dict[str, Any] | None:
            batch = numbers(event)
            finished = len(accepted) + sum(len(dead) for dead in scene.dead)
            assert batch == list(range(finished + 1, finished + 1 + len(batch)))
            answer = next(script, "accept")
            if answer == "raise":
                raise ValueError("boom")
            if answer == "garbage":
                return _report("")
            positions = [len(batch)] if answer == "accept" else [int(at) % len(batch) for at in answer]
            accepted.extend(batch[: min(positions)])
            return _report(*[batch[at] for at in positions if at < len(batch)])

        scene.delivery._handler = handle
        asyncio.run(scene.deliver(count))
        discarded = [number for dead in scene.dead for number in dead]
        assert sorted(accepted + discarded) == list(range(1, count + 1))
