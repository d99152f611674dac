"""Writes one picture of a person at 12, 48 and 64 megapixels in each kind that phones make, to be measured.

python -m tests.unit.cv.large FOLDER
python -m tests.unit.cv.measure FOLDER/*
"""

import sys
from pathlib import Path
from typing import Any

from PIL import Image

from tests.unit.cv.pictures import astronaut, saved

SIDES = {12: (4000, 3000), 48: (8000, 6000), 64: (9248, 6936)}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpg": ("JPEG", {"quality": 85}),
    "png": ("PNG", {"compress_level": 1}),
    "webp": ("WEBP", {"quality": 80, "method": 0}),
    "heic": ("HEIF", {"quality": 50, "enc_params": {"preset": "ultrafast"}}),
    "avif": ("AVIF", {"quality": 60, "speed": 10}),
}
LEVELS = 16
"""Steps of brightness between those that a PNG has here: it would have more than 20 MB otherwise."""


def main(folder: Path) -> None:
    """Fifteen files."""
    folder.mkdir(parents=True, exist_ok=True)
    subject = Image.fromarray(astronaut().pixels[:384, :, ::-1])
    for megapixels, sides in SIDES.items():
        picture = subject.resize(sides, Image.Resampling.BICUBIC)
        for ending, (kind, options) in KINDS.items():
            shown = picture.point(lambda value: value // LEVELS * LEVELS) if kind == "PNG" else picture
            (folder / f"{megapixels}.{ending}").write_bytes(saved(shown, kind, **options))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
