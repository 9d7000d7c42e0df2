"""Smooth random wandering from a seed, which keeps a head from standing still."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsmith.filters import gaussian_filter1d

F64 = NDArray[np.float64]

_START_EASE_S = 0.5

GRID_HZ = 50
"""Wandering is computed on this grid, so it does not depend on the video's frame rate."""


def wander(rng: np.random.Generator, length_s: float, sigma_s: float) -> F64:
    """Return white noise smoothed by a Gaussian of ``sigma_s``; standard deviation 1, one value every 20 ms.

    The noise is correlated over about two ``sigma_s`` and never periodic. A longer result starts with the shorter one,
    and later values of ``rng`` do not depend on the length: neither length nor frame rate changes the motion of a head.
    """
    margin = int(4 * sigma_s * GRID_HZ)
    count = int(np.ceil(length_s * GRID_HZ)) + 2
    white = rng.spawn(1)[0].standard_normal(count + 2 * margin)
    gain = np.sqrt(2.0 * np.sqrt(np.pi) * sigma_s * GRID_HZ)  # restores the deviation after smoothing
    return gaussian_filter1d(white, sigma_s * GRID_HZ)[margin : margin + count] * gain


def at_frames(values: F64, times_s: F64) -> F64:
    """Interpolate values of the grid at the given times."""
    return np.interp(times_s * GRID_HZ, np.arange(len(values)), values)


def bump(times_s: F64, peak_s: float, rise_s: float, fall_s: float) -> F64:
    """Return a soft bump, 0–1, from ``peak_s - rise_s`` to ``peak_s + fall_s``."""
    away_s = times_s - peak_s
    phase = np.clip(away_s / np.where(away_s < 0, rise_s, fall_s), -1.0, 1.0)
    return 0.5 + 0.5 * np.cos(np.pi * phase)


def ease_in(times_s: F64) -> F64:
    """Return 0 at the start, where the frame is the photo, and 1 after half a second."""
    x = np.clip(times_s / _START_EASE_S, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)
