"""Verification of Cognito's JSON Web Tokens against the user pool's key set.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import jwt

# Clocks differ a little; a token is good for this many seconds past its expiry.
LEEWAY_SECONDS = 10
# A made-up key id must not make us fetch the key set each time.
REFRESH_SECONDS = 10
FETCH_TIMEOUT_SECONDS = 5

FetchJson = Callable[[str], Awaitable[Any]]


class TokenError(Exception):
    """The token is not good; the message says why, and holds nothing of the token."""


class KeySetError(Exception):
    """The key set cannot be read, so no token can be judged."""


async def fetch_json(url: str) -> Any:
    """The JSON behind a URL. Raises aiohttp.ClientError or TimeoutError."""
    timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_SECONDS)
    async with aiohttp.request("GET", url, timeout=timeout, raise_for_status=True) as response:
        return await response.json(content_type=None)


class TokenVerifier:
    """Checks the tokens of one user pool and one app client.

    The issuer and the key set's address are two settings: an emulator's tokens carry Amazon's issuer while
    its keys are at its own address. Keys are kept, and fetched again when a token names an unknown one.
    """

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        key_set_url: str,
        fetch: FetchJson = fetch_json,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._key_set_url = key_set_url
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._lock = asyncio.Lock()

    async def verify(
        self, token: str, *, uses: frozenset[str] = frozenset({"id", "access"})
    ) -> dict[str, Any]:
        """The claims of a good token whose `token_use` is one of `uses`.

        Raises TokenError for a token that is not good, KeySetError when the keys cannot be read.
        """
        try:
            key = await self._key(jwt.get_unverified_header(token))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                # The client id is in `aud` of an ID token, in `client_id` of an access token: checked below.
                options={"require": ["exp", "iat", "iss", "sub", "token_use"], "verify_aud": False},
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenError(f"the token is not valid: {error}") from error
        use = claims["token_use"]
        if use not in uses:
            raise TokenError(f"the token's use must be {' or '.join(sorted(uses))}")
        if claims.get("aud" if use == "id" else "client_id") != self._client_id:
            raise TokenError("the token is another client's")
        return claims

    async def _key(self, header: dict[str, Any]) -> jwt.PyJWK:
        if header.get("alg") != "RS256":
            raise TokenError("the token's algorithm must be RS256")
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            raise TokenError("the token names no key")
        if key_id not in self._keys:
            async with self._lock:
                if key_id not in self._keys:
                    await self._refresh()
        try:
            return self._keys[key_id]
        except KeyError:
            raise TokenError("the token is signed with a key that the user pool does not have") from None

    async def _refresh(self) -> None:
        now = self._monotonic()
        if self._fetched_at is not None and now - self._fetched_at < REFRESH_SECONDS:
            return
        try:
            key_set = await self._fetch(self._key_set_url)
            keys = [key for key in key_set["keys"] if key.get("kty") == "RSA"]
            self._keys = {key["kid"]: jwt.PyJWK.from_dict(key, algorithm="RS256") for key in keys}
        except (
            aiohttp.ClientError,
            TimeoutError,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            jwt.PyJWTError,
        ) as error:
            raise KeySetError(f"the user pool's keys cannot be read: {error}") from error
        self._fetched_at = now
