"""What a browser does to a session: it loses answers, has two tabs, and damages or refuses its storage."""

import pytest
from playwright.async_api import Browser, Route, expect

from tests.e2e.backend import BackendProcess
from tests.e2e.browser import Window, why_skipped

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(why_skipped() is not None, reason=str(why_skipped())),
]


@pytest.fixture
def backend(plain_backend: BackendProcess) -> BackendProcess:
    """Every fixture that asks for a backend gets this one."""
    return plain_backend


async def test_second_tap_after_lost_answers_buys_once(backend: BackendProcess, browser: Browser) -> None:
    window = await Window.open(browser, backend.rest_url)
    await window.play_as_guest()
    page = window.page
    await page.get_by_test_id("open-you").click()
    await page.get_by_test_id("task-daily-visit").click()
    await expect(page.get_by_test_id("money")).to_have_text("25")
    keys: list[str] = []

    async def lose_answers(route: Route) -> None:
        if route.request.method != "POST":
            await route.continue_()
            return
        keys.append(route.request.headers["idempotency-key"])
        answer = await route.fetch()
        assert answer.ok
        if len(keys) == 1:
            await route.fulfill(status=502, body="Bad Gateway")
        else:
            await route.abort("connectionreset")

    await page.route("**/shop/buy", lose_answers)
    await page.get_by_test_id("buy-torch").click()
    await expect(page.get_by_text("The server cannot be reached. Try again.")).to_be_visible()
    assert len(keys) == 3

    await page.unroute("**/shop/buy", lose_answers)
    async with page.expect_response(lambda answer: answer.request.method == "POST") as bought:
        await page.get_by_test_id("buy-torch").click()
    keys.append((await bought.value).request.headers["idempotency-key"])
    await expect(page.get_by_text("The server cannot be reached. Try again.")).not_to_be_visible()
    await page.get_by_test_id("close-you").click()
    await page.get_by_test_id("open-you").click()
    await expect(page.get_by_test_id("money")).to_have_text("15")
    await expect(page.get_by_test_id("owned-torch")).to_have_text("1")
    assert len(set(keys)) == 1
