"""Subjects of the measures: a face from a photo, mouth shapes, and a sentence it speaks.

Also detects a face in a drawn frame, to compare requested and shown motion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.engines.mediapipe_face import MediapipeFaceFinder, mesh_triangles, person_matte
from lipsmith.face.geometry import F64
from lipsmith.face.landmarks import Face
from lipsmith.media.clip import U8, Audio, Image
from lipsmith.media.image import read_image
from lipsmith.motion.choreography import build_motion
from lipsmith.motion.track import CHANNELS, MotionTrack
from lipsmith.render.matte import Matte
from lipsmith.render.portrait import Portrait
from lipsmith.speech.visemes import Speech

PHOTO_EXTENSIONS = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tiff"}
SENTENCE = "My friend found five big boats, and we saw them move over the blue sea."
"""Lips that meet, lips on teeth, rounded and wide vowels."""
SMILE_WHILE_SPEAKING = 0.45

LOOKS: Mapping[str, Mapping[str, float]] = {
    "sil": {"smile": 1.0},
    "aa": {"aperture": 0.27, "upper_raise": 0.02},
    "ee": {"aperture": 0.13, "width": 0.10, "upper_raise": 0.025, "lower_drop": 0.03},
    "oo": {"aperture": 0.09, "width": -0.24, "pucker": 1.0},
    "oh": {"aperture": 0.22, "width": -0.16, "pucker": 0.7},
    "mm": {"press": 1.0},
    "ff": {"aperture": 0.05, "tuck": 1.0, "upper_raise": 0.035},
    "th": {"aperture": 0.13, "tongue": 1.0},
    "ss": {"aperture": 0.07, "width": 0.06, "upper_raise": 0.02, "lower_drop": 0.025},
    "blink": {"blink_left": 1.0, "blink_right": 1.0, "smile": 1.0},
    "turned": {"head_yaw": 8.0, "head_pitch": 4.0, "head_roll": -4.0, "aperture": 0.20, "gaze_x": 0.03},
}
"""Mouth shapes at full strength, stronger than in speech; other channels rest."""

MESH_SIDE_PX = 512
CROPS = ((4.9, 0.0, 0.0), (5.2, 0.05, 0.03), (4.6, -0.05, 0.04), (5.5, 0.04, -0.05), (5.8, -0.04, -0.03))
"""Side of a crop and its shift, IOD: the median over several reduces the jitter of one."""


def look(name: str) -> dict[str, float]:
    """Return all channels of a mouth shape of `LOOKS`."""
    return at_rest(**{"smile": SMILE_WHILE_SPEAKING, **LOOKS[name]})


def at_rest(**given: float) -> dict[str, float]:
    """Return all channels at rest except the given ones."""
    return {name: rest for name, (_, _, rest, _) in CHANNELS.items()} | given


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Face to draw."""

    name: str
    image: Image
    face: Face
    matte: Matte
    portrait: Portrait

    @classmethod
    def of(cls, name: str, image: Image) -> Subject | None:
        """Make a subject of the most prominent face in an image; None if there is none."""
        faces = finder().find(image)
        return cls.with_face(name, image, faces[0]) if faces else None

    @classmethod
    def with_face(cls, name: str, image: Image, face: Face) -> Subject:
        """Make a subject of a detected face. ``image`` has even sides."""
        matte = person_matte(image.rgb, face)
        portrait = Portrait(image, face, matte=matte, triangles=mesh_triangles())
        return cls(name=name, image=image, face=face, matte=matte, portrait=portrait)

    @property
    def iod_px(self) -> float:
        return self.portrait.shape.frame.iod_px

    def requested_width(self, channels: Mapping[str, float]) -> float:
        """Return the distance between the mouth corners that a frame requests of this face, IOD."""
        points = self.portrait.shape.rest + self.portrait.shape.displacement(channels)
        return float(np.linalg.norm(points[291] - points[61]))

    def seen_in(self, rgb: U8, crops: int = 5) -> F64 | None:
        """Detect the mesh in a drawn frame, (478, 3) pixels; None if no crop shows a face to the network."""
        centre = self.face.points[:, :2].mean(axis=0)
        meshes = []
        for side, dx, dy in CROPS[:crops]:
            mesh = _mesh_at(rgb, centre + np.array([dx, dy]) * self.iod_px, side * self.iod_px)
            if mesh is not None:
                meshes.append(mesh)
        return np.median(np.stack(meshes), axis=0) if meshes else None


def read_even(path: Path) -> Image:
    """Read an image as the pipeline draws it: an odd row or column is cropped."""
    return even(read_image(path))


def even(image: Image) -> Image:
    rgb = image.rgb[: image.height // 2 * 2, : image.width // 2 * 2]
    return replace(image, rgb=np.ascontiguousarray(rgb))


def astronaut() -> Image:
    """Return NASA's public-domain portrait from scikit-image."""
    from skimage import data

    return Image(rgb=np.ascontiguousarray(data.astronaut()), grey=False)


def photos_in(folder: Path) -> list[Path]:
    """Return the image files of a folder by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTO_EXTENSIONS)


@cache
def finder() -> MediapipeFaceFinder:
    return MediapipeFaceFinder()


@cache
def spoken(text: str = SENTENCE) -> tuple[Audio, Speech]:
    """Synthesize a sentence, and return its audio and visemes."""
    from lipsmith.synthesis.espeak import EspeakVoice

    answer = EspeakVoice().speak(text, voice="en-us", rate=1.0)
    return answer.audio, answer.speech


def sentence_track(fps: int, *, still: bool = False, seed: int = 1, text: str = SENTENCE) -> MotionTrack:
    """Return the motion of the spoken sentence."""
    audio, speech = spoken(text)
    frames = round(audio.duration_s * fps)
    return build_motion(speech, fps=Fraction(fps), frames=frames, still=still, seed=seed)


def upright_crop(rgb: U8, subject: Subject, *, centre: F64, side_iod: float, side_px: int) -> U8:
    """Crop a square of ``side_iod`` around a point of the image, at ``side_px`` pixels."""
    side = side_iod * subject.face.iod_px
    scale = side_px / side
    to_crop = np.array([[scale, 0, side_px / 2 - centre[0] * scale], [0, scale, side_px / 2 - centre[1] * scale]])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    if scale < 1:  # warpAffine has no area filter: shrink in whole steps first
        step = max(1, int(1 / scale))
        small = cv2.resize(rgb, (rgb.shape[1] // step, rgb.shape[0] // step), interpolation=cv2.INTER_AREA)
        to_crop[:, :2] *= [rgb.shape[1] / small.shape[1], rgb.shape[0] / small.shape[0]]
        rgb, how = np.asarray(small, np.uint8), cv2.INTER_LINEAR
    cropped: Any = cv2.warpAffine(rgb, to_crop, (side_px, side_px), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cropped, np.uint8)


def _mesh_at(rgb: U8, centre: F64, side: float) -> F64 | None:
    scale = MESH_SIDE_PX / side
    place = MESH_SIDE_PX / 2 - centre * scale
    shown, to_crop = rgb, np.array([[scale, 0, place[0]], [0, scale, place[1]]])
    step = max(1, int(side / MESH_SIDE_PX))
    if step > 1:
        shown = np.asarray(
            cv2.resize(rgb, (rgb.shape[1] // step, rgb.shape[0] // step), interpolation=cv2.INTER_AREA), np.uint8
        )
        to_crop[:, :2] *= [rgb.shape[1] / shown.shape[1], rgb.shape[0] / shown.shape[0]]
    crop: NDArray[Any] = cv2.warpAffine(
        shown, to_crop, (MESH_SIDE_PX, MESH_SIDE_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    mesh = finder().mesh(np.asarray(crop, np.uint8))
    if mesh is None:
        return None
    points = mesh / scale
    points[:, :2] += centre - side / 2
    return points
