"""A user pool: RSA keys, their key set, and tokens good and bad."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Podium123"
CLIENT_ID = "4h57k5example"
KEY_SET_URL = f"{ISSUER}/.well-known/jwks.json"
NOW = 1_763_812_800
"""Seconds since the epoch."""


class StoppedDatetime(datetime):
    """The moment at which every token of the tests is judged."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "StoppedDatetime":
        return cls.fromtimestamp(NOW, tz or UTC)


def stop_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge tokens at NOW until the test ends."""
    monkeypatch.setattr("jwt.api_jwt.datetime", StoppedDatetime)


ID_CLAIMS: dict[str, Any] = {
    "sub": "87313b53-604d-4405-b676-4eb8a21c5969",
    "iss": ISSUER,
    "aud": CLIENT_ID,
    "token_use": "id",
    "iat": NOW - 60,
    "exp": NOW + 3600,
    "cognito:username": "ada",
}
ACCESS_CLAIMS: dict[str, Any] = {
    **{name: value for name, value in ID_CLAIMS.items() if name not in ("aud", "cognito:username")},
    "username": "ada",
    "token_use": "access",
    "client_id": CLIENT_ID,
}


@cache
def private_key(key_id: str) -> rsa.RSAPrivateKey:
    """Return the key of this id, the same at every call."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(key_id: str) -> bytes:
    return private_key(key_id).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def key_set(*key_ids: str) -> dict[str, Any]:
    """Return the JSON Web Key Set, as Cognito serves it."""
    return {
        "keys": [
            RSAAlgorithm.to_jwk(private_key(key_id).public_key(), as_dict=True)
            | {"kid": key_id, "alg": "RS256", "use": "sig"}
            for key_id in key_ids
        ]
    }


def token(claims: dict[str, Any] = ID_CLAIMS, *, kid: str | None = "key-1", signed_by: str = "key-1") -> str:
    """Return a token signed with RS256."""
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims, private_key(signed_by), algorithm="RS256", headers=headers)


def unsigned_token(algorithm: str = "none") -> str:
    return f"{_part({'alg': algorithm, 'kid': 'key-1', 'typ': 'JWT'})}.{_part(ID_CLAIMS)}."


def token_signed_with_the_public_key(algorithm: str = "HS256") -> str:
    """Return the classic forgery: what everybody may know, taken as a shared secret."""
    content = f"{_part({'alg': algorithm, 'kid': 'key-1', 'typ': 'JWT'})}.{_part(ID_CLAIMS)}"
    signature = hmac.new(public_pem("key-1"), content.encode(), hashlib.sha256).digest()
    return f"{content}.{_encoded(signature)}"


def _part(content: dict[str, Any]) -> str:
    return _encoded(json.dumps(content).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
