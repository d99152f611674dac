"""The demo page in headless Chromium in a game of many boards: finding one, and what it shows of a player."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Browser, Locator, expect

from game.catalogue import DEFAULT_PATH
from store import connections
from tests.e2e.backend import CHECKOUT, BackendProcess, Ports, running
from tests.e2e.browser import Window, needs_browser
from tests.e2e.conftest import DUEL, DUEL_TOML, SignUp
from tests.support.waiting import until_async

pytestmark = needs_browser

_LEVELS = """
[series.level]
count = 60
title = "Level {n}"
order = "desc"
min = 0
max = 1_000_000
top = 3
"""
TABS = int(
    re.findall(r"^export const TABS = (\d+);$", (CHECKOUT / "clients/web/demo/tabs.js").read_text(), re.M)[0]
)
"""Boards with a tab from the start."""


@pytest.fixture(scope="module")
def many_boards(
    tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]
) -> Iterator[BackendProcess]:
    """Yield a backend with Podium's own boards, one with a tie-break, and sixty that show three entries."""
    folder = tmp_path_factory.mktemp("many")
    path = folder / "catalogue.toml"
    path.write_text(DEFAULT_PATH.read_text() + DUEL_TOML + _LEVELS)
    with running(folder / "data", Ports.free(unused_tcp_port_factory), catalogue=path) as process:
        yield process


@pytest.fixture
def backend(many_boards: BackendProcess) -> BackendProcess:
    """Give this backend to every fixture that asks for one."""
    return many_boards


def chosen(window: Window) -> Locator:
    """Return the tab that is chosen."""
    return window.page.get_by_role("tab", selected=True)


async def find(window: Window, text: str) -> None:
    """Find a board by its title, on the keyboard, and show it."""
    field = window.page.get_by_test_id("finder-field")
    await field.fill(text)
    await expect(field).to_have_attribute("aria-expanded", "true")
    await field.press("Enter")
    await expect(field).to_have_attribute("aria-expanded", "false")


async def scores(rows: Locator) -> list[str | None]:
    """Return the scores of rows, in their order."""
    return [await row.get_attribute("data-score") for row in await rows.locator("li").all()]


async def shows(rows: Locator, *expected: str) -> bool:
    """Return whether rows have these scores."""
    return await scores(rows) == [*expected]


async def test_board_without_a_tab_is_found_by_its_title_and_is_the_only_one_subscribed_to(
    backend: BackendProcess, browser: Browser, sign_up: SignUp
) -> None:
    window = await Window.open(browser, backend.rest_url)
    page, field = window.page, window.page.get_by_test_id("finder-field")
    await window.play_as_guest()
    await expect(page.get_by_role("tab")).to_have_count(TABS)

    await find(window, "level 37")
    await expect(chosen(window)).to_have_text("Level 37")
    await expect(page.get_by_role("tab")).to_have_count(TABS + 1)
    await expect(page.get_by_role("heading", name="Level 37").last).to_be_visible()
    await (await sign_up("Ada")).submit("level-37", 41)
    await expect(window.row(41)).to_be_visible()

    # Another takes its place among the tabs.
    await find(window, "60")
    await expect(chosen(window)).to_have_text("Level 60")
    await expect(page.get_by_role("tab")).to_have_count(TABS + 1)
    await chosen(window).press("ArrowRight")
    await expect(chosen(window)).to_be_focused()
    first = await chosen(window).get_attribute("data-board")

    # With the arrows, and away again.
    await field.fill("level 5")
    await field.press("ArrowDown")
    await field.press("ArrowDown")
    await expect(page.get_by_role("option", selected=True)).to_have_text("Level 50")
    await field.press("Escape")
    await expect(field).to_have_attribute("aria-expanded", "false")
    await field.fill("nowhere")
    await expect(page.get_by_test_id("finder")).to_contain_text("No board has this in its title.")
    assert await chosen(window).get_attribute("data-board") == first

    boards = set(backend.catalogue().boards)
    found: list[set[str]] = []

    async def only_what_is_shown() -> bool:
        async with backend.database() as db:
            ids = [one async for page in connections.subscribers(db, connections.EVERYONE) for one in page]
            channels = [channel for one in ids for channel in await connections.channels(db, one)]
        found.append(boards.intersection(channels))
        return found[-1] == {first}

    await until_async(only_what_is_shown, lambda: f"subscribed to {found[-1]}, not to {first}")
    assert window.complaints == []


async def test_place_below_the_top_is_shown_with_its_neighbours_and_kept_fresh(
    backend: BackendProcess, browser: Browser, sign_up: SignUp
) -> None:
    others = {points: await sign_up(f"Rival {points}") for points in (90, 80, 70, 65, 55, 50, 45)}
    for points, player in others.items():
        await player.submit("level-2", points)
    window = await Window.open(browser, backend.rest_url)
    page = window.page
    place, neighbours = page.locator("#own-place"), page.get_by_test_id("own-rows")
    name = await window.play_as_guest()
    await find(window, "Level 2")
    await expect(window.row(70)).to_be_visible()
    await expect(neighbours).to_be_hidden()

    await window.post_score(60)
    await expect(place).to_have_text("You: 5 of 8, top 63 percent")
    own = neighbours.locator('[aria-current="true"]')
    await expect(own).to_contain_text(name)
    await expect(own).to_have_attribute("data-rank", "5")
    # Two on either side; who is on the board above is not shown twice.
    assert await scores(neighbours) == ["65", "60", "55", "50"]
    assert await scores(page.get_by_test_id("board")) == ["90", "80", "70"]

    # No frame tells of what happens below the top: the page looks again by itself, as when it is seen again.
    await others[50].submit("level-2", 62)
    await page.locator("body").dispatch_event("visibilitychange")
    await expect(place).to_have_text("You: 6 of 8, top 75 percent")
    # Its first answer may have the place of now and the neighbours of just before.
    await until_async(lambda: shows(neighbours, "65", "62", "60", "55", "45"))

    await window.post_score(85)
    await expect(place).to_have_text("You are 2nd")
    await expect(neighbours).to_be_hidden()
    await expect(window.row(85)).to_have_attribute("aria-current", "true")
    assert window.complaints == []


async def test_board_with_a_tie_break_shows_it_and_the_game_sends_it(
    backend: BackendProcess, browser: Browser, sign_up: SignUp
) -> None:
    await (await sign_up("Ada")).submit(DUEL, 500, tiebreak=1_200)
    window = await Window.open(browser, backend.rest_url)
    page = window.page
    await window.play_as_guest()
    await page.get_by_test_id(f"area-{DUEL}").click()
    rows = page.get_by_test_id("board").locator("li")
    await expect(rows).to_contain_text(["1,200 coins"])

    await page.get_by_test_id("quick-score").locator("summary").click()
    for coins, order in ((900, ["1,200 coins", "900 coins"]), (1_300, ["1,300 coins", "1,200 coins"])):
        await page.get_by_test_id("tiebreak-input").fill(str(coins))
        await window.post_score(500)
        await expect(rows).to_contain_text(order)
    await expect(rows.first).to_have_attribute("aria-current", "true")

    async with page.expect_request("**/score") as sent:
        await page.get_by_test_id("start-game").press("Enter")
        while not await page.locator("#result-points").is_visible():
            await page.keyboard.press("Space")
            await page.wait_for_timeout(100)
    run = (await sent.value).post_data_json
    assert run is not None
    assert 0 < run["tiebreak"] < run["score"]
    await expect(page.locator("#result-tiebreak")).to_have_text(f"{run['tiebreak']} coins")
    await expect(rows.first).to_contain_text(f"{run['tiebreak']} coins")

    # Where there is none, none is asked for.
    await page.get_by_test_id("area-forest").click()
    await expect(page.get_by_test_id("tiebreak-input")).to_be_hidden()
    await window.post_score(7)
    await expect(window.row(7)).to_be_visible()
    assert window.complaints == []
