"""Measures of a lip-synced clip, from planes of frames before and after, meshes and curves.

Lengths are in IOD, colours in levels of 255.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator

from benchmarks.measures import Mask, inside
from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.layout import FACE_OVAL, LOWER_LIP_RINGS, UPPER_LIP_RINGS
from lipsmith.media.clip import U8

NOSE_BASE, CHIN = 2, 152
SIDE_MARGIN_IOD, CHIN_MARGIN_IOD = 0.25, 0.40
"""Distance beyond the face's width and below the chin within which the lower face may change."""
RING_IOD = 0.05
SECTORS = 8
SHARPNESS_IOD_PX = 100.0
"""Mouths are scaled to this size before their sharpness is measured."""
MAX_LAG_S, LAG_STEP_S = 0.2, 0.002
LIP_POINTS = sorted({p for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS) for p in ring})
HULL = [*UPPER_LIP_RINGS[0], *LOWER_LIP_RINGS[0][-2:0:-1]]
AROUND = (164, 167, 393, 92, 322, 165, 391, 18, 200, 83, 313, 106, 335, 182, 406, 57, 287, 43, 273, 186, 410)
"""Points around the lips, so that their whole outline lies inside the mesh that is warped."""


def changed_pixels(before: U8, after: U8) -> Mask:
    """Return a mask of luma pixels whose luma or chroma differs between two frames of I420 planes, (h, w)."""
    height, width = before.shape[0] * 2 // 3, before.shape[1]
    apart = before != after
    blue, red = apart[height:].reshape(2, height // 2, width // 2)
    chroma = np.repeat(np.repeat(blue | red, 2, axis=0), 2, axis=1)
    return np.asarray(apart[:height] | chroma)


def outside_parts(changed: Mask, points: F64, aspect: float = 1.0) -> dict[str, int]:
    """Count changed pixels above the nose base, next to the face, and below the chin; each counts once, in that order.

    ``points``: (478, 3) square pixels; ``aspect``: width of a pixel divided by its height.
    """
    rows, columns = np.nonzero(changed)
    head = HeadFrame.of(points)
    axes = head.rotation[:2, :2] * head.iod_px
    places = np.column_stack([columns * aspect, rows]) - head.origin[:2]
    x, y = (places @ np.linalg.inv(axes)).T
    flat = (points[:, :2] - head.origin[:2]) @ np.linalg.inv(axes)
    oval = flat[list(FACE_OVAL), 0]
    above = y < flat[NOSE_BASE, 1] - 1.0 / head.iod_px
    beside = ~above & ((x < oval.min() - SIDE_MARGIN_IOD) | (x > oval.max() + SIDE_MARGIN_IOD))
    below = ~above & ~beside & (y > flat[CHIN, 1] + CHIN_MARGIN_IOD)
    return {"above": int(above.sum()), "beside": int(beside.sum()), "below": int(below.sum())}


def lip_flicker(grey_before: U8, points_before: F64, grey_now: U8, points_now: F64) -> float | None:
    """Return the mean difference in the lips' outline to the frame before, carried by the mesh, levels.

    Greys are (h, w) in square pixels of their points, (478, 2 or 3). None if the lips lie outside the frame.
    """
    hull = points_now[HULL, :2]
    left, top = np.floor(hull.min(axis=0)).astype(int)
    right, bottom = np.ceil(hull.max(axis=0)).astype(int) + 1
    height, width = grey_now.shape
    if left < 0 or top < 0 or right > width or bottom > height:
        return None
    mask = inside((bottom - top, right - left), hull - [left, top])
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    places = np.column_stack([columns + left, rows + top]).astype(np.float64)
    known = [*LIP_POINTS, *AROUND]
    shift = LinearNDInterpolator(points_now[known, :2], points_before[known, :2] - points_now[known, :2])(places)
    from_ = np.nan_to_num(places + shift, nan=-1.0).astype(np.float32)[None]
    moved = cv2.remap(grey_before, from_[..., 0], from_[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)[0]
    held = np.isfinite(shift[:, 0])
    apart = np.abs(moved.astype(np.float64) - grey_now[rows + top, columns + left])
    return float(apart[held].mean()) if held.any() else None


def mouth_sharpness(grey: U8, points: F64) -> float | None:
    """Return the Laplacian variance in the lips' outline, at one size for all; None outside the frame."""
    hull = points[HULL, :2]
    scale = SHARPNESS_IOD_PX / HeadFrame.of(points).iod_px
    low, high = np.floor(hull.min(axis=0) - 3).astype(int), np.ceil(hull.max(axis=0) + 4).astype(int)
    if (low < 0).any() or (high > grey.shape[::-1]).any():
        return None
    piece = grey[low[1] : high[1], low[0] : high[0]]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    sized = cv2.resize(piece, None, fx=scale, fy=scale, interpolation=how)
    mask = inside(sized.shape, (hull - low) * [sized.shape[1] / piece.shape[1], sized.shape[0] / piece.shape[0]])
    return float(cv2.Laplacian(sized, cv2.CV_64F)[mask].var()) if mask.sum() >= 50 else None


def colour_step(before: U8, after: U8, changed: Mask, middle: F64, iod_px: float) -> float | None:
    """Return the largest mean colour change in an eighth of the rim of the changed area, .05 IOD wide, levels.

    ``before`` and ``after``: (h, w, 3) RGB; ``middle``: (2,) pixels, the centre of the eighths.
    """
    close = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, round(0.06 * iod_px)) + 1,) * 2)
    whole = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, close)
    whole = cv2.morphologyEx(whole, cv2.MORPH_OPEN, close)
    away = cv2.distanceTransform(np.pad(whole, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    rows, columns = np.nonzero((away > 0) & (away <= max(RING_IOD * iod_px, 1.5)))
    if len(rows) < 8 * SECTORS:
        return None
    angle = np.arctan2(rows - middle[1], columns - middle[0])
    sector = ((angle + np.pi) / (2 * np.pi) * SECTORS).astype(int) % SECTORS
    moved = after[rows, columns].astype(np.float64) - before[rows, columns]
    steps = [np.abs(moved[sector == k].mean(axis=0)).max() for k in range(SECTORS) if (sector == k).sum() >= 16]
    return float(max(steps)) if steps else None


def best_lag_s(times_s: F64, wanted: F64, found_times_s: F64, found: F64) -> tuple[float, float] | None:
    """Return the delay of ``found`` after ``wanted``, to 2 ms, and r there; None if one of them does not move."""
    if len(times_s) < 10 or len(found) < 10 or wanted.std() < 0.01 or found.std() < 0.01:
        return None
    lags_s = np.arange(-MAX_LAG_S, MAX_LAG_S + LAG_STEP_S / 2, LAG_STEP_S)
    within = (found_times_s >= times_s[0] + MAX_LAG_S) & (found_times_s <= times_s[-1] - MAX_LAG_S)
    if within.sum() < 10:
        return None
    by_lag = [correlation(np.interp(found_times_s[within] - lag, times_s, wanted), found[within]) for lag in lags_s]
    best = int(np.argmax(by_lag))
    return round(float(lags_s[best]), 3), by_lag[best]


def audio_lag_s(given: NDArray[np.float32], decoded: NDArray[np.float32], rate_hz: int) -> float | None:
    """Return the delay of ``decoded`` after ``given``, mono samples, at most 0.3 s; None in silence."""
    count = min(len(given), len(decoded))
    if count < rate_hz // 4 or min(np.abs(given[:count]).max(), np.abs(decoded[:count]).max()) < 1e-4:
        return None
    size = 1 << int(2 * count - 1).bit_length()
    spectrum = np.fft.rfft(decoded[:count], size) * np.conj(np.fft.rfft(given[:count], size))
    both = np.fft.irfft(spectrum, size)
    most = round(0.3 * rate_hz)
    lags = np.arange(-most, most + 1)
    return float(lags[int(np.argmax(both[lags]))] / rate_hz)


def correlation(a: F64, b: F64) -> float:
    """Return Pearson's r; 0 if one of them is constant."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-6 and b.std() > 1e-6 else 0.0


def typical_spread(values: Sequence[float]) -> float:
    """Return the standard deviation divided by the mean."""
    return float(np.std(values) / max(float(np.mean(values)), 1e-9))
