"""Motion of lips, tongue and smile from speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lipsmith.filters import gaussian_filter1d, grey_erosion, maximum_filter1d
from lipsmith.speech.visemes import HOP_S, VISEMES, LipRange, Speech

F64 = NDArray[np.float64]

GRID_HZ = 200
"""Curves are shaped every 5 ms, then sampled at the video's frames."""

# Targets of each viseme; channels that are not listed are 0. Aperture and width in IOD.
# Apertures and widths come from a table fitted to the lips of real speakers (in each one's own range from the
# 5th to the 95th percentile), stretched about its middle by 1.6 because a fit shrinks, with 0.23 IOD for that range.
# Rounded vowels and hiss are less extreme than the fit, which saw few of them: a vowel between shut lips looks wrong.
# The other values are those that look best when rendered.
_SHAPES: Mapping[str, Mapping[str, float]] = {
    "sil": {"aperture": 0.065},
    "PP": {"aperture": -0.10, "press": 1.0},  # below zero, so that lips do not slow down before they meet
    "FF": {"aperture": 0.045, "tuck": 1.0, "width": 0.01, "upper_raise": 0.030},
    "TH": {"aperture": 0.125, "tongue": 1.0, "width": 0.01},
    "DD": {"aperture": 0.105, "tongue": 0.45, "width": 0.02, "lower_drop": 0.010},
    "kk": {"aperture": 0.140, "width": 0.02},
    "CH": {"aperture": 0.110, "width": -0.08, "pucker": 0.50, "lower_drop": 0.010},
    "SS": {"aperture": 0.090, "width": 0.06, "upper_raise": 0.020, "lower_drop": 0.025},
    "nn": {"aperture": 0.100, "tongue": 0.60, "width": 0.01},
    "RR": {"aperture": 0.065, "width": -0.10, "pucker": 0.40},
    "aa": {"aperture": 0.270, "upper_raise": 0.015},
    "E": {"aperture": 0.210, "width": 0.05, "upper_raise": 0.020, "lower_drop": 0.010},
    "ih": {"aperture": 0.155, "width": 0.08, "upper_raise": 0.022, "lower_drop": 0.025},
    "oh": {"aperture": 0.150, "width": -0.16, "pucker": 0.70},
    "ou": {"aperture": 0.065, "width": -0.24, "pucker": 1.0},
}

# Weight of a viseme's opening against its neighbours (Cohen and Massaro 1993; values found on aligned
# speech of real speakers): lips must meet for p, but the vowel decides how open a k is.
_DOMINANCE: Mapping[str, float] = {
    "sil": 0.5, "PP": 3.0, "FF": 2.0, "TH": 0.5, "DD": 0.4, "kk": 0.3, "CH": 1.0, "SS": 0.9, "nn": 0.35, "RR": 0.6,
    "aa": 1.0, "E": 0.9, "ih": 0.8, "oh": 1.0, "ou": 1.0,
}  # fmt: skip

_OPENING_SIGMA_S = 0.030
_OPENING_GAIN = 1.15  # makes up for the blending with neighbours
_OPENING_LEAD_S = 0.010  # real lips open 0–20 ms before the phone; more lowers the match with real lips
_ROUNDING_SIGMA_S = 0.040
_ROUNDING_LEAD_S = 0.070  # rounding is prepared during the consonants before it
_WIDTH_SIGMA_S = 0.050
_DETAIL_SIGMA_S: Mapping[str, float] = {  # fine movements: tongue and lips are quicker than the jaw
    "press": 0.022, "tuck": 0.025, "tongue": 0.022, "upper_raise": 0.035, "lower_drop": 0.035,
}  # fmt: skip
_DETAIL_GAIN = 1.25
_CORNER_SIGMA_S = 0.010
_GATE_SIGMA_S = 0.010
_GATE_FROM, _GATE_SPAN = 0.30, 0.25  # share of PP at which lips begin to be held, and until they are shut

_SEEN_SHUT_IOD, _SEEN_OPEN_IOD = 0.01, 0.06

_OPEN_IOD_PER_S, _CLOSE_IOD_PER_S = 1.9, 1.9  # lips of real speakers: peaks of 1.7 and 1.9, shouting aside
_OPENNESS_IOD = 0.25  # a recording's own 95th percentile of opening
# For curves fitted to true lips (`Speech.width` is present), which a fit shrinks. Real lips part well before the first
# phone, and shut slowly after the last one (r with other people's lips .71 with the short ramps, .73 with these).
_FITTED_MIDDLE, _FITTED_STRETCH, _FITTED_OPENNESS_IOD = 0.45, 1.64, 0.27
_FITTED_SIGMA_S, _FITTED_WIDTH_SIGMA_S = 0.010, 0.025
_FITTED_WIDTH_IOD = 0.38
_TABLE_OPENNESS_IOD = 0.26  # 95th percentile of texts, by the table of shapes
_SOFT_FROM_IOD, _SOFT_SPAN_IOD = 0.25, 0.07  # above the first the mouth opens ever less: 0.34 looks like shouting

_REST_OPENING_IOD = 0.065  # lips do not shut in the shortest pauses of a talking mouth
_PAUSE_S, _LONG_PAUSE_S = 0.160, 0.900  # a pause of 0.20 s is recognized as 0.16 s or more
"""Pauses of the first length shut the mouth, with ramps that are shortened up to the second length."""
_PAUSE_LOUDNESS, _SURELY_SILENT = 0.15, 0.8
_MIN_PHONE_S = 0.080
_RAMPS_S = (0.060, 0.220, 0.140)
"""Time from the end of speech until lips begin to shut, until they are shut, and from their opening to the next speech.
"""
_FITTED_RAMPS_S = (0.150, 0.300, 0.150)
_BREATH_S, _BREATH_SHARE = 0.650, 0.60  # before a first phone lips part by this share, to breathe in
_FINAL_CLOSURE_S = 0.080  # a closure this near to a rest belongs to it
_SMILE_WHILE_SPEAKING, _SMILE_RAMP_S = 0.45, 0.400

# A vowel between two closures: shortest one that counts, target length if its closures can give the time, length from
# which it opens, and length from which it opens by itself.
_MIN_RECOGNIZED_S, _MIN_VOWEL_S, _MIN_SEEN_S, _MAX_VOWEL_S = 0.018, 0.070, 0.055, 0.250
_MIN_CLOSURE_S = 0.045
_MIN_VOWEL_IOD = 0.082  # the speed limit of the lips and the frame rate leave 0.06
# Recognized openness is right on average; these visemes need limits. Teeth are nearly closed for s.
_VISEME_LIMITS_IOD: Mapping[str, tuple[float, float]] = {
    "FF": (0.03, 0.05), "TH": (0.10, 0.20), "SS": (0.05, 0.16), "nn": (0.0, 0.17), "oh": (0.0, 0.20),
    "ou": (0.025, 0.075),
}  # fmt: skip

_JAW_SIGMA_S = 0.060  # the heavy jaw follows the syllable, not each phone
_JAW_SHARE = 0.8

MOUTH_CHANNELS = ("aperture", "width", "pucker", "press", "tuck", "tongue", "jaw", "upper_raise", "lower_drop")


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Speech on the fine grid."""

    shares: F64
    """(n, 15): share of each viseme."""
    openness: F64 | None
    """(n,): 1 = this recording's 95th percentile."""
    width: F64 | None
    """(n,): around this speaker's mean, 1 = the range from the 5th to the 95th percentile. None without fitted lips."""
    at_rest: F64
    """(n,) 0–1: 1 where the speaker has stopped speaking."""
    lips: LipRange | None
    """The speaker's own range."""
    shut: F64
    """(n,) 0 or 1: 1 from a last closure until the mouth is at rest, so that it does not open once more."""


def mouth_channels(speech: Speech, *, fps: Fraction, frames: int) -> dict[str, F64]:
    """Return the mouth's channels and ``smile``, (frames,) each, in the units of `MotionTrack`.

    Frame ``n`` shows the mouth at ``n / fps``; lips that meet are shut in at least one frame.
    """
    plan = _plan(speech, float(frames / fps))
    vowels = _short_vowels(plan.shares)
    gate = _closure_gate(plan) * (1.0 - _lobes(vowels, len(plan.shares)))
    curves = {name: _detail(plan, name) for name in _DETAIL_SIGMA_S}
    curves["pucker"] = _rounding(plan)
    curves["width"] = _width(plan)
    curves["aperture"] = _opening(plan, gate, vowels) * (1.0 - plan.shut)
    curves["jaw"] = _jaw(curves["aperture"])
    for name in MOUTH_CHANNELS:
        if name != "width" or plan.width is None:  # fitted lips include their width at rest
            curves[name] = curves[name] * (1.0 - plan.at_rest)
    if plan.lips is not None:
        curves["aperture"] += plan.lips.rest_iod * plan.at_rest
    curves["lower_drop"] = curves["lower_drop"] * (1.0 - gate)
    times_s = np.arange(frames) / float(fps)
    channels = {name: _sample(curve, times_s) for name, curve in curves.items()}
    channels["aperture"] = _sample_closed(curves["aperture"], gate, vowels, times_s, 1.0 / float(fps))
    channels["smile"] = _sample(_smile(plan), times_s)
    return channels


def frame_visemes(speech: Speech, *, fps: Fraction, frames: int) -> F64:
    """Return the share of each viseme from half a frame before each frame to half a frame after it, (frames, 15)."""
    edges_s = (np.arange(frames + 1) - 0.5) / float(fps)
    rows = speech.visemes.astype(np.float64)
    row_edges_s = (np.arange(len(rows) + 1) - 0.5) * HOP_S
    viseme_s = np.concatenate([np.zeros((1, len(VISEMES))), np.cumsum(rows * HOP_S, axis=0)])
    inside = np.stack([np.diff(np.interp(edges_s, row_edges_s, column)) for column in viseme_s.T], axis=1) * float(fps)
    inside[:, 0] += 1.0 - inside.sum(axis=1)  # silence before the first row and after the last one
    return inside


def _plan(speech: Speech, length_s: float) -> _Plan:
    """Resample rows of speech to the fine grid, at least as long as the video."""
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
    rests = _rests(shares[:, 0], loudness)
    fitted = width is not None
    at_rest = _at_rest(rests, count, fitted=fitted)
    if speech.lip_range is not None and openness is not None:
        at_rest = at_rest * speech.lip_range.rest_share
    shut = _shut_to_rest(rests, shares[:, VISEMES.index("PP")], at_rest, fitted=fitted)
    return _Plan(shares=shares, openness=openness, width=width, at_rest=at_rest, lips=speech.lip_range, shut=shut)


def _rests(silence: F64, loudness: F64) -> list[tuple[int, int]]:
    """Return start and end of every rest: long pauses, before the first and after the last word."""
    quiet = gaussian_filter1d(loudness, 0.02 * GRID_HZ) < _PAUSE_LOUDNESS
    sure = gaussian_filter1d(silence, 0.02 * GRID_HZ) > _SURELY_SILENT  # an audible breath, or noise
    silent = ((silence > 0.5) & quiet) | sure
    for start, end in _runs(~silent):  # a breath or a click is not speech
        if quiet[start:end].all() and end - start < _MIN_PHONE_S * GRID_HZ:
            silent[start:end] = True
    least = _PAUSE_S * GRID_HZ - 1
    return [(a, b) for a, b in _runs(silent) if a == 0 or b == len(silence) or b - a >= least]


def _at_rest(rests: Sequence[tuple[int, int]], count: int, *, fitted: bool) -> F64:
    """Return 1 where the mouth rests, with soft ramps, 0–1. Fitted lips part a little before they speak."""
    shut_after_s, shutting_s, opening_s = _FITTED_RAMPS_S if fitted else _RAMPS_S
    rest = np.zeros(count)
    for start, end in rests:
        length_s = (end - start) / GRID_HZ
        pace = max(1.0, _LONG_PAUSE_S / length_s) if start > 0 and end < count else 1.0
        since_s, left_s = (pace * np.arange(end - start) / GRID_HZ, pace * np.arange(end - start, 0, -1) / GRID_HZ)
        shutting = _smoothstep((since_s - shut_after_s) / shutting_s) if start > 0 else 1.0
        opening = _smoothstep(left_s / opening_s) if end < count else 1.0
        if fitted and end < count and pace == 1.0:
            breath = _smoothstep((_BREATH_S - left_s) / (_BREATH_S - opening_s))
            opening = (1.0 - _BREATH_SHARE) * opening + _BREATH_SHARE * (1.0 - breath)
        rest[start:end] = np.minimum(shutting, opening)
    return rest


def _shut_to_rest(rests: Sequence[tuple[int, int]], closed: F64, at_rest: F64, *, fitted: bool) -> F64:
    """Return 1 from a last p, b or m until the mouth is at rest, and from rest until a first one; else 0.

    Fitted lips (``fitted``) part to breathe in before they close for the first one.
    """
    shut = np.zeros(len(closed))
    near = round(_FINAL_CLOSURE_S * GRID_HZ)
    for start, end in rests:
        rested = start + np.flatnonzero(at_rest[start:end] >= 1.0)
        before, after = max(0, start - near), max(0, end - near)
        last = before + np.flatnonzero(closed[before : start + near] > 0.5)
        first = after + np.flatnonzero(closed[after : end + near] > 0.5)
        if start > 0 and len(last):
            shut[last[-1] : rested[0] if len(rested) else end] = 1.0
        if end < len(closed) and len(first) and not fitted:
            shut[rested[-1] if len(rested) else start : first[0]] = 1.0
    return shut


def _short_vowels(shares: F64) -> list[tuple[int, int]]:
    """Return start and end of every short vowel between two closures, which touching lips would swallow.

    Shorter ones take time from their closures while these stay visible, first from the closure after them.
    """
    shut = _runs(shares[:, VISEMES.index("PP")] > 0.5)
    vowel = shares[:, VISEMES.index("aa") :].sum(axis=1)
    target, kept = round(_MIN_VOWEL_S * GRID_HZ), round(_MIN_CLOSURE_S * GRID_HZ)
    vowels: list[tuple[int, int]] = []
    for (first, start), (end, last) in pairwise(shut):
        if end - start > _MAX_VOWEL_S * GRID_HZ or vowel[start:end].sum() < _MIN_RECOGNIZED_S * GRID_HZ:
            continue
        first = max(first, vowels[-1][1]) if vowels else first  # a vowel before may have taken some of it
        end += int(np.clip(target - (end - start), 0, max(last - end - kept, 0)))
        start -= int(np.clip(target - (end - start), 0, max(start - first - kept, 0)))
        if end - start >= _MIN_SEEN_S * GRID_HZ:
            vowels.append((start, end))
    return vowels


def _lobes(vowels: Sequence[tuple[int, int]], count: int) -> F64:
    """Return a lobe for each vowel, 0–1: from one closure over its middle, where it is 1, to the next closure."""
    lobes = np.zeros(count)
    for start, end in vowels:
        lobes[start:end] = np.sin(np.pi * (np.arange(end - start) + 0.5) / (end - start)) ** 0.7
    return lobes


def _closure_gate(plan: _Plan) -> F64:
    """Return 1 where the lips touch for p, b and m, 0–1."""
    held = gaussian_filter1d(plan.shares[:, VISEMES.index("PP")], _GATE_SIGMA_S * GRID_HZ)
    return np.clip((held - _GATE_FROM) / _GATE_SPAN, 0.0, 1.0)


def _opening(plan: _Plan, gate: F64, vowels: Sequence[tuple[int, int]]) -> F64:
    """Return the gap between the lips from visemes or openness: shut where gated, no faster than real lips."""
    if plan.openness is not None and plan.width is not None:
        opening = _fitted_opening(plan.openness, plan.lips)
    elif plan.openness is None:
        opening = _shifted_earlier(_blended(plan.shares, "aperture", _OPENING_SIGMA_S), _OPENING_LEAD_S) * _OPENING_GAIN
        opening = opening * (plan.lips.high_iod / _TABLE_OPENNESS_IOD if plan.lips else 1.0)
    else:
        recognized = gaussian_filter1d(plan.openness, _OPENING_SIGMA_S * GRID_HZ) * _OPENNESS_IOD
        opening = np.maximum(recognized, _REST_OPENING_IOD * gaussian_filter1d(plan.shares[:, 0], 0.05 * GRID_HZ))
    opening = _within_viseme_limits(np.maximum(opening, 0.0), plan.shares) * (1.0 - gate)
    opening = np.maximum(opening, _MIN_VOWEL_IOD * _lobes(vowels, len(opening)))
    soft_from = max(_SOFT_FROM_IOD, plan.lips.high_iod if plan.lips else 0.0)
    excess = np.maximum(opening - soft_from, 0.0)
    opening = np.minimum(opening, soft_from) + _SOFT_SPAN_IOD * np.tanh(excess / _SOFT_SPAN_IOD)
    opening = gaussian_filter1d(opening, _CORNER_SIGMA_S * GRID_HZ)
    opening[gate == 1.0] = 0.0
    return grey_erosion(opening, structure=-_reach_of_lips(GRID_HZ), mode="nearest")


def _within_viseme_limits(opening: F64, shares: F64) -> F64:
    """Limit the opening to what each viseme allows and needs."""
    sure = np.clip(2.0 * gaussian_filter1d(shares, 0.015 * GRID_HZ, axis=0) - 0.6, 0.0, 1.0)
    for viseme, (least, most) in _VISEME_LIMITS_IOD.items():
        opening = opening + sure[:, VISEMES.index(viseme)] * (np.clip(opening, least, most) - opening)
    return opening


def _jaw(aperture: F64) -> F64:
    """Return the jaw's offset from the lips' opening: the jaw moves more slowly and less."""
    slow = gaussian_filter1d(aperture, _JAW_SIGMA_S * GRID_HZ)
    return _JAW_SHARE * (slow - aperture)


def _fitted_opening(openness: F64, lips: LipRange | None) -> F64:
    """Return a fitted opening in IOD, stretched about its middle, since a fit to many people shrinks towards it."""
    smooth = gaussian_filter1d(openness, _FITTED_SIGMA_S * GRID_HZ)
    if lips is not None:  # fitted to this person, and stretched then
        return lips.low_iod + smooth * (lips.high_iod - lips.low_iod)
    return (_FITTED_MIDDLE + _FITTED_STRETCH * (smooth - _FITTED_MIDDLE)) * _FITTED_OPENNESS_IOD


def _reach_of_lips(rate_hz: float) -> F64:
    """Return the largest gap for every time from a moment at which the lips touch; IOD, ``rate_hz`` values a second.

    The filter looks back from each moment: negative steps limit how far lips have opened since.
    """
    reach = max(1, int(0.15 * rate_hz))
    steps = np.arange(-reach, reach + 1) / rate_hz
    return np.where(steps < 0, -steps * _OPEN_IOD_PER_S, steps * _CLOSE_IOD_PER_S)


def _width(plan: _Plan) -> F64:
    if plan.width is not None:
        return gaussian_filter1d(plan.width, _FITTED_WIDTH_SIGMA_S * GRID_HZ) * (
            plan.lips.width_iod if plan.lips else _FITTED_WIDTH_IOD
        )
    return _shifted_earlier(_blended(plan.shares, "width", _WIDTH_SIGMA_S), _OPENING_LEAD_S)


def _rounding(plan: _Plan) -> F64:
    target = plan.shares @ _column("pucker")
    steps = int(_ROUNDING_LEAD_S * GRID_HZ)
    early = maximum_filter1d(target, steps + 1, origin=-(steps // 2), mode="nearest")
    return gaussian_filter1d(early, _ROUNDING_SIGMA_S * GRID_HZ)


def _detail(plan: _Plan, name: str) -> F64:
    """Return a fine movement. A phone of 60 ms still reaches most of it: the gain makes up for the smoothing."""
    target = plan.shares @ _column(name)
    smooth = gaussian_filter1d(target, _DETAIL_SIGMA_S[name] * GRID_HZ)
    reach = round(_DETAIL_SIGMA_S[name] * GRID_HZ)
    return np.minimum(_DETAIL_GAIN * smooth, maximum_filter1d(target, 4 * reach + 1))


def _smile(plan: _Plan) -> F64:
    """Return 1 at rest; the corners ease towards neutral in speech."""
    speaking = (plan.at_rest < 0.5).astype(np.float64)
    ramp = np.hanning(int(_SMILE_RAMP_S * GRID_HZ) + 2)[1:-1]
    padded = np.pad(speaking, len(ramp) // 2 + 1, mode="edge")
    eased = np.convolve(padded, ramp / ramp.sum(), mode="same")[len(ramp) // 2 + 1 :][: len(speaking)]
    return 1.0 - (1.0 - _SMILE_WHILE_SPEAKING) * eased


def _blended(shares: F64, name: str, sigma_s: float) -> F64:
    """Blend a channel of neighbouring visemes, each by its dominance and nearness."""
    pull = gaussian_filter1d(shares * np.array([_DOMINANCE[v] for v in VISEMES]), sigma_s * GRID_HZ, axis=0)
    return pull @ _column(name) / pull.sum(axis=1)


def _column(name: str) -> F64:
    return np.array([_SHAPES[viseme].get(name, 0.0) for viseme in VISEMES])


def _shifted_earlier(curve: F64, lead_s: float) -> F64:
    steps = round(lead_s * GRID_HZ)
    return np.concatenate([curve[steps:], np.repeat(curve[-1:], steps)])


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return start and end of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _smoothstep(x: F64) -> F64:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _sample(curve: F64, times_s: F64) -> F64:
    return np.interp(times_s * GRID_HZ, np.arange(len(curve)), curve)


def _sample_closed(curve: F64, gate: F64, vowels: Sequence[tuple[int, int]], times_s: F64, frame_s: float) -> F64:
    """Sample like `_sample`, but show lips that meet between two frames shut in the frame that holds most of it.

    A short vowel between two closures is open in the frame nearest to its middle, unless a closure needs that frame.
    """
    values = _sample(curve, times_s)
    kept = np.zeros(len(values), bool)
    for start, end in _runs(gate > 0.5):
        shown = (times_s * GRID_HZ >= start) & (times_s * GRID_HZ < end)
        middle = int((start + end) / 2 / GRID_HZ / frame_s)
        if middle < len(values) and values[shown].min(initial=np.inf) > _SEEN_SHUT_IOD:
            values[middle] = min(values[middle], curve[start:end].min())
            kept[middle] = True
        elif shown.sum() == 1:
            kept |= shown
    for start, end in vowels:
        shown = (times_s * GRID_HZ >= start) & (times_s * GRID_HZ < end)
        nearest = round((start + end) / 2 / GRID_HZ / frame_s)
        if nearest < len(values) and not kept[nearest] and values[shown].max(initial=0.0) < _SEEN_OPEN_IOD:
            values[nearest] = max(values[nearest], curve[start:end].max())
    return grey_erosion(values, structure=-_reach_of_lips(1.0 / frame_s), mode="nearest")  # also around those frames
