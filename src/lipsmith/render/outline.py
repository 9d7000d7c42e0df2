"""Masks of outlines."""

from __future__ import annotations

import cv2
import numpy as np

from lipsmith.face.geometry import F64
from lipsmith.media.clip import F32, U8


def polygon_mask(size: tuple[int, ...], outline: F64) -> U8:
    """Fill an outline of (n, 2) pixels: (h, w) 0-255 with soft edges."""
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return mask


def outline_mask(outline: F64, size: tuple[int, ...], *, grow: float, soft_px: float) -> F32:
    """Return a mask of an (n, 2) outline, scaled about its middle, with a soft rim: (h, w) float32, 0-1."""
    middle = outline.mean(axis=0)
    mask = polygon_mask(size, middle + grow * (outline - middle))
    return cv2.GaussianBlur(mask, (0, 0), max(0.8, soft_px)).astype(np.float32) / np.float32(255)
