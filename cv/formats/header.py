"""What a picture file says of itself before anything is decoded."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Header:
    """A picture's facts, and the file with nothing left but what its pixels need.

    `width` and `height` are pixels as stored; `orientation` is EXIF's 1 to 8, 1 where the file has none.
    `essence` has no metadata, no colour profile, no further frame and nothing after the picture's end, so the
    decoder sees none of them either.
    """

    width: int
    height: int
    orientation: int
    alpha: bool
    essence: bytes
