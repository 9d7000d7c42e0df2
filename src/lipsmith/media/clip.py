"""Records for images, audio and clips: shape, dtype and rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from lipsmith.limits import PHOTO_CRF

if TYPE_CHECKING:
    from lipsmith.media.colour import Colour

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Image:
    """An upright image in sRGB."""

    rgb: U8
    """(height, width, 3) uint8."""
    grey: bool
    """True if the source has no colour; anything drawn into it must stay grey."""
    warnings: tuple[str, ...] = ()
    """Changes made to the source, for the user."""

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])


class Audio(Protocol):
    """Audio that can be played from the start any number of times, block by block."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        ...

    @property
    def channels(self) -> int:
        """1 or 2; recordings with more channels are mixed down to 2."""
        ...

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """Yield (channels, n) float32 blocks at ``rate_hz``, full scale ±1, ``duration_s`` long in total.

        One channel from two is their mean, or the louder channel if the two would cancel each other.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class VideoFormat:
    """Size, rate, quality and colour of a video to encode."""

    width: int
    """Even, pixels."""
    height: int
    """Even, pixels."""
    fps: Fraction
    crf: int | None = PHOTO_CRF
    """x264's constant rate factor, 1–51. None encodes losslessly, in a profile that few players support."""
    time_base: Fraction | None = None
    """Seconds; frame times are multiples of it. None if every frame lasts ``1 / fps``."""
    pixel_aspect: Fraction | None = None
    """Width of a pixel over its height; None for square pixels."""
    colour: Colour | None = None
    """Colour of the planes; None for BT.709 in limited range."""


class TimedPlanes(Protocol):
    """A frame with its time, ready to encode, such as `ClipFrame`."""

    @property
    def planes(self) -> U8:
        """(height * 3 // 2, width) uint8 I420."""
        ...

    @property
    def time_s(self) -> Fraction:
        """Exact start time."""
        ...

    @property
    def duration_s(self) -> Fraction:
        """Exact duration."""
        ...


@dataclass(frozen=True, kw_only=True)
class ClipInfo:
    """Properties of an upright clip, or of the selected window of it."""

    name: str
    """File name, for messages."""
    codec: str
    width: int
    """Even, pixels."""
    height: int
    """Even, pixels."""
    frames: int
    """Frames in the window, after the frame rate was limited."""
    fps: Fraction
    """Average over the window."""
    variable_rate: bool
    """True if the frames do not have one constant rate (VFR)."""
    time_base: Fraction
    """Seconds; all times are multiples of it."""
    duration_s: Fraction
    """Time from the start of the first frame to the end of the last."""
    window_start_s: Fraction
    """Start of the window's first frame on the clock of `decode.open_audio`; negative if it precedes the audio."""
    pixel_aspect: Fraction
    """Width of a displayed pixel over its height."""
    colour: Colour
    """Colour of the decoded planes."""
    exact: bool
    """True if the planes hold the source's own bytes (8-bit 4:2:0)."""
    has_audio: bool
    scale: Fraction = Fraction(1)
    """Width of the frames over their width in the file; below 1 if they were scaled down."""
    warnings: tuple[str, ...] = ()
    """Changes made to the clip, and doubts about it, for the user."""

    def video_format(self, crf: int | None) -> VideoFormat:
        """Return the format of a new video with this clip's size, times and colour."""
        return VideoFormat(
            width=self.width,
            height=self.height,
            fps=self.fps,
            crf=crf,
            time_base=self.time_base,
            pixel_aspect=self.pixel_aspect,
            colour=self.colour,
        )


@dataclass(frozen=True, kw_only=True)
class ClipFrame:
    """One frame of a clip."""

    index: int
    """Number of the frame within the window, from 0."""
    planes: U8
    """(height * 3 // 2, width) uint8 I420; a copy that the receiver may change."""
    time_s: Fraction
    """Start time within the window."""
    duration_s: Fraction
    damaged: bool = False
    """True if the frame could not be decoded properly: it is flawed, or a copy of the last good one."""
