"""Expression that goes with speech: brows, cheeks and mouth corners follow loudness and pitch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lipsmith.filters import gaussian_filter1d
from lipsmith.motion.accents import Accent, emphasis
from lipsmith.motion.head_motion import HeadMotionStyle
from lipsmith.motion.noise import F64, at_frames, bump, ease_in, wander
from lipsmith.speech.visemes import HOP_S, Speech

_PHRASE_SIGMA_S = 0.30  # the voice's energy over a few syllables
_BROWS_PER_ACCENT = 0.5
_BROW_RISE_S, _BROW_FALL_S = (0.16, 0.24), (0.30, 0.50)
_BROW_OF_VOICE, _BROW_DRIFT, _INNER_DRIFT = 0.28, 0.24, 0.30
"""Shares of the style's brow height: per standard deviation of the voice's energy, and of a slow drift."""
_CHEEK_AT_REST, _CHEEK_OF_VOICE, _CHEEK_DRIFT = 0.20, 0.35, 0.30
_CORNER_OF_VOICE, _CORNER_DRIFT = 0.35, 0.80


def expression_channels(
    rng: np.random.Generator, times_s: F64, speech: Speech, stresses: Sequence[Accent], style: HeadMotionStyle
) -> dict[str, F64]:
    """Return brow, brow_inner, cheek and corner at the given times; all rest at time 0."""
    length_s = float(times_s[-1]) + 1.0

    def drift(sigma_s: float) -> F64:
        return at_frames(wander(rng, length_s, sigma_s), times_s)

    voice = _voice(speech, times_s)
    brow = style.brow * (_BROW_OF_VOICE * voice + _BROW_DRIFT * drift(1.2))
    for accent in stresses:
        rise_s, fall_s = rng.uniform(*_BROW_RISE_S), rng.uniform(*_BROW_FALL_S)
        height = style.brow * rng.uniform(0.6, 1.2)
        if rng.random() < _BROWS_PER_ACCENT:
            brow = np.maximum(brow, height * bump(times_s, accent.time_s, rise_s, fall_s) + 0.5 * brow)
    inner = style.brow * _INNER_DRIFT * drift(1.6)
    cheek: F64 = style.cheek * (_CHEEK_AT_REST + _CHEEK_OF_VOICE * voice + _CHEEK_DRIFT * drift(0.9))
    corner = style.corner_iod * (_CORNER_OF_VOICE * voice + _CORNER_DRIFT * drift(1.8))
    ease = ease_in(times_s)
    return {
        "brow": brow * ease,
        "brow_inner": inner * ease,
        "cheek": np.clip(cheek, 0.0, None) * ease,
        "corner": corner * ease,
    }


def _voice(speech: Speech, times_s: F64) -> F64:
    """Return the voice's energy at the given times, in standard deviations, -1 to 2; 0 after its end."""
    smooth = gaussian_filter1d(emphasis(speech), _PHRASE_SIGMA_S / HOP_S)
    row_times_s = np.arange(len(smooth)) * HOP_S
    return np.clip(np.interp(times_s, row_times_s, smooth, right=0.0), -1.0, 2.0)
