"""Faces from landmarks placed by hand, for animals and drawings that the finder does not accept.

A typical mesh is moved onto the landmarks by a similarity (Umeyama 1991), and the rest of the way by thin-plate splines
(Bookstein 1989), which bend it least.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from lipsmith.errors import InvalidOption
from lipsmith.face.geometry import F64, fit_similarity
from lipsmith.face.landmarks import Face

TYPICAL_MESH = Path(str(resources.files("lipsmith.face"))) / "typical_mesh.npy"
"""(478, 3) float32: mesh of a drawn face, IOD from the middle between the eyes."""
LANDMARKS: Mapping[str, tuple[int, ...]] = {
    "left_eye": (33, 133),
    "right_eye": (362, 263),
    "mouth_left": (61,),
    "mouth_right": (291,),
    "upper_lip": (0,),
    "lower_lip": (17,),
    "nose": (4,),
    "chin": (152,),
    "forehead": (10,),
    "left_cheek": (234,),
    "right_cheek": (454,),
}
"""Points of the mesh whose mean each landmark is; left and right are sides of the image."""
REQUIRED = ("left_eye", "right_eye", "mouth_left", "mouth_right")
MAX_BYTES = 100_000


def read_landmarks(path: Path) -> Face:
    """Read a face from a JSON file of landmarks, such as ``{"left_eye": [210, 180], ...}``, in pixels of the photo.

    Raises InvalidOption where the file is no such object or the landmarks make no face.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidOption(f"{path} is too large to be a file of landmarks, which has at most eleven points.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidOption(f"The landmarks {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidOption(f"The landmarks {path} are no JSON: {error}.") from error
    if not isinstance(data, dict):
        raise InvalidOption(f"The landmarks {path} have to be a JSON object of names with [x, y].")
    return face_from_landmarks({name: _place(name, value) for name, value in data.items()})


def face_from_landmarks(landmarks: Mapping[str, tuple[float, float]]) -> Face:
    """Fit the typical mesh to landmarks (names of `LANDMARKS`), (x, y) pixels of the image.

    Raises InvalidOption for unknown or missing names and for landmarks that make no face.
    """
    known = ", ".join(LANDMARKS)
    if unknown := [name for name in landmarks if name not in LANDMARKS]:
        raise InvalidOption(f"Unknown landmark {unknown[0]!r}. Known ones: {known}.")
    if missing := [name for name in REQUIRED if name not in landmarks]:
        raise InvalidOption(f"The landmark {missing[0]!r} is missing. A face needs {', '.join(REQUIRED)}.")
    typical = np.load(TYPICAL_MESH).astype(np.float64)
    _check_layout(landmarks)
    flat = typical[:, :2]
    middles = np.stack([flat[list(LANDMARKS[name])].mean(axis=0) for name in landmarks])
    wanted = np.array(list(landmarks.values()), dtype=np.float64)
    [scale], [rotation], [origin] = fit_similarity(wanted[None], middles)
    to_image = scale * rotation.T
    placed = flat @ to_image + origin
    moves = wanted - (middles @ to_image + origin)
    # Both corners of an eye move alike, so that its middle goes where it was placed.
    counts = [len(LANDMARKS[name]) for name in landmarks]
    anchors = flat[[point for name in landmarks for point in LANDMARKS[name]]]
    placed += _thin_plate(anchors, np.repeat(moves, counts, axis=0), flat)
    return Face(points=np.column_stack([placed, scale * typical[:, 2]]), score=1.0)


def _place(name: str, value: Any) -> tuple[float, float]:
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 2 or not all(
        isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number) for number in numbers
    ):
        raise InvalidOption(f"The landmark {name!r} has to be [x, y] in pixels, and is {json.dumps(value)[:60]}.")
    return float(numbers[0]), float(numbers[1])


def _check_layout(landmarks: Mapping[str, tuple[float, float]]) -> None:
    """Check that the mouth lies below the eyes, and that left is left, seen by the face."""
    left, right, mouth_left, mouth_right = (np.array(landmarks[name]) for name in REQUIRED)
    across = right - left
    distance = float(np.hypot(*across))
    if distance < 1.0:
        raise InvalidOption("The two eyes are at the same place.")
    down = np.array([-across[1], across[0]]) / distance
    if across[0] <= 0 or float((mouth_right - mouth_left) @ across) <= 0:
        raise InvalidOption("Left and right are swapped: they are sides of the photo, not of the person.")
    if float((0.5 * (mouth_left + mouth_right) - 0.5 * (left + right)) @ down) < 0.2 * distance:
        raise InvalidOption("The mouth has to lie below the eyes. Turn the photo upright first.")


def _thin_plate(anchors: F64, moves: F64, at: F64) -> F64:
    """Return the moves at (n, 2) points of the smoothest surface through ``moves`` at ``anchors``."""

    def kernel(a: F64, b: F64) -> F64:
        squared = ((a[:, None] - b[None]) ** 2).sum(axis=2)
        return np.asarray(squared * np.log(np.maximum(squared, 1e-12)))

    count = len(anchors)
    affine = np.column_stack([np.ones(count), anchors])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count], system[:count, count:], system[count:, :count] = kernel(anchors, anchors), affine, affine.T
    solved = np.linalg.solve(system, np.concatenate([moves, np.zeros((3, 2))]))
    return np.asarray(kernel(at, anchors) @ solved[:count] + np.column_stack([np.ones(len(at)), at]) @ solved[count:])
