"""The viseme alphabet, and what is said when: data and its record. Knows no audio and no lips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
"""The fifteen mouth shapes, in the order of every array of visemes."""

HOP_S = 0.02
"""Seconds from one row of visemes to the next: 50 Hz."""


@dataclass(frozen=True, kw_only=True)
class Speech:
    """What is said and how loudly, at 50 Hz. Row ``k`` speaks of the time ``k * HOP_S``."""

    visemes: NDArray[np.float32]
    """(n, 15) float32, 0–1, rows sum to 1: share of each viseme, in the order of `VISEMES`."""
    openness: NDArray[np.float32] | None
    """(n,) float32: how open the mouth is, 1 = this speaker's 95th percentile. None where only the visemes tell."""
    loudness: NDArray[np.float32]
    """(n,) float32, 0–1: 0 = silence, 1 = this recording's loud syllables."""
    pitch_hz: NDArray[np.float32]
    """(n,) float32: fundamental frequency, 0 where there is none."""
    duration_s: float
