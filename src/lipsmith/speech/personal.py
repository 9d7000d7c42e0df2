"""The way one person moves the lips: learnt from their own footage, and put on what a general reader hears.

The general reader stays as it is; a ridge regression on what its net hears adds what this person does differently.
Knows no pictures: the lips come as curves.
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
from scipy.ndimage import gaussian_filter1d

from lipsmith.errors import InvalidStyle, StyleNotLearnt
from lipsmith.media.clip import F32
from lipsmith.speech.net import Lips, NetOutput
from lipsmith.speech.visemes import HOP_S, VISEMES, LipRange

F64 = NDArray[np.float64]

LEAST_S = 4.0
"""Of lips and sound together; below that nothing can be learnt."""
GOOD_S = 15.0
LARGEST_LAG_S = 0.2

_FORMAT, _VERSION = "lipsmith personal style", 1
_LARGEST_FILE_BYTES = 1_000_000
_HIDDEN = 64
_BLOCK_ROWS, _CONTEXT_ROWS = 1500, 32
_LIP_LAGS = (-8, -4, -2, 0, 2, 4, 8)  # rows
_LOUD_LAGS = (-12, -6, -3, 0, 3, 6, 12)
_SMOOTH_ROWS, _LOUD_SMOOTH_ROWS = 2.0, 1.0
_SILENCE = 2 * len(_LIP_LAGS) + VISEMES.index("sil")
FEATURES = 2 * len(_LIP_LAGS) + len(VISEMES) + _HIDDEN + len(_LOUD_LAGS)

# Measured on four studio speakers and one from the wild, learnt on one half of a recording and judged on the other: r
# of the opening rises by .07 at this strength with 30 s, by .06 with 15 s; by .05 at 300 or 3000.
_RIDGE_ROWS = 1000.0
_LEAST_SLOPE = 0.2
_FOLDS, _CHANCE_R = 4, 0.05
_MOST_STRETCH = 2.5
_LAG_STEP_S = 0.01
_LEAST_LAG_S, _LEAST_GAIN_R = 0.021, 0.04  # half a frame, or little gained: that is how people speak, or chance
# On eight clips of 5 to 10 s, lips reach .5 to .7 with their own sound and .1 to .2 in the middle of cases with that of
# strangers, but .36 to .5 in a tenth of them: chance, which shrinks with the root of the time.
_LEAST_R, _LEAST_R_OF_A_SECOND, _WEAK_R = 0.2, 1.0, 0.35
_QUIET, _LEAST_QUIET_S = 0.1, 1.0
_LARGEST_IOD = 1.5
_RANGE = ("rest_iod", "rest_share", "low_iod", "high_iod", "width_iod")


@dataclass(frozen=True, kw_only=True)
class SpeechReading:
    """What a general reader makes of a sound, every 20 ms."""

    heard: NetOutput
    loudness: F32
    """(n,) 0–1."""
    lips: Lips
    """In anybody's own range."""


@dataclass(frozen=True, kw_only=True)
class Footage:
    """A person's sound, and the lips that were seen with it."""

    reading: SpeechReading
    times_s: F64
    """(m,) when the lips were seen, on the sound's clock as far as that is known; growing."""
    aperture_iod: F64
    """(m,)"""
    width_iod: F64
    """(m,)"""
    name: str = "the recording"
    """For messages."""


@dataclass(frozen=True, kw_only=True)
class PersonalStyle:
    """How one person moves the lips."""

    range: LipRange
    """How far they open and stretch."""
    weights: F64
    """(FEATURES, 2): aperture and width in that range, from what is heard."""
    bias: F64
    """(2,)"""
    net: str
    """Mark of the net and the head whose features the weights are for."""
    seconds: float
    """LearnedStyle from so much."""
    quiet_s: float
    """In so much of it nothing was said."""

    def lips(self, reading: SpeechReading) -> Lips:
        """What this person's lips do: aperture 0 = their 5th percentile, 1 = their 95th; width around its mean."""
        rows = len(reading.loudness)
        parts = []
        for start in range(0, rows, _BLOCK_ROWS):
            first, last = max(start - _CONTEXT_ROWS, 0), min(start + _BLOCK_ROWS + _CONTEXT_ROWS, rows)
            features = _features(reading, slice(first, last))
            curves = features @ self.weights + self.bias
            if self.quiet_s < _LEAST_QUIET_S:  # never seen silent: what it makes of silence is chance
                silent = features[:, [_SILENCE]]
                curves += silent * (features[:, :2] - curves)
            parts.append(curves[start - first : start - first + _BLOCK_ROWS])
        curves = np.concatenate(parts).astype(np.float32)
        return Lips(aperture=curves[:, 0], width=curves[:, 1])

    def to_json(self) -> str:
        """What `read_personal_style` reads."""
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
    """A style, and how learning it went."""

    style: PersonalStyle
    lags_s: tuple[float, ...]
    """For each piece of footage, how much later its sound comes than its lips; already removed."""
    r_before: float
    """Correlation of the opening with the true lips as the general reader has it."""
    r_after: float
    """The same in this style, on parts of the footage that were left out of learning."""
    warnings: tuple[str, ...]


def learn_personal_style(footage: Sequence[Footage], *, net: str) -> LearnedStyle:
    """Learns how the person in all of ``footage`` moves the lips; ``net`` marks the reader that read the sound.

    Raises StyleNotLearnt where too little is seen or heard, or where lips and sound do not belong together.
    """
    lags = [_lag_s(piece) for piece in footage]
    rows = [_rows(piece, lag_s) for piece, lag_s in zip(footage, lags, strict=True)]
    features = np.concatenate([x for x, _ in rows])
    lips = np.concatenate([y for _, y in rows])
    seconds = len(lips) * HOP_S
    if seconds < LEAST_S:
        raise StyleNotLearnt(
            f"Only {seconds:.1f} s were found in which the person is both seen and heard; at least {LEAST_S:.0f} s are "
            f"needed, and {GOOD_S:.0f} s are better. Add another clip of the same person."
        )
    quiet = features[:, -len(_LOUD_LAGS) :].max(axis=1) < _QUIET
    lip_range = _range(lips, np.concatenate([piece.aperture_iod for piece in footage]), quiet)
    wanted = np.stack(
        [
            (lips[:, 0] - lip_range.low_iod) / (lip_range.high_iod - lip_range.low_iod),
            (lips[:, 1] - lips[:, 1].mean()) / lip_range.width_iod,
        ],
        axis=1,
    )
    fits = [_fit(features, wanted[:, k], k) for k in range(2)]
    opening = fits[0]
    likeness = max(opening.r_before, opening.r_after)
    if likeness < max(_LEAST_R, _LEAST_R_OF_A_SECOND / math.sqrt(seconds)):
        raise StyleNotLearnt(
            f"The lips do not surely move with the sound (r {likeness:.2f} in {seconds:.0f} s): it may be dubbed, "
            f"out of step by more than {LARGEST_LAG_S:g} s, or another person's. Choose clips in which they are heard."
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
        warnings=tuple(_warnings(footage, lags, seconds, likeness)),
    )


def read_personal_style(path: str | Path) -> PersonalStyle:
    """The style in a file that `learn_style` wrote. Raises InvalidStyle, saying what is wrong with it."""
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise InvalidStyle(f"{path.name!r} is too large for a personal style.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidStyle(f"{path.name!r} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidStyle(
            f"{path.name!r} is no personal style. `lipsmith style learn CLIP -o {path.name}` makes one."
        ) from error
    return _checked(data, path.name)


def _checked(data: Any, name: str) -> PersonalStyle:
    def refuse(why: str) -> InvalidStyle:
        return InvalidStyle(f"{name!r} is no personal style that can be used: {why}. Learn it again.")

    if not isinstance(data, Mapping) or data.get("format") != _FORMAT:
        raise refuse("it does not say that it is one")
    if data.get("version") != _VERSION:
        raise refuse(f"its version is {data.get('version')!r}, and this lipsmith knows {_VERSION}")
    span, net = data.get("range"), data.get("net")
    if not isinstance(span, Mapping) or not isinstance(net, str):
        raise refuse("its range or its net is missing")
    seconds, quiet_s = (_numbers(data.get(k), ()) for k in ("seconds", "quiet_s"))
    ranges = [_numbers(span.get(k), ()) for k in _RANGE]
    weights, bias = (_numbers(data.get(k), shape) for k, shape in (("weights", (FEATURES, 2)), ("bias", (2,))))
    if any(value is None for value in (seconds, quiet_s, *ranges, weights, bias)):
        raise refuse("a number is missing, not finite, or one too many")
    assert seconds is not None and quiet_s is not None and weights is not None and bias is not None
    rest, share, low, high, width = (float(value) for value in ranges if value is not None)
    if not (0 <= low < high <= _LARGEST_IOD and 0 <= rest <= high and 0 <= share <= 1 and 0 < width <= _LARGEST_IOD):
        raise refuse(f"no mouth opens from {low:g} to {high:g} IOD, rests at {rest:g} and stretches by {width:g}")
    if max(float(np.abs(weights).max()), float(np.abs(bias).max())) > 100:
        raise refuse("its weights are out of all proportion")
    return PersonalStyle(
        range=LipRange(rest_iod=rest, rest_share=share, low_iod=low, high_iod=high, width_iod=width),
        weights=weights,
        bias=bias,
        net=net,
        seconds=float(seconds),
        quiet_s=float(quiet_s),
    )


def _numbers(value: Any, shape: tuple[int, ...]) -> F64 | None:
    """An array of that shape, all finite; None where ``value`` is none."""
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
    """What it makes of the footage, each part as it would look to who has not learnt from it."""
    r_before: float
    r_after: float


def _fit(features: F64, wanted: F64, base: int) -> _Fit:
    """One curve, from the general reader's own (column ``base``) and what the person does differently."""
    parts = _parts(len(wanted))
    left_out = np.concatenate([_predicted_without(features, wanted, base, part) for part in parts])
    r_before, r_after = (
        float(np.mean([_r(curve[part], wanted[part]) for part in parts])) for curve in (features[:, base], left_out)
    )
    learns = r_after > r_before - _CHANCE_R
    weights, bias = _ridge(features, wanted, base, learns=learns)
    seen = left_out if learns else features @ weights + bias
    # A fit shrinks towards the middle; people do not.
    stretch = float(np.clip(wanted.std() / max(float(seen.std()), 1e-6), 1.0, _MOST_STRETCH))
    middle = float(wanted.mean())
    seen = middle + stretch * (seen - middle)
    return _Fit(
        weights=weights * stretch,
        bias=middle + stretch * (bias - middle),
        seen=seen,
        r_before=r_before,
        r_after=r_after,
    )


def _parts(rows: int) -> list[slice]:
    edges = np.linspace(0, rows, _FOLDS + 1).astype(int)
    return [slice(a, b) for a, b in pairwise(edges.tolist())]


def _predicted_without(features: F64, wanted: F64, base: int, part: slice) -> F64:
    kept = np.ones(len(wanted), dtype=np.bool_)
    kept[part] = False
    weights, bias = _ridge(features[kept], wanted[kept], base, learns=True)
    return features[part] @ weights + bias


def _ridge(features: F64, wanted: F64, base: int, *, learns: bool) -> tuple[F64, float]:
    """Weights and bias: the general curve, brought to this one's range, and, where it learns, a correction of that."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-3
    spread = np.maximum(spread, 0.3 * np.median(spread))  # what hardly ever happened tells little
    scale = float(wanted.std())
    slope = max(_r(features[:, base], wanted), _LEAST_SLOPE) * scale / max(float(features[:, base].std()), 1e-6)
    weights = np.zeros(features.shape[1])
    if learns:
        x = (features - mean) / spread
        rest = wanted - wanted.mean() - slope * (features[:, base] - mean[base])
        weights = np.linalg.solve(x.T @ x + _RIDGE_ROWS * np.eye(x.shape[1]), x.T @ rest) / spread
    weights[base] += slope
    return weights, float(wanted.mean() - mean @ weights)


def _features(reading: SpeechReading, rows: slice) -> F64:
    """(n, FEATURES); the first two are the general reader's aperture and width."""
    curves = np.stack([reading.lips.aperture[rows], reading.lips.width[rows]], axis=1).astype(np.float64)
    loud = gaussian_filter1d(reading.loudness[rows].astype(np.float64), _LOUD_SMOOTH_ROWS)
    shares, hidden = (
        gaussian_filter1d(x[rows].astype(np.float64), _SMOOTH_ROWS, axis=0)
        for x in (reading.heard.visemes, reading.heard.hidden)
    )
    others = [_later(curves, lag) for lag in _LIP_LAGS if lag]
    louds = np.stack([_later(loud, lag) for lag in _LOUD_LAGS], axis=1)
    return np.concatenate([curves, *others, shares, hidden, louds], axis=1)


def _later(values: F64, lag: int) -> F64:
    return values[np.clip(np.arange(len(values)) + lag, 0, len(values) - 1)]


def _lag_s(piece: Footage) -> float:
    """How much later the sound comes than the lips, where that can be told; 0 where it is less than half a frame."""
    heard_s = np.arange(len(piece.reading.loudness)) * HOP_S
    lags_s = np.arange(-LARGEST_LAG_S, LARGEST_LAG_S + _LAG_STEP_S / 2, _LAG_STEP_S)
    heard = piece.reading.lips.aperture
    by_lag = [_r(np.interp(piece.times_s + lag_s, heard_s, heard), piece.aperture_iod) for lag_s in lags_s]
    best = int(np.argmax(by_lag))
    gained = by_lag[best] - by_lag[len(lags_s) // 2]
    is_peak = 0 < best < len(lags_s) - 1 and abs(float(lags_s[best])) > _LEAST_LAG_S
    clear = is_peak and by_lag[best] >= _LEAST_R and gained >= _LEAST_GAIN_R
    return round(float(lags_s[best]), 2) if clear else 0.0


def _rows(piece: Footage, lag_s: float) -> tuple[F64, F64]:
    """Features, and aperture and width in IOD, of the rows in which the lips are seen."""
    count = len(piece.reading.loudness)
    row_s = np.arange(count) * HOP_S
    times_s = piece.times_s + lag_s
    if len(times_s) < 2:
        return np.empty((0, FEATURES)), np.empty((0, 2))
    after = np.clip(np.searchsorted(times_s, row_s), 1, len(times_s) - 1)
    gap_s = times_s[after] - times_s[after - 1]
    seen = (row_s >= times_s[0]) & (row_s <= times_s[-1]) & (gap_s < 3 * float(np.median(np.diff(times_s))))
    lips = np.stack([np.interp(row_s, times_s, curve) for curve in (piece.aperture_iod, piece.width_iod)], axis=1)
    return _features(piece.reading, slice(0, count))[seen], lips[seen]


def _range(lips: F64, seen_iod: F64, is_quiet: NDArray[np.bool_]) -> LipRange:
    """The range of frames as they were seen: between frames, lips only seem to open less."""
    low, high = (float(v) for v in np.percentile(seen_iod, [5, 95]))
    narrow, wide = (float(v) for v in np.percentile(lips[:, 1], [5, 95]))
    quiet = lips[is_quiet, 0]
    rest = float(np.median(quiet)) if len(quiet) * HOP_S >= _LEAST_QUIET_S else low
    return LipRange(
        rest_iod=min(rest, high), low_iod=low, high_iod=max(high, low + 0.02), width_iod=max(wide - narrow, 0.02)
    )


def _rest_share(span: LipRange, lips_iod: F64, seen: F64, is_quiet: NDArray[np.bool_]) -> float:
    """How much of resting, and how much of the fitted curve, comes nearest to the lips while nothing is said."""
    if is_quiet.sum() * HOP_S < _LEAST_QUIET_S:
        return 1.0
    curve = span.low_iod + seen[is_quiet] * (span.high_iod - span.low_iod)
    towards_rest = span.rest_iod - curve
    share = towards_rest @ (lips_iod[is_quiet] - curve) / max(float(towards_rest @ towards_rest), 1e-9)
    return float(np.clip(share, 0.0, 1.0))


def _warnings(footage: Sequence[Footage], lags_s: Sequence[float], seconds: float, r: float) -> Sequence[str]:
    told = [
        f"In {piece.name} the sound comes {abs(lag_s) * 1000:.0f} ms {'after' if lag_s > 0 else 'before'} the lips; "
        "that was removed."
        for piece, lag_s in zip(footage, lags_s, strict=True)
        if lag_s
    ]
    if seconds < GOOD_S:
        told.append(f"LearnedStyle from {seconds:.0f} s only; {GOOD_S:.0f} s or more make a better style.")
    if r < _WEAK_R:
        told.append(f"The lips follow the sound weakly (r {r:.2f}); the style may hardly help.")
    return told


def _r(a: F64 | F32, b: F64 | F32) -> float:
    if len(a) < 2 or float(np.std(a)) < 1e-6 or float(np.std(b)) < 1e-6:
        return 0.0
    value = float(np.corrcoef(a, b)[0, 1])
    return value if math.isfinite(value) else 0.0
