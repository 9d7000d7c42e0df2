"""Colour spaces of clips, and conversion between their planes and RGB.

Only differences are converted back: the rendered RGB minus the original RGB is added to the source's planes. Unchanged
pixels keep their bytes, and rounding errors do not spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.media.clip import F32, U8

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels, right and bottom exclusive; all even, since 2 x 2 pixels share chroma."""

UNNAMED = 2
"""Code for an unspecified matrix, primaries or transfer (ITU-T H.273)."""
BT709, BT601 = 1, 6
PQ, HLG = 16, 18  # transfer characteristics of high dynamic range, H.273 table 3
HD_MIN_HEIGHT = 720  # players guess BT.709 from this height

_LUMA_SHARES = {  # H.273 table 4: code -> share of red and blue in luma
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}


@dataclass(frozen=True, kw_only=True)
class Colour:
    """Colour space of planes, in the codes of ITU-T H.273."""

    matrix: int
    """Matrix named by the clip; 2 if unspecified."""
    primaries: int
    transfer: int
    full_range: bool
    """True for levels 0–255; False for luma 16–235 and chroma 16–240."""
    guessed_matrix: int = BT709
    """Matrix that players assume if ``matrix`` is unspecified."""

    @property
    def working_matrix(self) -> int:
        """Matrix used for conversion."""
        return self.matrix if self.matrix in _LUMA_SHARES else self.guessed_matrix


def names_matrix(code: int) -> bool:
    """Return True for a matrix that can be converted."""
    return code in _LUMA_SHARES


def guess_matrix(height: int) -> int:
    """Return the matrix that players assume for a clip of this height that does not name one."""
    return BT709 if height >= HD_MIN_HEIGHT else BT601


def rgb_patch(planes: U8, box: Box, colour: Colour) -> U8:
    """Convert an even ``box`` of (h * 3 // 2, w) I420 planes to (height, width, 3) uint8 RGB, chroma interpolated."""
    luma, blue, red = _views(planes, box)
    size = (luma.shape[1], luma.shape[0])
    full_size = cv2.merge([luma, _doubled(blue, size), _doubled(red, size)])
    rgb: U8 = cv2.transform(full_size, _to_rgb(colour))
    return rgb


def cut_planes(planes: U8, box: Box) -> U8:
    """Copy an even ``box`` out of I420 planes, as new planes."""
    luma, blue, red = _views(planes, box)
    return np.concatenate([luma, np.concatenate([blue.ravel(), red.ravel()]).reshape(-1, luma.shape[1])])


def put_patch(
    planes: U8, box: Box, before_rgb: U8, after_rgb: U8, changed: NDArray[np.bool_] | U8, colour: Colour
) -> None:
    """Add ``after_rgb`` - ``before_rgb``, in YUV, to an even ``box`` of I420 planes, in place, where ``changed``.

    The three arrays have the size of the box. Luma changes in changed pixels; chroma in 2 x 2 blocks with a changed
    pixel, by the mean difference of the block, in which unchanged pixels count as 0. All other bytes stay as they are.
    """
    luma, blue, red = _views(planes, box)
    inside = changed.astype(np.uint8, copy=False)
    moved = cv2.subtract(after_rgb, before_rgb, mask=inside, dtype=cv2.CV_32F)
    to_yuv = _to_yuv(colour)
    _add(luma, cv2.transform(moved, to_yuv[:1]))
    blocks = cv2.resize(moved, (blue.shape[1], blue.shape[0]), interpolation=cv2.INTER_AREA)
    chroma = cv2.transform(blocks, to_yuv[1:])
    _add(blue, chroma[:, :, 0])
    _add(red, chroma[:, :, 1])


def _add(plane: U8, difference: F32) -> None:
    """Add in place, rounded to nearest and clipped to 0–255; a difference of 0 keeps the byte."""
    plane[:] = cv2.add(plane, difference, dtype=cv2.CV_8U)


def _doubled(plane: U8, size: tuple[int, int]) -> U8:
    doubled: U8 = cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)
    return doubled


def _views(planes: U8, box: Box) -> tuple[U8, U8, U8]:
    """View luma and both chroma planes of the box; raises ValueError for a box that is odd or reaches outside."""
    left, top, right, bottom = box
    width, height = planes.shape[1], planes.shape[0] * 2 // 3
    if any(edge % 2 for edge in box) or not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError(f"The box {box} is not even, or not inside {width} x {height} pixels.")
    halves = (slice(top // 2, bottom // 2), slice(left // 2, right // 2))
    blue, red = planes[height:].reshape(2, height // 2, width // 2)
    return planes[top:bottom, left:right], blue[halves], red[halves]


def _scales(colour: Colour) -> tuple[float, float, float]:
    """Return levels per unit of luma, levels per unit of chroma, and the level of black."""
    return (255.0, 255.0, 0.0) if colour.full_range else (219.0, 224.0, 16.0)


@cache
def _to_rgb(colour: Colour) -> NDArray[np.float64]:
    """Return (3, 4): RGB levels = matrix @ (Y, Cb, Cr, 1) levels."""
    kr, kb = _LUMA_SHARES[colour.working_matrix]
    kg = 1 - kr - kb
    luma, chroma, black = _scales(colour)
    y, c = 255 / luma, 255 / chroma
    rows = np.array(
        [
            [y, 0, 2 * (1 - kr) * c],
            [y, -2 * kb * (1 - kb) / kg * c, -2 * kr * (1 - kr) / kg * c],
            [y, 2 * (1 - kb) * c, 0],
        ]
    )
    return np.hstack([rows, rows @ np.array([[-black], [-128.0], [-128.0]])])


@cache
def _to_yuv(colour: Colour) -> NDArray[np.float64]:
    """Return (3, 3): differences of Y, Cb, Cr levels = matrix @ differences of RGB levels."""
    return np.asarray(np.linalg.inv(_to_rgb(colour)[:, :3]), dtype=np.float64)
