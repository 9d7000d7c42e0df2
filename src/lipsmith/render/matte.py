"""Probability of a person at each pixel of a part of a photo."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsmith.face.geometry import F64
from lipsmith.media.clip import F32

Rect = tuple[float, float, float, float]

_HALF_IOD, _ABOVE_IOD = 4.0, 3.6
"""Reach of a matte around the nose bridge: to the sides, and upwards; it is a square."""


@dataclass(frozen=True, kw_only=True)
class Matte:
    """Matte over a rectangle of a photo, which may reach beyond the photo."""

    values: F32
    """(h, w) 0-1."""
    rect: Rect
    """Left, top, right, bottom, pixels of the photo."""

    def within(self, rect: Rect, size: tuple[int, int]) -> F32:
        """Return the matte over another rectangle of the photo, (height, width) for ``size`` width, height.

        Beyond its edge the matte goes on unchanged.
        """
        left, top, right, bottom = self.rect
        x_scale, y_scale = self.values.shape[1] / (right - left), self.values.shape[0] / (bottom - top)
        step_x, step_y = (rect[2] - rect[0]) / size[0] * x_scale, (rect[3] - rect[1]) / size[1] * y_scale
        to_matte = np.array(
            [
                [step_x, 0.0, (rect[0] - left) * x_scale + 0.5 * step_x - 0.5],
                [0.0, step_y, (rect[1] - top) * y_scale + 0.5 * step_y - 0.5],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        shown = cv2.warpAffine(self.values, to_matte, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(shown, np.float32)


def matte_rect(points: F64, iod_px: float) -> tuple[int, int, int, int]:
    """Return the square around a head within which frames can change: left, top, right, bottom, pixels.

    ``points``: (478, 3) mesh of the face, pixels.
    """
    x, y = points[168, :2]
    left, top, side = round(x - _HALF_IOD * iod_px), round(y - _ABOVE_IOD * iod_px), round(2 * _HALF_IOD * iod_px)
    return left, top, left + side, top + side
