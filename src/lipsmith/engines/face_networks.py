"""Face detectors, face mesh and person matte, run by onnxruntime.

The models are MediaPipe's, converted when lipsmith is built (`model_conversion`). Each takes an RGB image of 8 bits.
Pixel 0 of an image lies at coordinate 0, and sizes run from edge to edge, as the models were trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lipsmith.errors import MissingDependency
from lipsmith.face.geometry import F64
from lipsmith.face.layout import I32
from lipsmith.media.clip import U8

MODELS = Path(__file__).parent / "face_models"
MESH_INPUT_PX, MATTE_INPUT_PX = 192, 256

MIN_PRESENCE = 0.5
"""Minimum probability that the mesh shows a face."""
MESH_IN_BOXES = 1.5
"""Side of the region for the mesh, in longer sides of the box around the face."""
MAX_OVERLAP = 0.3
"""Boxes that share more than this are one face: intersection over union."""

_OUTER_EYES = (33, 263)
_BOX_VALUES = 16  # centre x and y, width, height, then x and y of six points; the first two points are the eyes
_MAX_LOGIT = 100.0


@dataclass(frozen=True, kw_only=True)
class Detection:
    """Face found by a detector, in pixels of the image."""

    score: float
    """0–1."""
    low: F64
    """(2,) left and top of the box."""
    high: F64
    """(2,) right and bottom."""
    eyes: F64
    """(2, 2) eyes, the one on the left of an upright face first."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """Turned square of an image, in pixels."""

    x: float
    """Centre."""
    y: float
    side: float
    angle: float
    """Radians, clockwise in the image."""

    @classmethod
    def around(cls, low: F64, high: F64, eyes: F64) -> Region:
        """Return the region for the mesh of a face: a square around its box, upright along the line of the eyes."""
        (x, y), (width, height) = (low + high) / 2, high - low
        across, down = eyes[1] - eyes[0]
        side = MESH_IN_BOXES * max(width, height)
        return cls(x=float(x), y=float(y), side=float(side), angle=math.atan2(down, across))

    @property
    def axes(self) -> F64:
        """(2, 2): the square's own x and y axes in the image, one per row."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        return np.array([[cosine, sine], [-sine, cosine]])

    def cut(self, rgb: U8, size_px: int, border: int) -> U8:
        """Return the region as (size_px, size_px, 3), with ``border`` as OpenCV's rule for pixels outside."""
        linear = self.axes * (size_px / self.side)
        shift = size_px / 2 - linear @ (self.x, self.y)
        to_region = np.vstack([np.column_stack([linear, shift]), [0.0, 0.0, 1.0]])
        cut = cv2.warpPerspective(rgb, to_region, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=border)
        return np.asarray(cut, dtype=np.uint8)

    def to_image(self, points: F64, size_px: int) -> F64:
        """Map (n, 3) points in pixels of a cut of ``size_px`` to pixels of the image; depths are scaled alike."""
        mapped = points * (self.side / size_px)
        mapped[:, :2] = (mapped[:, :2] - self.side / 2) @ self.axes + (self.x, self.y)
        return mapped


class Detector:
    """Face detector over a square around the image. Each cell of its grids proposes boxes around its own centre."""

    def __init__(
        self, model: str, *, input_px: int, grids: Sequence[tuple[int, int]], outputs: tuple[str, str]
    ) -> None:
        self._model, self._input_px, self._outputs = model, input_px, outputs
        self._anchors = np.concatenate([_cell_centres(cells).repeat(boxes, axis=0) for cells, boxes in grids])

    def find(self, rgb: U8, *, min_score: float) -> list[Detection]:
        """Return the faces in an RGB image, most certain first."""
        height, width = rgb.shape[:2]
        whole = Region(x=width / 2, y=height / 2, side=max(height, width), angle=0.0)
        shown = whole.cut(rgb, self._input_px, cv2.BORDER_CONSTANT)
        boxes, logits = session(self._model).run(self._outputs, {"image": shown[None]})
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits.reshape(-1).astype(np.float64), -_MAX_LOGIT, _MAX_LOGIT)))
        certain = np.flatnonzero(scores >= min_score)
        found = _faces_of(boxes.reshape(-1, _BOX_VALUES)[certain] / self._input_px, self._anchors[certain])
        corner = np.array([whole.x, whole.y]) - whole.side / 2
        return [
            Detection(
                score=score,
                low=places[0] * whole.side + corner,
                high=places[1] * whole.side + corner,
                eyes=places[2:4] * whole.side + corner,
            )
            for score, places in merged(found, scores[certain])
        ]


def _cell_centres(cells: int) -> F64:
    """Return (cells * cells, 2): x and y of all cells of a grid, row by row, in sides of the image."""
    middles = (np.arange(cells) + 0.5) / cells
    return np.stack([np.tile(middles, cells), np.repeat(middles, cells)], axis=1)


def _faces_of(values: F64, anchors: F64) -> F64:
    """Return (n, 8, 2) from (n, 16) values: low and high corner of the box, then six points; nan for negative sizes."""
    pairs = values.reshape(-1, _BOX_VALUES // 2, 2).astype(np.float64)
    sizes = pairs[:, 1].copy()
    sizes[(sizes < 0).any(axis=1)] = np.nan
    centres = pairs[:, 0] + anchors
    corners = np.stack([centres - sizes / 2, centres + sizes / 2], axis=1)
    return np.concatenate([corners, pairs[:, 2:] + anchors[:, None]], axis=1)


def merged(faces: F64, scores: F64) -> list[tuple[float, F64]]:
    """Merge overlapping boxes into the mean weighted by score; return (score, (8, 2) places), most certain first.

    ``faces`` is (n, 8, 2) as made by the detectors: two corners and six points. The best score of a group is its score.
    """
    usable = np.flatnonzero(np.isfinite(faces[:, :2]).all(axis=(1, 2)))
    order = usable[np.argsort(-scores[usable], kind="stable")]
    found = []
    while len(order):
        alike = _overlaps(faces[order[0], :2], faces[order, :2]) > MAX_OVERLAP
        alike[0] = True  # a box without an area does not overlap itself
        group = order[alike]
        found.append((float(scores[order[0]]), np.average(faces[group], axis=0, weights=scores[group])))
        order = order[~alike]
    return found


def _overlaps(box: F64, boxes: F64) -> F64:
    """Return (n,) intersection over union of one (2, 2) box with (n, 2, 2) boxes of low and high corners."""
    shared = np.minimum(box[1], boxes[:, 1]) - np.maximum(box[0], boxes[:, 0])
    intersection = np.clip(shared, 0.0, None).prod(axis=1)
    union = (box[1] - box[0]).prod() + (boxes[:, 1] - boxes[:, 0]).prod(axis=1) - intersection
    overlaps: F64 = np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)
    return overlaps


FULL_RANGE = Detector("full_range_detector", input_px=192, grids=((48, 1),), outputs=("Identity", "Identity_1"))
"""Finds heads down to a tenth of the image's side."""
SHORT_RANGE = Detector(
    "short_range_detector", input_px=128, grids=((16, 2), (8, 6)), outputs=("regressors", "classificators")
)
"""Finds faces that fill much of the image; its boxes are those that the mesh was trained with."""


class Mesh:
    """Mesh of the first face in an image. With ``in_motion``, each image is the next frame of the same face.

    The short-range detector looks at every image, or in motion only after a frame without a face.
    """

    def __init__(self, *, in_motion: bool, min_score: float) -> None:
        self._in_motion, self._min_score = in_motion, min_score
        self._region: Region | None = None

    def __call__(self, rgb: U8) -> F64 | None:
        """Return (478, 3) pixels of the RGB image; None without a face."""
        region, self._region = self._region or self._searched(rgb), None
        points = None if region is None else mesh_in(rgb, region)
        if points is not None and self._in_motion:
            places = points[:, :2]
            self._region = Region.around(places.min(axis=0), places.max(axis=0), places[list(_OUTER_EYES)])
        return points

    def _searched(self, rgb: U8) -> Region | None:
        found = SHORT_RANGE.find(rgb, min_score=self._min_score)
        return Region.around(found[0].low, found[0].high, found[0].eyes) if found else None


def mesh_in(rgb: U8, region: Region) -> F64 | None:
    """Return the (478, 3) mesh of the face in a region, in pixels of the image; None if there is no face."""
    shown = region.cut(rgb, MESH_INPUT_PX, cv2.BORDER_REPLICATE)
    points, presence = session("face_mesh").run(("points", "presence"), {"image": shown[None]})
    return None if presence[0] <= MIN_PRESENCE else region.to_image(points.astype(np.float64), MESH_INPUT_PX)


def matte(rgb: U8) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the share of a person in each pixel, (256, 256) float32 0–1, of a (256, 256, 3) uint8 image."""
    [values] = session("person_matte").run(None, {"image": rgb[None]})
    return np.asarray(values, dtype=np.float32)


def triangles() -> I32:
    """Return the triangles of the mesh, (854, 3) int32."""
    path = MODELS / "triangles.npy"
    _check_exists(path)
    return np.asarray(np.load(path, allow_pickle=False), dtype=np.int32)


@cache
def session(model: str) -> Any:
    """Return the session of a model, which all threads and faces share. Raises MissingDependency.

    One thread: with two, onnxruntime needs half as much processor time again, and in its usual setting four times as
    much, since its threads wait actively between frames.
    """
    path = MODELS / f"{model}.onnx"
    _check_exists(path)
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency(f"onnxruntime cannot be loaded ({error}). Run `lipsmith doctor` for help.") from error
    onnxruntime.set_default_logger_severity(3)  # errors only: the library prints nothing
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise MissingDependency(
            f"The face model {path.name} is missing from this installation. Reinstall lipsmith; in its source folder, "
            "run `python -m pip install --editable .`."
        )
