"""What boards' rows were written under, and dropping them, on both engines."""

import asyncio

from game.catalogue import Catalogue
from store import board_rules, scores
from store.board_rules import Dropped, find_breaks, settle
from store.database import Database
from store.profiles import Profile
from store.submission import submit


def flipped(catalogue: Catalogue) -> Catalogue:
    forest = catalogue.areas["forest"].model_copy(update={"order": "asc", "counts": False})
    return Catalogue.model_validate(
        {
            "global": catalogue.global_,
            "areas": catalogue.areas | {"forest": forest},
        }
    )


async def test_edit_is_refused_until_the_rows_are_dropped(db: Database, catalogue: Catalogue) -> None:
    assert not any(await asyncio.gather(settle(db, catalogue), settle(db, catalogue)))
    for number in range(60):  # several batches
        profile = Profile(user_id=f"player-{number}", name="Ada")
        await submit(db, catalogue, profile, "forest", number, 1000)
    new = flipped(catalogue)
    assert [one.board for one in await find_breaks(db, new)] == ["forest", "global"]
    told: list[Dropped] = []
    await board_rules.drop(db, new, "forest", apply=False, told=told.append)
    await board_rules.drop(db, new, "forest", apply=True, told=told.append)
    assert told == [Dropped("global", 60), Dropped("forest", 60)] * 2
    assert await settle(db, new) == []
    await submit(db, new, Profile(user_id="player-7", name="Ada"), "forest", 900, 2000)
    assert [(one.user_id, one.points) for one in await scores.top(db, new.boards["forest"])] == [
        ("player-7", 900)
    ]
    assert [one.board for one in await find_breaks(db, catalogue)] == ["forest"]
