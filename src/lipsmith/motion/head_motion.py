"""Amounts of head motion, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

HeadMotion = Literal["calm", "natural", "lively"]


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


# People who talk into a camera wander by 1.8, 3.2 and 1.2 degrees (pitch, yaw, roll; clips of real speakers). A photo
# that is bent instead of turned looks right at about six tenths of that, which is "natural".
HEAD_MOTIONS: Mapping[HeadMotion, HeadMotionStyle] = {
    "calm": HeadMotionStyle(
        drift_deg=(0.6, 1.0, 0.45), limit_deg=(3.0, 4.0, 2.5), nod_deg=1.2, shift_iod=0.005, brow=0.25
    ),
    "natural": HeadMotionStyle(
        drift_deg=(1.1, 1.9, 0.75), limit_deg=(5.0, 7.0, 4.0), nod_deg=2.2, shift_iod=0.009, brow=0.40
    ),
    "lively": HeadMotionStyle(
        drift_deg=(1.6, 2.8, 1.1), limit_deg=(7.0, 10.0, 6.0), nod_deg=3.0, shift_iod=0.013, brow=0.55
    ),
}  # fmt: skip
