"""The demo page in Chromium over seasons of a quarter minute, and in an area that takes runs alone."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, Locator, expect

from game.catalogue import DEFAULT_PATH
from tests.e2e.backend import BackendProcess, Ports, running
from tests.e2e.browser import Window, needs_browser
from tests.e2e.conftest import SignUp
from tests.support.waiting import until_async

pytestmark = needs_browser

BOARD = "forest-round"
LENGTH_SECONDS = 15

_SEASONS = f"""
[seasons.round]
start = {{start}}
every = "{LENGTH_SECONDS}s"
grace = "2s"
review = "3s"
keep = 20

[boards.{BOARD}]
title = "Forest, this round"
areas = ["forest"]
top = 10
season = "round"
[[boards.{BOARD}.prizes]]
ranks = [1, 1]
money = 500
items = {{{{ camel = 1 }}}}
[[boards.{BOARD}.prizes]]
top = "100%"
money = 20
"""


@pytest.fixture(scope="module")
def rounds(
    tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]
) -> Iterator[BackendProcess]:
    """Yield a backend with Podium's own boards, and one whose seasons are a quarter minute long."""
    folder = tmp_path_factory.mktemp("rounds")
    path = folder / "catalogue.toml"
    began = datetime.fromtimestamp(int(time.time()) - 10 * LENGTH_SECONDS, UTC)
    path.write_text(DEFAULT_PATH.read_text() + _SEASONS.format(start=f"{began:%Y-%m-%dT%H:%M:%SZ}"))
    with running(folder / "data", Ports.free(unused_tcp_port_factory), catalogue=path) as process:
        yield process


@pytest.fixture
def backend(rounds: BackendProcess) -> BackendProcess:
    """Give this backend to every fixture that asks for one."""
    return rounds


def rows(window: Window) -> Locator:
    """Return the rows of the board."""
    return window.page.get_by_test_id("board").locator("li")


async def season(window: Window) -> int:
    """Return the season that is chosen."""
    return int(await window.page.get_by_test_id("season-select").input_value())


async def show(window: Window) -> None:
    """Show the board, and wait until its season is known."""
    await window.page.get_by_test_id(f"area-{BOARD}").click()
    await expect(window.page.get_by_test_id("season-left")).not_to_be_empty()


async def await_season(window: Window, *, after: int) -> int:
    """Wait until a season later than `after` has begun; return its number."""

    async def has_begun() -> bool:
        return await season(window) > after

    await until_async(has_begun)
    return await season(window)


async def test_board_empties_itself_and_shows_who_has_won_and_the_prize_is_claimed(
    backend: BackendProcess, browser: Browser, sign_up: SignUp
) -> None:
    window = await Window.open(browser, backend.rest_url)
    page = window.page
    ada = await sign_up("Ada")
    name = await window.play_as_guest()
    await show(window)
    # At its beginning a season is long enough for two scores.
    number = await await_season(window, after=await season(window))
    await ada.submit("forest", 100)
    await window.post_score(200)
    await expect(window.row(100)).to_be_visible()
    await expect(window.row(200)).to_have_attribute("aria-current", "true")
    assert await season(window) == number

    # By itself: nothing is pressed, and no score arrives.
    await expect(rows(window)).to_have_count(0)
    await expect(page.locator("#empty")).to_contain_text(f"No player has scored in season {number + 1}")
    assert await season(window) == number + 1
    podium = page.get_by_test_id("podium")
    await expect(podium).to_contain_text(f"Podium of season {number}")
    await expect(podium.locator('[data-rank="1"]')).to_contain_text(name)
    await expect(podium.locator('[data-rank="2"]')).to_contain_text("Ada")
    await expect(page.locator("#announcer")).to_contain_text(f"Season {number + 1} has begun")

    reward = page.get_by_test_id("reward")
    await expect(reward).to_contain_text(f"Your prize of season {number}")
    await expect(reward).to_contain_text("1st of 2 · 500 coins")
    claim = page.get_by_test_id("claim-reward")
    await expect(claim).to_have_attribute("aria-disabled", "false")
    await claim.press("Enter")
    await expect(claim).to_have_text("Claimed")
    await expect(page.locator("#player-coins")).to_have_text("500")
    await page.get_by_test_id("open-you").click()
    await expect(page.get_by_test_id("owned-camel")).to_have_text("1")
    await expect(page.get_by_test_id(f"prize-{BOARD}-{number}")).to_have_text("Claimed")
    await page.get_by_test_id("close-you").click()

    # The past season reads as it ended, while others go by.
    await page.get_by_test_id("season-select").select_option(str(number))
    await expect(window.row(200)).to_be_visible()
    await expect(rows(window)).to_have_count(2)
    await expect(page.get_by_test_id("podium")).to_be_hidden()
    assert window.complaints == []


async def test_player_who_comes_later_sees_the_last_podium_and_claims_among_what_is_theirs(
    backend: BackendProcess, browser: Browser, sign_up: SignUp
) -> None:
    window = await Window.open(browser, backend.rest_url, width=390, height=844)
    await window.play_as_guest()
    await show(window)
    ada = await sign_up("Ada")
    number = await await_season(window, after=await season(window))
    await ada.submit("forest", 300)
    await window.post_score(250)
    await expect(window.row(250)).to_be_visible()
    await await_season(window, after=number)

    later = await Window.open(browser, backend.rest_url)
    await show(later)
    await later.page.get_by_test_id("season-select").select_option(str(number))
    await expect(later.row(300)).to_be_visible()
    await expect(later.row(250)).to_be_visible()

    page = window.page
    await page.get_by_test_id("open-you").click()
    claim = page.get_by_test_id(f"prize-{BOARD}-{number}")
    await expect(claim).to_have_attribute("aria-disabled", "false")
    await claim.click()
    await expect(claim).to_have_text("Claimed")
    await expect(page.get_by_test_id("money")).to_have_text("20")
    await page.reload()
    await expect(page.locator("#player-coins")).to_have_text("20")
    assert window.complaints == later.complaints == []


async def test_game_in_the_gauntlet_is_played_with_a_run(backend: BackendProcess, browser: Browser) -> None:
    window = await Window.open(browser, backend.rest_url)
    page = window.page
    name = await window.play_as_guest()
    await page.get_by_test_id("area-gauntlet").click()
    await expect(page.get_by_test_id("quick-score")).to_be_hidden()
    await page.get_by_test_id("start-game").press("Enter")
    await expect(page.get_by_test_id("strike")).to_be_focused()
    result = page.locator("#result-points")
    while not await result.is_visible():
        await page.keyboard.press("Space")
        await page.wait_for_timeout(100)
    await expect(page.locator("#result-verdict")).to_have_text("A new personal best!")
    await expect(rows(window)).to_contain_text([name])
    assert window.complaints == []
