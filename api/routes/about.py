"""`/health`, `/client-config.json` and `/openapi.json`"""

from typing import Any, cast

from aws_lambda_powertools.event_handler import ApiGatewayResolver, Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from api.backend import backend_of
from game.client_config import ClientConfig
from game.model import Model

router = Router()


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
            "description": "Addresses, ids and areas",
            "content": {"application/json": {"model": ClientConfig}},
        }
    },
)
async def get_client_config(request: Request) -> dict[str, Any]:
    """Return addresses and ids of this deployment, and the areas of the catalogue."""
    backend = backend_of(request)
    config = ClientConfig(**backend.deployment.model_dump(), game_areas=backend.catalogue.game_areas)
    return config.model_dump(by_alias=True, exclude_none=True)


@router.get("/openapi.json", summary="This description", include_in_schema=False)
async def get_openapi() -> Response[Any]:
    """Return the API's OpenAPI description."""
    app = cast(ApiGatewayResolver, router.api_resolver)
    return Response(status_code=200, content_type="application/json", body=app.get_openapi_json_schema())
