"""Speech reader by rules, in any language: loudness and resonances give the opening of the mouth.

It recognizes vowels by their resonances, hiss by its noise and closed lips by a dip of the voice, but not exact
consonants.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lipsmith.filters import gaussian_filter1d, maximum_filter1d, median_filter
from lipsmith.media.clip import F32, Audio
from lipsmith.speech.activity import speech_activity
from lipsmith.speech.features import (
    FEATURE_HOP_S,
    Features,
    at_rows,
    measure,
    relative_loudness,
    steady_pitch,
    syllable_level_db,
)
from lipsmith.speech.openness import openness_by_rule
from lipsmith.speech.visemes import VISEMES, Speech

F64 = NDArray[np.float64]

_SILENT_BELOW = 0.20  # loudness
_VISEME_SIGMA_S = 0.015

_DIP_DB, _DIP_REACH_S = 9.0, 0.16
_CLOSURE_S = (0.030, 0.150)  # a stop or a nasal; longer dips are pauses or hiss
_NEIGHBOUR_HOPS = 6
_F2_HZ = (650.0, 2700.0)  # values outside are another resonance, or none
_LABIAL_F2 = (0.85, 1.02)  # of the speaker's usual F2: certainly lips, certainly not

_HISS_SHARE = 0.60
_BROAD_BANDS, _SHARP_BANDS = slice(24, 32), slice(33, 40)  # 2.2–4.3 and 4.4–7.6 kHz

# F1 and F2 in Hz of men's vowels (Peterson and Barney 1952), rounded to the five shapes.
_VOWELS_HZ: Mapping[str, tuple[float, float]] = {
    "aa": (730, 1200), "E": (560, 1750), "ih": (330, 2150), "oh": (520, 900), "ou": (330, 900),
}  # fmt: skip
_VOWEL_SPREAD = 0.25  # of the logarithm
_HIGH_VOICE_HZ, _SHORT_TRACT = 165.0, 1.15  # women's and children's resonances are about 15 % higher


class RuleReader:
    """Recognizes speech by loudness and formants; a `SpeechReader`."""

    def read(self, audio: Audio) -> Speech:
        """Read the whole recording. Noise, hum and music without a voice give silence."""
        features = measure(audio)
        active = speech_activity(features)
        loudness = relative_loudness(features) * active
        openness = openness_by_rule(features, active, loudness)
        duration_s = audio.duration_s
        return Speech(
            visemes=np.stack(
                [at_rows(column, duration_s) for column in _visemes(features, active, loudness).T], axis=1
            ),
            openness=at_rows(openness, duration_s),
            loudness=at_rows(loudness, duration_s),
            pitch_hz=at_rows(steady_pitch(features) * (active > 0.5), duration_s),
            duration_s=duration_s,
        )


def _visemes(features: Features, active: F32, loudness: F32) -> F32:
    """Return shares every 10 ms, (n, 15): silence first, then closed lips, then hiss, and vowels for the rest."""
    shares = np.zeros((len(active), len(VISEMES)))
    left = np.ones(len(active))

    def give(viseme: str, share: F64) -> None:
        nonlocal left
        shares[:, VISEMES.index(viseme)] += left * share
        left = left * (1.0 - share)

    labial, other = _closures(features, active, loudness)
    tongue = other / np.maximum(1.0 - labial, 1e-6)  # share of the remainder
    give("PP", labial)
    give("sil", np.clip((_SILENT_BELOW - np.asarray(loudness, np.float64)) / 0.10, 0.0, 1.0) * (1.0 - tongue))
    give("nn", tongue * (features.pitch_hz > 0))
    give("DD", tongue)
    sharp, broad = _hiss(features)
    give("SS", sharp)
    give("CH", broad)
    vowels = _vowels(features)
    for column, viseme in enumerate(_VOWELS_HZ):
        shares[:, VISEMES.index(viseme)] += left * vowels[:, column]
    smooth = gaussian_filter1d(shares, _VISEME_SIGMA_S / FEATURE_HOP_S, axis=0)
    return (smooth / smooth.sum(axis=1, keepdims=True)).astype(np.float32)


def _closures(features: Features, active: F32, loudness: F32) -> tuple[F64, F64]:
    """Return short dips of the voice between louder parts: 0–1 for closed lips, and for a tongue that closes the mouth.

    Lips lower the second resonance where they close and open; the tip and back of the tongue do not (Delattre 1955).
    """
    level_db = syllable_level_db(features).astype(np.float64)
    span = round(_DIP_REACH_S / FEATURE_HOP_S) // 2 * 2 + 1  # odd, so that it fits before or after
    before = maximum_filter1d(level_db, span, origin=span // 2, mode="nearest")
    after = maximum_filter1d(level_db, span, origin=-(span // 2), mode="nearest")
    dips = (np.minimum(before, after) - level_db > _DIP_DB) & (active > 0.5)
    f2_hz = features.f2_hz
    vowel = (features.pitch_hz > 0) & (loudness > 0.4) & (f2_hz > _F2_HZ[0]) & (f2_hz < _F2_HZ[1])
    usual_hz = float(np.median(f2_hz[vowel])) if vowel.any() else 0.0
    labial, other = np.zeros(len(dips)), np.zeros(len(dips))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], dips, [False]]).astype(np.int8))).reshape(-1, 2)
    for start, end in edges:
        seconds = (end - start) * FEATURE_HOP_S
        hiss = float(features.high_share[start:end].mean()) > _HISS_SHARE
        if hiss or not _CLOSURE_S[0] <= seconds <= _CLOSURE_S[1]:
            continue
        around = np.r_[max(start - _NEIGHBOUR_HOPS, 0) : start, end : min(end + _NEIGHBOUR_HOPS, len(dips))]
        resonances = f2_hz[around][vowel[around]]
        # Gradual, so that a tiny change of the audio does not switch between shut and open.
        ratio = float(np.median(resonances)) / usual_hz if len(resonances) else 1.0
        lips = np.clip((_LABIAL_F2[1] - ratio) / (_LABIAL_F2[1] - _LABIAL_F2[0]), 0.0, 1.0)
        labial[start:end], other[start:end] = lips, 1.0 - lips
    return labial, other


def _hiss(features: Features) -> tuple[F64, F64]:
    """Return the sharp hiss of s, and the broad one of sh, whose noise begins lower, 0–1 each."""
    noise = np.clip((features.high_share - _HISS_SHARE) / 0.15, 0.0, 1.0) * (features.pitch_hz == 0)
    low, high = (np.exp(features.mel[:, bands]).sum(1).astype(np.float64) for bands in (_BROAD_BANDS, _SHARP_BANDS))
    broad = np.clip(low / np.maximum(low + high, 1e-9) * 2.0 - 0.5, 0.0, 1.0)
    return noise * (1.0 - broad), noise * broad


def _vowels(features: Features) -> F64:
    """Return shares of the vowel visemes by nearness of the two resonances, (n, 5); they sum to 1."""
    f1_hz, f2_hz = (median_filter(f, 5, mode="nearest") for f in (features.f1_hz, features.f2_hz))
    voiced = features.pitch_hz > 0
    high_voice = voiced.any() and float(np.median(features.pitch_hz[voiced])) > _HIGH_VOICE_HZ
    scale = _SHORT_TRACT if high_voice else 1.0
    resonances = np.log(np.stack([np.maximum(f1_hz, 150.0), np.maximum(f2_hz, 500.0)], axis=1) / scale)
    distance = resonances[:, None, :] - np.log(np.array(list(_VOWELS_HZ.values())))
    nearness = np.exp(-0.5 * np.square(distance / _VOWEL_SPREAD).sum(2))
    nearness[f1_hz == 0.0] = 0.0
    nearness[:, list(_VOWELS_HZ).index("E")] += 1e-3  # if no vowel is near: the middle of the vowel space
    return nearness / nearness.sum(axis=1, keepdims=True)
