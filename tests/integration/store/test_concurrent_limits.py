"""One player on many devices at once, with more scores than the rules allow (moto has no such writes)."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import aioboto3
import pytest

from game.catalogue import Catalogue
from game.run_ticket import Ticket
from local.provision import create_tables
from store.database import Database, from_item
from store.errors import StoreError
from store.held_scores import HELD_LIMIT
from store.idempotency import run_key
from store.profiles import Profile
from store.schema import HELD_SCORES, LIMITS
from store.submission import submit
from store.terms import Terms

DEVICES, AT_ONCE, MOST = 8, 64, 7
NOW = 1_763_812_800_000
ADA = Profile(user_id="ada", name="Ada")
AREA = {"title": "A", "order": "desc", "min": 0, "max": 1000, "top": 3}
CATALOGUE = Catalogue.model_validate(
    {
        "areas": {
            "attempts": AREA | {"rules": {"run": "required", "attempts": f"{MOST}/1d"}},
            "submits": AREA | {"rules": {"submits": f"{MOST}/1h"}},
            "held": AREA | {"rules": {"run": "required", "min_time": "1h", "on_doubt": "hold"}},
        }
    }
)


@pytest.mark.parametrize(
    ("area", "most", "refusal"),
    [
        ("attempts", MOST, "NoAttemptsError"),
        ("submits", MOST, "TooManySubmitsError"),
        ("held", HELD_LIMIT, "RuleError"),
    ],
)
async def test_many_at_once_never_exceed_the_limit(
    aws_environment: str, area: str, most: int, refusal: str
) -> None:
    rules = CATALOGUE.areas[area].rules

    async def play(db: Database, number: int) -> str:
        run = Ticket(
            key="k",
            user_id="ada",
            area=area,
            started_at=NOW - 1000,
            expires_at=NOW + 1000,
            nonce=str(number),
            seed=1,
        )
        terms = Terms(rules, run if rules.run == "required" else None)
        key = run_key("ada", run.nonce, str(number), until=run.expires_at)
        try:
            return (await submit(db, CATALOGUE, ADA, area, 5, NOW, under=terms, key=key)).verdict
        except StoreError as error:
            return type(error).__name__

    async with AsyncExitStack() as stack:
        session = aioboto3.Session()
        devices = [
            Database(await stack.enter_async_context(session.client("dynamodb"))) for _ in range(DEVICES)
        ]
        await create_tables(devices[0])
        found = await asyncio.gather(*(play(devices[one % DEVICES], one) for one in range(AT_ONCE)))
        verdict = "held" if area == "held" else "accepted"
        assert Counter(found) == {verdict: most, refusal: AT_ONCE - most}
        table = HELD_SCORES if area == "held" else LIMITS
        rows = [from_item(item) for item in (await devices[0].client.scan(TableName=table.name))["Items"]]
        used = [row["used"] for row in rows if row.get("limit", "").startswith(area)]
        assert (len(rows) if area == "held" else sum(used)) == most
