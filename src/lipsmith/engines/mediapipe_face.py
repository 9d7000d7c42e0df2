"""Face finder, face follower and person matte by MediaPipe's networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import cv2
import numpy as np

from lipsmith.engines import face_networks
from lipsmith.face.detect import Box, find_faces
from lipsmith.face.follow import FollowedFrame, follow_faces
from lipsmith.face.geometry import F64
from lipsmith.face.landmarks import Face
from lipsmith.face.layout import I32
from lipsmith.face.track import FaceTrack
from lipsmith.media.clip import U8, Image
from lipsmith.render.matte import Matte, matte_rect

MIN_BOX_SCORE = 0.6
"""Scores of the full-range detector are below this for animals (11 of 12 measured), and above for people."""
MIN_MESH_SCORE = 0.2
"""Score of the mesh's own detector: a crop is only made where a face was found before."""
DETECTOR_SIDE_PX = 384
"""Images are shrunk to this before detection; the input of the detector is 192 px."""


class MediapipeFaceFinder:
    """Full-range detector, then the attention mesh on square crops; a `FaceFinder`."""

    def __init__(self) -> None:
        self._mesh = face_networks.Mesh(in_motion=False, min_score=MIN_MESH_SCORE)

    def find(self, image: Image) -> list[Face]:
        """Return all human faces, the most prominent first; empty if there is none."""
        return find_faces(image.rgb, self)

    def boxes(self, rgb: U8) -> Sequence[Box]:
        """Return the faces found by the full-range detector."""
        height, width = rgb.shape[:2]
        shrink = min(1.0, DETECTOR_SIDE_PX / max(height, width))
        shown = rgb
        if shrink < 1.0:
            size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
            shown = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        scale = np.array([width / shown.shape[1], height / shown.shape[0]])
        found = []
        for detection in face_networks.FULL_RANGE.find(shown, min_score=MIN_BOX_SCORE):
            x, y = (detection.low + detection.high) / 2 * scale
            side = np.max((detection.high - detection.low) * scale)
            found.append(Box(x=float(x), y=float(y), side=float(side), score=detection.score))
        return found

    def mesh(self, rgb: U8) -> F64 | None:
        """Return the mesh of the face in a square crop, (478, 3) pixels of the crop."""
        return self._mesh(rgb)

    def mesh_in_motion(self) -> Callable[[U8], F64 | None]:
        """Return `mesh` for the frames of a clip: faster and steadier, since it uses the frame before."""
        return face_networks.Mesh(in_motion=True, min_score=MIN_MESH_SCORE)


class MediapipeFaceFollower(MediapipeFaceFinder):
    """Finder with the mesh in video mode; a `FaceFollower`."""

    def follow(self, frames: Iterable[FollowedFrame], *, pixel_aspect: Fraction = Fraction(1)) -> list[FaceTrack]:
        """Return every face of the clip, from left to right; empty if there is none."""
        return follow_faces(frames, self, pixel_aspect=pixel_aspect)


def person_matte(rgb: U8, face: Face) -> Matte:
    """Return the matte of the people around a face: 256 x 256 values over a square of eight eye distances.

    A square of its own, and not the whole photo, keeps the head's proportions and gives small heads an edge.
    """
    left, top, right, bottom = matte_rect(face.points, face.iod_px)
    height, width = rgb.shape[:2]
    inside = rgb[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    margins = max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width)
    square = cv2.copyMakeBorder(inside, *margins, cv2.BORDER_REPLICATE)
    size = (face_networks.MATTE_INPUT_PX, face_networks.MATTE_INPUT_PX)
    shown = np.asarray(cv2.resize(square, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return Matte(values=face_networks.matte(shown), rect=(left, top, right, bottom))


def mesh_triangles() -> I32:
    """Return the triangles of the face mesh, (854, 3) int32."""
    return face_networks.triangles()
