"""The environment of the broadcaster and its pushers."""

from typing import Annotated

from pydantic import Field

from game.live import DIRECT_LIMIT, PUSHERS
from realtime.settings import RealtimeSettings


class BroadcasterSettings(RealtimeSettings):
    """Each field is the environment variable `PODIUM_<FIELD>`, beside those of RealtimeSettings."""

    pusher_function: str
    """The name of the Lambda function that pushes to one slice of a large board."""
    direct_limit: Annotated[int, Field(ge=1)] = DIRECT_LIMIT
    """Subscribers of one board; with more of them, pushers are started. 5,000 by default."""
    pushers: Annotated[int, Field(ge=1, le=100)] = PUSHERS
    """Into how many slices a large board's subscribers are split; 8 by default."""
