"""Hears speech by rules: loudness and resonances say how open a mouth is. No network, no training, any language.

It knows vowels by their resonances, hiss by its noise and shut lips by a dip of the voice; which consonant exactly was
said it does not know.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from lipsmith.media.clip import F32, Sound
from lipsmith.speech.activity import speech_activity
from lipsmith.speech.features import FEATURE_HOP_S, Features, at_rows, measure, relative_loudness, steady_pitch
from lipsmith.speech.visemes import VISEMES, Speech


class RuleReader:
    """The role `SpeechReader`, played by a loudness and formant rule."""

    def read(self, sound: Sound) -> Speech:
        """Reads the whole recording; noise, hum and music without a voice give silence."""
        features = measure(sound)
        active = speech_activity(features)
        loudness = relative_loudness(np.where(active > 0.5, features.level_db, -120.0).astype(np.float32))
        openness = _openness(features, active, loudness)
        duration_s = sound.duration_s
        return Speech(
            visemes=np.stack(
                [at_rows(column, duration_s) for column in _visemes(features, active, loudness).T], axis=1
            ),
            openness=at_rows(openness, duration_s),
            loudness=at_rows(loudness, duration_s),
            pitch_hz=at_rows(steady_pitch(features) * (active > 0.5), duration_s),
            duration_s=duration_s,
        )


def _openness(features: Features, active: F32, loudness: F32) -> F32:
    f1 = median_filter(features.f1_hz, 5, mode="nearest")
    jaw = np.clip((f1 - 200.0) / 500.0, 0.25, 1.0)
    raw = gaussian_filter1d(loudness * jaw * active, 0.020 / FEATURE_HOP_S)
    sounding = raw[active > 0.5]
    top = float(np.percentile(sounding, 95)) if len(sounding) else 0.0
    return np.clip(raw / max(top, 0.05), 0.0, 1.4).astype(np.float32)


def _visemes(features: Features, active: F32, loudness: F32) -> NDArray[np.float32]:
    """(n, 15) shares every 10 ms."""
    shares = np.zeros((len(active), len(VISEMES)), np.float32)
    shares[:, VISEMES.index("aa")] = active
    shares[:, 0] = 1.0 - active
    return shares
