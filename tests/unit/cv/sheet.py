"""Makes portraits of a folder's pictures and puts them beside what they were made of, to be looked at.

    python -m tests.unit.cv.sheet <folder> <out>

Writes `out/sheet-01.png` and so on: for each picture the picture itself, then its portrait with the
background as it is, blurred, and in one colour. Prints a line of JSON per picture: `number` and `name` as on
the sheet, and `outcome` ("face", "no face" or the reason of the refusal).
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from cv.decoding import Pixels, decode
from cv.portrait import Background, Models, PictureError, make_portrait

BACKGROUNDS: tuple[Background, ...] = ("none", "blur", "#3366cc")
CELL = 192
"""Pixels of a picture's and of a portrait's side."""
CAPTION = 16
"""Pixels of the line above a picture."""
COLUMNS, ROWS = 2, 8
"""Pictures of a sheet."""


def main(folder: Path, out: Path) -> None:
    """Writes the sheets of a folder's pictures, in the order of their names."""
    out.mkdir(parents=True, exist_ok=True)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with Models() as models:
        strips = list(_strips(paths, folder, models))
    for number, start in enumerate(range(0, len(strips), COLUMNS * ROWS), 1):
        cv2.imwrite(str(out / f"sheet-{number:02}.png"), sheet(strips[start : start + COLUMNS * ROWS]))


def _strips(paths: list[Path], folder: Path, models: Models) -> Iterator[Pixels]:
    for number, path in enumerate(paths, 1):
        name = str(path.relative_to(folder))
        outcome, cells = _portraits(path.read_bytes(), models)
        print(json.dumps({"number": number, "name": name, "outcome": outcome}), flush=True)  # noqa: T201
        yield strip(f"{number} {name}: {outcome}", cells)


def _portraits(picture: bytes, models: Models) -> tuple[str, list[Pixels]]:
    try:
        made = [make_portrait(picture, background=background, models=models) for background in BACKGROUNDS]
    except PictureError as error:
        return error.reason, []
    outcome = "face" if made[0].face else "no face"
    return outcome, [decode(picture), *(decode(portrait.images[512]) for portrait in made)]


def strip(caption: str, cells: list[Pixels]) -> Pixels:
    """One picture and its portraits, side by side under a caption."""
    row = np.full((CAPTION + CELL, (1 + len(BACKGROUNDS)) * CELL, 3), 64, np.uint8)
    cv2.putText(row, caption[-100:], (2, CAPTION - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1)
    for column, cell in enumerate(cells):
        scale = CELL / max(cell.shape[:2])
        size = [max(1, round(length * scale)) for length in cell.shape[1::-1]]
        left = column * CELL
        row[CAPTION : CAPTION + size[1], left : left + size[0]] = cv2.resize(
            cell, size, interpolation=cv2.INTER_AREA
        )
    return row


def sheet(strips: list[Pixels]) -> Pixels:
    """Return the strips, row after row."""
    blank = np.full_like(strips[0], 64)
    filled = strips + [blank] * (-len(strips) % COLUMNS)
    return np.vstack([np.hstack(filled[at : at + COLUMNS]) for at in range(0, len(filled), COLUMNS)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
