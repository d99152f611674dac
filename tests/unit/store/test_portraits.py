"""Where presigned addresses lead."""

from urllib.parse import urlsplit

import aioboto3
import pytest

from store.portraits import open_bucket


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "avatars.s3.amazonaws.com"),
        ("eu-central-1", "avatars.s3.eu-central-1.amazonaws.com"),
        ("eu-north-1", "avatars.s3.eu-north-1.amazonaws.com"),
    ],
)
async def test_presigned_addresses_lead_to_the_region(
    monkeypatch: pytest.MonkeyPatch, region: str, host: str
) -> None:
    assert await hosts(monkeypatch, region) == {host}


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
async def test_another_engine_needs_no_host_for_each_bucket(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://localhost:4566")
    assert await hosts(monkeypatch, "eu-north-1") == {"localhost:4566"}


async def hosts(monkeypatch: pytest.MonkeyPatch, region: str) -> set[str]:
    """The hosts of an upload's address and of a portrait's."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    session = aioboto3.Session("key", "secret", region_name=region)
    async with open_bucket(session, "avatars") as bucket:
        upload = await bucket.presign_upload("ada", "image/png")
        return {urlsplit(url).netloc for url in (upload.url, await bucket.view_url("avatars/ada/x", 128))}
