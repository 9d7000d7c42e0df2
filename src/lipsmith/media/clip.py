"""Plain records for pictures and sound: shape, dtype, rate. Knows nothing of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lipsmith.media.colour import Colour

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Image:
    """A still picture, upright, in sRGB."""

    rgb: U8
    """(height, width, 3) uint8."""
    grey: bool
    """True when the source had no colour at all: what is drawn into it must stay grey."""
    warnings: tuple[str, ...] = ()
    """What was done to the source that its owner may want to know."""

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])


class Audio(Protocol):
    """Sound that can be played from its start as often as needed, block by block, never held as a whole."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        ...

    @property
    def channels(self) -> int:
        """1 or 2; recordings with more are mixed down to 2."""
        ...

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """(channels, n) float32 blocks, full scale ±1, at ``rate_hz``; together exactly the whole sound.

        One channel asked of two: the mean, or the louder one where the two would cancel each other.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class VideoFormat:
    """What a finished video looks like to its encoder."""

    width: int
    """Even, pixels."""
    height: int
    """Even, pixels."""
    fps: Fraction
    crf: int = 18
    """x264's constant rate factor, 1–51 (0 would be lossless, which H.264 High has no form of)."""


class TimedPlanes(Protocol):
    """A picture with its time, for the encoder; a `ClipFrame` is one."""

    @property
    def planes(self) -> U8:
        """(height * 3 // 2, width) uint8 I420."""
        ...

    @property
    def time_s(self) -> Fraction:
        """When it is shown; exact."""
        ...

    @property
    def duration_s(self) -> Fraction:
        """How long it stays; exact."""
        ...


@dataclass(frozen=True, kw_only=True)
class ClipInfo:
    """What a clip, or the window of it that is used, looks like; upright."""

    name: str
    """The file's name, for messages."""
    codec: str
    width: int
    """Even, pixels."""
    height: int
    """Even, pixels."""
    frames: int
    """In the window, after thinning out."""
    fps: Fraction
    """Average over the window."""
    variable_rate: bool
    """True where the pictures do not come at one rate (VFR)."""
    time_base: Fraction
    """Seconds; all times are whole multiples of it."""
    duration_s: Fraction
    """From the first picture's beginning to the last one's end."""
    window_start_s: Fraction
    """Where the window's first picture lies on the clock of `decode.open_audio`; below 0 it comes before it."""
    pixel_aspect: Fraction
    """Width of a pixel over its height, as shown."""
    colour: Colour
    """Of the planes that are handed out."""
    exact: bool
    """True when the planes hold the source's own bytes: it is 8-bit 4:2:0."""
    has_audio: bool
    scale: Fraction = Fraction(1)
    """Width of the pictures over their width in the file; below 1 where they were scaled down."""
    warnings: tuple[str, ...] = ()
    """What was changed or may look wrong."""


@dataclass(frozen=True, kw_only=True)
class ClipFrame:
    """One picture of a clip."""

    index: int
    """Counted from the window's first picture."""
    planes: U8
    """(height * 3 // 2, width) uint8 I420; the receiver's own copy, to be drawn into."""
    time_s: Fraction
    """When it is shown, from the window's beginning."""
    duration_s: Fraction
    """How long it stays."""
    damaged: bool = False
    """True when the picture could not be decoded properly and the last good one stands in, or is flawed itself."""
