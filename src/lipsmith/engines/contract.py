"""The roles an engine can play. The smallest contract that serves; every engine of a role passes the same tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from lipsmith.face.follow import FollowedFrame
from lipsmith.face.landmarks import Face
from lipsmith.face.track import FaceTrack
from lipsmith.media.clip import U8, Audio, ClipFrame, Image
from lipsmith.media.reader import Clip
from lipsmith.motion.track import MotionTrack
from lipsmith.speech.visemes import Speech


class FaceFinder(Protocol):
    """Finds faces in a picture."""

    def find(self, image: Image) -> Sequence[Face]:
        """All human faces, most prominent first; empty when there is none."""
        ...


class FaceFollower(Protocol):
    """Follows faces through a clip."""

    def follow(self, frames: Iterable[FollowedFrame], *, pixel_aspect: Fraction = Fraction(1)) -> Sequence[FaceTrack]:
        """Every face of the clip, from left to right where they are on average; empty when there is none.

        Walks through ``frames`` once and keeps none of them. ``pixel_aspect`` is a pixel's width over its height.
        """
        ...


class SpeechReader(Protocol):
    """Hears what is said when."""

    def read(self, audio: Audio) -> Speech:
        """Reads the whole recording."""
        ...


Effort = Literal["lite", "standard", "pro"]
"""``lite``: lips are warped, their inside is made. ``standard``: mouths from elsewhere in the clip where they fit.
``pro``: the same with a wider search, less noise, and sharpness matched to its place."""


@dataclass(frozen=True, kw_only=True)
class NewLips:
    """What one face of a clip shall say."""

    track: FaceTrack
    motion: MotionTrack
    """One row for each picture of the new video; ``aperture`` in IOD of this face."""
    sources: NDArray[np.int64]
    """(n,) which frame of the clip each picture of the new video shows."""


class LipSyncer(Protocol):
    """Gives faces in a clip new lips."""

    def frames(
        self, clip: Clip, shown: Iterable[ClipFrame], speakers: Sequence[NewLips], *, effort: Effort, first: int = 0
    ) -> Iterator[ClipFrame]:
        """The pictures ``shown``, in their order, with new lips on the faces of ``speakers``.

        ``shown`` starts with picture ``first`` of the new video; its planes may be changed in place. ``clip`` may be
        walked through for what it teaches. Parts of a video drawn apart are the same as drawn in one go.
        """
        ...


class PhotoAnimator(Protocol):
    """Draws a portrait that moves."""

    def frames(self, image: Image, face: Face, motion: MotionTrack, *, others: Sequence[Face] = ()) -> Iterator[U8]:
        """One frame per frame of ``motion``, of the size of ``image``, whose sides are even.

        Either (height, width, 3) uint8 RGB, or, to spare a conversion, (height * 3 // 2, width) uint8 I420 planes
        (BT.709, limited range). ``others`` are further faces in the picture, which stay still.
        """
        ...
