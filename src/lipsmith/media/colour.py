"""What a clip's numbers mean as colours, and the way from its planes to RGB and back. Knows nothing of files.

Only differences go back: what was drawn in RGB minus what was there before is added to the source's own planes, so that
a pixel that nobody changed keeps its bytes and no rounding wanders over the picture.
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
"""left, top, right, bottom in pixels; right and bottom lie outside. All even, for planes of one colour per 2 x 2."""

UNNAMED = 2
"""The code for "not said" of matrix, primaries and transfer (ITU-T H.273)."""
BT709, BT601 = 1, 6
PQ, HLG = 16, 18  # transfer characteristics of high dynamic range, H.273 table 3
HD_FROM_HEIGHT = 720  # the usual guess for clips that do not name their matrix

_LUMA_SHARES = {  # H.273 table 4: code -> red's and blue's share of luma
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
    """How numbers in planes stand for light, by the codes of ITU-T H.273."""

    matrix: int
    """As the clip says, 2 where it says nothing."""
    primaries: int
    transfer: int
    full_range: bool
    """Levels 0–255; False: luma 16–235, chroma 16–240."""
    guessed_matrix: int = BT709
    """What players take where ``matrix`` says nothing."""

    @property
    def working_matrix(self) -> int:
        """The matrix to compute with."""
        return self.matrix if self.matrix in _LUMA_SHARES else self.guessed_matrix


def names_matrix(code: int) -> bool:
    """True for a matrix that can be computed with."""
    return code in _LUMA_SHARES


def guess_matrix(height: int) -> int:
    """What players take for a clip of that many lines that does not name its matrix."""
    return BT709 if height >= HD_FROM_HEIGHT else BT601


def rgb_patch(planes: U8, box: Box, colour: Colour) -> U8:
    """(height, width, 3) uint8 RGB of an even ``box`` of (h * 3 // 2, w) I420 planes; chroma linear between samples."""
    luma, blue, red = _views(planes, box)
    size = (luma.shape[1], luma.shape[0])
    whole = cv2.merge([luma, _doubled(blue, size), _doubled(red, size)])
    rgb: U8 = cv2.transform(whole, _to_rgb(colour))
    return rgb


def cut_planes(planes: U8, box: Box) -> U8:
    """A copy of an even ``box`` of I420 planes, as planes of its own."""
    luma, blue, red = _views(planes, box)
    return np.concatenate([luma, np.concatenate([blue.ravel(), red.ravel()]).reshape(-1, luma.shape[1])])


def put_patch(
    planes: U8, box: Box, before_rgb: U8, after_rgb: U8, changed: NDArray[np.bool_] | U8, colour: Colour
) -> None:
    """Adds ``after_rgb`` - ``before_rgb``, in YUV, to an even ``box`` of I420 planes, in place, where ``changed``.

    All three are as large as the box. Luma moves in changed pixels; chroma in 2 x 2 blocks that hold one, by the mean
    of the block's four differences, of which unchanged pixels count as none. All other bytes stay what they are.
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
    """Adds in place, rounded to nearest, held within 0–255; a difference of nothing leaves every byte."""
    plane[:] = cv2.add(plane, difference, dtype=cv2.CV_8U)


def _doubled(plane: U8, size: tuple[int, int]) -> U8:
    doubled: U8 = cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)
    return doubled


def _views(planes: U8, box: Box) -> tuple[U8, U8, U8]:
    """Luma and both chroma planes of the box, as views; raises ValueError for a box that is odd or reaches out."""
    left, top, right, bottom = box
    width, height = planes.shape[1], planes.shape[0] * 2 // 3
    if any(edge % 2 for edge in box) or not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError(f"The box {box} is not even, or not inside {width} x {height} pixels.")
    halves = (slice(top // 2, bottom // 2), slice(left // 2, right // 2))
    blue, red = planes[height:].reshape(2, height // 2, width // 2)
    return planes[top:bottom, left:right], blue[halves], red[halves]


def _scales(colour: Colour) -> tuple[float, float, float]:
    """Levels per unit of luma, levels per unit of chroma, level of black."""
    return (255.0, 255.0, 0.0) if colour.full_range else (219.0, 224.0, 16.0)


@cache
def _to_rgb(colour: Colour) -> NDArray[np.float64]:
    """(3, 4): RGB levels = matrix @ (Y, Cb, Cr, 1) levels."""
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
    """(3, 3): differences of Y, Cb, Cr levels = matrix @ differences of RGB levels."""
    inverse: NDArray[np.float64] = np.linalg.inv(_to_rgb(colour)[:, :3])
    return inverse
