"""The check that no contestant saves the signature: right ones pass, and nothing else does."""

import time

import pytest

from bench.processes import MADE_UP_CREDENTIALS
from bench.push import FRAME, PushBenchError, check_signature
from local.settings import REGION
from realtime.push.signing import ConnectionsSigner, Credentials, Endpoint, Payload

HOST = "127.0.0.1:1234"
URL = f"https://{HOST}/production"


def request(frame: str = FRAME, secret: str = MADE_UP_CREDENTIALS["AWS_SECRET_ACCESS_KEY"]) -> dict[str, str]:
    """Return a signed push, as the sink reports its last one."""
    signer = ConnectionsSigner(Endpoint(HOST, "/production"), REGION)
    stamp = signer.stamp(Credentials(MADE_UP_CREDENTIALS["AWS_ACCESS_KEY_ID"], secret), time.time())
    data = stamp.template(Payload("POST", frame.encode())).request("L0SM9cOF+/cCIhw=")
    head, _, body = data.decode().partition("\r\n\r\n")
    return {"head": head, "body": body}


def test_a_signed_push_of_the_frame_passes() -> None:
    check_signature(URL, request())


def test_header_names_may_be_written_in_any_way() -> None:
    signed = request()
    check_signature(URL, {**signed, "head": signed["head"].replace("X-Amz-Date", "x-AMZ-date")})


@pytest.mark.parametrize(
    "pushed",
    [
        pytest.param(request(secret="another"), id="signed with another secret"),
        pytest.param(request(frame="another"), id="another frame"),
        pytest.param({**request(), "body": FRAME + " "}, id="another body than was signed"),
        pytest.param({"head": request()["head"].replace("%3D", "%3Dx"), "body": FRAME}, id="another id"),
        pytest.param({"head": request()["head"].partition("Authorization")[0], "body": FRAME}, id="unsigned"),
    ],
)
def test_push_without_a_right_signature_or_frame_fails(pushed: dict[str, str]) -> None:
    with pytest.raises(PushBenchError):
        check_signature(URL, pushed)
