"""The demo page in headless Chromium, against the running backend."""

import contextlib
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from store import connections
from tests.e2e.backend import BackendProcess
from tests.e2e.browser import Window, needs_browser, save_side_by_side
from tests.e2e.conftest import SignUp

pytestmark = needs_browser

# The board that every player sees first.
AREA = "forest"


@pytest.fixture
def backend(plain_backend: BackendProcess) -> BackendProcess:
    """Give this backend to every fixture that asks for one."""
    return plain_backend


async def test_a_score_given_in_one_window_appears_in_the_other(
    backend: BackendProcess, browser: Browser, sign_up: SignUp, request: pytest.FixtureRequest
) -> None:
    for name, points in (("Ada", 431_000), ("Grace", 388_200), ("Alan", 260_150)):
        await (await sign_up(name)).submit(AREA, points)
    giver = await Window.open(browser, backend.rest_url)
    watcher = await Window.open(browser, backend.rest_url)
    giver_name = await giver.play_as_guest()
    watcher_name = await watcher.play_as_guest()
    assert giver_name != watcher_name

    await giver.post_score(402_424)

    await expect(watcher.row(402_424)).to_contain_text(giver_name)
    await expect(giver.row(402_424)).to_have_attribute("aria-current", "true")
    await expect(watcher.row(402_424)).not_to_have_attribute("aria-current", "true")
    await expect(giver.page.get_by_test_id("score-to-screen")).to_contain_text("ms")
    folder = request.config.getoption("--screenshots")
    if folder:
        # The rows have slid to their places, the flash is still there.
        await giver.page.wait_for_timeout(600)
        await save_side_by_side(browser, [giver, watcher], Path(folder) / "two-windows.png")
    assert giver.complaints == watcher.complaints == []


async def test_a_game_played_on_the_keyboard_ends_on_the_board(
    backend: BackendProcess, browser: Browser
) -> None:
    window = await Window.open(browser, backend.rest_url)
    name = await window.play_as_guest()
    await window.page.get_by_test_id("start-game").press("Enter")
    # On the keyboard no key is searched for: the dial has the focus, until time is up.
    await expect(window.page.get_by_test_id("strike")).to_be_focused()
    result = window.page.locator("#result-points")
    while not await result.is_visible():
        await window.page.keyboard.press("Space")
        await window.page.wait_for_timeout(100)
    points = int("".join(filter(str.isdigit, await result.inner_text())))
    row = window.page.get_by_test_id("board").locator('[aria-current="true"]')
    await expect(row).to_contain_text(name)
    await expect(row).to_have_attribute("data-score", str(points))
    assert window.complaints == []


async def test_window_reconnects_by_itself_and_shows_the_current_board(
    backend: BackendProcess, browser: Browser, sign_up: SignUp
) -> None:
    window = await Window.open(browser, backend.rest_url)
    await window.play_as_guest()
    await window.page.get_by_test_id("area-desert").click()
    ada = await sign_up("Ada")
    await ada.submit("desert", 111)
    await expect(window.row(111)).to_be_visible()

    await cut_connections(backend)
    await ada.submit("desert", 222)

    await expect(window.row(222)).to_be_visible()
    await expect(window.row(111)).to_have_count(0)
    await expect(window.page.get_by_test_id("connection-state")).to_have_text("live")


# What a page can send without asking first, and what it would have to ask for.
_ATTACKS = """
async (emulator) => {
  const attacks = [
    ["/_ministack/reset", { method: "POST" }],
    ["/_ministack/reset", { method: "POST", mode: "no-cors" }],
    ["/_ministack/config", { method: "POST", mode: "no-cors", body: "{}" }],
    ["/game-avatars", {}],
    ["/game-avatars?delete", { method: "POST", mode: "no-cors", body: "<Delete/>" }],
    ["/", { method: "POST", headers: { "X-Amz-Target": "DynamoDB_20120810.ListTables" }, body: "{}" }],
  ];
  const read = [];
  for (const [path, options] of attacks) {
    // What a page may not read is an error to it, or opaque.
    await fetch(emulator + path, options).then(({ status }) => status && read.push(path), () => {});
  }
  return read;
}
"""


async def test_a_page_of_another_origin_can_neither_read_nor_change_the_emulator(
    backend: BackendProcess, browser: Browser, sign_up: SignUp
) -> None:
    ada = await sign_up("Ada")
    await ada.submit("desert", 333)
    before = await ada.top("desert")
    page = await browser.new_page()
    await page.goto(f"{backend.rest_url}/health")
    assert await page.evaluate(_ATTACKS, backend.config()["cognitoEndpoint"]) == []
    assert await ada.top("desert") == before


async def cut_connections(backend: BackendProcess) -> None:
    """Close every live connection from the server's side."""
    async with (
        backend.database() as db,
        backend.client("apigatewaymanagementapi", backend.connections_url) as client,
    ):
        async for page in connections.subscribers(db, connections.EVERYONE):
            for connection_id in page:
                with contextlib.suppress(client.exceptions.GoneException):
                    await client.delete_connection(ConnectionId=connection_id)
