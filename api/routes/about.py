"""`/health`, `/client-config.json`, `/catalogue` and `/openapi.json`"""

from typing import Annotated, Any, cast

from aws_lambda_powertools.event_handler import ApiGatewayResolver, Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Header

from api.backend import backend_of
from game.client_config import ClientConfig
from game.headers import ETAG, IF_NONE_MATCH
from game.model import Model
from game.public_catalogue import PublicCatalogue

router = Router()

Held = Annotated[str, Header(alias=IF_NONE_MATCH, description="ETags of the answers that the client holds")]


class Health(Model):
    """The API is alive."""

    status: str


@router.get("/health", summary="Liveness")
async def get_health() -> Health:
    """Answer as long as the API runs, and say nothing of what is behind it."""
    return Health(status="ok")


@router.get(
    "/client-config.json",
    summary="What a client needs to connect",
    responses={
        200: {
            "description": "Addresses, ids, areas and boards",
            "content": {"application/json": {"model": ClientConfig}},
        }
    },
)
async def get_client_config(request: Request) -> dict[str, Any]:
    """Return addresses and ids of this deployment, and the areas and boards of the catalogue."""
    return backend_of(request).client_config.model_dump(by_alias=True, exclude_none=True)


@router.get(
    "/catalogue",
    summary="What the game offers",
    responses={
        200: {
            "description": "The catalogue",
            "content": {"application/json": {"model": PublicCatalogue}},
        },
        304: {"description": "The client has it already", "content": {}},
    },
)
async def get_catalogue(request: Request, held: Held = "") -> Response[Any]:
    """Return areas, boards, levels, tasks, unlocks and the shop, as clients may see them.

    The `ETag` names this state of it: sent back as `If-None-Match`, the answer is an empty 304 until the
    designer changes something.
    """
    text, version = backend_of(request).published
    headers: dict[str, str | list[str]] = {ETAG: f'"{version}"', "Cache-Control": "no-cache"}
    if _holds(held, version):
        return Response(status_code=304, body="", headers=headers)
    return Response(status_code=200, content_type="application/json", body=text, headers=headers)


def _holds(held: str, version: str) -> bool:
    """Return whether a client's ETags name a version, compared weakly.

    https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
    """
    tags = [tag.strip().removeprefix("W/") for tag in held.split(",")]
    return f'"{version}"' in tags or "*" in tags


@router.get("/openapi.json", summary="This description", include_in_schema=False)
async def get_openapi() -> Response[Any]:
    """Return the API's OpenAPI description."""
    app = cast(ApiGatewayResolver, router.api_resolver)
    return Response(status_code=200, content_type="application/json", body=app.get_openapi_json_schema())
