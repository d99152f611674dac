"""Why a picture cannot become a portrait."""

from typing import Literal

from game.pictures import MAX_BYTES, MAX_PIXELS, MAX_SIDE, MIN_SIDE, NAMES, megabytes, megapixels

Reason = Literal["not_an_image", "too_small", "too_large", "truncated", "unsupported_type"]

_SMALLER = "Save the picture smaller, and send that."
_SENTENCES: dict[Reason, str] = {
    "not_an_image": f"The file is not a picture. Send a {NAMES} file.",
    "too_small": f"The picture is too small: each side needs at least {MIN_SIDE} pixels. Send a larger one.",
    "too_large": f"The file is too large: it must be at most {megabytes(MAX_BYTES)}. {_SMALLER}",
    "truncated": "The picture is incomplete or damaged. Send it again, or another one.",
    "unsupported_type": f"This kind of picture is not supported. Send an ordinary {NAMES} file.",
}


class PictureError(Exception):
    """The picture is refused; `str()` is the sentence for the player, `reason` the word for programs."""

    def __init__(self, reason: Reason, sentence: str | None = None) -> None:
        super().__init__(sentence or _SENTENCES[reason])
        self.reason = reason


def require_size(width: int, height: int) -> None:
    """Raise PictureError, saying which limit, unless a picture of this size is accepted."""
    size = f"The picture has {width:,} by {height:,} pixels"
    if max(width, height) > MAX_SIDE:
        raise PictureError("too_large", f"{size}: no side may have more than {MAX_SIDE:,}. {_SMALLER}")
    if width * height > MAX_PIXELS:
        raise too_many_pixels(f"{size}:")
    if min(width, height) < MIN_SIDE:
        raise PictureError(
            "too_small", f"{size}: each side must have at least {MIN_SIDE}. Send a larger one."
        )


def too_many_pixels(picture: str = "The picture is too large:") -> PictureError:
    """Return the refusal of a picture with more than MAX_PIXELS; the sentence begins with what it has."""
    return PictureError("too_large", f"{picture} it must have at most {megapixels(MAX_PIXELS)}. {_SMALLER}")
