"""One push at work, step by step."""

import asyncio

import pytest

from realtime.push.client import PushResult
from realtime.push.job import BACKOFF_BASE_SECONDS, BACKOFF_CAP_SECONDS, Job, backoff
from realtime.push.signing import Payload
from tests.unit.realtime.push.scene import ids


def job_of(count: int) -> Job:
    return Job(Payload("POST", b"frame"), ids(count), deadline=10)


async def test_every_id_has_one_outcome_at_the_end() -> None:
    job = job_of(6)
    taken = [job.take() for _ in range(5)]
    assert taken == [(one, 0) for one in ids(5)]
    job.delivered()
    job.gone("id-1")
    job.again("id-2", tries=1, now=0)
    job.make_due(5)
    job.again("id-3", tries=1, now=5, not_before=9)
    job.end(["id-4"])
    assert job.result == PushResult(1, gone=["id-1"], failed=["id-4", "id-2", "id-3"], untried=["id-5"])
    assert job.done.done()


async def test_job_ends_once() -> None:
    job = job_of(2)
    job.take()
    job.end(["id-0"])
    job.end(["id-0"])
    assert job.result == PushResult(failed=["id-0"], untried=["id-1"])


async def test_what_was_tried_before_comes_before_what_is_new() -> None:
    job = job_of(2)
    job.take()
    job.again("id-0", tries=3, now=0)
    job.make_due(9)
    assert [job.take(), job.take(), job.take()] == [("id-0", 3), ("id-1", 0), None]


async def test_cancelled_job_takes_nothing_and_counts_nothing() -> None:
    job = job_of(3)
    job.take()
    job.done.cancel()
    job.close()
    assert (job.open, job.take(), job.takeable, job.due) == (False, None, 0, None)
    assert job.result == PushResult()


@pytest.mark.parametrize("failures", [1, 2, 3, 10, 10_000])
def test_backoff_is_spread_over_all_of_its_range(failures: int) -> None:
    longest = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2 ** min(failures - 1, 20))
    pauses = [backoff(failures) for _ in range(2000)]
    assert 0 <= min(pauses) < longest / 20
    assert longest * 19 / 20 < max(pauses) <= longest


def test_job_without_ids_is_done_at_once() -> None:
    async def run() -> PushResult:
        job = job_of(0)
        await job.done
        return job.result

    assert asyncio.run(run()) == PushResult()
