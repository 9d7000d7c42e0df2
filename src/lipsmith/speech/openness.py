"""Openness of the mouth by loudness and the first resonance."""

from __future__ import annotations

import numpy as np

from lipsmith.filters import gaussian_filter1d, median_filter
from lipsmith.media.clip import F32
from lipsmith.speech.features import FEATURE_HOP_S, Features

_JAW_HIGH_HZ, _JAW_LOW_HZ, _MIN_JAW = 200.0, 700.0, 0.25  # F1 of a close and of an open vowel
_OPENNESS_SIGMA_S = 0.020
_MAX_OPENNESS = 1.3


def openness_by_rule(features: Features, active: F32, loudness: F32) -> F32:
    """Return loudness, reduced where the first resonance indicates a high jaw; 1 is the 95th percentile."""
    f1_hz = median_filter(features.f1_hz, 5, mode="nearest")
    jaw = np.clip((f1_hz - _JAW_HIGH_HZ) / (_JAW_LOW_HZ - _JAW_HIGH_HZ), _MIN_JAW, 1.0)
    raw = gaussian_filter1d(loudness * jaw, _OPENNESS_SIGMA_S / FEATURE_HOP_S)
    speaking = raw[active > 0.5]
    if not len(speaking):
        return np.zeros_like(loudness)
    return np.clip(raw / max(float(np.percentile(speaking, 95)), 0.05), 0.0, _MAX_OPENNESS).astype(np.float32)
