"""Roles of engines: the smallest contract for each. Every engine of a role passes the tests in ``tests/contract``."""

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
from lipsmith.speech.personal import PersonalStyle, SpeechReading
from lipsmith.speech.visemes import Speech


class FaceFinder(Protocol):
    """Finds faces in an image."""

    def find(self, image: Image) -> Sequence[Face]:
        """Return all human faces, the most prominent first. Empty if there is none."""
        ...


class FaceFollower(Protocol):
    """Follows faces through a clip."""

    def follow(self, frames: Iterable[FollowedFrame], *, pixel_aspect: Fraction = Fraction(1)) -> Sequence[FaceTrack]:
        """Return every face of the clip, ordered from left to right by mean position. Empty if there is none.

        Reads ``frames`` once and keeps none of them. ``pixel_aspect`` is the width of a pixel divided by its height.
        """
        ...


class SpeechReader(Protocol):
    """Recognizes visemes in audio."""

    def read(self, audio: Audio) -> Speech:
        """Read the whole recording. Noise and music without a voice give silence."""
        ...


class PersonalSpeechReader(SpeechReader, Protocol):
    """Recognizes visemes and lip curves, and adapts to the way one person moves the lips."""

    @property
    def fingerprint(self) -> str:
        """Identifier of the reader's weights. A style fits only the reader it was learnt with."""
        ...

    def with_style(self, style: PersonalStyle) -> SpeechReader:
        """Return a reader for the person of ``style``. Raises InvalidStyle if it was learnt with another reader."""
        ...

    def reading(self, audio: Audio) -> SpeechReading:
        """Read the whole recording for `lipsmith.speech.personal.learn_personal_style`."""
        ...


class TranscriptReader(Protocol):
    """Aligns a known text with a recording of it."""

    def read(self, audio: Audio, text: str) -> Speech:
        """Return the phones of ``text`` as visemes at the times at which they are spoken; ``openness`` is None.

        Raises EmptyText, MissingDependency, or TranscriptNotUsed with the reason if text and audio do not match.
        """
        ...


Effort = Literal["lite", "standard", "pro"]
"""Care taken with a mouth: ``lite`` learns it from few frames of the clip, ``standard`` from more, ``pro`` finer."""


@dataclass(frozen=True, kw_only=True)
class NewLips:
    """New lip motion of one face of a clip."""

    track: FaceTrack
    motion: MotionTrack
    """One row per frame of the new video; ``aperture`` in IOD of this face."""
    sources: NDArray[np.int64]
    """(n,) index of the clip's frame that each frame of the new video shows."""


class LipSyncer(Protocol):
    """Gives faces in a clip new lips."""

    def frames(
        self, clip: Clip, shown: Iterable[ClipFrame], speakers: Sequence[NewLips], *, effort: Effort, first: int = 0
    ) -> Iterator[ClipFrame]:
        """Yield the frames ``shown``, in their order, with new lips on the faces of ``speakers``.

        ``shown`` starts with frame ``first`` of the new video; its planes may be changed in place. ``clip`` may be
        read to learn from it. A video drawn in parts has the same frames as one drawn at once.
        """
        ...

    def replaced_share(self, track: FaceTrack) -> NDArray[np.float64]:
        """Return the share of new lips in each frame of ``track``, (n,) 0-1. Frames at 0 keep every byte."""
        ...


class PhotoAnimator(Protocol):
    """Animates a photo."""

    def frames(self, image: Image, face: Face, motion: MotionTrack, *, others: Sequence[Face] = ()) -> Iterator[U8]:
        """Yield one frame per frame of ``motion``, in the size of ``image``, whose sides are even.

        Frames are (height, width, 3) uint8 RGB or, to save a conversion, (height * 3 // 2, width) uint8 I420 planes
        (BT.709, limited range). ``others`` are further faces in the image; they do not move.
        """
        ...
