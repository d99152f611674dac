"""The request units of a score: those of the boards that its area feeds, and nothing else."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest

from game.catalogue import Catalogue
from store import appearance, profiles, progress
from store.database import Database
from store.players import write
from store.portraits import upload_prefix
from store.profiles import PORTRAITS_KEPT, Outcome, Profile
from store.schema import TABLES
from store.submission import submit
from tests.simulation import aws
from tests.unit.cost.meter import size
from tests.unit.realtime.fakes import NOW, session
from tests.unit.store.bookkeeping import ADA

NAME = "\N{GRINNING FACE}" * 24
"""The longest there is: 96 bytes."""
KEYS = {table.name: table.keys for table in TABLES}


@dataclass
class UnitMeter:
    """Adds up request units as DynamoDB counts them, from the requests and the rows that they touch.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    """

    direct: Database | None = None
    reads: float = 0
    writes: float = 0

    async def respond(self, request: AWSPreparedRequest) -> tuple[int, bytes]:
        target = request.headers["X-Amz-Target"]
        kind = (target if isinstance(target, str) else target.decode()).rpartition(".")[2]
        body = json.loads(aws.body_of(request))
        if kind == "TransactWriteItems":
            for part in body["TransactItems"]:
                ((action, details),) = part.items()
                self.writes += 2 * await self._written(action, details)
        status, answer = await aws.ask_moto(request)
        if kind == "BatchGetItem":
            found = json.loads(answer)["Responses"]
            for table, parts in body["RequestItems"].items():
                rows = [size(item) for item in found[table]]
                missing = len(parts["Keys"]) - len(rows)
                self.reads += missing + sum(math.ceil(one / 4096) for one in rows)
        elif kind == "Query":
            total = sum(size(item) for item in json.loads(answer)["Items"])
            self.reads += max(1, math.ceil(total / 4096))
        else:
            assert kind == "TransactWriteItems", kind
        return status, answer

    async def _written(self, action: str, details: Mapping[str, Any]) -> int:
        assert self.direct is not None
        key = details.get("Key") or {name: details["Item"][name] for name in KEYS[details["TableName"]]}
        answer = await self.direct.client.get_item(TableName=details["TableName"], Key=key)
        before = size(answer["Item"]) if "Item" in answer else 0
        after = size(details["Item"]) if action == "Put" else before
        return max(1, math.ceil(max(before, after) / 1024))


def catalogue_of(areas: int) -> Catalogue:
    """Return areas with ids as long as they may be, each of which feeds its board and the sum over all."""
    area = {"title": "A", "order": "desc", "min": 0, "max": 10**9, "top": 3}
    names = [f"{f'area-{number:03d}-':x<32}" for number in range(areas)]
    total = {"title": "All", "top": 3, "areas": names}
    return Catalogue.model_validate({"boards": {"global": total}, "areas": dict.fromkeys(names, area)})


def scenes() -> Iterator[tuple[str, int, int, int]]:
    """Yield areas of the game, former years of the player, bytes of the checkpoint."""
    yield "first year", 3, 0, 0
    yield "large checkpoint", 3, 0, 8192
    yield "500 areas", 500, 0, 8192
    yield "fifth year", 100, 4, 8192


@pytest.mark.parametrize(("areas", "years", "checkpoint"), [scene[1:] for scene in scenes()])
async def test_score_on_two_boards_costs_at_most_14_writes_and_6_reads(
    areas: int, years: int, checkpoint: int
) -> None:
    catalogue, meter = catalogue_of(areas), UnitMeter()
    area = next(iter(catalogue.areas))
    async with aws.database(session(), meter.respond) as (db, direct):
        meter.direct = direct
        await fill(direct, catalogue, years, checkpoint)
        for points, written in ((50, 14), (49, 0), (60, 14), (60, 0)):
            meter.reads = meter.writes = 0
            await submit(db, catalogue, TOKEN, area, points, NOW + points)
            assert (meter.writes, meter.reads) == (written, 6), points


TOKEN = Profile(user_id=ADA, name="Ada")


async def fill(db: Database, catalogue: Catalogue, years: int, checkpoint: int) -> None:
    """Ada has a standing in every area, and of every former year; the largest save and profile there are."""
    outcomes = [
        Outcome(
            upload=f"{upload_prefix(ADA)}5f1cc1f0-5d0f-4d0c-a6b5-8c0a53a1c1{number:02d}",
            picture=f"0b9f3e61-6d1c-4a2e-9c55-0a6d3f7a2b{number:02d}",
            face=True,
        )
        for number in range(PORTRAITS_KEPT)
    ]
    for outcome in outcomes:
        change = partial(Profile.with_outcome, outcome=outcome)
        await appearance.change(db, TOKEN.model_copy(update={"name": NAME}), change, NOW)
    stored = await profiles.load(db, ADA)
    assert stored is not None
    # A shortcut to what hundreds of scores write.
    area = next(iter(catalogue.areas))
    await submit(db, catalogue, TOKEN, area, 1, NOW)
    (first,) = [
        row for row in (await db.client.scan(TableName="Standings"))["Items"] if row["board"] == {"S": area}
    ]
    others = [*list(catalogue.areas)[1:], *(f"old-{year}-{n}" for year in range(years) for n in range(100))]
    for name in others:
        await db.client.put_item(TableName="Standings", Item=first | {"board": {"S": name}})
    read = await progress.load(db, ADA)
    saved = read.model_copy(update={"checkpoint": "x" * checkpoint})
    await write(db, ADA, [progress.replace(db, read, saved)])
