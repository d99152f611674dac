"""The container's entry under AWS's own runtime interface client, cold and warm."""

from collections.abc import Iterator

import pytest

from cv.decoding import decode
from cv.vision import Models
from tests.unit.cv.lambda_scene import BUCKET, Cloud, running_function
from tests.unit.cv.pictures import admiral, astronaut, picture_file


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, models: Models) -> Iterator[Cloud]:
    """Yield the function, not yet invoked."""
    with running_function(tmp_path_factory.mktemp("function") / "log") as running:
        yield running


def test_cold_and_warm_invocations_make_portraits(cloud: Cloud) -> None:
    for name, subject in (("cold", astronaut()), ("warm", admiral())):
        key = f"uploads/ann/{name}"
        cloud.objects[f"/{BUCKET}/{key}"] = picture_file(subject.pixels, "JPEG"), {}
        kind, answer = cloud.invoke({"userId": "ann", "key": key})
        assert kind == "response"
        avatar = answer["avatar"]
        assert avatar.startswith("avatars/ann/")
        assert answer == {"userId": "ann", "key": key, "avatar": avatar, "face": True}
        assert f"/{BUCKET}/{key}" not in cloud.objects
        assert cloud.rows[-1]["avatar"] == {"S": avatar}
        for size in (512, 128, 48):
            image, headers = cloud.objects[f"/{BUCKET}/{avatar}/{size}.webp"]
            assert headers["Content-Type"] == "image/webp"
            assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert image[8:12] == b"WEBP"
            if size >= 64:
                assert decode(image).shape == (size, size, 3)


def test_bad_picture_is_a_result(cloud: Cloud) -> None:
    key = "uploads/ann/text"
    cloud.objects[f"/{BUCKET}/{key}"] = b"hello", {}
    kind, answer = cloud.invoke({"userId": "ann", "key": key})
    assert kind == "response"
    assert answer["error"] == "not_an_image"
    assert cloud.rows[-1]["problem"] == {"S": answer["message"]}
    assert f"/{BUCKET}/{key}" not in cloud.objects


def test_malformed_event_is_an_error_and_the_next_one_is_served(cloud: Cloud) -> None:
    kind, answer = cloud.invoke({"userId": "ann", "key": "uploads/bob/x"})
    assert kind == "error"
    assert answer["errorType"] == "ValidationError"
    kind, answer = cloud.invoke({"userId": "ann", "key": "uploads/ann/none"})
    assert (kind, answer["error"]) == ("response", "gone")
