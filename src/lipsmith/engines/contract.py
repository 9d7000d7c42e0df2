"""The roles an engine can play. The smallest contract that serves; every engine of a role passes the same tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from lipsmith.face.follow import FollowedFrame
from lipsmith.face.landmarks import Face
from lipsmith.face.track import FaceTrack
from lipsmith.media.clip import U8, Picture, Sound
from lipsmith.motion.track import MotionTrack
from lipsmith.speech.visemes import Speech


class FaceFinder(Protocol):
    """Finds faces in a picture."""

    def find(self, picture: Picture) -> Sequence[Face]:
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

    def read(self, sound: Sound) -> Speech:
        """Reads the whole recording."""
        ...


@dataclass(frozen=True, kw_only=True)
class VoiceInfo:
    """One voice that a `Voice` engine offers."""

    name: str
    language: str
    """BCP 47 tag, such as ``en-GB``."""
    gender: str
    """``female``, ``male`` or ``neutral``."""
    description: str


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """A text, spoken."""

    sound: Sound
    speech: Speech
    """Read from the synthesizer's own phone times, on the same clock as ``sound``."""


class Voice(Protocol):
    """Turns text into speech."""

    def voices(self) -> Sequence[VoiceInfo]:
        """All voices that are installed."""
        ...

    def speak(self, text: str, *, voice: str, rate: float) -> Spoken:
        """Speaks ``text``; ``rate`` 1.0 is the voice's normal speed, 0.5–2.0.

        Raises UnknownVoice, EmptyText, MissingDependency or VoiceFailed.
        """
        ...


class PhotoAnimator(Protocol):
    """Draws a portrait that moves."""

    def frames(self, picture: Picture, face: Face, motion: MotionTrack, *, others: Sequence[Face] = ()) -> Iterator[U8]:
        """One frame per frame of ``motion``, of the size of ``picture``, whose sides are even.

        Either (height, width, 3) uint8 RGB, or, to spare a conversion, (height * 3 // 2, width) uint8 I420 planes
        (BT.709, limited range). ``others`` are further faces in the picture, which stay still.
        """
        ...
