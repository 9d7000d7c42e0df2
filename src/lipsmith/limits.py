"""Limits and defaults that more than one package needs. Imports nothing heavy."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class Range(NamedTuple):
    """Smallest and largest value that is allowed, both included."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float | Fraction) and self.low <= value <= self.high


RATE = Range(0.5, 2.0)
"""Speaking rate; 1.0 is the voice's normal speed."""
INTENSITY = Range(0.1, 2.0)
"""Strength of mouth and brow movements; 1.0 is natural."""
EMOTION_STRENGTH = Range(0.2, 2.0)
"""Strength of an emotion, and of any act of a prompt; 1.0 is clear."""
CRF = Range(1, 51)
"""x264's constant rate factor; 1 is best."""
FPS = Range(1, 60)
"""Frames per second."""
SIDE_PX = Range(64, 8192)
"""Longest side of a video: nothing can be seen below, and H.264 ends above."""
BACKGROUND_DB = Range(-60.0, 0.0)
"""Gain of a clip's own audio beneath the new one."""
CONFIDENCE = Range(0.0, 1.0)
"""Score of a detected face."""

DEFAULT_FPS = Fraction(25)
DEFAULT_SIDE_PX = 1920
"""Longest side of a video unless a larger one is requested: phones take far larger photos, which take long to draw."""
PHOTO_CRF, CLIP_CRF = 18, 16
"""Default quality of a talking photo, and of a lip sync, which looks like its source at this value."""

MIN_IOD_PX = 24
"""Smallest distance between the eye centres. Below it the lips are about ten pixels wide, too few to shape."""
SHARP_IOD_PX = 40
"""Distance between the eye centres from which lips and teeth look sharp."""

DAY_S = 86_400
DAY_MS = DAY_S * 1000
