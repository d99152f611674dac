"""Where presigned addresses lead."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import aioboto3
import pytest

from store.portraits import open_bucket

ELSEWHERE = "http://localhost:4566"


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], object]:
    """Writes the SDK's configuration, which is not there yet; nor has the environment any of it."""
    for name in (
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_PROFILE",
    ):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    return file.write_text


@pytest.mark.usefixtures("configure")
@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "avatars.s3.amazonaws.com"),
        ("eu-central-1", "avatars.s3.eu-central-1.amazonaws.com"),
        ("eu-north-1", "avatars.s3.eu-north-1.amazonaws.com"),
    ],
)
async def test_presigned_addresses_lead_to_the_region(region: str, host: str) -> None:
    assert await addresses(region) == [f"https://{host}/", f"https://{host}/avatars/ada/x/128.webp"]


@pytest.mark.usefixtures("configure")
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
async def test_presigned_addresses_lead_to_the_endpoint_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, ELSEWHERE)
    await check_elsewhere()


@pytest.mark.parametrize("section", ["[default]", "[default]\nservices = all\n[services all]\ns3 ="])
async def test_presigned_addresses_lead_to_the_endpoint_of_the_configuration_file(
    configure: Callable[[str], object], section: str
) -> None:
    configure(f"{section}\n  endpoint_url = {ELSEWHERE}\n")
    await check_elsewhere()


async def check_elsewhere() -> None:
    assert await addresses("eu-north-1") == [
        f"{ELSEWHERE}/avatars",
        f"{ELSEWHERE}/avatars/avatars/ada/x/128.webp",
    ]


async def addresses(region: str) -> list[str]:
    """Return an upload's address and a portrait's, without its query."""
    session = aioboto3.Session("key", "secret", region_name=region)
    async with open_bucket(session, "avatars") as bucket:
        upload = await bucket.presign_upload("ada", "image/png", 1000)
        view = urlsplit(await bucket.view_url("avatars/ada/x", 128))
        assert f"%2F{region}%2Fs3%2F" in view.query
        return [upload.url, view._replace(query="").geturl()]
