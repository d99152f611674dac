"""Signing in with Google, in a browser, by a stand-in for the pages that lead there and back."""

from collections.abc import AsyncIterator, Callable

import pytest
from playwright.async_api import Browser, Route, expect

from tests.e2e.backend import BackendProcess
from tests.e2e.browser import Window, needs_browser
from tests.support.hosted_pages import USERNAME, HostedPages

pytestmark = needs_browser


@pytest.fixture
def backend(plain_backend: BackendProcess) -> BackendProcess:
    """Give this backend to every fixture that asks for one."""
    return plain_backend


@pytest.fixture
async def pages(
    backend: BackendProcess, unused_tcp_port_factory: Callable[[], int]
) -> AsyncIterator[HostedPages]:
    """Yield the hosted pages, which lead back to the demo page."""
    config = backend.config()
    async with backend.client("cognito-idp", config["cognitoEndpoint"]) as cognito:
        pages = HostedPages(
            cognito, config["userPoolId"], config["userPoolClientId"], [f"{backend.rest_url}/"]
        )
        async with pages.serving(unused_tcp_port_factory()):
            yield pages


async def open_window(browser: Browser, backend: BackendProcess, pages: HostedPages) -> Window:
    """Open the demo page of a stage whose configuration names hosted pages."""
    # The policy of such a stage names them too. Chromium lets no page that was changed on its way call others
    # on this machine, so the policy is left out instead.
    window = await Window.open(browser, "about:blank", has_policy=False)

    async def add_hosted_pages(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, json={**await answer.json(), "hostedUiUrl": pages.url})

    await window.page.route("**/client-config.json", add_hosted_pages)
    await window.page.goto(backend.rest_url)
    return window


_CONNECT = """async () => {
  const { Podium } = await import("/podium.js");
  // The page keeps its player there.
  window.podium = await Podium.connect("/client-config.json", { storage: () => sessionStorage });
}"""


async def test_player_goes_to_google_and_comes_back_signed_in(
    backend: BackendProcess, browser: Browser, pages: HostedPages
) -> None:
    window = await open_window(browser, backend, pages)
    page = window.page
    guest = await window.play_as_guest()
    await page.get_by_test_id("open-you").click()
    await page.get_by_test_id("have-account").click()
    async with page.expect_navigation(url=lambda url: "code=" in url):
        await page.get_by_test_id("sign-in-google").click()
    await expect(page.get_by_test_id("connection-state")).to_have_text("live")
    assert page.url == f"{backend.rest_url}/"
    name = await page.get_by_test_id("player-name").inner_text()
    assert name != guest
    await window.post_score(77)
    await expect(window.row(77)).to_be_visible()
    await page.evaluate(_CONNECT)
    assert await page.evaluate("() => podium.user.username") == USERNAME
    await page.reload()
    await expect(page.get_by_test_id("player-name")).to_have_text(name)
    assert window.complaints == []


async def test_player_who_says_no_stays_who_they_were(
    backend: BackendProcess, browser: Browser, pages: HostedPages
) -> None:
    window = await open_window(browser, backend, pages)
    page = window.page
    guest = await window.play_as_guest()
    await page.evaluate(_CONNECT)
    pages.refusal = "The player said no"
    async with page.expect_navigation(url=lambda url: "error=" in url):
        await page.evaluate("() => void podium.signInWithGoogle()")
    await expect(page.get_by_test_id("player-name")).to_have_text(guest)
    await expect(page.get_by_test_id("error")).to_contain_text("The player said no")
    assert page.url == f"{backend.rest_url}/"
