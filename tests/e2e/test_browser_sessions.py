"""What a browser does to a session: it loses answers, has two tabs, and damages or refuses its storage."""

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.e2e.backend import BackendProcess
from tests.e2e.browser import Window, needs_browser

pytestmark = needs_browser


@pytest.fixture
def backend(plain_backend: BackendProcess) -> BackendProcess:
    """Give this backend to every fixture that asks for one."""
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


_CONNECT = """async () => {
  const { Podium } = await import("/podium.js");
  window.podium = await Podium.connect("/client-config.json");
}"""
_PLAYER = "() => podium.user?.username ?? null"


async def wait_for_player(page: Page, name: str | None) -> None:
    """Wait until a tab's client says that this player is signed in."""
    await page.wait_for_function("name => (podium.user?.username ?? null) === name", arg=name)


async def test_renewal_in_one_tab_keeps_the_player_of_the_other(
    backend: BackendProcess, browser: Browser
) -> None:
    first = await Window.open(browser, backend.rest_url)
    second = await first.open_tab()
    for tab in (first, second):
        await tab.page.evaluate(_CONNECT)
    guest = (await first.page.evaluate("() => podium.playAsGuest()"))["username"]
    await wait_for_player(second.page, guest)

    # The first tab's token is refused once, and the answer to its renewal waits for the other tab's sign-in.
    signed_in: list[str] = []

    async def refuse(route: Route) -> None:
        await route.fulfill(status=401, json={"title": "Unauthorized", "status": 401})

    async def renew_late(route: Route) -> None:
        if "REFRESH_TOKEN_AUTH" not in (route.request.post_data or ""):
            await route.continue_()
            return
        answer = await route.fetch()
        signed_in.append(
            await second.page.evaluate(
                """async () => {
                  await podium.signUp("Second", "Passw0rd!-second");
                  await podium.confirmSignUp("Second", "000000").catch(() => {});
                  return (await podium.signIn("Second", "Passw0rd!-second")).username;
                }"""
            )
        )
        await route.fulfill(response=answer)

    await first.page.route("**/progress", refuse, times=1)
    await first.page.route(lambda url: not url.startswith(backend.rest_url), renew_late)
    code = await first.page.evaluate("() => podium.progress().then(() => null, ({ code }) => code)")
    assert code == "SignedOut"
    assert signed_in == ["Second"]
    await wait_for_player(first.page, "Second")
    assert await second.page.evaluate(_PLAYER) == "Second"
    await second.page.reload()
    await second.page.evaluate(_CONNECT)
    assert await second.page.evaluate(_PLAYER) == "Second"

    await second.page.evaluate("() => podium.signOut()")
    await wait_for_player(first.page, None)


_REFUSE = "() => { throw new DOMException('refused', 'QuotaExceededError'); }"
_FAILING_STORAGES = {
    "writes": f"Storage.prototype.setItem = {_REFUSE}",
    "everything": f"""Storage.prototype.getItem = {_REFUSE};
      Storage.prototype.setItem = Storage.prototype.removeItem = {_REFUSE}""",
    "access": f"Object.defineProperty(window, 'sessionStorage', {{ get: {_REFUSE} }})",
}


@pytest.mark.parametrize("refuses", _FAILING_STORAGES)
async def test_guest_plays_with_a_storage_that_refuses(
    backend: BackendProcess, browser: Browser, refuses: str
) -> None:
    window = await Window.open(browser, backend.rest_url, before=_FAILING_STORAGES[refuses])
    guest = await window.play_as_guest()
    await expect(window.page.get_by_test_id("error")).to_contain_text("stores nothing")
    await window.post_score(1_000)
    own_row = window.page.get_by_test_id("board").locator('[aria-current="true"]')
    await expect(own_row).to_contain_text(guest)
    await window.sign_out()
    assert await window.play_as_guest() == guest


async def test_page_starts_with_a_damaged_session(backend: BackendProcess, browser: Browser) -> None:
    window = await Window.open(browser, backend.rest_url)
    guest = await window.play_as_guest()
    await window.page.evaluate(
        """() => {
          const key = Object.keys(sessionStorage).find((key) => key.endsWith(".session"));
          sessionStorage.setItem(key, "{");
        }"""
    )
    await window.page.reload()
    await expect(window.page.get_by_test_id("error")).to_contain_text("cannot be read")
    assert await window.play_as_guest() == guest
