"""What a profile keeps of a player's uploads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.board import NAME_BYTES
from store import players, profiles
from store.players import DeletedError
from store.profiles import PORTRAITS_AN_HOUR, PORTRAITS_KEPT, Outcome, Profile, TooManyPortraitsError
from tests.unit.cost.meter import size
from tests.unit.realtime.fakes import NOW
from tests.unit.store.bookkeeping import ADA
from tests.unit.store.interrupted import InterruptedDatabase

HOUR = 60 * 60 * 1000
UPLOAD = f"uploads/{ADA}/1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def made(number: int, upload: str = UPLOAD) -> Outcome:
    return Outcome(upload=upload, picture=f"0b9f3e61-6d1c-4a2e-9c55-{number:012}", face=True)


def avatar(number: int) -> str:
    return f"avatars/{ADA}/{made(number).picture}"


def profile_of(*numbers: int) -> Profile:
    """Return a player with these portraits, the last of them shown."""
    profile = Profile(user_id=ADA, name="Ada")
    for number in numbers:
        profile = profile.with_outcome(made(number))
    return profile


def test_last_ten_portraits_are_kept_and_the_new_one_is_shown() -> None:
    profile = profile_of(*range(12))
    assert profile.portraits == tuple(map(avatar, range(2, 12)))
    assert profile.avatar == avatar(11)


def test_portrait_shown_until_now_is_kept_however_old_it_is() -> None:
    chosen = profile_of(*range(10)).model_copy(update={"avatar": avatar(0)})
    eleventh = chosen.with_outcome(made(10))
    assert eleventh.portraits == tuple(map(avatar, (0, *range(2, 11))))
    assert eleventh.with_outcome(made(11)).portraits == tuple(map(avatar, range(2, 12)))


def test_list_that_grew_before_there_was_a_limit_is_cut() -> None:
    grown = Profile(user_id=ADA, name="Ada", avatar=avatar(7), portraits=tuple(map(avatar, range(5000))))
    kept = grown.with_outcome(made(5000)).portraits
    assert kept == tuple(map(avatar, (7, *range(4992, 5001))))


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=60))
def test_shown_portraits_are_always_among_the_kept(steps: list[tuple[int, bool]]) -> None:
    profile = Profile(user_id=ADA, name="Ada")
    for number, choose in steps:
        before = profile.avatar
        if choose and profile.portraits:
            chosen = profile.portraits[number % len(profile.portraits)]
            profile = profile.model_copy(update={"avatar": chosen})
            continue
        profile = profile.with_outcome(made(number))
        assert len(profile.portraits) == len(set(profile.portraits)) <= PORTRAITS_KEPT
        assert len(profile.outcomes) <= PORTRAITS_KEPT
        assert {before, profile.avatar} - {None} <= {*profile.portraits}
        assert profile.with_outcome(made(number)) == profile


def test_refused_picture_is_a_problem_until_the_next_portrait() -> None:
    refused = Outcome(upload=UPLOAD, picture="x", error="too_small", message="It is too small.")
    profile = profile_of(1).with_outcome(refused)
    assert (profile.problem, profile.avatar) == ("It is too small.", avatar(1))
    assert profile.with_outcome(refused) is profile
    assert profile.with_outcome(made(2)).problem is None


def test_last_outcome_of_an_upload_is_found() -> None:
    other = f"uploads/{ADA}/other"
    profile = profile_of(1, 2).with_outcome(made(3, other))
    assert profile.outcome(UPLOAD) == made(2)
    assert profile.outcome(UPLOAD, made(1).picture) == made(1)
    assert profile.outcome(other) == made(3, other)
    assert profile.outcome(f"uploads/{ADA}/none") is None


async def test_stored_profile_is_the_same_and_costs_two_units_to_read(tables: InterruptedDatabase) -> None:
    """With all the portraits that are kept. A row over 4 KB would cost twice as much with every score."""
    profile = profile_of(*range(PORTRAITS_KEPT)).model_copy(
        update={
            "name": "N" * NAME_BYTES,
            "problem": "x" * 200,
            "asked": (NOW,) * PORTRAITS_AN_HOUR,
            "created_at": NOW,
            "updated_at": NOW,
        }
    )
    put = profiles.put(tables.direct, None, profile)
    await tables.direct.client.transact_write_items(TransactItems=[put])
    stored = await profiles.load(tables.direct, ADA)
    assert stored
    assert stored.model_copy(update={"revision": None}) == profile
    assert size(put["Put"]["Item"]) < 4096


async def test_profile_without_portraits_stores_nothing_of_them(tables: InterruptedDatabase) -> None:
    item = profiles.put(tables.direct, None, Profile(user_id=ADA, name="Ada"))["Put"]["Item"]
    assert {"outcomes", "asked", "unshown"} & item.keys() == set()


async def test_portraits_of_an_hour_are_counted(tables: InterruptedDatabase) -> None:
    await store(tables)
    for number in range(PORTRAITS_AN_HOUR):
        await profiles.count_portrait(tables.db, ADA, NOW + 1000 * number)
    for _ in range(2):
        with pytest.raises(TooManyPortraitsError) as refusal:
            await profiles.count_portrait(tables.db, ADA, NOW + HOUR - 60_000)
        assert refusal.value.seconds == 61
    await profiles.count_portrait(tables.db, ADA, NOW + HOUR)
    with pytest.raises(TooManyPortraitsError):
        await profiles.count_portrait(tables.db, ADA, NOW + HOUR)
    stored = await profiles.load(tables.direct, ADA)
    assert stored
    assert len(stored.asked) == PORTRAITS_AN_HOUR


async def test_deleted_player_is_counted_nothing(tables: InterruptedDatabase) -> None:
    await store(tables)
    await profiles.delete(tables.direct, ADA)
    await players.bury(tables.direct, ADA, NOW)
    with pytest.raises(DeletedError):
        await profiles.count_portrait(tables.db, ADA, NOW)
    assert await profiles.load_stored(tables.db, ADA) is None


async def store(tables: InterruptedDatabase) -> None:
    put = profiles.put(tables.direct, None, Profile(user_id=ADA, name="Ada"))
    await tables.direct.client.transact_write_items(TransactItems=[put])
