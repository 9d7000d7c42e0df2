"""Find faces in an image, and the main one among them.

Measured: the full-range detector sees heads down to a tenth of the side of its input, so large images are searched
again in overlapping tiles. The mesh's own detector needs a face that fills much of the crop, so the mesh receives
only square crops around boxes of the full-range detector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, rotate_points_back
from lipsmith.face.landmarks import Face

U8 = NDArray[np.uint8]

MESH_SIDE_PX = 512
"""Size of the crops for the mesh."""
FIRST_CROP_IN_BOXES = 2.0
"""Side of the first crop, in sides of the detector's box."""
CROPS_IN_IOD = (5.2, 4.6, 4.9, 5.5, 5.8)
"""Sides of the five crops whose median is taken; a single crop is off by about half a pixel per 100 px IOD."""
CROP_JITTER_IOD = ((0.0, 0.0), (0.05, 0.03), (-0.05, 0.04), (0.04, -0.05), (-0.04, -0.03))
SAME_FACE_IOD = 0.8
"""Two meshes whose centres are closer than this are the same face."""

TINY_IOD_PX, TINY_FACE_SCORE = 16.0, 0.75


@dataclass(frozen=True, kw_only=True)
class Box:
    """Detected face, in pixels of the detector's input."""

    x: float
    y: float
    side: float
    score: float


class FaceNetworks(Protocol):
    """Networks for detection."""

    def boxes(self, rgb: U8) -> Sequence[Box]:
        """Return centres and sides of the faces in an RGB image."""
        ...

    def mesh(self, rgb: U8) -> F64 | None:
        """Return the (478, 3) mesh of the face in a square RGB crop, in pixels of the crop; None without a face."""
        ...


def find_faces(rgb: U8, networks: FaceNetworks) -> list[Face]:
    """Return all faces in a (height, width, 3) uint8 RGB image, most prominent first.

    Searches the whole image and four tiles, then finer tiles, then the image in quarter turns.
    """
    height, width = rgb.shape[:2]
    faces = _faces_in(rgb, boxes_in_tiles(rgb, networks, splits=(1, 2)), networks)
    if not faces:
        faces = _faces_in(rgb, boxes_in_tiles(rgb, networks, splits=(3, 5, 8)), networks)
    for turns in (1, 3, 2) if not faces else ():
        turned = np.ascontiguousarray(np.rot90(rgb, turns))
        found = _faces_in(turned, boxes_in_tiles(turned, networks, splits=(1, 2)), networks)
        faces = [Face(points=rotate_points_back(face.points, turns, width, height), score=face.score) for face in found]
        if faces:
            break
    return sorted(faces, key=lambda face: -prominence(face, width, height))


def prominence(face: Face, width: int, height: int) -> float:
    """Rate a face as the main one: large, near the middle, surely a face. Higher is more prominent."""
    centre = face.points[:, :2].mean(axis=0)
    off_centre = np.hypot(centre[0] / width - 0.5, centre[1] / height - 0.5)
    return float(face.iod_px * (1.0 - 0.5 * off_centre) * (0.5 + 0.5 * face.score))


def face_at(faces: Sequence[Face], x: float, y: float) -> Face | None:
    """Return the nearest face whose box, widened by a quarter, contains the point; None without one."""
    best, best_distance = None, np.inf
    for face in faces:
        left, top, right, bottom = face.box
        slack = 0.25 * max(right - left, bottom - top)
        distance = float(np.hypot(x - (left + right) / 2, y - (top + bottom) / 2))
        inside = left - slack <= x <= right + slack and top - slack <= y <= bottom + slack
        if inside and distance < best_distance:
            best, best_distance = face, distance
    return best


def boxes_in_tiles(rgb: U8, networks: FaceNetworks, *, splits: Iterable[int]) -> list[Box]:
    """Detect boxes in the whole image (split 1) or in overlapping tiles, in pixels of the image."""
    height, width = rgb.shape[:2]
    found: list[Box] = []
    for split in splits:
        for left, top, right, bottom in _tiles(width, height, split):
            found.extend(
                Box(x=box.x + left, y=box.y + top, side=box.side, score=box.score)
                for box in networks.boxes(rgb[top:bottom, left:right])
            )
    return _without_duplicates(found)


def _tiles(width: int, height: int, split: int) -> list[tuple[int, int, int, int]]:
    """Return ``split`` tiles along the longer side, nearly square, each 1.5 times as long as its share."""
    if split == 1:
        return [(0, 0, width, height)]
    side = int(max(width, height) / split * 1.5)

    def starts(length: int) -> list[int]:
        if side >= length:
            return [0]
        count = int(np.ceil((length - side) / (side / 1.5))) + 1
        return [round(start) for start in np.linspace(0, length - side, count)]

    return [
        (left, top, min(left + side, width), min(top + side, height))
        for top in starts(height)
        for left in starts(width)
    ]


def _without_duplicates(boxes: list[Box]) -> list[Box]:
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box.score):
        if all(np.hypot(box.x - other.x, box.y - other.y) > 0.5 * max(box.side, other.side) for other in kept):
            kept.append(box)
    return kept


def _is_plausible(face: Face) -> bool:
    """Require a higher score of tiny faces, since a few pixels of anything can pass for one."""
    return face.iod_px >= TINY_IOD_PX or face.score >= TINY_FACE_SCORE


def _faces_in(rgb: U8, boxes: Iterable[Box], networks: FaceNetworks) -> list[Face]:
    faces: list[Face] = []
    for box in boxes:
        points = _mesh_in_crop(rgb, networks, box.x, box.y, box.side * FIRST_CROP_IN_BOXES)
        if points is None:
            continue
        face = Face(points=_median_mesh(rgb, networks, points), score=box.score)
        centre = face.points[:, :2].mean(axis=0)
        if _is_plausible(face) and all(
            np.hypot(*(centre - other.points[:, :2].mean(axis=0))) > SAME_FACE_IOD * max(face.iod_px, other.iod_px)
            for other in faces
        ):
            faces.append(face)
    return faces


def _median_mesh(rgb: U8, networks: FaceNetworks, first: F64) -> F64:
    """Return the median mesh over five slightly different crops, which removes the jitter of a single crop."""
    left, right = first[[33, 133], :2].mean(axis=0), first[[362, 263], :2].mean(axis=0)
    iod_px = float(np.hypot(*(right - left)))
    centre = first[:, :2].mean(axis=0)
    meshes = [
        mesh
        for size, (dx, dy) in zip(CROPS_IN_IOD, CROP_JITTER_IOD, strict=True)
        if (
            mesh := _mesh_in_crop(
                rgb, networks, centre[0] + dx * iod_px, centre[1] + dy * iod_px, max(size * iod_px, 16.0)
            )
        )
        is not None
    ]
    median: F64 = np.median(np.stack(meshes), axis=0) if meshes else first
    return median


def _mesh_in_crop(rgb: U8, networks: FaceNetworks, x: float, y: float, side: float) -> F64 | None:
    """Return the mesh of the face in a square around (x, y), in pixels of the image; edges are repeated outside."""
    scale = MESH_SIDE_PX / side
    to_crop = np.array([[scale, 0, MESH_SIDE_PX / 2 - x * scale], [0, scale, MESH_SIDE_PX / 2 - y * scale]])
    # warpAffine has no area filter; scale down in whole steps first.
    step = max(1, int(side / MESH_SIDE_PX))
    scaled = rgb
    if step > 1:
        scaled = cv2.resize(rgb, (rgb.shape[1] // step, rgb.shape[0] // step), interpolation=cv2.INTER_AREA)
        to_crop[:, :2] *= [rgb.shape[1] / scaled.shape[1], rgb.shape[0] / scaled.shape[0]]
    crop = cv2.warpAffine(
        scaled, to_crop, (MESH_SIDE_PX, MESH_SIDE_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    mesh = networks.mesh(np.asarray(crop, dtype=np.uint8))
    if mesh is None:
        return None
    points = mesh / scale
    points[:, 0] += x - side / 2
    points[:, 1] += y - side / 2
    return points
