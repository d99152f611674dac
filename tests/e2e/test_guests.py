"""Guests: in at once, and the same players when they have an e-mail address."""

import uuid

import httpx
import pytest

from tests.e2e.backend import Backend
from tests.e2e.conftest import on_both
from tests.e2e.player import Player

pytestmark = on_both


async def test_guest_plays_at_once_and_keeps_the_place_with_an_address(
    backend: Backend, http: httpx.AsyncClient, arena: str
) -> None:
    guest = await Player.begin_as_guest(backend, http)
    await guest.submit(arena, 7)
    user_id = guest.user_id
    address = f"{uuid.uuid4().hex}@example.org"
    await guest.add_address(address)
    await guest.sign_in(address.upper())
    assert guest.user_id == user_id
    place = (await guest.get("/leaderboard/me", gameArea=arena)).json()
    assert (place["rank"], place["score"]) == (1, 7)


async def test_sign_up_of_any_other_player_waits_for_a_confirmation(
    backend: Backend, http: httpx.AsyncClient
) -> None:
    unique = uuid.uuid4().hex
    address = [{"Name": "email", "Value": f"{unique}@example.org"}]
    for name, attributes in ((f"ada-{unique}", []), (f"guest-{unique}", address), (f"Guest-x{unique}", [])):
        player = Player(backend, http, name)
        assert not await player.ask_to_join(attributes)
        with pytest.raises(AssertionError, match="UserNotConfirmedException"):
            await player.sign_in()


async def test_address_of_another_player_is_refused(backend: Backend, http: httpx.AsyncClient) -> None:
    one, two = [await Player.begin_as_guest(backend, http) for _ in range(2)]
    address = f"{uuid.uuid4().hex}@example.org"
    await one.add_address(address)
    with pytest.raises(AssertionError, match="AliasExistsException"):
        await two.add_address(address)
    await one.sign_in(address)
