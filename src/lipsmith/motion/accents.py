"""Accents: the stressed syllables of speech, on which head and brows move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsmith.filters import gaussian_filter1d
from lipsmith.speech.visemes import HOP_S, Speech

_SMOOTHING_S = 0.050
_MINIMUM_GAP_S = 0.5
_TOP_SHARE = 0.20  # of all peaks of loudness and pitch that count as accents
_AUDIBLE = 0.3
_NEIGHBOURHOOD_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Accent:
    """Stressed syllable."""

    time_s: float
    strength: float
    """0–1 within this recording."""


def accents(speech: Speech) -> list[Accent]:
    """Return peaks of loudness and pitch, in order of time and at least half a second apart."""
    curve = emphasis(speech)
    rising = np.diff(curve) > 0
    peaks = 1 + np.flatnonzero(rising[:-1] & ~rising[1:])
    peaks = peaks[speech.loudness[peaks] > _AUDIBLE]
    if not len(peaks):
        return []
    prominences = np.array([_prominence(curve, int(peak)) for peak in peaks])
    chosen: list[int] = []
    for index in np.argsort(-prominences, kind="stable")[: max(1, round(len(peaks) * _TOP_SHARE))]:
        if all(abs(peaks[index] - peaks[other]) * HOP_S >= _MINIMUM_GAP_S for other in chosen):
            chosen.append(int(index))
    strongest = prominences.max()
    return [
        Accent(time_s=float(peaks[index] * HOP_S), strength=float(prominences[index] / strongest))
        for index in sorted(chosen, key=lambda index: int(peaks[index]))
    ]


def _prominence(curve: NDArray[np.float64], peak: int) -> float:
    """Return the height of a peak above the higher of the lowest points within a second on either side.

    scipy.signal has this too, but lipsmith does without scipy.
    """
    reach = round(_NEIGHBOURHOOD_S / HOP_S)
    before, after = curve[max(0, peak - reach) : peak + 1].min(), curve[peak : peak + reach + 1].min()
    return float(curve[peak] - max(before, after))


def emphasis(speech: Speech) -> NDArray[np.float64]:
    """Return loudness plus pitch, each in its standard deviations. Pitch counts half: half of the rows have none."""
    sigma = _SMOOTHING_S / HOP_S
    loudness = gaussian_filter1d(speech.loudness.astype(np.float64), sigma)
    total = _standardised(loudness)
    voiced = speech.pitch_hz > 0
    if voiced.sum() > 10:
        places = np.arange(len(voiced))
        octaves = np.interp(places, places[voiced], np.log2(speech.pitch_hz[voiced]))
        total = total + 0.5 * _standardised(gaussian_filter1d(octaves, sigma))
    return total


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (values - values.mean()) / max(float(values.std()), 1e-6)
