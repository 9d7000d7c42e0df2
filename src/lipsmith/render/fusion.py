"""Fusion of many aligned samples of one thing into a single texture: robust per-pixel means, and registration."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64
from lipsmith.media.clip import F32, U8
from lipsmith.render.kernel import kernel

LEVELS = 256
REGISTRATION_STEPS, LAST_STEP_PX = 6, 0.02
DAMPING = 0.02
"""Share of the mean curvature that is added in both directions, so that a plain row of teeth does not slide along."""


@kernel
def trimmed_mean(
    samples: NDArray[np.uint8], weights: NDArray[np.uint8], low: float, high: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Fuse (k, h, w, 3) RGB samples with (k, h, w) weights 0-255; return (h, w, 3) uint8 and the weights' sum, (h, w).

    Of each pixel's samples, ordered by brightness, those between the shares ``low`` and ``high`` of the weight are
    averaged: as robust as a median, and with less noise. Pixels without weight are black.
    """
    count, height, width = weights.shape
    fused = np.zeros((height, width, 3), np.uint8)
    total = np.zeros((height, width), np.float32)
    held = np.empty((LEVELS, 4), np.float32)
    for row in range(height):
        for column in range(width):
            held[:] = np.float32(0.0)
            for k in range(count):
                weight = np.float32(weights[k, row, column])
                if weight > np.float32(0.0):
                    pixel = samples[k, row, column]
                    grey = (54 * np.int32(pixel[0]) + 183 * np.int32(pixel[1]) + 19 * np.int32(pixel[2])) >> 8
                    held[grey, 3] += weight
                    for c in range(3):
                        held[grey, c] += weight * np.float32(pixel[c])
                    total[row, column] += weight
            if total[row, column] <= np.float32(0.0):
                continue
            first, last = low * total[row, column], high * total[row, column]
            seen = taken = red = green = blue = 0.0
            for level in range(LEVELS):
                weight_here = held[level, 3]
                if weight_here <= np.float32(0.0):
                    continue
                part = min(seen + weight_here, last) - max(seen, first)
                seen += weight_here
                if part > 0.0:
                    share = part / weight_here
                    taken += part
                    red += share * held[level, 0]
                    green += share * held[level, 1]
                    blue += share * held[level, 2]
                if seen >= last:
                    break
            if taken > 0.0:
                fused[row, column, 0] = np.uint8(red / taken + 0.5)
                fused[row, column, 1] = np.uint8(green / taken + 0.5)
                fused[row, column, 2] = np.uint8(blue / taken + 0.5)
    return fused, total


def moved(texture: U8 | F32, offset: F64, *, sharp: bool = False) -> U8 | F32:
    """Return an (h, w) or (h, w, 3) texture that shows at (x, y) what lay at (x, y) + ``offset``, (2,) pixels."""
    matrix = np.array([[1.0, 0.0, offset[0]], [0.0, 1.0, offset[1]]])
    flags = (cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    size = (texture.shape[1], texture.shape[0])
    return cv2.warpAffine(texture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def registered_offset(texture: F32, reference: F32, weight: F32, most_px: float) -> F64 | None:
    """Return the offset (2,) pixels at which ``texture`` shows what ``reference`` does; None beyond ``most_px``.

    All are (h, w); brightness may differ by a factor. Gauss-Newton steps on the weighted squares.
    """
    offset = np.zeros(2)
    for _ in range(REGISTRATION_STEPS):
        seen = moved(texture, offset)
        gain = float((weight * reference * seen).sum() / max(float((weight * seen * seen).sum()), 1e-6))
        seen = gain * seen
        across, down = (cv2.Sobel(seen, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
        missing = reference - seen
        xx, xy, yy, bx, by = (
            float((weight * a * b).sum())
            for a, b in ((across, across), (across, down), (down, down), (across, missing), (down, missing))
        )
        damp = DAMPING * (xx + yy) + 1e-3
        determinant = (xx + damp) * (yy + damp) - xy * xy
        step = np.array([(yy + damp) * bx - xy * by, (xx + damp) * by - xy * bx]) / determinant
        offset = offset + step
        if np.abs(offset).max() > most_px:
            return None
        if np.abs(step).max() < LAST_STEP_PX:
            break
    return offset


def spread_outwards(texture: U8, known: NDArray[np.bool_]) -> U8:
    """Return an (h, w, 3) texture whose unknown pixels take the colours of the nearest known ones, blurred."""
    filled = texture.astype(np.float32) * known[..., None]
    if not known.any():
        return texture
    have = known.copy()
    for sigma in (2.0, 4.0, 8.0, 16.0, 40.0):
        colours = cv2.GaussianBlur(texture * known[..., None].astype(np.float32), (0, 0), sigma)
        weight = cv2.GaussianBlur(known.astype(np.float32), (0, 0), sigma)
        new = ~have & (weight > 0.02)
        filled[new] = (colours / np.maximum(weight, 1e-6)[..., None])[new]
        have |= new
    filled[~have] = texture[known].mean(axis=0)
    return np.asarray(filled + 0.5, np.uint8)
