import json
from pathlib import Path

import cv2
import pytest

from tests.unit.cv import sheet
from tests.unit.cv.pictures import admiral, astronaut, picture_file


@pytest.mark.usefixtures("models")
def test_sheet_shows_each_picture_beside_its_portraits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    (pictures / "navy").mkdir(parents=True)
    (pictures / "a.png").write_bytes(picture_file(astronaut().pixels))
    (pictures / "b.txt").write_bytes(b"no picture")
    (pictures / "navy" / "c.jpg").write_bytes(picture_file(admiral().pixels, "JPEG"))
    sheet.main(pictures, out)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"number": 1, "name": "a.png", "outcome": "face"},
        {"number": 2, "name": "b.txt", "outcome": "not_an_image"},
        {"number": 3, "name": "navy/c.jpg", "outcome": "face"},
    ]
    (path,) = out.iterdir()
    drawn = cv2.imread(str(path))
    assert drawn is not None
    assert drawn.shape == (2 * (sheet.CAPTION + sheet.CELL), 8 * sheet.CELL, 3)
    first = drawn[sheet.CAPTION : sheet.CAPTION + sheet.CELL, : sheet.CELL]
    assert cv2.absdiff(first, cv2.resize(astronaut().pixels, first.shape[:2])).mean() < 8


@pytest.mark.usefixtures("models")
def test_long_folder_takes_several_sheets(tmp_path: Path) -> None:
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    for number in range(sheet.COLUMNS * sheet.ROWS + 1):
        (pictures / f"{number:02}").write_bytes(b"no picture")
    sheet.main(pictures, out)
    assert sorted(path.name for path in out.iterdir()) == ["sheet-01.png", "sheet-02.png"]
