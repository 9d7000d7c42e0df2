"""Amounts of head motion, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

HeadMotion = Literal["calm", "natural", "lively"]
Emotion = Literal["neutral", "happy", "sad", "angry", "surprised", "tender"]


@dataclass(frozen=True, kw_only=True)
class HeadMotionStyle:
    """Sizes of the movements that go with speech, apart from the lips."""

    drift_deg: tuple[float, float, float]
    """Standard deviation of the head's wandering: pitch, yaw, roll."""
    limit_deg: tuple[float, float, float]
    """Limits of pitch, yaw and roll."""
    nod_deg: float
    """Mean depth of a nod on an accent."""
    shift_iod: float
    """Standard deviation of the head's small shifts, IOD."""
    brow: float
    """Mean height of a raise of the brows, share of the channel's range."""
    cheek: float
    """Size of the cheeks' motion, share of the channel's range."""
    corner_iod: float
    """Standard deviation of the mouth corners' rise and fall, IOD."""


# People who talk into a camera wander by 1.8, 3.2 and 1.2 degrees (pitch, yaw, roll; clips of real speakers), shift by
# .07 IOD, and move their brows by .016 and their cheeks by .012 IOD. "natural" is about three quarters of that.
HEAD_MOTIONS: Mapping[HeadMotion, HeadMotionStyle] = {
    "calm": HeadMotionStyle(
        drift_deg=(0.9, 1.2, 0.7), limit_deg=(4.0, 5.0, 3.5), nod_deg=1.6, shift_iod=0.014,
        brow=0.40, cheek=0.7, corner_iod=0.006,
    ),
    "natural": HeadMotionStyle(
        drift_deg=(1.8, 2.4, 1.5), limit_deg=(7.5, 8.0, 6.5), nod_deg=3.2, shift_iod=0.034,
        brow=0.85, cheek=1.4, corner_iod=0.012,
    ),
    "lively": HeadMotionStyle(
        drift_deg=(2.6, 3.4, 2.2), limit_deg=(9.0, 11.0, 9.0), nod_deg=4.4, shift_iod=0.05,
        brow=1.15, cheek=1.8, corner_iod=0.018,
    ),
}  # fmt: skip
