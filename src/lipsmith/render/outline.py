"""Soft masks of outlines."""

from __future__ import annotations

import cv2
import numpy as np

from lipsmith.face.geometry import F64
from lipsmith.media.clip import F32


def outline_mask(outline: F64, size: tuple[int, ...], *, grow: float, soft_px: float) -> F32:
    """Return a mask of an (n, 2) outline, scaled about its middle, with a soft rim: (h, w) float32, 0-1."""
    middle = outline.mean(axis=0)
    mask = np.zeros(size, np.uint8)
    grown = np.round((middle + grow * (outline - middle)) * 16).astype(np.int32)
    cv2.fillPoly(mask, [grown], 255, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), max(0.8, soft_px)).astype(np.float32) / np.float32(255)
