"""Voice activity detection.

Three properties separate a voice from noise, hum and music: its pitch glides, whereas an instrument's holds and steps;
its level rises and falls with the syllables; and its spectrum changes shape at the same time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsmith.filters import gaussian_filter1d, uniform_filter1d
from lipsmith.media.clip import F32
from lipsmith.speech.features import DB_PER_NEPER, FEATURE_HOP_S, Features, relative_loudness, syllable_level_db

F64 = NDArray[np.float64]

_NEAR_S, _FAR_S = 1.5, 8.0
_GLIDE_FRAMES = 4
_MIN_GLIDE, _MAX_GLIDE_STEP = 0.25, 1.0  # semitones: minimum over 40 ms, maximum between two frames
_STEADY_STEP = 0.05  # semitones in 10 ms: an instrument's note
_FREE_STEADY_SHARE = 0.02  # share of steady pitch that no glide has to offset

# Tuned on 66 samples of noise, hum, clicks and music (one recorded, the others synthesized) and on 46 of speech in
# eleven voices and six languages, clean and in noise or music down to 0 dB. Beats change the spectrum as much as the
# liveliest lips, so the required gliding grows with spectral change.
_FAR_SCORE, _FAR_SCORE_PER_DB, _LIVELY_CHANGE_DB = 0.012, 0.015, 3.0
_NEAR_SCORE = 0.004
_CARRIED_STEADY, _CARRIED_RISE_DB, _CARRIED_CHANGE_DB = 0.35, 1.0, 1.0
# Whispering has hardly any pitch. Drums have none either, but are silent between beats.
_WHISPER_VOICED, _WHISPER_SOUNDING, _WHISPER_RISE_DB, _WHISPER_CHANGE_DB = 0.20, 0.35, 2.5, 1.8
_SHAPE_RANGE_DB = 50.0  # below it, the spectrum's shape is that of the room or of a codec
_BANDS_PER_SHAPE = 5
_AUDIBLE_DB, _SOUNDING = -75.0, 0.25
_EDGE_S = 0.03


def speech_activity(features: Features) -> F32:
    """Return (n,) 0–1 every 10 ms: 1 during speech, including short pauses between words."""
    # Relative to the recording's noise, so that one word in a long silence counts as much as one in a sentence.
    sounding = ((relative_loudness(features) > _SOUNDING) & (features.level_db > _AUDIBLE_DB)).astype(np.float64)
    glides, steady, voiced = _pitch_movement(features)
    rise, change = _syllable_movement(features)
    near_score, far_score = (_voice_score(glides, steady, sounding, window_s) for window_s in (_NEAR_S, _FAR_S))
    near_rise, near_change = (np.sqrt(_share(power, _NEAR_S)) for power in (rise, change))
    continues = (
        (_share(steady, _NEAR_S) < _CARRIED_STEADY)
        & (near_rise > _CARRIED_RISE_DB)
        & (near_change > _CARRIED_CHANGE_DB)
    )
    far_rise, far_change = (np.sqrt(_share(power, _FAR_S)) for power in (rise, change))
    required = _FAR_SCORE + _FAR_SCORE_PER_DB * np.maximum(far_change - _LIVELY_CHANGE_DB, 0.0)
    speaking = (far_score > required) & ((near_score > _NEAR_SCORE) | continues)
    whispering = (
        (_share(voiced, _FAR_S) < _WHISPER_VOICED)
        & (_share(sounding, _FAR_S) > _WHISPER_SOUNDING)
        & (far_rise > _WHISPER_RISE_DB)
        & (far_change > _WHISPER_CHANGE_DB)
    )
    active = ((speaking | whispering) & (features.level_db > _AUDIBLE_DB)).astype(np.float64)
    return np.clip(gaussian_filter1d(active, _EDGE_S / FEATURE_HOP_S), 0.0, 1.0).astype(np.float32)


def _voice_score(glides: F64, steady: F64, sounding: F64, window_s: float) -> F64:
    """Return the share of gliding pitch in the audible part, reduced where the pitch is mostly steady."""
    audible = np.maximum(_share(sounding, window_s), 0.05)
    gliding_share, steady_share = _share(glides, window_s) / audible, _share(steady, window_s) / audible
    return gliding_share * gliding_share / (gliding_share + steady_share + _FREE_STEADY_SHARE)


def _pitch_movement(features: Features) -> tuple[F64, F64, F64]:
    """Return flags for gliding, steady and present pitch, 0 or 1 per 10 ms."""
    voiced = features.pitch_hz > 0
    semitones = 12.0 * np.log2(np.where(voiced, features.pitch_hz, 100.0))
    steps = np.diff(semitones, prepend=semitones[:1])
    steps[~(voiced & np.roll(voiced, 1))] = np.inf
    glides = np.zeros(len(steps))
    if len(steps) >= _GLIDE_FRAMES:
        runs = np.lib.stride_tricks.sliding_window_view(steps, _GLIDE_FRAMES)
        one_way = (runs > 0).all(1) | (runs < 0).all(1)
        smooth = (np.abs(runs) < _MAX_GLIDE_STEP).all(1)
        for start in np.flatnonzero(one_way & smooth & (np.abs(runs.sum(1)) > _MIN_GLIDE)):
            glides[start : start + _GLIDE_FRAMES] = 1.0
    return glides, (np.abs(steps) <= _STEADY_STEP).astype(np.float64), voiced.astype(np.float64)


def _syllable_movement(features: Features) -> tuple[F64, F64]:
    """Return the power, in dB squared, of level and spectral shape movement at 2–8 Hz."""
    floor = float(np.percentile(features.mel, 99.5)) - _SHAPE_RANGE_DB / DB_PER_NEPER
    bands = np.maximum(features.mel, np.float32(floor)).reshape(len(features.mel), -1, _BANDS_PER_SHAPE)
    bands_db = DB_PER_NEPER * bands.mean(2).astype(np.float64)
    level = _syllabic(syllable_level_db(features).astype(np.float64))
    shape = _syllabic(bands_db - bands_db.mean(1, keepdims=True))
    return np.square(level), np.square(shape).mean(1)


def _syllabic(values: F64) -> F64:
    """Return the part of a curve that moves at the rate of syllables."""
    return gaussian_filter1d(values, 2.0, axis=0) - gaussian_filter1d(values, 12.0, axis=0)


def _share(values: F64, window_s: float) -> F64:
    """Return the running mean; near the ends, that of the first and the last whole window."""
    size = min(round(window_s / FEATURE_HOP_S), len(values))
    means = np.maximum(uniform_filter1d(values, size, mode="constant"), 0.0)
    return means[np.clip(np.arange(len(values)), size // 2, max(len(values) - 1 - size // 2, size // 2))]
