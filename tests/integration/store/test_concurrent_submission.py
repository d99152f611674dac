"""One player on many devices at once, over HTTP (moto has no concurrent transactions)."""

import asyncio
import random
from contextlib import AsyncExitStack

import aioboto3
import pytest

from game.catalogue import GLOBAL_BOARD, Catalogue
from game.scoring import better
from local.provision import create_tables
from store import scores, standings
from store.database import Database
from store.profiles import Profile
from store.submission import submit

DEVICES = 8
SUBMISSIONS = 64


@pytest.mark.parametrize("seed", range(3))
async def test_best_of_concurrent_submissions_wins_with_one_row_per_board(
    aws_environment: str, catalogue: Catalogue, seed: int
) -> None:
    rng = random.Random(seed)
    plan = [(rng.choice(list(catalogue.areas)), rng.randrange(1, 1_000)) for _ in range(SUBMISSIONS)]
    ada = Profile(user_id="ada", name="Ada")
    async with AsyncExitStack() as stack:
        session = aioboto3.Session()
        devices = [
            Database(await stack.enter_async_context(session.client("dynamodb"))) for _ in range(DEVICES)
        ]
        db = devices[0]
        await create_tables(db)
        answers = await asyncio.gather(
            *(
                submit(devices[number % DEVICES], catalogue, ada, area, points, 1_000 + number)
                for number, (area, points) in enumerate(plan)
            )
        )
        best = {
            area: (min if rules.order == "asc" else max)(points for name, points in plan if name == area)
            for area, rules in catalogue.areas.items()
        }
        best[GLOBAL_BOARD] = sum(best[area] for area in catalogue.boards[GLOBAL_BOARD].areas)
        for name, board in catalogue.boards.items():
            rows = await scores.page(db, board, limit=100)
            assert [(row.user_id, row.points) for row in rows] == [("ada", best[name])]
        assert await standings.points(db, "ada", catalogue.boards) == best
    for (area, points), answer in zip(plan, answers, strict=True):
        assert answer.best is not None
        if answer.improved:
            assert answer.best == points
        else:
            assert not better(catalogue.areas[area].order, points, answer.best)
