"""Personal lip style, learned from a person's footage and applied to general speech recognition.

The general recognizer stays unchanged; a ridge regression on the output of its net adds the personal difference.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsmith.errors import InvalidStyle, StyleNotLearnt
from lipsmith.filters import gaussian_filter1d
from lipsmith.media.clip import F32
from lipsmith.speech.net import Lips, NetOutput
from lipsmith.speech.visemes import HOP_S, VISEMES, LipRange

F64 = NDArray[np.float64]

MIN_S = 4.0
"""Minimum length of lips with audio."""
GOOD_S = 15.0
MAX_LAG_S = 0.2

_FORMAT, _VERSION = "lipsmith personal style", 1
_MAX_FILE_BYTES = 1_000_000
_HIDDEN = 64
_BLOCK_ROWS, _CONTEXT_ROWS = 1500, 32
_LIP_LAGS = (-8, -4, -2, 0, 2, 4, 8)  # rows
_LOUD_LAGS = (-12, -6, -3, 0, 3, 6, 12)
_SMOOTH_ROWS, _LOUD_SMOOTH_ROWS = 2.0, 1.0
_SILENCE = 2 * len(_LIP_LAGS) + VISEMES.index("sil")
FEATURES = 2 * len(_LIP_LAGS) + len(VISEMES) + _HIDDEN + len(_LOUD_LAGS)

# Measured on four studio speakers and one from the wild, trained on one half of a recording and tested on the other: r
# of the opening rises by .07 at this strength with 30 s, by .06 with 15 s; by .05 at 300 or 3000.
_RIDGE_ROWS = 1000.0
_MIN_SLOPE = 0.2
_FOLDS, _CHANCE_R = 4, 0.05
_MAX_SPREAD_FACTOR = 2.5
_LAG_STEP_S = 0.01
_MIN_LAG_S, _MIN_GAIN_R = 0.021, 0.04  # half a frame or a small gain is natural variation or chance
# On eight clips of 5 to 10 s, lips reach .5 to .7 with their own audio. With other audio the median is .1 to .2, but a
# tenth reaches .36 to .5 by chance, which shrinks with the root of the time.
_MIN_R, _MIN_R_OF_A_SECOND, _WEAK_R = 0.2, 1.0, 0.35
_QUIET, _MIN_QUIET_S = 0.1, 1.0
_MAX_IOD = 1.5
_RANGE = ("rest_iod", "rest_share", "low_iod", "high_iod", "width_iod")


@dataclass(frozen=True, kw_only=True)
class SpeechReading:
    """General recognition of audio, every 20 ms."""

    net: NetOutput
    loudness: F32
    """(n,) 0–1."""
    lips: Lips
    """Lips in the general range."""


@dataclass(frozen=True, kw_only=True)
class Footage:
    """Speech of a person, with the lips that were tracked with it."""

    reading: SpeechReading
    times_s: F64
    """(m,) rising times of the tracked lips, on the clock of the audio as far as it is known."""
    aperture_iod: F64
    """(m,)"""
    width_iod: F64
    """(m,)"""
    name: str = "the recording"
    """For messages."""


@dataclass(frozen=True, kw_only=True)
class PersonalStyle:
    """Lip style of one person."""

    range: LipRange
    """Range of opening and width."""
    weights: F64
    """(FEATURES, 2): from features to aperture and width in that range."""
    bias: F64
    """(2,)"""
    net: str
    """Identifier of the net and head that the weights belong to."""
    seconds: float
    """Length of the footage."""
    quiet_s: float
    """Silence in the footage, seconds."""

    def lips(self, reading: SpeechReading) -> Lips:
        """Return this person's lips: aperture 0 = 5th percentile, 1 = 95th; width around its mean."""
        rows = len(reading.loudness)
        parts = []
        for start in range(0, rows, _BLOCK_ROWS):
            first, last = max(start - _CONTEXT_ROWS, 0), min(start + _BLOCK_ROWS + _CONTEXT_ROWS, rows)
            features = _features(reading, slice(first, last))
            curves = features @ self.weights + self.bias
            if self.quiet_s < _MIN_QUIET_S:  # without silent footage, the prediction for silence is chance
                silent = features[:, [_SILENCE]]
                curves += silent * (features[:, :2] - curves)
            parts.append(curves[start - first : start - first + _BLOCK_ROWS])
        joined: F32 = np.concatenate(parts).astype(np.float32)
        return Lips(aperture=joined[:, 0], width=joined[:, 1])

    def to_json(self) -> str:
        """Return the style as JSON for `read_personal_style`."""
        data = {
            "format": _FORMAT,
            "version": _VERSION,
            "seconds": self.seconds,
            "quiet_s": self.quiet_s,
            "range": {name: round(getattr(self.range, name), 5) for name in _RANGE},
            "net": self.net,
            "bias": [round(float(value), 7) for value in self.bias],
            "weights": [[float(f"{value:.6g}") for value in row] for row in self.weights],
        }
        return json.dumps(data) + "\n"


@dataclass(frozen=True, kw_only=True)
class LearnedStyle:
    """Learned style, with measures of its quality."""

    style: PersonalStyle
    lags_s: tuple[float, ...]
    """Delay of the audio after the lips per clip; already removed."""
    r_before: float
    """Correlation of the general opening with the true lips."""
    r_after: float
    """Correlation of the opening in this style, on held-out parts of the footage."""
    warnings: tuple[str, ...]


def learn_personal_style(footage: Sequence[Footage], *, net: str) -> LearnedStyle:
    """Learn the lip style of the person in all of ``footage``; ``net`` identifies the recognizer of the audio.

    Raises StyleNotLearnt if there is too little footage, or if lips and audio do not belong together.
    """
    lags = [_lag_s(clip) for clip in footage]
    rows = [_rows(clip, lag_s) for clip, lag_s in zip(footage, lags, strict=True)]
    features = np.concatenate([x for x, _ in rows])
    lips = np.concatenate([y for _, y in rows])
    seconds = len(lips) * HOP_S
    if seconds < MIN_S:
        raise StyleNotLearnt(
            f"Only {seconds:.1f} s show the speaking face together with its audio; at least {MIN_S:.0f} s are needed, "
            f"and {GOOD_S:.0f} s are better. Add another clip of the same person."
        )
    quiet = features[:, -len(_LOUD_LAGS) :].max(axis=1) < _QUIET
    lip_range = _range(lips, np.concatenate([clip.aperture_iod for clip in footage]), quiet)
    target = np.stack(
        [
            (lips[:, 0] - lip_range.low_iod) / (lip_range.high_iod - lip_range.low_iod),
            (lips[:, 1] - lips[:, 1].mean()) / lip_range.width_iod,
        ],
        axis=1,
    )
    fits = [_fit(features, target[:, k], k) for k in range(2)]
    opening = fits[0]
    agreement = max(opening.r_before, opening.r_after)
    if agreement < max(_MIN_R, _MIN_R_OF_A_SECOND / math.sqrt(seconds)):
        raise StyleNotLearnt(
            f"The lips do not clearly follow the audio (r {agreement:.2f} in {seconds:.0f} s): it may be dubbed, "
            f"out of sync by more than {MAX_LAG_S:g} s, or another person's. Choose clips with the person's own voice."
        )
    style = PersonalStyle(
        range=replace(lip_range, rest_share=_rest_share(lip_range, lips[:, 0], opening.seen, quiet)),
        weights=np.stack([fit.weights for fit in fits], axis=1),
        bias=np.array([fit.bias for fit in fits]),
        net=net,
        seconds=round(seconds, 2),
        quiet_s=round(float(quiet.sum()) * HOP_S, 2),
    )
    return LearnedStyle(
        style=style,
        lags_s=tuple(lags),
        r_before=opening.r_before,
        r_after=opening.r_after,
        warnings=tuple(_warnings(footage, lags, seconds, agreement)),
    )


def read_personal_style(path: str | Path) -> PersonalStyle:
    """Read a file that `learn_style` wrote. Raises InvalidStyle with the reason."""
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise InvalidStyle(f"{path.name!r} is too large for a personal style. Choose another file.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidStyle(f"{path.name!r} cannot be read ({error.strerror}). Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidStyle(
            f"{path.name!r} is not a personal style. Create one with `lipsmith style learn CLIP -o {path.name}`."
        ) from error
    return _checked(data, path.name)


def _checked(data: Any, name: str) -> PersonalStyle:
    def invalid(reason: str) -> InvalidStyle:
        return InvalidStyle(f"{name!r} is not a usable personal style: {reason}. Learn it again.")

    if not isinstance(data, Mapping) or data.get("format") != _FORMAT:
        raise invalid("the format field is missing or wrong")
    if data.get("version") != _VERSION:
        raise invalid(f"its version is {data.get('version')!r}, but this lipsmith supports {_VERSION}")
    span, net = data.get("range"), data.get("net")
    if not isinstance(span, Mapping) or not isinstance(net, str):
        raise invalid("the range or the net is missing")
    seconds, quiet_s = (_numbers(data.get(k), ()) for k in ("seconds", "quiet_s"))
    ranges = [_numbers(span.get(k), ()) for k in _RANGE]
    weights, bias = (_numbers(data.get(k), shape) for k, shape in (("weights", (FEATURES, 2)), ("bias", (2,))))
    if any(value is None for value in (seconds, quiet_s, *ranges, weights, bias)):
        raise invalid("a number is missing, extra or not finite")
    assert seconds is not None and quiet_s is not None and weights is not None and bias is not None
    rest, share, low, high, width = (float(value) for value in ranges if value is not None)
    if not (0 <= low < high <= _MAX_IOD and 0 <= rest <= high and 0 <= share <= 1 and 0 < width <= _MAX_IOD):
        raise invalid(f"a mouth from {low:g} to {high:g} IOD, resting at {rest:g}, of width {width:g} is implausible")
    if max(float(np.abs(weights).max()), float(np.abs(bias).max())) > 100:
        raise invalid("the weights are implausibly large")
    return PersonalStyle(
        range=LipRange(rest_iod=rest, rest_share=share, low_iod=low, high_iod=high, width_iod=width),
        weights=weights,
        bias=bias,
        net=net,
        seconds=float(seconds),
        quiet_s=float(quiet_s),
    )


def _numbers(value: Any, shape: tuple[int, ...]) -> F64 | None:
    """Return a finite array of that shape; None if ``value`` is not one."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return array if array.shape == shape and bool(np.isfinite(array).all()) else None


@dataclass(frozen=True, kw_only=True)
class _Fit:
    weights: F64
    bias: float
    seen: F64
    """Prediction for the footage, each part without training on it."""
    r_before: float
    r_after: float


def _fit(features: F64, target: F64, base: int) -> _Fit:
    """Fit one curve: the general curve (column ``base``) plus the personal difference."""
    parts = _parts(len(target))
    held_out = np.concatenate([_held_out(features, target, base, part) for part in parts])
    r_before, r_after = (
        float(np.mean([_r(curve[part], target[part]) for part in parts])) for curve in (features[:, base], held_out)
    )
    learns = r_after > r_before - _CHANCE_R
    weights, bias = _ridge(features, target, base, learns=learns)
    seen = held_out if learns else features @ weights + bias
    # A fit shrinks towards the mean; restore the spread.
    spread_factor = float(np.clip(target.std() / max(float(seen.std()), 1e-6), 1.0, _MAX_SPREAD_FACTOR))
    middle = float(target.mean())
    seen = middle + spread_factor * (seen - middle)
    return _Fit(
        weights=weights * spread_factor,
        bias=middle + spread_factor * (bias - middle),
        seen=seen,
        r_before=r_before,
        r_after=r_after,
    )


def _parts(rows: int) -> list[slice]:
    edges = np.linspace(0, rows, _FOLDS + 1).astype(int)
    return [slice(a, b) for a, b in pairwise(edges.tolist())]


def _held_out(features: F64, target: F64, base: int, part: slice) -> F64:
    kept = np.ones(len(target), dtype=np.bool_)
    kept[part] = False
    weights, bias = _ridge(features[kept], target[kept], base, learns=True)
    return features[part] @ weights + bias


def _ridge(features: F64, target: F64, base: int, *, learns: bool) -> tuple[F64, float]:
    """Return weights and bias: the general curve scaled to the target's range, plus a correction if it ``learns``."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-3
    spread = np.maximum(spread, 0.3 * np.median(spread))  # rare features carry little information
    scale = float(target.std())
    slope = max(_r(features[:, base], target), _MIN_SLOPE) * scale / max(float(features[:, base].std()), 1e-6)
    weights = np.zeros(features.shape[1])
    if learns:
        x = (features - mean) / spread
        rest = target - target.mean() - slope * (features[:, base] - mean[base])
        weights = np.linalg.solve(x.T @ x + _RIDGE_ROWS * np.eye(x.shape[1]), x.T @ rest) / spread
    weights[base] += slope
    return weights, float(target.mean() - mean @ weights)


def _features(reading: SpeechReading, rows: slice) -> F64:
    """Return (n, FEATURES); the first two are the general aperture and width."""
    curves = np.stack([reading.lips.aperture[rows], reading.lips.width[rows]], axis=1).astype(np.float64)
    loud = gaussian_filter1d(reading.loudness[rows].astype(np.float64), _LOUD_SMOOTH_ROWS)
    shares, hidden = (
        gaussian_filter1d(x[rows].astype(np.float64), _SMOOTH_ROWS, axis=0)
        for x in (reading.net.visemes, reading.net.hidden)
    )
    others = [_shifted(curves, lag) for lag in _LIP_LAGS if lag]
    louds = np.stack([_shifted(loud, lag) for lag in _LOUD_LAGS], axis=1)
    return np.concatenate([curves, *others, shares, hidden, louds], axis=1)


def _shifted(values: F64, lag: int) -> F64:
    return values[np.clip(np.arange(len(values)) + lag, 0, len(values) - 1)]


def _lag_s(clip: Footage) -> float:
    """Estimate the delay of the audio after the lips; 0 if it is unclear or less than half a frame."""
    row_s = np.arange(len(clip.reading.loudness)) * HOP_S
    lags_s = np.arange(-MAX_LAG_S, MAX_LAG_S + _LAG_STEP_S / 2, _LAG_STEP_S)
    predicted = clip.reading.lips.aperture
    by_lag = [_r(np.interp(clip.times_s + lag_s, row_s, predicted), clip.aperture_iod) for lag_s in lags_s]
    best = int(np.argmax(by_lag))
    gained = by_lag[best] - by_lag[len(lags_s) // 2]
    is_peak = 0 < best < len(lags_s) - 1 and abs(float(lags_s[best])) > _MIN_LAG_S
    clear = is_peak and by_lag[best] >= _MIN_R and gained >= _MIN_GAIN_R
    return round(float(lags_s[best]), 2) if clear else 0.0


def _rows(clip: Footage, lag_s: float) -> tuple[F64, F64]:
    """Return features, and aperture and width in IOD, of the rows with visible lips."""
    count = len(clip.reading.loudness)
    row_s = np.arange(count) * HOP_S
    times_s = clip.times_s + lag_s
    if len(times_s) < 2:
        return np.empty((0, FEATURES)), np.empty((0, 2))
    after = np.clip(np.searchsorted(times_s, row_s), 1, len(times_s) - 1)
    gap_s = times_s[after] - times_s[after - 1]
    seen = (row_s >= times_s[0]) & (row_s <= times_s[-1]) & (gap_s < 3 * float(np.median(np.diff(times_s))))
    lips = np.stack([np.interp(row_s, times_s, curve) for curve in (clip.aperture_iod, clip.width_iod)], axis=1)
    return _features(clip.reading, slice(0, count))[seen], lips[seen]


def _range(lips: F64, seen_iod: F64, is_quiet: NDArray[np.bool_]) -> LipRange:
    """Return the range of the tracked frames; interpolation between frames would underestimate the opening."""
    low, high = (float(v) for v in np.percentile(seen_iod, [5, 95]))
    narrow, wide = (float(v) for v in np.percentile(lips[:, 1], [5, 95]))
    quiet = lips[is_quiet, 0]
    rest = float(np.median(quiet)) if len(quiet) * HOP_S >= _MIN_QUIET_S else low
    return LipRange(
        rest_iod=min(rest, high), low_iod=low, high_iod=max(high, low + 0.02), width_iod=max(wide - narrow, 0.02)
    )


def _rest_share(span: LipRange, lips_iod: F64, seen: F64, is_quiet: NDArray[np.bool_]) -> float:
    """Fit the share of rest, against the fitted curve, to the lips during silence."""
    if is_quiet.sum() * HOP_S < _MIN_QUIET_S:
        return 1.0
    curve = span.low_iod + seen[is_quiet] * (span.high_iod - span.low_iod)
    towards_rest = span.rest_iod - curve
    share = towards_rest @ (lips_iod[is_quiet] - curve) / max(float(towards_rest @ towards_rest), 1e-9)
    return float(np.clip(share, 0.0, 1.0))


def _warnings(footage: Sequence[Footage], lags_s: Sequence[float], seconds: float, r: float) -> Sequence[str]:
    warnings = [
        f"In {clip.name} the audio is {abs(lag_s) * 1000:.0f} ms {'behind' if lag_s > 0 else 'ahead of'} the lips; "
        "this was corrected."
        for clip, lag_s in zip(footage, lags_s, strict=True)
        if lag_s
    ]
    if seconds < GOOD_S:
        warnings.append(f"Learned from only {seconds:.0f} s; {GOOD_S:.0f} s or more make a better style.")
    if r < _WEAK_R:
        warnings.append(f"The lips follow the audio weakly (r {r:.2f}); the style may hardly help.")
    return warnings


def _r(a: F64 | F32, b: F64 | F32) -> float:
    if len(a) < 2 or float(np.std(a)) < 1e-6 or float(np.std(b)) < 1e-6:
        return 0.0
    value = float(np.corrcoef(a, b)[0, 1])
    return value if math.isfinite(value) else 0.0
