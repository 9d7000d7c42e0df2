"""Face finder, face follower and person matte by the networks in the mediapipe package."""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeVar

import cv2
import numpy as np

from lipsmith.errors import MissingDependency
from lipsmith.face.detect import Box, find_faces
from lipsmith.face.follow import FollowedFrame, follow_faces
from lipsmith.face.geometry import F64
from lipsmith.face.landmarks import Face
from lipsmith.face.layout import I32, triangles_from_edges
from lipsmith.face.track import FaceTrack
from lipsmith.media.clip import U8, Image
from lipsmith.render.matte import Matte, matte_rect

MIN_BOX_SCORE = 0.5
"""Scores of the full-range detector are below this for animals (11 of 12 measured), and above for people."""
DETECTOR_SIDE_PX = 384
"""Images are shrunk to this before detection; the input of the detector is 192 px."""

T = TypeVar("T")


class MediapipeFaceFinder:
    """Full-range detector, then the attention mesh on square crops; a `FaceFinder`."""

    def find(self, image: Image) -> list[Face]:
        """Return all human faces, the most prominent first; empty if there is none."""
        with _quiet():
            return find_faces(image.rgb, self)

    def boxes(self, rgb: U8) -> Sequence[Box]:
        """Return the faces found by the full-range detector."""
        height, width = rgb.shape[:2]
        shrink = min(1.0, DETECTOR_SIDE_PX / max(height, width))
        shown = rgb
        if shrink < 1.0:
            size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
            shown = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        answer = self._detector.process(np.ascontiguousarray(shown))
        found = []
        for detection in answer.detections or ():
            box = detection.location_data.relative_bounding_box
            found.append(
                Box(
                    x=(box.xmin + box.width / 2) * width,
                    y=(box.ymin + box.height / 2) * height,
                    side=max(box.width * width, box.height * height),
                    score=float(detection.score[0]),
                )
            )
        return found

    def mesh(self, rgb: U8) -> F64 | None:
        """Return the mesh of the face in a square crop, (478, 3) pixels of the crop."""
        return _mesh_of(self._mesh.process(rgb), rgb)

    def mesh_in_motion(self) -> Callable[[U8], F64 | None]:
        """Return `mesh` for the frames of a clip: faster and steadier, since it uses the frame before."""
        network = _solutions().face_mesh.FaceMesh(
            static_image_mode=False, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.2
        )

        def mesh(rgb: U8) -> F64 | None:
            return _mesh_of(network.process(rgb), rgb)

        return _closing(mesh, network)

    @cached_property
    def _detector(self) -> Any:
        detection = _solutions().face_detection
        network = detection.FaceDetection(model_selection=1, min_detection_confidence=MIN_BOX_SCORE)
        _closing(self, network)
        return network

    @cached_property
    def _mesh(self) -> Any:
        network = _solutions().face_mesh.FaceMesh(
            static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.2
        )
        _closing(self, network)
        return network


class MediapipeFaceFollower(MediapipeFaceFinder):
    """Finder with the mesh in video mode; a `FaceFollower`."""

    def follow(self, frames: Iterable[FollowedFrame], *, pixel_aspect: Fraction = Fraction(1)) -> list[FaceTrack]:
        """Return every face of the clip, from left to right; empty if there is none."""
        with _quiet():
            return follow_faces(frames, self, pixel_aspect=pixel_aspect)


def _closing(owner: T, network: Any) -> T:
    """Close ``network`` together with ``owner``, which is returned. Otherwise mediapipe keeps 20-40 MB."""
    weakref.finalize(owner, network.close).atexit = False
    return owner


def _mesh_of(answer: Any, rgb: U8) -> F64 | None:
    if not answer.multi_face_landmarks:
        return None
    height, width = rgb.shape[:2]
    landmarks = answer.multi_face_landmarks[0].landmark
    return np.array([(p.x * width, p.y * height, p.z * width) for p in landmarks], dtype=np.float64)


def person_matte(rgb: U8, face: Face) -> Matte:
    """Return the matte of the people around a face: 256 x 256 values over a square of eight eye distances.

    A square of its own, and not the whole photo, keeps the head's proportions and gives small heads an edge.
    """
    left, top, right, bottom = matte_rect(face.points, face.iod_px)
    height, width = rgb.shape[:2]
    inside = rgb[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    margins = max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width)
    square = cv2.copyMakeBorder(inside, *margins, cv2.BORDER_REPLICATE)
    shown = np.asarray(cv2.resize(square, (256, 256), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    with _quiet(), _solutions().selfie_segmentation.SelfieSegmentation(model_selection=0) as segmenter:
        values = segmenter.process(shown).segmentation_mask
    return Matte(values=np.asarray(values, dtype=np.float32), rect=(left, top, right, bottom))


def _solutions() -> Any:
    try:
        import mediapipe
    except ImportError as error:
        raise MissingDependency(f"mediapipe cannot be loaded ({error}). Run `lipsmith doctor` for help.") from error
    return mediapipe.solutions


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide messages that native libraries print from their own threads."""
    if sys.stderr:  # a program without a terminal may have none
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no stderr: nothing to hide
        yield
        return
    try:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 2)
        os.close(silent)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def mesh_triangles() -> I32:
    """Return the triangles of the face mesh, (854, 3) int32."""
    return triangles_from_edges(_solutions().face_mesh.FACEMESH_TESSELATION)
