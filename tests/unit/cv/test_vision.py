import os
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cv import vision
from cv.vision import GraphicsLibraryError, Models
from tests.support.waiting import PATIENCE_SECONDS
from tests.unit.cv.pictures import astronaut

ROOT = Path(__file__).parents[3]
METRICS_HOST = "play.googleapis.com"
USE_MODELS = """
import sys
import numpy as np
from cv import vision
vision.NO_AUTHORITIES = sys.argv[1]
with vision.Models() as models:
    models.faces(np.zeros((64, 64, 3), np.uint8))
sys.stdin.read()
"""


def test_largest_face_comes_first(models: Models) -> None:
    faces = models.faces(astronaut().pixels)
    assert len(faces) == 2
    assert faces[0].size >= faces[1].size
    for face in faces:
        assert abs(face.x - 222) < 15
        assert abs(face.y - 120) < 25
        assert 0.5 < face.confidence <= 1


def test_person_is_told_from_the_background(models: Models) -> None:
    person = models.person(astronaut().pixels)
    assert person.shape == (512, 512)
    assert person[80:180, 190:250].min() > 0.9
    assert person[20:120, 20:120].max() < 0.1


def test_missing_library_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vision, "_LIBRARIES", ("libNoSuchThing.so.1",))
    with pytest.raises(GraphicsLibraryError) as missing:
        Models()
    assert str(missing.value) == (
        "Portraits need libNoSuchThing.so.1, which this machine lacks: install libegl1 and libgles2 (Debian, "
        "Ubuntu), or libglvnd-egl and libglvnd-gles (Amazon Linux, Fedora)."
    )


def listen(folder: Path) -> ssl.SSLContext:
    """Return a server's TLS as the host that the metrics go to, its certificate in `authority.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, METRICS_HOST)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(METRICS_HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "authority.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "authority.pem", folder / "key.pem")
    return context


def sent_metrics(authorities: str, server: ssl.SSLContext) -> bytes:
    """Return what a process with the models, trusting these authorities, sends to the metrics' host."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(PATIENCE_SECONDS)
        environment = {
            name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
        }
        environment["ALL_PROXY"] = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-c", USE_MODELS, authorities],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            connection, _ = proxy.accept()
            connection.settimeout(PATIENCE_SECONDS)
            assert connection.recv(4096).startswith(f"CONNECT {METRICS_HOST}:443 ".encode())
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with connection, server.wrap_socket(connection, server_side=True) as stream:
                return stream.recv(4096)
        finally:
            process.communicate(timeout=PATIENCE_SECONDS)


@pytest.mark.usefixtures("models")
def test_metrics_are_not_delivered(tmp_path: Path) -> None:
    server = listen(tmp_path)
    assert sent_metrics(str(tmp_path / "authority.pem"), server).startswith(b"POST ")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        sent_metrics(vision.NO_AUTHORITIES, server)
