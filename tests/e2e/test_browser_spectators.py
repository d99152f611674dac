"""The demo page in headless Chromium before a player signs in, and as an overlay for a stream."""

from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.backend import BackendProcess, Ports, running
from tests.e2e.browser import Window, needs_browser
from tests.e2e.conftest import SignUp

pytestmark = needs_browser


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> BackendProcess:
    """Give the plain backend to every fixture that asks for one, or the one that a test names."""
    chosen: BackendProcess = request.getfixturevalue(getattr(request, "param", "plain_backend"))
    return chosen


@pytest.fixture
def closed_backend(
    tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]
) -> Iterator[BackendProcess]:
    """Yield a backend that lets no spectator in."""
    folder = tmp_path_factory.mktemp("closed")
    with running(folder, Ports.free(unused_tcp_port_factory), spectators=0) as process:
        yield process


async def test_board_is_live_before_the_sign_in_and_stays_through_it(
    backend: BackendProcess, browser: Browser, sign_up: SignUp
) -> None:
    ada = await sign_up("Ada")
    await ada.submit("forest", 111)
    window = await Window.open(browser, backend.rest_url)
    state = window.page.get_by_test_id("connection-state")
    await expect(state).to_have_text("live")
    await ada.submit("forest", 222)
    await expect(window.row(222)).to_be_visible()
    # A row that is made again has lost this.
    await window.row(222).evaluate("row => (row.dataset.kept = 'yes')")

    await window.play_as_guest()
    await expect(window.row(222)).to_have_attribute("data-kept", "yes")
    await window.post_score(333)
    await expect(window.row(333)).to_have_attribute("aria-current", "true")
    await window.sign_out()
    await expect(state).to_have_text("live")
    await expect(window.row(333)).not_to_have_attribute("aria-current", "true")
    await expect(window.row(333).locator(".you")).to_have_count(0)
    await expect(window.row(222)).to_have_attribute("data-kept", "yes")
    await ada.submit("forest", 444)
    await expect(window.row(444)).to_be_visible()
    assert window.complaints == []


async def test_overlay_is_a_board_alone_on_no_background(
    backend: BackendProcess, browser: Browser, sign_up: SignUp
) -> None:
    for points, name in enumerate(("Ada", "Bo", "Cy"), start=500_000):
        await (await sign_up(name)).submit("desert", points)
    player = await Window.open(browser, backend.rest_url)
    await player.play_as_guest()
    overlay = await player.open_tab()
    await overlay.page.goto(f"{backend.rest_url}/?overlay=desert&top=2")
    rows = overlay.page.get_by_test_id("board").locator("li")
    await expect(rows).to_have_count(2)
    await expect(overlay.page.locator("button, a, input, dialog")).to_have_count(0)
    for element in ("html", "body"):
        colour = await overlay.page.locator(element).evaluate("it => getComputedStyle(it).backgroundColor")
        assert colour == "rgba(0, 0, 0, 0)"

    await (await sign_up("Dee")).submit("desert", 600_000)
    await expect(rows.first).to_contain_text("Dee")
    await expect(rows).to_have_count(2)
    assert overlay.complaints == []


@pytest.mark.parametrize("board", ["nowhere", "", "%3Cimg%20src=x%3E"])
async def test_overlay_of_an_unknown_board_says_so(
    backend: BackendProcess, browser: Browser, board: str
) -> None:
    overlay = await Window.open(browser, f"{backend.rest_url}/?overlay={board}")
    said = overlay.page.get_by_test_id("overlay")
    await expect(said).to_contain_text("There is no board")
    await expect(said).to_contain_text("forest, desert")
    await expect(said.locator("img")).to_have_count(0)
    assert overlay.complaints == []


@pytest.mark.parametrize("backend", ["closed_backend"], indirect=True)
async def test_visitor_who_is_not_let_in_sees_the_board_every_15_seconds_and_a_player_lives(
    backend: BackendProcess, browser: Browser, sign_up: SignUp
) -> None:
    ada = await sign_up("Ada")
    await ada.submit("forest", 111)
    window = await Window.open(browser, backend.rest_url)
    state = window.page.get_by_test_id("connection-state")
    await expect(state).to_have_text("every 15 seconds")
    await expect(window.row(111)).to_be_visible()
    await expect(window.page.locator("#board-foot")).to_contain_text("Read every 15 seconds")
    await ada.submit("forest", 222)
    await expect(window.row(222)).to_be_visible()
    await window.play_as_guest()
    await ada.submit("forest", 333)
    await expect(window.row(333)).to_be_visible()
    await expect(window.page.locator("#board-foot")).to_contain_text("Live")
