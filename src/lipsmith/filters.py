"""Filters along one axis, and cubic interpolation, with the conventions and defaults of scipy.

lipsmith needs only these few functions, and scipy takes 140 MB. Results are computed in float64 and have the type of
the input. ``mode`` is the rule beyond the ends: ``reflect`` mirrors and repeats the last value (d c b a | a b c d),
``nearest`` repeats it (a a a a | a b c d), ``constant`` is 0.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
Mode = Literal["reflect", "nearest", "constant"]

_TRUNCATE_SIGMA = 4.0
_PADDING: dict[str, Any] = {"reflect": "symmetric", "nearest": "edge", "constant": "constant"}


def gaussian_filter1d(values: ArrayLike, sigma: float, axis: int = -1, mode: Mode = "reflect") -> NDArray[Any]:
    """Smooth with a Gaussian of ``sigma`` samples, cut at four sigma."""
    given = np.asarray(values)
    radius = int(_TRUNCATE_SIGMA * float(sigma) + 0.5)
    if radius == 0 or given.shape[axis] == 0:
        return given.copy()
    weights = np.exp(-0.5 * (np.arange(radius + 1) / float(sigma)) ** 2)
    weights /= weights[0] + 2.0 * weights[1:].sum()
    if given.ndim == 1:
        both = np.concatenate([weights[:0:-1], weights])
        smooth = np.convolve(_padded(given.astype(np.float64), radius, radius, mode), both, mode="valid")
        return smooth.astype(given.dtype, copy=False)
    rows = _padded(np.moveaxis(given, axis, 0).astype(np.float64), radius, radius, mode)
    count = given.shape[axis]
    smooth = weights[0] * rows[radius : radius + count]
    for step in range(1, radius + 1):
        pair = rows[radius - step : radius - step + count] + rows[radius + step : radius + step + count]
        smooth += weights[step] * pair
    return np.moveaxis(smooth, 0, axis).astype(given.dtype, copy=False)


def uniform_filter1d(values: ArrayLike, size: int, mode: Mode = "reflect") -> NDArray[Any]:
    """Return the mean of ``size`` neighbouring values of a (n,) array; one more before than after if size is even."""
    given = np.asarray(values)
    before, after = _reach(size, 0)
    rows = _padded(given.astype(np.float64), before, after, mode)
    sums = np.concatenate([[0.0], np.cumsum(rows)])
    return ((sums[size:] - sums[:-size]) / size).astype(given.dtype, copy=False)


def minimum_filter1d(values: ArrayLike, size: int, mode: Mode = "reflect", origin: int = 0) -> NDArray[Any]:
    """Return the smallest of ``size`` neighbouring values of a (n,) array; ``origin`` moves the window back."""
    return _windows(np.asarray(values), size, mode, origin).min(axis=-1)


def maximum_filter1d(values: ArrayLike, size: int, mode: Mode = "reflect", origin: int = 0) -> NDArray[Any]:
    """Return the largest of ``size`` neighbouring values of a (n,) array; ``origin`` moves the window back."""
    return _windows(np.asarray(values), size, mode, origin).max(axis=-1)


def median_filter(values: ArrayLike, size: int, mode: Mode = "reflect") -> NDArray[Any]:
    """Return the median of ``size`` neighbouring values of a (n,) array; the upper of two middle ones."""
    windows = _windows(np.asarray(values), size, mode, 0)
    return np.partition(windows, size // 2, axis=-1)[..., size // 2]


def grey_erosion(values: ArrayLike, structure: F64, mode: Mode = "reflect") -> NDArray[Any]:
    """Return the smallest of the neighbouring values minus ``structure``, whose middle belongs to the value itself."""
    given = np.asarray(values)
    windows = _windows(given, len(structure), mode, 0)
    return (windows - structure).min(axis=-1).astype(given.dtype, copy=False)


def opened(flags: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Return flags without runs shorter than ``size``; a run at an end counts as ended there."""
    kept = np.zeros(len(flags), dtype=np.bool_)
    if len(flags) >= size:
        whole: NDArray[np.bool_] = np.asarray(sliding_window_view(flags, size).all(axis=-1))
        for step in range(size):
            kept[step : step + len(whole)] |= whole
    return kept


def cubic_spline(values: ArrayLike, places: ArrayLike) -> F64:
    """Interpolate (n, ...) values at the places 0 .. n - 1 by cubics with continuous second derivatives.

    The first and the last two pieces are one cubic each (not-a-knot); fewer than four values are a parabola or a line.
    Returns one row per place.
    """
    given = np.asarray(values, dtype=np.float64)
    count, places = len(given), np.asarray(places, dtype=np.float64)
    if count < 4:
        powers = np.arange(count)[:, None]
        weights = np.linalg.solve((np.arange(count) ** powers).astype(np.float64), places**powers)
        return np.tensordot(weights.T, given, axes=1)
    system = np.zeros((count, count))  # of the second derivatives
    inner = np.arange(1, count - 1)
    system[inner, inner - 1] = system[inner, inner + 1] = 1.0
    system[inner, inner] = 4.0
    system[0, :3] = system[-1, -3:] = (1.0, -2.0, 1.0)
    curving = np.zeros_like(given)
    curving[1:-1] = 6.0 * (given[2:] - 2.0 * given[1:-1] + given[:-2])
    second = np.linalg.solve(system, curving.reshape(count, -1)).reshape(given.shape)
    start = np.clip(np.floor(places).astype(np.intp), 0, count - 2)
    after = (places - start).reshape(-1, *[1] * (given.ndim - 1))
    before = 1.0 - after
    line = before * given[start] + after * given[start + 1]
    bend: F64 = ((before**3 - before) * second[start] + (after**3 - after) * second[start + 1]) / 6.0
    return line + bend


def _reach(size: int, origin: int) -> tuple[int, int]:
    """Return the numbers of values before and after the value itself."""
    before = size // 2 + origin
    return before, size - 1 - before


def _windows(values: NDArray[Any], size: int, mode: Mode, origin: int) -> NDArray[Any]:
    """Return (n, size): the window around each value."""
    return sliding_window_view(_padded(values, *_reach(size, origin), mode), size)


def _padded(values: NDArray[Any], before: int, after: int, mode: Mode) -> NDArray[Any]:
    """Extend the first axis at both ends."""
    return np.pad(values, [(before, after), *[(0, 0)] * (values.ndim - 1)], mode=_PADDING[mode])
