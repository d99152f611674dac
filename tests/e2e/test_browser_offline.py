"""A browser whose network is cut while scores are submitted: all of them arrive, and each counts once.

The area adds scores up, and each score is another power of two, so its sum tells which scores have counted.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Browser, Route, expect

from game.catalogue import DEFAULT_PATH
from tests.e2e.backend import BackendProcess, Ports, running
from tests.e2e.browser import Window, needs_browser

pytestmark = needs_browser

_TOTAL = """
[areas.total]
title = "All Together"
order = "desc"
min = 0
max = 1_000_000
keep = "sum"
top = 5
"""


@pytest.fixture(scope="module")
def summing_backend(
    tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]
) -> Iterator[BackendProcess]:
    """Yield a backend with an area that adds scores up."""
    folder = tmp_path_factory.mktemp("offline")
    path = folder / "catalogue.toml"
    path.write_text(DEFAULT_PATH.read_text() + _TOTAL)
    with running(folder / "data", Ports.free(unused_tcp_port_factory), catalogue=path) as process:
        yield process


@pytest.fixture
def backend(summing_backend: BackendProcess) -> BackendProcess:
    """Give this backend to every fixture that asks for one."""
    return summing_backend


async def test_scores_of_a_cut_network_and_a_reload_arrive_once(
    backend: BackendProcess, browser: Browser
) -> None:
    window = await Window.open(browser, backend.rest_url)
    page = window.page
    line = page.get_by_test_id("waiting-scores")
    await window.play_as_guest()
    await page.get_by_test_id("area-total").click()
    await window.post_score(1)
    await expect(window.row(1)).to_be_visible()

    # The network ends between the request and its answer: the score has counted, and the page cannot know.
    async def cut(route: Route) -> None:
        assert (await route.fetch()).status == 201
        await page.context.set_offline(True)
        await route.abort("internetdisconnected")

    await page.route("**/score", cut, times=1)
    for points in (2, 4, 8):
        await window.post_score(points)
    await expect(line).to_have_text("3 scores are waiting for the network. They are sent by themselves.")

    # The page itself can be had again, but its scores go nowhere.
    await page.route("**/score", lambda route: route.abort("connectionrefused"))
    await page.context.set_offline(False)
    await page.reload()
    await expect(line).to_contain_text("3 scores are waiting")
    await page.get_by_test_id("area-total").click()
    await window.post_score(16)
    await expect(line).to_contain_text("4 scores are waiting")

    await page.context.set_offline(True)
    await page.unroute("**/score")
    await page.context.set_offline(False)
    await expect(line).to_be_hidden()
    await expect(page.locator("#score-to-screen")).to_have_text("Your score has been sent.")
    await expect(window.row(31)).to_have_attribute("aria-current", "true")


_CONNECT = """async () => {
  const { Podium } = await import("/podium.js");
  window.podium = await Podium.connect("/client-config.json");
}"""
_SUBMIT = """(scores) => Promise.all(
  scores.map((score) => podium.submitScore("total", score).then(({ queued }) => queued === true))
)"""


async def test_scores_of_two_tabs_are_sent_once_by_the_one_that_is_left(
    backend: BackendProcess, browser: Browser
) -> None:
    first = await Window.open(browser, backend.rest_url)
    second = await first.open_tab()
    await first.page.evaluate(_CONNECT)
    await first.page.evaluate("() => podium.playAsGuest()")
    await second.page.evaluate(_CONNECT)

    await first.page.context.set_offline(True)
    assert await first.page.evaluate(_SUBMIT, [1, 4, 16]) == [True] * 3
    assert await second.page.evaluate(_SUBMIT, [2, 8, 32]) == [True] * 3
    await second.page.wait_for_function("() => podium.waitingScores.length === 6")
    await first.page.close()
    keys: list[str] = []
    second.page.on(
        "request",
        lambda request: (
            keys.append(request.headers["idempotency-key"]) if request.url.endswith("/score") else None
        ),
    )
    await second.page.context.set_offline(False)
    await second.page.wait_for_function("() => podium.waitingScores.length === 0")
    assert (await second.page.evaluate("() => podium.progress()"))["bests"] == {"total": 63}
    assert len(keys) == len(set(keys)) == 6
