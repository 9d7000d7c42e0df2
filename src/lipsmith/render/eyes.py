"""Eyes: the eyeball behind the moving lids, and the lid over it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.layout import (
    LEFT_IRIS,
    LEFT_LID_FOLD,
    LEFT_UPPER_LID,
    RIGHT_IRIS,
    RIGHT_LID_FOLD,
    RIGHT_UPPER_LID,
)
from lipsmith.media.clip import F32, U8
from lipsmith.render.kernel import kernel
from lipsmith.render.lid_paint import paint_lid
from lipsmith.render.lids import Lid, read_lids
from lipsmith.render.mouth_colours import LUMA
from lipsmith.render.opening import Edges, View, edges_at, share_between
from lipsmith.render.warp import Source, resample

LINE_COLUMNS = 24
HOODED_LID_IOD = 0.020
"""A lid narrower than this between margin and fold hides under the fold."""
RIM_STEP = 0.50
"""Steps in brightness near the lid, relative to the skin, that count as the rim of glasses."""


@dataclass(frozen=True, kw_only=True)
class EyeLook:
    """Appearance of one eye."""

    lid: Lid
    holds_brows: bool
    """True if brows that move would bend the rim of glasses or a deep fold; the same for both eyes."""
    iris: tuple[float, float]
    """Centre in the enlarged source, pixels."""
    iris_radius: float
    """In the enlarged source, pixels."""


def read_eyes(rgb: U8, points: F64, frame: HeadFrame, *, grey: bool, source: Source) -> tuple[EyeLook, EyeLook]:
    """Read both eyes, the one on the image's left first."""
    rim = _rim_contrast(rgb, points, frame) > RIM_STEP
    left, right = read_lids(rgb, points, frame, grey=grey, rim=rim)
    holds_brows = rim or _lid_height(points, frame) < HOODED_LID_IOD

    def read(lid: Lid, iris_points: tuple[int, ...]) -> EyeLook:
        iris = points[list(iris_points), :2]
        centre = source.place(iris[:1])[0]
        return EyeLook(
            lid=lid,
            holds_brows=holds_brows,
            iris=(float(centre[0]), float(centre[1])),
            iris_radius=float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean() * source.scale),
        )

    return read(left, LEFT_IRIS), read(right, RIGHT_IRIS)


def paint_eye(view: View, look: EyeLook, *, way: float, gaze_px: F64, source: Source) -> None:
    """Paint eyeball and lid into ``view.pixels``.

    ``way``: how far the lid is down, 0-1; ``gaze_px``: (2,) shift of the iris in the enlarged source.
    """
    own = view.own
    if np.abs(gaze_px).max() > 0.01:
        own = resample(source, _gazing(view.own_positions, look, gaze_px))
    soft = max(view.softness, 0.004)
    _paint_eyeball(view.pixels, own, view.edges, soft)
    if way > 0.0:
        paint_lid(view.pixels, view.edges, soft, look.lid.tables, way)


def _gazing(positions: F32, look: EyeLook, gaze_px: F64) -> F32:
    """Return sampling positions with the iris shifted; the white and the lids around it move less and less."""
    away = np.hypot(positions[..., 0] - look.iris[0], positions[..., 1] - look.iris[1]) / look.iris_radius
    t = np.clip((away - 1.05) / 1.30, 0.0, 1.0)
    share = 1.0 - t * t * (3.0 - 2.0 * t)
    return (positions - share[..., None] * gaze_px.astype(np.float32)).astype(np.float32)


def _columns(points: F64, line: tuple[int, ...]) -> F64:
    """Return points spaced evenly along a polyline of mesh points, (LINE_COLUMNS, 2)."""
    along = np.linspace(0, len(line) - 1, LINE_COLUMNS)
    own = points[list(line), :2]
    return np.stack([np.interp(along, np.arange(len(line)), own[:, k]) for k in range(2)], axis=1)


def _band(rgb: U8, start: F64, direction: F64, shares: F64) -> F64:
    """Sample the image along short lines from ``start`` in direction ``direction``: (len(shares), LINE_COLUMNS, 3)."""
    at = start[None] + shares[:, None, None] * direction[None]
    return cv2.remap(
        rgb.astype(np.float32), at.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float64)


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
    up = np.broadcast_to(-frame.rotation[1, :2] * frame.iod_px, (LINE_COLUMNS - 8, 2))
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
def _paint_eyeball(pixels: NDArray[np.uint8], own: NDArray[np.uint8], edges: Edges, soft: float) -> None:
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
            inside = share_between(v, high, low, soft)
            for c in range(3):
                value = float(pixels[row, column, c])
                value += inside * (own[row, column, c] - value)
                pixels[row, column, c] = np.uint8(min(max(value + 0.5, 0.0), 255.0))
