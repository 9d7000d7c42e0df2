"""Whether somebody speaks. Knows nothing of what is said."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from lipsmith.media.clip import F32
from lipsmith.speech.features import Features, relative_loudness


def speech_activity(features: Features) -> F32:
    """(n,) 0–1 every 10 ms: 1 where somebody speaks."""
    loud = relative_loudness(features.level_db) > 0.2
    return np.clip(gaussian_filter1d(loud.astype(np.float32), 2.0), 0.0, 1.0).astype(np.float32)
