"""Plain records for pictures and sound: shape, dtype, rate. Knows nothing of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Picture:
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


class Sound(Protocol):
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
