"""The client configuration, with which a game reaches a deployment: `GET /client-config.json` answers it."""

from game.catalogue import GameArea
from game.model import Model
from game.pictures import CONTENT_TYPES, MAX_BYTES, MAX_PIXELS, MAX_SIDE, ContentType
from game.public_catalogue import PublicBoard


class Endpoints(Model):
    """The addresses that every client needs. Without `cognito_endpoint`, sign-in is Amazon's own."""

    region: str
    rest_url: str
    web_socket_url: str
    user_pool_id: str
    user_pool_client_id: str
    cognito_endpoint: str | None = None


class Deployment(Endpoints):
    """The addresses of a deployment, as a stack's output has them: `client-config.json` has all."""

    hosted_ui_url: str | None = None
    avatar_bucket: str


class PictureLimits(Model):
    """The limits of a picture of which a portrait is to be made."""

    content_types: tuple[ContentType, ...] = CONTENT_TYPES
    max_bytes: int = MAX_BYTES
    max_pixels: int = MAX_PIXELS
    """Width times height."""
    max_side: int = MAX_SIDE
    """Pixels."""


class ClientConfig(Deployment):
    """`GET /client-config.json`: a client that reads it works against a laptop and AWS unchanged.

    gameAreas are where a player scores, boards what is shown.
    """

    game_areas: list[GameArea]
    boards: list[PublicBoard]
    pictures: PictureLimits = PictureLimits()
