"""Lids and gaze: the eyeball behind the moving lids, and the line of the lashes.

There are two kinds of lid. A warped lid moves the photo's own lid down over the eye; it suits most faces. It would bend
the rim of glasses, and a lid hidden under a deep fold cannot be moved down: in these cases a lid is painted in the
colour of the skin around it, and nothing else moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.layout import (
    LEFT_IRIS,
    LEFT_LID_FOLD,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    RIGHT_IRIS,
    RIGHT_LID_FOLD,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
)
from lipsmith.media.clip import F32, U8
from lipsmith.render.kernel import kernel
from lipsmith.render.mouth import LUMA
from lipsmith.render.opening import Edges, View, edges_at, share_between
from lipsmith.render.warp import Source, resample

LID_COLUMNS = 24
PAINTED_FROM_IOD = 0.035
"""A painted lid starts this far above the open eye's upper margin."""
HOODED_LID_IOD = 0.020
"""A lid narrower than this between margin and fold hides under the fold."""
RIM_STEP = 0.50
"""Steps in brightness near the lid, relative to the skin, that count as the rim of glasses."""


@dataclass(frozen=True, kw_only=True)
class EyeLook:
    """Appearance of one eye."""

    painted: bool
    """True: a lid is painted. False: the photo's own lid is warped."""
    lid: F32
    """(LID_COLUMNS, 3) RGB 0-255 of the lid's skin from corner to corner."""
    lash: F32
    """(3,) RGB 0-255."""
    iris: tuple[float, float]
    """Centre in the enlarged source, pixels."""
    iris_radius: float
    """In the enlarged source, pixels."""


def read_eyes(rgb: U8, points: F64, frame: HeadFrame, *, grey: bool, source: Source) -> tuple[EyeLook, EyeLook]:
    """Read the colours of both eyes, the one on the image's left first. Both get the same kind of lid."""
    left = (LEFT_UPPER_LID, LEFT_LOWER_LID, LEFT_LID_FOLD, LEFT_IRIS)
    right = (RIGHT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_LID_FOLD, RIGHT_IRIS)
    painted = _lid_height(points, frame) < HOODED_LID_IOD or _rim_contrast(rgb, points, frame) > RIM_STEP

    def read(upper: tuple[int, ...], lower: tuple[int, ...], iris_points: tuple[int, ...]) -> EyeLook:
        iris = points[list(iris_points), :2]
        lid, lash = _lid_colours(rgb, points, upper, lower, frame), _lash_colour(rgb, points, upper)
        if grey:
            lid, lash = np.repeat((lid @ LUMA)[:, None], 3, axis=1), np.repeat(lash @ LUMA, 3)
        centre = source.place(iris[:1])[0]
        return EyeLook(
            painted=painted,
            lid=lid.astype(np.float32),
            lash=lash.astype(np.float32),
            iris=(float(centre[0]), float(centre[1])),
            iris_radius=float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean() * source.scale),
        )

    return read(left[0], left[1], left[3]), read(right[0], right[1], right[3])


def paint_eye(view: View, look: EyeLook, *, blink: float, gaze_px: F64, source: Source) -> None:
    """Paint eyeball and lid into ``view.pixels``. ``gaze_px``: (2,) shift of the iris in the enlarged source."""
    own = view.own
    if np.abs(gaze_px).max() > 0.01:
        own = resample(source, _gazing(view.own_positions, look, gaze_px))
    (a, b), (c, d) = view.edges.to_local[:, :2].tolist()
    down_px = np.array([-b, a]) / (a * d - b * c)  # pixels of the patch per IOD downwards
    _paint(
        view.pixels,
        own,
        view.edges,
        max(view.softness, 0.004),
        look.lid,
        look.lash,
        float(blink),
        look.painted,
        down_px.astype(np.float32),
    )


def _gazing(positions: F32, look: EyeLook, gaze_px: F64) -> F32:
    """Return sampling positions with the iris shifted; the white and the lids around it move less and less."""
    away = np.hypot(positions[..., 0] - look.iris[0], positions[..., 1] - look.iris[1]) / look.iris_radius
    t = np.clip((away - 1.05) / 1.30, 0.0, 1.0)
    share = 1.0 - t * t * (3.0 - 2.0 * t)
    return (positions - share[..., None] * gaze_px.astype(np.float32)).astype(np.float32)


def _columns(points: F64, line: tuple[int, ...]) -> F64:
    """Return points spaced evenly along a polyline of mesh points, (LID_COLUMNS, 2)."""
    along = np.linspace(0, len(line) - 1, LID_COLUMNS)
    own = points[list(line), :2]
    return np.stack([np.interp(along, np.arange(len(line)), own[:, k]) for k in range(2)], axis=1)


def _band(rgb: U8, start: F64, direction: F64, shares: F64) -> F64:
    """Sample the image along short lines from ``start`` in direction ``direction``: (len(shares), LID_COLUMNS, 3)."""
    at = start[None] + shares[:, None, None] * direction[None]
    return cv2.remap(
        rgb.astype(np.float32), at.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float64)


def _lid_colours(rgb: U8, points: F64, upper: tuple[int, ...], lower: tuple[int, ...], frame: HeadFrame) -> F64:
    """Return colours per column: half the brighter part of the lid, half the skin .05-.11 IOD below the eye."""
    down = np.broadcast_to(frame.rotation[1, :2] * frame.iod_px, (LID_COLUMNS, 2))
    below = np.median(_band(rgb, _columns(points, lower), down, np.linspace(0.05, 0.11, 7)), axis=0)
    itself = np.percentile(_band(rgb, _columns(points, upper), -down, np.linspace(0.03, 0.09, 7)), 70, axis=0)
    colours = 0.5 * below + 0.5 * np.clip(itself, 0.6 * below, 1.1 * below)
    smooth = cv2.GaussianBlur(colours.reshape(1, LID_COLUMNS, 3), (0, 0), sigmaX=3.0, sigmaY=0.1)
    return np.asarray(smooth, np.float64).reshape(LID_COLUMNS, 3)


def _lash_colour(rgb: U8, points: F64, upper: tuple[int, ...]) -> F64:
    samples = [
        rgb[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].reshape(-1, 3)
        for x, y in np.round(points[list(upper), :2]).astype(int)
        if 0 <= x < rgb.shape[1] and 0 <= y < rgb.shape[0]
    ]
    if not samples:
        return np.array([40.0, 30.0, 26.0])
    pixels = np.concatenate(samples).astype(np.float64)
    return pixels[np.argsort(pixels @ LUMA)[: max(1, len(pixels) // 6)]].mean(axis=0)


def _lid_height(points: F64, frame: HeadFrame) -> float:
    """Return the distance from the lids' margins to their folds, IOD; mean of both eyes."""
    return float(
        np.mean(
            [
                np.linalg.norm(_columns(points, fold)[4:-4] - _columns(points, upper)[4:-4], axis=1).mean()
                for upper, fold in ((LEFT_UPPER_LID, LEFT_LID_FOLD), (RIGHT_UPPER_LID, RIGHT_LID_FOLD))
            ]
        )
        / frame.iod_px
    )


def _rim_contrast(rgb: U8, points: F64, frame: HeadFrame) -> float:
    """Return the sharpness of an edge along or just above the folds, such as the rim of glasses; 0 = none."""
    up = np.broadcast_to(-frame.rotation[1, :2] * frame.iod_px, (LID_COLUMNS - 8, 2))
    return float(
        np.mean(
            [
                _steps(rgb, _columns(points, fold)[4:-4], up, np.linspace(-0.02, 0.07, 10))
                for fold in (LEFT_LID_FOLD, RIGHT_LID_FOLD)
            ]
        )
    )


def _steps(rgb: U8, start: F64, direction: F64, shares: F64) -> float:
    """Return the largest step in brightness along short lines, relative to the skin there; median over the columns."""
    luminance = _band(rgb, start, direction, shares) @ LUMA
    skin = max(float(np.median(luminance)), 20.0)
    return float(np.median(np.abs(np.diff(luminance, axis=0)).max(axis=0)) / skin)


@kernel
def _paint(
    pixels: NDArray[np.uint8],
    own: NDArray[np.uint8],
    edges: Edges,
    soft: float,
    lid: NDArray[np.float32],
    lash: NDArray[np.float32],
    blink: float,
    painted: bool,
    down_px: NDArray[np.float32],
) -> None:
    table_u, upper, lower, to_local = edges
    first, per_u = table_u[0], (table_u.shape[0] - 1) / (table_u[-1] - table_u[0])
    half = table_u[-1] - 0.5
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            u = to_local[0, 0] * column + to_local[0, 1] * row + to_local[0, 2]
            v = to_local[1, 0] * column + to_local[1, 1] * row + to_local[1, 2]
            if abs(u) > half:
                continue
            high, low = edges_at(u, first, per_u, upper, lower)
            ends = min(1.0, max(0.0, (1.0 - abs(u) / half) / 0.18))
            inside = share_between(v, high, low, soft)
            if not painted:
                inside *= min(max((low - high - 0.012) / 0.03, 0.0), 1.0) if blink > 0.05 else 1.0
            edge = high
            if painted:
                edge = high + blink * 0.92 * max(low - high, 0.0)
            for c in range(3):
                value = float(pixels[row, column, c])
                value += inside * (own[row, column, c] - value)
                if painted and blink > 0.02:
                    top = high - PAINTED_FROM_IOD * min(1.0, 3.0 * blink)
                    lid_alpha = min(max((v - top) / 0.025, 0.0), 1.0) * min(
                        max((edge - v) / (2 * soft) + 0.5, 0.0), 1.0
                    )
                    lid_alpha *= min(1.0, 5.0 * blink) * ends
                    at = min(max((u / half * 0.5 + 0.5) * (lid.shape[0] - 1), 0.0), lid.shape[0] - 1.001)
                    i = int(at)
                    plain = lid[i, c] * (1 - at + i) + lid[i + 1, c] * (at - i)
                    # Mirror the grain of the skin below the eye at the lashes, and limit it to the range of skin.
                    away = low + 0.045 + 0.6 * (edge - v) - v
                    mirror_row = min(max(int(row + away * down_px[1] + 0.5), 0), own.shape[0] - 1)
                    mirror_column = min(max(int(column + away * down_px[0] + 0.5), 0), own.shape[1] - 1)
                    skin = min(max(float(own[mirror_row, mirror_column, c]), 0.86 * plain), 1.12 * plain)
                    # The eyeball rounds the lid: brightest across its middle, darker under the fold and at the lashes.
                    turn = min(max((v - top) / max(low - top, 0.01), 0.0), 1.0)
                    skin *= (0.90 + 0.36 * turn * (1.0 - turn)) * (0.92 + 0.08 * ends)
                    value += lid_alpha * (skin - value)
                strength = min(max((blink - 0.35) / 0.5, 0.0), 1.0) if not painted else min(1.0, 4.0 * blink)
                if strength > 0.0:
                    line = edge if painted else 0.5 * (high + low)
                    off = (v - line) / (0.012 + soft)
                    dark = 0.75 * strength * np.exp(-off * off) * ends
                    value += dark * (lash[c] - value)
                pixels[row, column, c] = np.uint8(min(max(value + 0.5, 0.0), 255.0))
