"""A stand-in for the way to Google and back: Cognito's hosted pages, behind which every player has said yes.

    /oauth2/authorize -> back to the game with a code -> /oauth2/token -> the user pool's own tokens

It checks what Cognito checks: the client, the address to come back to, PKCE (S256), and a code's single use.
https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
"""

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

_PASSWORD = "Of-Google-1"
_SCOPES = {"openid", "email", "profile", "aws.cognito.signin.user.admin"}
# Google's id of the one player, as Cognito has it in the user name.
USERNAME = "google_113894756120394857612"


class HostedPages:
    """The pages of one user pool.

    cognito: an administrator's client of the pool; pool_id, client_id: the pool's and the game's.
    callback_urls: where a player may come back to.
    """

    def __init__(self, cognito: Any, pool_id: str, client_id: str, callback_urls: Collection[str]) -> None:
        self.url = ""
        self.refusal: str | None = None
        """What the next player says instead of yes."""
        self._cognito = cognito
        self._pool_id = pool_id
        self._client_id = client_id
        self._callback_urls = callback_urls
        self._asked: dict[str, dict[str, str]] = {}

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[None]:
        """Serve on a port of this machine."""
        app = web.Application()
        app.router.add_get("/oauth2/authorize", self._authorize)
        app.router.add_post("/oauth2/token", self._token)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self.url = f"http://127.0.0.1:{port}"
            yield
        finally:
            await runner.cleanup()

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        if asked.get("client_id") != self._client_id or asked.get("redirect_uri") not in self._callback_urls:
            return web.Response(status=400, text="redirect_mismatch")
        fine = (
            asked.get("identity_provider") == "Google"
            and asked.get("response_type") == "code"
            and asked.get("code_challenge_method") == "S256"
            and len(asked.get("code_challenge", "")) == 43
            and set(asked.get("scope", "").split()) == _SCOPES
        )
        answer = {"state": asked.get("state", "")}
        if not fine:
            answer |= {"error": "invalid_request"}
        elif self.refusal:
            answer |= {"error": "access_denied", "error_description": self.refusal}
            self.refusal = None
        else:
            answer["code"] = secrets.token_urlsafe()
            self._asked[answer["code"]] = asked
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode(answer)}")

    async def _token(self, request: web.Request) -> web.Response:
        given = await request.post()
        asked = self._asked.pop(str(given.get("code")), None)
        # As Cognito, which games of any origin ask.
        headers = {"Access-Control-Allow-Origin": "*"}
        if asked is None or not (
            given.get("grant_type") == "authorization_code"
            and given.get("client_id") == self._client_id
            and given.get("redirect_uri") == asked["redirect_uri"]
            and challenge_of(str(given.get("code_verifier"))) == asked["code_challenge"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400, headers=headers)
        return web.json_response(await self._tokens(), headers=headers)

    async def _tokens(self) -> dict[str, Any]:
        user = {"UserPoolId": self._pool_id, "Username": USERNAME}
        with suppress(self._cognito.exceptions.UsernameExistsException):
            await self._cognito.admin_create_user(**user, MessageAction="SUPPRESS")
        await self._cognito.admin_set_user_password(**user, Password=_PASSWORD, Permanent=True)
        answer = await self._cognito.initiate_auth(
            ClientId=self._client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": USERNAME, "PASSWORD": _PASSWORD},
        )
        made = answer["AuthenticationResult"]
        return {
            "id_token": made["IdToken"],
            "access_token": made["AccessToken"],
            "refresh_token": made["RefreshToken"],
            "expires_in": made["ExpiresIn"],
            "token_type": "Bearer",
        }


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier: https://www.rfc-editor.org/rfc/rfc7636#section-4.2"""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
