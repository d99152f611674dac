"""What else a player does on the demo page: earn, buy, unlock, a portrait, and leaving for good."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from cv.vision import GraphicsLibraryError, Models
from tests.e2e.backend import BackendProcess
from tests.e2e.browser import Window, needs_browser, save_side_by_side
from tests.unit.cv.pictures import astronaut, picture_file, scaled

pytestmark = needs_browser


@pytest.fixture
def backend(plain_backend: BackendProcess) -> BackendProcess:
    """Give this backend to every fixture that asks for one."""
    return plain_backend


@pytest.fixture
def portrait_models() -> None:
    """Without the graphics libraries no portrait can be made here."""
    try:
        Models().close()
    except GraphicsLibraryError as error:
        pytest.skip(str(error))


async def test_reward_buys_and_unlocks(backend: BackendProcess, browser: Browser) -> None:
    window = await Window.open(browser, backend.rest_url)
    await window.play_as_guest()
    await window.post_score(1_000)
    await expect(window.row(1_000)).to_be_visible()
    page = window.page
    await page.get_by_test_id("open-you").click()

    await page.get_by_test_id("task-first-score").click()
    await expect(page.get_by_test_id("money")).to_have_text("50")
    await expect(page.get_by_test_id("level")).to_have_text("2")
    await expect(page.get_by_test_id("task-first-score")).to_be_disabled()

    await page.get_by_test_id("task-daily-visit").click()
    await expect(page.get_by_test_id("money")).to_have_text("75")
    await page.get_by_test_id("buy-torch").click()
    await expect(page.get_by_test_id("money")).to_have_text("65")
    await expect(page.get_by_test_id("owned-torch")).to_have_text("1")

    await page.get_by_test_id("unlock-lantern-path").click()
    await expect(page.get_by_test_id("money")).to_have_text("15")
    await expect(page.get_by_test_id("unlock-lantern-path")).to_be_disabled()
    await expect(page.get_by_test_id("buy-compass")).to_be_disabled()
    assert window.complaints == []


async def test_name_and_portrait_appear_on_the_board_of_another(
    backend: BackendProcess,
    browser: Browser,
    portrait_models: None,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    picture = tmp_path / "me.jpg"
    picture.write_bytes(picture_file(astronaut().pixels, "JPEG"))
    player = await Window.open(browser, backend.rest_url)
    watcher = await Window.open(browser, backend.rest_url)
    await player.play_as_guest()
    await watcher.play_as_guest()
    await player.post_score(2_000)
    await player.page.get_by_test_id("open-you").click()

    await player.page.get_by_test_id("profile-name-input").fill("Eileen")
    await player.page.get_by_test_id("save-name").click()
    await expect(watcher.row(2_000)).to_contain_text("Eileen")

    await player.page.get_by_test_id("portrait-background").select_option("blur")
    await player.page.get_by_test_id("portrait-input").set_input_files(picture)
    portrait = watcher.row(2_000).get_by_test_id("row-portrait")
    await expect(portrait).to_be_visible()
    await expect(player.page.get_by_test_id("portrait")).to_be_visible()
    assert await portrait.evaluate("image => image.naturalWidth") in {48, 128}
    folder = request.config.getoption("--screenshots")
    if folder:
        await save_side_by_side(browser, [player, watcher], Path(folder) / "portrait.png")
    assert player.complaints == watcher.complaints == []


CHOSEN: dict[str, tuple[Callable[[], bytes], set[str], int]] = {
    # What the browser can read is scaled down; what only the server can is sent as it is.
    "camera.bmp": (lambda: picture_file(scaled(astronaut(), 5).pixels, "BMP"), {"image/jpeg"}, 2 << 20),
    "phone.heic": (lambda: picture_file(astronaut().pixels, "HEIF"), {"image/heic", "image/heif"}, 5 << 20),
}


@pytest.mark.parametrize("name", CHOSEN)
async def test_picture_that_browser_or_server_can_read_becomes_a_portrait(
    name: str, backend: BackendProcess, browser: Browser, portrait_models: None, tmp_path: Path
) -> None:
    make, sent_as, at_most = CHOSEN[name]
    picture = tmp_path / name
    picture.write_bytes(make())
    window = await Window.open(browser, backend.rest_url)
    await window.play_as_guest()
    await window.page.get_by_test_id("open-you").click()
    async with window.page.expect_request("**/avatar/presign") as asked:
        await window.page.get_by_test_id("portrait-input").set_input_files(picture)
    announced = (await asked.value).post_data_json
    assert announced is not None
    assert announced["contentType"] in sent_as
    assert announced["contentLength"] <= at_most
    await expect(window.page.get_by_test_id("portrait-status")).to_have_text("There you are.")
    await expect(window.page.get_by_test_id("portrait")).to_be_visible()
    assert window.complaints == []


async def test_file_that_is_no_picture_is_refused_before_it_is_sent(
    backend: BackendProcess, browser: Browser, tmp_path: Path
) -> None:
    text = tmp_path / "letter.txt"
    text.write_text("Dear player", encoding="utf-8")
    window = await Window.open(browser, backend.rest_url)
    await window.play_as_guest()
    await window.page.get_by_test_id("open-you").click()
    await window.page.get_by_test_id("portrait-input").set_input_files(text)
    await expect(window.page.get_by_test_id("portrait-status")).to_have_text(
        "The browser cannot read this file as a picture. Choose a JPEG or PNG picture."
    )


async def test_deleted_player_leaves_the_board_of_another(backend: BackendProcess, browser: Browser) -> None:
    player = await Window.open(browser, backend.rest_url)
    watcher = await Window.open(browser, backend.rest_url)
    await player.play_as_guest()
    await watcher.play_as_guest()
    await player.post_score(3_000)
    await expect(watcher.row(3_000)).to_be_visible()
    await player.page.get_by_test_id("open-you").click()
    await player.page.get_by_test_id("delete-account").click()
    await player.page.get_by_test_id("confirm-delete").click()
    await expect(watcher.row(3_000)).to_have_count(0)
    await expect(player.page.get_by_test_id("play-guest")).to_be_visible()
