"""Face detection in a photo or in the first frame of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lipsmith.errors import ImageError, InvalidOption
from lipsmith.pipeline.facade import Facade
from lipsmith.pipeline.progress import ProgressReporter
from lipsmith.pipeline.requests import DetectRequest

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.media.clip import Image

FACE_MARGIN = 0.25
"""Border around a face that is cut out, as a share of its longer side."""


@dataclass(frozen=True, kw_only=True)
class DetectedFace:
    """One face."""

    box: tuple[int, int, int, int]
    """Left, top, right, bottom, pixels of the upright image."""
    score: float
    """Certainty of the detector, 0-1."""
    iod_px: float
    """Distance between the eye centres, pixels."""
    yaw_deg: float
    """Turn of the head to the side, degrees."""
    path: Path | None
    """PNG of the face; None where no folder was named."""


@dataclass(frozen=True, kw_only=True)
class DetectResult:
    """Faces of an image, the most prominent first."""

    faces: tuple[DetectedFace, ...]
    width: int
    """Pixels of the upright image."""
    height: int


def run_detection(request: DetectRequest) -> DetectResult:
    """Find the faces in ``source``, and write each as ``face-1.png`` and so on into the folder ``out``.

    Raises InvalidImage or InvalidVideo, and InvalidOption where ``out`` is no folder.
    """
    from lipsmith.engines import registry

    folder = None if request.out is None else Path(request.out)
    if folder is not None and not folder.is_dir():
        raise InvalidOption(f"{folder} is not a folder. Create it first.")
    request.check_engines()
    reporter = ProgressReporter(request.progress, request.cancelled)
    with reporter.stage("face"):
        image = _read(Path(request.source), request.moving)
        found = registry.create("face_finder", request.engines.get("face_finder")).find(image)
        kept = [face for face in found if face.score >= request.min_score]
        faces = tuple(
            DetectedFace(
                box=face.box,
                score=face.score,
                iod_px=round(face.iod_px, 1),
                yaw_deg=round(face.yaw_deg, 1),
                path=None if folder is None else _write(folder / f"face-{number}.png", image, face.box),
            )
            for number, face in enumerate(kept, start=1)
        )
    return DetectResult(faces=faces, width=image.width, height=image.height)


detect_faces = Facade("detect_faces", DetectRequest, run_detection)


def _read(source: Path, moving: bool | None) -> Image:
    from lipsmith.media.clip import Image
    from lipsmith.media.image import read_image
    from lipsmith.media.reader import first_frame

    if not moving:
        try:
            return read_image(source)
        except ImageError:
            if moving is False:
                raise
    return Image(rgb=first_frame(source), grey=False)


def _write(path: Path, image: Image, box: tuple[int, int, int, int]) -> Path:
    import cv2

    left, top, right, bottom = box
    margin = round(FACE_MARGIN * max(right - left, bottom - top))
    rows, columns = slice(max(0, top - margin), bottom + margin), slice(max(0, left - margin), right + margin)
    cv2.imwrite(str(path), cv2.cvtColor(image.rgb[rows, columns], cv2.COLOR_RGB2BGR))
    return path
