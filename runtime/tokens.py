"""Verification of Cognito's JSON Web Tokens against the user pool's key set.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
"""

import time
from collections.abc import Callable
from typing import Any

import jwt

from runtime.key_set import FetchJson, KeySet, fetch_json
from runtime.token_kinds import TokenError

# Clocks differ a little; a token is good for this many seconds past its expiry.
LEEWAY_SECONDS = 10


class TokenVerifier:
    """Checks the tokens of one user pool and one app client.

    The issuer and the key set's address are two settings: an emulator's tokens carry Amazon's issuer while
    its keys are at its own address. `now_s` gives seconds since the epoch; see `runtime.key_set`.
    """

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        key_set_url: str,
        fetch: FetchJson = fetch_json,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._keys = KeySet(key_set_url, fetch, now_s)

    async def verify(
        self, token: str, *, uses: frozenset[str] = frozenset({"id", "access"})
    ) -> dict[str, Any]:
        """Return the claims of a good token whose `token_use` is one of `uses`.

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
        key = await self._keys.find(key_id)
        if key is None:
            raise TokenError("the token is signed with a key that the user pool does not have")
        return key
