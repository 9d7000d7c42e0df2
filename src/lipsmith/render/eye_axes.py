"""One eye in its own axes, in which each lid is a function of the place between the corners.

``u`` runs along the head's x axis and ``v`` down, both in IOD; the origin lies midway between the corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame, inverse_of
from lipsmith.face.layout import (
    LEFT_BROW,
    LEFT_IRIS,
    LEFT_LID_FOLD,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    RIGHT_BROW,
    RIGHT_IRIS,
    RIGHT_LID_FOLD,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
)
from lipsmith.filters import cubic_spline
from lipsmith.media.clip import F32, U8

Mask = NDArray[np.bool_]

COLUMNS = 96
"""Columns of the tables over ``u``."""
REACH_IOD = 0.42
"""Tables run from -REACH_IOD to REACH_IOD."""
SURROUNDINGS_IOD = 0.75
"""Part of the image around an eye that is looked at."""
MAX_IOD_PX = 420.0
"""Larger faces are reduced to this size: grain and lashes need no more."""
SPLINE_POINTS = 65


@dataclass(frozen=True, kw_only=True)
class EyeAxes:
    """Surroundings of one eye, and the lines of its lids as tables over ``u``."""

    image: F32
    """(h, w, 3) RGB 0-255 around the eye."""
    centre: F64
    """(2,) middle between the corners, pixels of ``image``."""
    local: F64
    """(2, 2) rows = pixels per IOD along u and v."""
    outer: float
    """1.0 if the outer corner lies at positive ``u``, else -1.0."""
    half: float
    """Half the width of the opening, IOD."""
    u: F64
    """(COLUMNS,)"""
    upper: F64
    """(COLUMNS,) v of the upper margin; `lower`, `fold` and `brow` likewise."""
    lower: F64
    fold: F64
    brow: F64
    iris: F64
    """(2,) centre, IOD."""
    iris_radius: float
    """IOD."""
    px: float
    """IOD per pixel of the photo."""

    @classmethod
    def of(cls, rgb: U8, points: F64, frame: HeadFrame, *, left: bool) -> EyeAxes:
        """Cut out the eye on the image's left or right. ``points``: (478, 3) pixels."""
        lines = (
            (LEFT_UPPER_LID, LEFT_LOWER_LID, LEFT_LID_FOLD, LEFT_BROW, LEFT_IRIS)
            if left
            else (RIGHT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_LID_FOLD, RIGHT_BROW, RIGHT_IRIS)
        )
        upper, _, _, brow, iris = lines
        local = frame.rotation[:2, :2] * frame.iod_px
        middle = points[[upper[0], upper[-1]], :2].mean(axis=0)
        image, scale, origin = _surroundings(rgb, middle, frame.iod_px)
        to_uv = inverse_of(local)
        u = np.linspace(-REACH_IOD, REACH_IOD, COLUMNS)
        tables = [_over_u((points[list(line), :2] - middle) @ to_uv, u) for line in lines[:3]]
        corners = (points[[upper[0], upper[-1]], :2] - middle) @ to_uv
        rim = (points[list(iris), :2] - middle) @ to_uv
        return cls(
            image=image,
            centre=(middle - origin + 0.5) * scale - 0.5,
            local=local * scale,
            outer=-1.0 if left else 1.0,
            half=max(float(np.abs(corners[:, 0]).max()), 0.05),
            u=u,
            upper=tables[0],
            lower=np.maximum(tables[1], tables[0]),
            fold=np.minimum(tables[2], tables[0]),
            brow=_over_u((points[list(brow[5:]), :2] - middle) @ to_uv, u, smooth=False),
            iris=rim[0],
            iris_radius=float(np.linalg.norm(rim[1:] - rim[0], axis=1).mean()),
            px=1.0 / frame.iod_px,
        )

    @property
    def x(self) -> F64:
        """(COLUMNS,) place across the opening: -1 and 1 at the corners."""
        return self.u / self.half

    @property
    def inside(self) -> Mask:
        """(COLUMNS,) columns between the corners."""
        return np.abs(self.x) <= 1.0

    @property
    def middle(self) -> Mask:
        """(COLUMNS,) columns of the opening's middle part."""
        return np.abs(self.x) < 0.6

    @property
    def gap(self) -> float:
        """Mean opening of the middle part, IOD."""
        return float((self.lower - self.upper)[self.middle].mean())

    def along(self, line: F64, offsets: F64, u: F64 | None = None) -> F32:
        """Sample the image at ``line + offsets``: (len(offsets), len(u), 3). ``line``: over ``u``, by default the own
        columns; ``offsets``: (n,) or (n, len(u)) IOD downwards."""
        columns = self.u if u is None else u
        down = offsets[:, None] if offsets.ndim == 1 else offsets
        return self.sample(np.broadcast_to(columns, (len(offsets), len(columns))), line[None] + down)

    def sample(self, u: F64, v: F64) -> F32:
        """Sample the image at places of equal shape: (..., 3)."""
        at = (self.centre + u[..., None] * self.local[0] + v[..., None] * self.local[1]).astype(np.float32)
        return np.asarray(
            cv2.remap(self.image, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
        )


def _surroundings(rgb: U8, middle: F64, iod_px: float) -> tuple[F32, float, F64]:
    """Return the image around a point, its scale, and its left upper corner in the photo."""
    reach = SURROUNDINGS_IOD * iod_px
    height, width = rgb.shape[:2]
    low = np.clip(np.floor(middle - reach), 0, [width - 2, height - 2]).astype(int)
    high = np.clip(np.ceil(middle + reach) + 1, low + 2, [width, height]).astype(int)
    part = rgb[low[1] : high[1], low[0] : high[0]]
    scale = min(1.0, MAX_IOD_PX / iod_px)
    if scale < 1.0:
        part = np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return part.astype(np.float32), scale, low.astype(np.float64)


def _over_u(line: F64, u: F64, *, smooth: bool = True) -> F64:
    """Return a polyline as v(u), level beyond its ends."""
    if smooth:
        line = cubic_spline(line, np.linspace(0, len(line) - 1, SPLINE_POINTS))
    order = np.argsort(line[:, 0])
    return np.interp(u, line[order, 0], line[order, 1])
