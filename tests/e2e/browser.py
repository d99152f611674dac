"""Headless Chromium, and what a person does with the demo page in it."""

import base64
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from tests.support.waiting import PATIENCE_SECONDS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def why_skipped() -> str | None:
    """Return why the tests that need a browser are not run here; None where they are."""
    if os.environ.get("PODIUM_BROWSER_TESTS") == "off":
        return "PODIUM_BROWSER_TESTS=off: the browser tests are skipped"
    return None if CHROMIUM else "NO CHROMIUM: the browser tests are skipped"


needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(why_skipped() is not None, reason=str(why_skipped())),
]
"""The marks of a module whose tests need a browser."""


# Without these Chromium looks up and calls hosts of its maker's at every start.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_SIDE_BY_SIDE = """<!doctype html>
<style>
body {{ display: flex; align-items: flex-start; gap: 16px; width: max-content; margin: 0; padding: 16px; }}
body {{ background: #c9c6d8; }}
</style>
<body>{images}</body>
"""

# Not every browser writes what its policy forbade to the console.
_TELL_OF_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`forbidden by ${event.violatedDirective}: ${event.blockedURI}`));"""

_PATIENCE_MS = PATIENCE_SECONDS * 1000
expect.set_options(timeout=_PATIENCE_MS)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Yield a browser of its own, with nothing in its profile."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(_FLAGS), timeout=_PATIENCE_MS
        )
        try:
            yield browser
        finally:
            await browser.close()


class Window:
    """One person's window on the page; whatever the page complains of is kept in `complaints`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: self.complaints.append(message.text) if message.type == "error" else None,
        )

    @classmethod
    async def open(
        cls,
        browser: Browser,
        url: str,
        *,
        width: int = 760,
        height: int = 860,
        before: str = "",
        has_policy: bool = True,
    ) -> "Window":
        """Open a new window, with a storage of its own, on the page; `before` is a script to run first.

        Without `has_policy` the page may call addresses that its policy does not name.
        """
        context = await browser.new_context(
            viewport={"width": width, "height": height}, bypass_csp=not has_policy
        )
        context.set_default_timeout(_PATIENCE_MS)
        await context.add_init_script(_TELL_OF_VIOLATIONS)
        if before:
            await context.add_init_script(before)
        window = cls(await context.new_page())
        await window.page.goto(url)
        return window

    async def open_tab(self) -> "Window":
        """Open another tab of the same browser, on the same page."""
        tab = type(self)(await self.page.context.new_page())
        await tab.page.goto(self.page.url)
        return tab

    async def play_as_guest(self) -> str:
        """Become a guest with one click; the guest's name."""
        await self.page.get_by_test_id("play-guest").click()
        await expect(self.page.get_by_test_id("open-you")).to_be_visible()
        await expect(self.page.get_by_test_id("connection-state")).to_have_text("live")
        return await self.page.get_by_test_id("player-name").inner_text()

    async def sign_out(self) -> None:
        """Sign out; a guest is asked once more."""
        await self.page.get_by_test_id("sign-out").click()
        question = self.page.locator("#account[open][data-step=leave]")
        welcome = self.page.get_by_test_id("play-guest")
        await expect(question.or_(welcome).locator("visible=true").first).to_be_visible()
        if await question.is_visible():
            await self.page.locator("#account-submit").click()
        await expect(welcome).to_be_visible()

    async def answer(self, step: str, **fields: str) -> None:
        """Fill in what a step of the account dialog asks for, and send it."""
        dialog = self.page.locator(f"#account[open][data-step={step}]")
        await expect(dialog).to_be_visible()
        for name, value in fields.items():
            await dialog.locator(f"[name={name}]").fill(value)
        await dialog.locator("#account-submit").click()

    async def post_score(self, points: int) -> None:
        """Post an exact score with the demonstrator's form."""
        form = self.page.get_by_test_id("submit-form")
        if not await form.is_visible():
            await self.page.get_by_test_id("quick-score").locator("summary").click()
        await self.page.get_by_test_id("score-input").fill(str(points))
        await self.page.get_by_test_id("submit-score").click()

    def row(self, points: int) -> Locator:
        """Return the row of the board with this score."""
        return self.page.get_by_test_id("board").locator(f'[data-score="{points}"]')


async def save_side_by_side(browser: Browser, windows: Sequence[Window], path: Path) -> None:
    """A picture of several windows beside one another."""
    shots = [base64.b64encode(await window.page.screenshot()).decode() for window in windows]
    images = "".join(f'<img src="data:image/png;base64,{shot}">' for shot in shots)
    page = await browser.new_page(viewport={"width": 100, "height": 100})
    await page.set_content(_SIDE_BY_SIDE.format(images=images))
    box = await page.locator("body").bounding_box()
    assert box is not None
    await page.set_viewport_size({"width": round(box["width"]), "height": round(box["height"])})
    await page.screenshot(path=path)
    await page.close()
