"""The life of a player on the demo page: guest, account, another browser, a guest brought along, the end."""

import json
import secrets
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route, expect

from tests.e2e.backend import BackendProcess
from tests.e2e.browser import Window, needs_browser

pytestmark = needs_browser

PASSWORD = "Of-My-Own-1"


@pytest.fixture
def backend(plain_backend: BackendProcess) -> BackendProcess:
    """Give this backend to every fixture that asks for one."""
    return plain_backend


@pytest.fixture
def address() -> str:
    """Return an e-mail address that no other test has."""
    return f"{secrets.token_hex(6)}@example.org"


async def become_player(window: Window, address: str) -> None:
    """Give the window's guest an e-mail address and a password."""
    await window.page.get_by_test_id("open-you").click()
    await window.page.get_by_test_id("add-email").click()
    await window.answer("addEmail", address=address)
    await window.answer("emailCode", code="123456")
    await window.answer("setPassword", newPassword=PASSWORD)
    await expect(window.page.locator("#account")).not_to_be_visible()
    await expect(window.page.get_by_test_id("account-about")).to_contain_text("You have an account")


async def sign_in(window: Window, address: str, password: str = PASSWORD) -> None:
    """Sign in by the dialog, from the page's first view."""
    await window.page.get_by_test_id("sign-in").click()
    await window.answer("signIn", username=address, password=password)
    await expect(window.page.get_by_test_id("open-you")).to_be_visible()


async def test_guest_with_an_address_is_the_same_player_in_a_second_browser(
    backend: BackendProcess, browser: Browser, address: str
) -> None:
    window = await Window.open(browser, backend.rest_url)
    name = await window.play_as_guest()
    await window.post_score(5_100)
    await expect(window.row(5_100)).to_have_attribute("aria-current", "true")
    rank = await window.row(5_100).get_attribute("data-rank")
    assert rank is not None
    await window.page.get_by_test_id("open-you").click()
    await expect(window.page.get_by_test_id("account-about")).to_contain_text("Only this window knows")
    await window.page.get_by_test_id("close-you").click()
    await become_player(window, address)
    await window.sign_out()

    other = await Window.open(browser, backend.rest_url)
    await sign_in(other, address)
    await expect(other.page.get_by_test_id("player-name")).to_have_text(name)
    await expect(other.row(5_100)).to_have_attribute("aria-current", "true")
    await expect(other.row(5_100)).to_have_attribute("data-rank", rank)
    assert window.complaints == other.complaints == []


async def test_guest_is_warned_before_signing_out_and_may_stay(
    backend: BackendProcess, browser: Browser
) -> None:
    window = await Window.open(browser, backend.rest_url)
    name = await window.play_as_guest()
    await window.page.get_by_test_id("sign-out").click()
    await expect(window.page.locator("#account-hint")).to_contain_text("you cannot get back")
    await window.page.locator("#account-cancel").click()
    await expect(window.page.locator("#account")).not_to_be_visible()
    await expect(window.page.get_by_test_id("player-name")).to_have_text(name)


async def test_guest_whose_address_is_taken_signs_in_and_is_brought_along(
    backend: BackendProcess, browser: Browser, address: str
) -> None:
    first = await Window.open(browser, backend.rest_url)
    name = await first.play_as_guest()
    await first.post_score(5_200)
    await expect(first.row(5_200)).to_be_visible()
    await become_player(first, address)

    second = await Window.open(browser, backend.rest_url)
    await second.play_as_guest()
    await second.post_score(5_300)
    await expect(first.row(5_300)).to_be_visible()
    page = second.page
    await page.get_by_test_id("open-you").click()
    await page.get_by_test_id("add-email").click()
    await second.answer("addEmail", address=address)
    await second.answer("emailCode", code="123456")
    await second.answer("taken")
    await second.answer("signIn", password=PASSWORD)
    await second.answer("merge")

    await expect(page.locator("#account")).not_to_be_visible()
    await expect(page.get_by_test_id("player-name")).to_have_text(name)
    for window in (first, second):
        await expect(window.row(5_300)).to_contain_text(name)
        await expect(window.row(5_300)).to_have_attribute("aria-current", "true")
        await expect(window.row(5_200)).to_have_count(0)
        await expect(window.page.get_by_test_id("board").get_by_text(name)).to_have_count(1)


async def test_forgotten_password_is_replaced_from_the_sign_in_dialog(
    backend: BackendProcess, browser: Browser, address: str
) -> None:
    window = await Window.open(browser, backend.rest_url)
    name = await window.play_as_guest()
    await become_player(window, address)
    await window.sign_out()
    page = window.page
    await page.get_by_test_id("sign-in").click()
    await window.answer("signIn", username=address, password="Of-Another-1")
    await expect(page.locator("#account-fault")).to_have_text("That name and password do not go together.")
    await page.locator("#account-links [data-to=forgot]").click()
    await window.answer("forgot", username=address)
    await window.answer("reset", code="123456", newPassword="Of-My-Own-2")
    await expect(page.get_by_test_id("player-name")).to_have_text(name)
    await window.sign_out()
    await sign_in(window, address, "Of-My-Own-2")
    await expect(page.get_by_test_id("player-name")).to_have_text(name)


async def test_wrong_code_is_said_in_plain_words_and_another_one_is_sent(
    backend: BackendProcess, browser: Browser, address: str
) -> None:
    window = await Window.open(browser, backend.rest_url)
    await window.play_as_guest()
    page = window.page

    async def refuse(route: Route) -> None:
        # The laptop takes any code, so AWS's refusal is put in its place.
        if not route.request.headers.get("x-amz-target", "").endswith(".VerifyUserAttribute"):
            await route.continue_()
            return
        await route.fulfill(
            status=400,
            headers={"Access-Control-Allow-Origin": "*"},
            json={"__type": "CodeMismatchException", "message": "Invalid verification code provided"},
        )

    endpoint = f"{backend.config()['cognitoEndpoint']}/**"
    await page.route(endpoint, refuse)
    await page.get_by_test_id("open-you").click()
    await page.get_by_test_id("add-email").click()
    await window.answer("addEmail", address=address)
    await expect(page.locator("#account-hint")).to_contain_text("any code will do here")
    await window.answer("emailCode", code="000000")
    await expect(page.locator("#account-fault")).to_have_text("That is not the code that was sent.")
    await page.unroute(endpoint, refuse)
    await page.get_by_test_id("resend-code").click()
    await expect(page.locator("#account-said")).to_have_text("Another code was sent.")
    await window.answer("emailCode", code="123456")
    await expect(page.locator("#account[data-step=setPassword]")).to_be_visible()


async def test_player_changes_password_takes_the_data_and_deletes_everything(
    backend: BackendProcess, browser: Browser, address: str, tmp_path: Path
) -> None:
    window = await Window.open(browser, backend.rest_url)
    await window.play_as_guest()
    await window.post_score(5_400)
    await expect(window.row(5_400)).to_be_visible()
    await become_player(window, address)
    page = window.page
    await page.get_by_test_id("change-password").click()
    await window.answer("changePassword", password="Of-Another-1", newPassword="Of-My-Own-2")
    await expect(page.locator("#account-fault")).to_have_text("That is not the password you have now.")
    await window.answer("changePassword", password=PASSWORD, newPassword="Of-My-Own-2")
    await expect(page.locator("#account")).not_to_be_visible()

    async with page.expect_download() as saved:
        await page.get_by_test_id("download-data").click()
    path = tmp_path / "data.json"
    await (await saved.value).save_as(path)
    data = json.loads(path.read_text())
    assert data["account"]["email"] == address
    assert data["standings"]

    await page.get_by_test_id("delete-account").click()
    await page.get_by_test_id("confirm-delete").click()
    await expect(page.get_by_test_id("play-guest")).to_be_visible()
    await expect(window.row(5_400)).to_have_count(0)
    await page.get_by_test_id("sign-in").click()
    await window.answer("signIn", username=address, password="Of-My-Own-2")
    await expect(page.locator("#account-fault")).to_have_text("That name and password do not go together.")
