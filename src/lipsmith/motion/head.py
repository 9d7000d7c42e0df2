"""Motion of the head in speech: wandering, nods on accents, small shifts, breathing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lipsmith.motion.accents import Accent
from lipsmith.motion.head_motion import HeadMotionStyle
from lipsmith.motion.noise import F64, GRID_HZ, at_frames, bump, ease_in, wander

_QUICK_SIGMA_S, _SLOW_SIGMA_S = 0.5, 1.5
_QUICK_SHARE, _SLOW_SHARE = 0.80, 0.60  # squares sum to 1: the sum keeps the style's deviation
_NOD_RISE_S, _NOD_FALL_S = (0.13, 0.18), (0.17, 0.26)  # together 0.30–0.44 s, as real nods on stressed words
_UPWARD_NODS = 0.2  # every fifth accent lifts the chin, by half as much
_START_OFFSET_S = 2.5
_BREATH_HZ = 0.25
_BREATH_SIGMA = 0.16  # of the logarithm of the rate: 0.18–0.34 Hz
_INHALE_SHARE = 0.4


def head_channels(
    rng: np.random.Generator, times_s: F64, stresses: Sequence[Accent], style: HeadMotionStyle
) -> dict[str, F64]:
    """Return the head's channels and ``breath`` at the given times. At time 0 the head is as in the photo."""
    length_s = float(times_s[-1]) + 1.0
    turns = [_turning(rng, times_s, length_s) * size for size in style.drift_deg]
    turns[0] = turns[0] + _nods(rng, times_s, stresses, style.nod_deg)
    pitch, yaw, roll = (
        limit * np.tanh(turn * ease_in(times_s) / limit) for turn, limit in zip(turns, style.limit_deg, strict=True)
    )
    shift_x, shift_y = (_turning(rng, times_s, length_s) * style.shift_iod * ease_in(times_s) for _ in range(2))
    return {
        "head_pitch": pitch,
        "head_yaw": yaw,
        "head_roll": roll,
        "head_x": shift_x,
        "head_y": shift_y,
        "breath": _breath(rng, times_s, length_s),
    }


def _turning(rng: np.random.Generator, times_s: F64, length_s: float) -> F64:
    """Return wandering of deviation 1 that starts at 0: its initial offset fades out over the first seconds."""
    drawn = _QUICK_SHARE * wander(rng, length_s, _QUICK_SIGMA_S) + _SLOW_SHARE * wander(rng, length_s, _SLOW_SIGMA_S)
    values = at_frames(drawn, times_s)
    return values - values[0] * bump(times_s, 0.0, 1.0, _START_OFFSET_S)


def _nods(rng: np.random.Generator, times_s: F64, stresses: Sequence[Accent], depth_deg: float) -> F64:
    """Return nods; positive values look down."""
    nods = np.zeros_like(times_s)
    for accent in stresses:
        rise_s, fall_s = rng.uniform(*_NOD_RISE_S), rng.uniform(*_NOD_FALL_S)
        depth = depth_deg * (0.6 + 0.4 * accent.strength) * rng.uniform(0.75, 1.15)
        direction = -0.5 if rng.random() < _UPWARD_NODS else 1.0
        nods += direction * depth * bump(times_s, accent.time_s, rise_s, fall_s)
    return nods


def _breath(rng: np.random.Generator, times_s: F64, length_s: float) -> F64:
    """Return breathing, 0–1, from 0: in faster than out, no two breaths alike."""
    rate_hz = _BREATH_HZ * np.exp(_BREATH_SIGMA * wander(rng, length_s, 2.0))
    cycles = at_frames(np.concatenate([[0.0], np.cumsum(rate_hz / GRID_HZ)]), times_s)
    phase = cycles % 1.0
    depth = at_frames(np.clip(0.85 + 0.08 * wander(rng, length_s, 3.0), 0.6, 1.0), times_s)
    bent = np.where(
        phase < _INHALE_SHARE, phase / _INHALE_SHARE / 2, 0.5 + (phase - _INHALE_SHARE) / (1 - _INHALE_SHARE) / 2
    )
    return depth * (0.5 - 0.5 * np.cos(2 * np.pi * bent))
