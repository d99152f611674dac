"""MediaPipe behind two questions: where are the faces, and which pixels are the person.

The Tasks API sends usage metrics to Google from every process that loads a model, and has no switch for it.
Its privacy notice leaves it to us to ask players for consent. Podium delivers none: the library's HTTP client
gets no certificate authority to trust. The container's image also points its proxy at a closed port.
"""

import ctypes
import math
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt
from mediapipe import Image, ImageFormat
from mediapipe.tasks.python import BaseOptions, vision

from cv.decoding import Pixels

FOLDER = Path(__file__).parent / "models"
NO_AUTHORITIES = os.devnull
"""The file of trusted certificate authorities: an empty one, so every HTTPS connection fails."""
MIN_CONFIDENCE = 0.5
"""0 to 1; MediaPipe's own default."""
_LIBRARIES = ("libEGL.so.1", "libGLESv2.so.2")


class GraphicsLibraryError(Exception):
    """MediaPipe's library cannot be loaded for want of a shared library."""


@dataclass(frozen=True)
class Face:
    """A face, in pixels of the picture that it was found in.

    `size` is the side of MediaPipe's square face box (brows to chin); `angle` is how far the line through the
    eyes is turned clockwise from level, in degrees; `confidence` is the network's, 0 to 1.
    """

    x: float
    y: float
    size: float
    angle: float
    confidence: float = 1.0


class Models:
    """The networks, loaded once a container and used by one thread at a time.

    Raises GraphicsLibraryError where the machine lacks what MediaPipe links.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        require_graphics_libraries()
        self._short_range = _detector(folder / "face_short_range.tflite")
        self._full_range = _detector(folder / "face_full_range.tflite")
        self._segmenter = vision.ImageSegmenter.create_from_options(
            vision.ImageSegmenterOptions(base_options=_Model(str(folder / "selfie_segmentation.tflite")))
        )

    def close(self) -> None:
        """Free the networks; needed only where the process goes on without them."""
        for task in (self._short_range, self._full_range, self._segmenter):
            task.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def faces(self, pixels: Pixels) -> list[Face]:
        """Return every face found at any distance, the largest first; one found by both networks is there
        twice.

        The short-range network sees faces from a tenth of the picture's side, the full-range one from a
        twentieth.
        """
        found = [*self.close_faces(pixels), *_detect(self._full_range, pixels)]
        return sorted(found, key=lambda face: face.size, reverse=True)

    def close_faces(self, pixels: Pixels) -> list[Face]:
        """Return the faces of the short-range network: exact where a face fills much of the picture."""
        return _detect(self._short_range, pixels)

    def person(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Return for each pixel, 0 to 1, how surely it belongs to a person."""
        (mask,) = self._segmenter.segment(_image(pixels)).confidence_masks
        # The view is into memory that MediaPipe frees with its image.
        return np.array(mask.numpy_view(), dtype=np.float32).reshape(pixels.shape[:2])


def require_graphics_libraries() -> None:
    """Raise GraphicsLibraryError, naming the packages, unless what MediaPipe links is on this machine."""
    for name in _LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError as error:
            raise GraphicsLibraryError(
                f"Portraits need {name}, which this machine lacks: install libegl1 and libgles2 (Debian, "
                "Ubuntu), or libglvnd-egl and libglvnd-gles (Amazon Linux, Fedora)."
            ) from error


class _Model(BaseOptions):  # type: ignore[misc, unused-ignore]
    """A model file, whose task delivers no metrics."""

    def to_ctypes(self) -> Any:
        options = super().to_ctypes()
        options.ca_bundle_path = NO_AUTHORITIES.encode()
        return options


def _detector(path: Path) -> Any:
    return vision.FaceDetector.create_from_options(
        vision.FaceDetectorOptions(base_options=_Model(str(path)), min_detection_confidence=MIN_CONFIDENCE)
    )


def _image(pixels: Pixels) -> Image:
    return Image(ImageFormat.SRGB, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def _detect(detector: Any, pixels: Pixels) -> list[Face]:
    height, width = pixels.shape[:2]
    return [_face(detection, width, height) for detection in detector.detect(_image(pixels)).detections]


def _face(detection: Any, width: int, height: int) -> Face:
    # The first two points are the eyes, from the picture's left to its right on an upright face.
    left, right = detection.keypoints[:2]
    box = detection.bounding_box
    return Face(
        x=box.origin_x + box.width / 2,
        y=box.origin_y + box.height / 2,
        size=max(box.width, box.height),
        angle=math.degrees(math.atan2((right.y - left.y) * height, (right.x - left.x) * width)),
        confidence=detection.categories[0].score,
    )
