"""From what is said to how lips, tongue and smile move. Knows no sound, no head and no pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, grey_erosion, maximum_filter1d

from lipsmith.speech.visemes import HOP_S, VISEMES, Speech

F64 = NDArray[np.float64]

GRID_HZ = 200
"""Curves are shaped every 5 ms, then sampled at the video's frames."""

# What each viseme asks of the mouth; what is not named is 0. Aperture and width in IOD.
# Apertures and widths come from a table that was fitted to the lips of real speakers (in each one's own range from the
# 5th to the 95th percentile), stretched about its middle by 1.6 because a fit shrinks, with 0.23 IOD for that range.
# Rounded vowels and hiss are less extreme than the fit, which saw few of them: a vowel between shut lips looks wrong.
# The rest is the look of each viseme that the renderer shows best.
_SHAPES: Mapping[str, Mapping[str, float]] = {
    "sil": {"aperture": 0.065},
    "PP": {"aperture": -0.10, "press": 1.0},  # below zero: lips on their way to meet do not slow down
    "FF": {"aperture": 0.025, "tuck": 1.0, "width": 0.01, "upper_raise": 0.030},
    "TH": {"aperture": 0.110, "tongue": 1.0, "width": 0.01},
    "DD": {"aperture": 0.105, "tongue": 0.55, "width": 0.02, "lower_drop": 0.010},
    "kk": {"aperture": 0.140, "width": 0.02},
    "CH": {"aperture": 0.110, "width": -0.08, "pucker": 0.50, "lower_drop": 0.010},
    "SS": {"aperture": 0.090, "width": 0.06, "upper_raise": 0.020, "lower_drop": 0.025},
    "nn": {"aperture": 0.095, "tongue": 0.75, "width": 0.01},
    "RR": {"aperture": 0.065, "width": -0.10, "pucker": 0.40},
    "aa": {"aperture": 0.270, "upper_raise": 0.015},
    "E": {"aperture": 0.210, "width": 0.05, "upper_raise": 0.020, "lower_drop": 0.010},
    "ih": {"aperture": 0.155, "width": 0.08, "upper_raise": 0.022, "lower_drop": 0.025},
    "oh": {"aperture": 0.150, "width": -0.16, "pucker": 0.70},
    "ou": {"aperture": 0.065, "width": -0.24, "pucker": 1.0},
}

# How strongly a viseme insists on its opening against its neighbours (Cohen and Massaro 1993; values found on aligned
# speech of real speakers): lips must meet for p, but the vowel decides how open a k is.
_DOMINANCE: Mapping[str, float] = {
    "sil": 0.5, "PP": 3.0, "FF": 2.0, "TH": 0.5, "DD": 0.4, "kk": 0.3, "CH": 1.0, "SS": 0.9, "nn": 0.35, "RR": 0.6,
    "aa": 1.0, "E": 0.9, "ih": 0.8, "oh": 1.0, "ou": 1.0,
}  # fmt: skip

_OPENING_SIGMA_S = 0.030
_OPENING_GAIN = 1.15  # gives back what the blending with neighbours takes
_OPENING_LEAD_S = 0.010  # real lips open 0–20 ms before the sound; more lowers the match with real lips
_ROUNDING_SIGMA_S = 0.040
_ROUNDING_LEAD_S = 0.070  # rounding is prepared during the consonants before it
_WIDTH_SIGMA_S = 0.050
_DETAIL_SIGMA_S: Mapping[str, float] = {  # of the fine movements: tongue and lips are quicker than the jaw
    "press": 0.022, "tuck": 0.025, "tongue": 0.022, "upper_raise": 0.035, "lower_drop": 0.035,
}  # fmt: skip
_CORNER_SIGMA_S = 0.010
_GATE_SIGMA_S = 0.010
_GATE_FROM, _GATE_SPAN = 0.30, 0.25  # share of PP at which lips begin to be held, and until they are shut

_SEEN_SHUT_IOD = 0.01

_OPEN_IOD_PER_S, _CLOSE_IOD_PER_S = 2.6, 3.0  # lips of real speakers: peaks of 1.7 and 1.9, shouting aside
_OPENNESS_IOD = 0.25  # a recording's own 95th percentile of opening
# Of a curve that was fitted to true lips (`Speech.width` is there): it shrinks. Real lips part well before the first
# sound, and shut slowly after the last one (r with those of strangers .71 with the short ramps, .73 with these).
_FITTED_MIDDLE, _FITTED_STRETCH, _FITTED_OPENNESS_IOD = 0.45, 1.6, 0.27
_FITTED_SIGMA_S, _FITTED_WIDTH_SIGMA_S = 0.010, 0.025
_FITTED_WIDTH_IOD = 0.38
_SOFT_FROM_IOD, _SOFT_SPAN_IOD = 0.25, 0.07  # above this the mouth opens ever less: 0.34 looks like shouting

_REST_OPENING_IOD = 0.065  # lips do not shut in the short pauses of a talking mouth
_LONG_PAUSE_S = 0.600
_PAUSE_LOUDNESS = 0.15
_RAMPS_S = (0.060, 0.220, 0.140)
"""Until lips begin to shut after a sound, until they are shut, and how long they part before one."""
_FITTED_RAMPS_S = (0.150, 0.300, 0.350)
_SMILE_WHILE_SPEAKING, _SMILE_RAMP_S = 0.75, 0.400

MOUTH_CHANNELS = ("aperture", "width", "pucker", "press", "tuck", "tongue", "upper_raise", "lower_drop")


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is said, on the fine grid."""

    shares: F64
    """(n, 15): share of each viseme."""
    openness: F64 | None
    """(n,): 1 = this recording's 95th percentile."""
    width: F64 | None
    """(n,): around this speaker's mean, 1 = the range from the 5th to the 95th percentile. None without true lips."""
    at_rest: F64
    """(n,) 0–1: 1 where the speaker has stopped speaking."""


def mouth_channels(speech: Speech, *, fps: Fraction, frames: int) -> dict[str, F64]:
    """The mouth's channels and ``smile``, (frames,) each, in the units of `MotionTrack`.

    Frame ``n`` shows the mouth at ``n / fps``; lips that meet are seen shut in at least one frame.
    """
    plan = _plan(speech, float(frames / fps))
    gate = _closure_gate(plan)
    curves = {name: _detail(plan, name) for name in _DETAIL_SIGMA_S}
    curves["pucker"] = _rounding(plan)
    curves["width"] = _width(plan)
    curves["aperture"] = _opening(plan, gate)
    for name in MOUTH_CHANNELS:
        curves[name] = curves[name] * (1.0 - plan.at_rest)
    curves["lower_drop"] = curves["lower_drop"] * (1.0 - gate)
    times_s = np.arange(frames) / float(fps)
    channels = {name: _sample(curve, times_s) for name, curve in curves.items()}
    channels["aperture"] = _sample_closed(curves["aperture"], gate, times_s, 1.0 / float(fps))
    channels["smile"] = _sample(_smile(plan), times_s)
    return channels


def _plan(speech: Speech, length_s: float) -> _Plan:
    """Rows of speech brought to the fine grid, at least as long as the video."""
    count = int(np.ceil(max(length_s, speech.duration_s) * GRID_HZ)) + 2
    times_s = np.arange(count) / GRID_HZ
    row_times_s = np.arange(len(speech.visemes)) * HOP_S
    over = times_s > speech.duration_s

    def resampled(values: NDArray[np.float32], after: float) -> F64:
        return np.where(over, after, np.interp(times_s, row_times_s, values))

    shares = np.stack([resampled(speech.visemes[:, k], float(k == 0)) for k in range(len(VISEMES))], axis=1)
    loudness = resampled(speech.loudness, 0.0)
    openness = None if speech.openness is None else resampled(speech.openness, 0.0)
    width = None if speech.width is None else resampled(speech.width, 0.0)
    at_rest = _at_rest(shares[:, 0], loudness, _RAMPS_S if width is None else _FITTED_RAMPS_S)
    return _Plan(shares=shares, openness=openness, width=width, at_rest=at_rest)


def _at_rest(silence: F64, loudness: F64, ramps_s: tuple[float, float, float]) -> F64:
    """0–1: 1 in long silent pauses, and before the first and after the last word; soft ramps between."""
    shut_after_s, shutting_s, opening_s = ramps_s
    rest = np.zeros(len(silence))
    for start, end in _runs((silence > 0.5) & (gaussian_filter1d(loudness, 0.02 * GRID_HZ) < _PAUSE_LOUDNESS)):
        first, last = start == 0, end == len(silence)
        if not (first or last) and end - start < _LONG_PAUSE_S * GRID_HZ:
            continue
        places = np.arange(start, end)
        shutting = np.ones(len(places))
        if not first:
            shutting = _smoothstep((places - start - shut_after_s * GRID_HZ) / (shutting_s * GRID_HZ))
        opening = np.ones(len(places))
        if not last:
            opening = _smoothstep((end - places) / (opening_s * GRID_HZ))
        rest[start:end] = np.minimum(shutting, opening)
    return rest


def _closure_gate(plan: _Plan) -> F64:
    """0–1: 1 where the lips touch for p, b and m."""
    held = gaussian_filter1d(plan.shares[:, VISEMES.index("PP")], _GATE_SIGMA_S * GRID_HZ)
    return np.clip((held - _GATE_FROM) / _GATE_SPAN, 0.0, 1.0)


def _opening(plan: _Plan, gate: F64) -> F64:
    """The gap between the lips, from the visemes or the heard openness: shut where gated, no faster than lips are."""
    if plan.openness is not None and plan.width is not None:
        opening = _fitted_opening(plan.openness)
    elif plan.openness is None:
        opening = _led(_blended(plan.shares, "aperture", _OPENING_SIGMA_S), _OPENING_LEAD_S) * _OPENING_GAIN
    else:
        heard = gaussian_filter1d(plan.openness, _OPENING_SIGMA_S * GRID_HZ) * _OPENNESS_IOD
        opening = np.maximum(heard, _REST_OPENING_IOD * gaussian_filter1d(plan.shares[:, 0], 0.05 * GRID_HZ))
    opening = np.maximum(opening, 0.0) * (1.0 - gate)
    excess = np.maximum(opening - _SOFT_FROM_IOD, 0.0)
    opening = np.minimum(opening, _SOFT_FROM_IOD) + _SOFT_SPAN_IOD * np.tanh(excess / _SOFT_SPAN_IOD)
    opening = gaussian_filter1d(opening, _CORNER_SIGMA_S * GRID_HZ)
    opening[gate == 1.0] = 0.0
    return grey_erosion(opening, structure=-_reach_of_lips(), mode="nearest")


def _fitted_opening(openness: F64) -> F64:
    """What a fit to true lips says, in IOD: stretched about its middle, since a fit shrinks towards it."""
    smooth = gaussian_filter1d(openness, _FITTED_SIGMA_S * GRID_HZ)
    return (_FITTED_MIDDLE + _FITTED_STRETCH * (smooth - _FITTED_MIDDLE)) * _FITTED_OPENNESS_IOD


def _reach_of_lips() -> F64:
    """How far apart lips can be, for every distance in time to an instant at which they touch; IOD on the fine grid.

    The filter looks back from each instant: what lies before it (negative steps) limits how far lips have opened since.
    """
    steps = np.arange(-int(0.15 * GRID_HZ), int(0.15 * GRID_HZ) + 1) / GRID_HZ
    return np.where(steps < 0, -steps * _OPEN_IOD_PER_S, steps * _CLOSE_IOD_PER_S)


def _width(plan: _Plan) -> F64:
    if plan.width is not None:
        return gaussian_filter1d(plan.width, _FITTED_WIDTH_SIGMA_S * GRID_HZ) * _FITTED_WIDTH_IOD
    return _led(_blended(plan.shares, "width", _WIDTH_SIGMA_S), _OPENING_LEAD_S)


def _rounding(plan: _Plan) -> F64:
    wanted = plan.shares @ _column("pucker")
    steps = int(_ROUNDING_LEAD_S * GRID_HZ)
    early = maximum_filter1d(wanted, steps + 1, origin=-(steps // 2), mode="nearest")
    return gaussian_filter1d(early, _ROUNDING_SIGMA_S * GRID_HZ)


def _detail(plan: _Plan, name: str) -> F64:
    return gaussian_filter1d(plan.shares @ _column(name), _DETAIL_SIGMA_S[name] * GRID_HZ)


def _smile(plan: _Plan) -> F64:
    """1 at rest; the corners ease towards neutral while speaking."""
    speaking = (plan.at_rest < 0.5).astype(np.float64)
    ramp = np.hanning(int(_SMILE_RAMP_S * GRID_HZ) + 2)[1:-1]
    padded = np.pad(speaking, len(ramp) // 2 + 1, mode="edge")
    eased = np.convolve(padded, ramp / ramp.sum(), mode="same")[len(ramp) // 2 + 1 :][: len(speaking)]
    return 1.0 - (1.0 - _SMILE_WHILE_SPEAKING) * eased


def _blended(shares: F64, name: str, sigma_s: float) -> F64:
    """A channel as its visemes pull it, each by its dominance and nearness."""
    pull = gaussian_filter1d(shares * np.array([_DOMINANCE[v] for v in VISEMES]), sigma_s * GRID_HZ, axis=0)
    return pull @ _column(name) / pull.sum(axis=1)


def _column(name: str) -> F64:
    return np.array([_SHAPES[viseme].get(name, 0.0) for viseme in VISEMES])


def _led(curve: F64, lead_s: float) -> F64:
    steps = round(lead_s * GRID_HZ)
    return np.concatenate([curve[steps:], np.repeat(curve[-1:], steps)])


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _smoothstep(x: F64) -> F64:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _sample(curve: F64, times_s: F64) -> F64:
    return np.interp(times_s * GRID_HZ, np.arange(len(curve)), curve)


def _sample_closed(curve: F64, gate: F64, times_s: F64, frame_s: float) -> F64:
    """Like `_sample`, but lips that meet between two frames are shown shut in the frame that holds most of it."""
    values = _sample(curve, times_s)
    for start, end in _runs(gate > 0.5):
        shown = (times_s * GRID_HZ >= start) & (times_s * GRID_HZ < end)
        middle = int((start + end) / 2 / GRID_HZ / frame_s)
        if middle < len(values) and values[shown].min(initial=np.inf) > _SEEN_SHUT_IOD:
            values[middle] = min(values[middle], curve[start:end].min())
    return values
