"""Conversion of RGB regions to I420 planes, BT.709, limited range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsmith.media.clip import U8
from lipsmith.render.kernel import kernel


def to_i420(rgb: U8) -> U8:
    """Convert a (height, width, 3) RGB image with even sides to (height * 3 // 2, width) I420 planes."""
    height, width = rgb.shape[:2]
    planes = np.empty((height * 3 // 2, width), np.uint8)
    put_patch(planes, np.ascontiguousarray(rgb), 0, 0)
    return planes


@kernel
def put_patch(planes: NDArray[np.uint8], patch: NDArray[np.uint8], left: int, top: int) -> None:
    """Write an RGB patch with even sides at even (left, top) into I420 planes, in place.

    BT.709 limited range: Y = 16 + 219 (.2126 R + .7152 G + .0722 B), Cb and Cr = 128 + 224 (B - Y)/1.8556 and (R -
    Y)/1.5748 (Rec. ITU-R BT.709-6, items 3.2 to 3.5), chroma averaged over 2 x 2 pixels.
    """
    width = planes.shape[1]
    height = planes.shape[0] * 2 // 3
    half = width // 2
    flat = planes.reshape(-1)
    blue, red = height * width, height * width + (height // 2) * half
    for row in range(0, patch.shape[0], 2):
        for column in range(0, patch.shape[1], 2):
            r_sum = g_sum = b_sum = np.int32(0)
            for y in range(2):
                line = (top + row + y) * width + left + column
                for x in range(2):
                    r = np.int32(patch[row + y, column + x, 0])
                    g = np.int32(patch[row + y, column + x, 1])
                    b = np.int32(patch[row + y, column + x, 2])
                    r_sum += r
                    g_sum += g
                    b_sum += b
                    # 2^16 * 219/255 * (.2126, .7152, .0722)
                    flat[line + x] = np.uint8((11966 * r + 40254 * g + 4064 * b + 32768 + (16 << 16)) >> 16)
            at = ((top + row) // 2) * half + (left + column) // 2
            # 2^16 * 224/255 * (-.2126, -.7152, .9278)/1.8556 and (.7874, -.7152, -.0722)/1.5748; four pixels
            flat[blue + at] = np.uint8((-6596 * r_sum - 22189 * g_sum + 28784 * b_sum + (128 << 18) + (1 << 17)) >> 18)
            flat[red + at] = np.uint8((28784 * r_sum - 26145 * g_sum - 2639 * b_sum + (128 << 18) + (1 << 17)) >> 18)
