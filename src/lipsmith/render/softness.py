"""Softness of an image's edges."""

from __future__ import annotations

import cv2
import numpy as np

from lipsmith.face.geometry import F64
from lipsmith.media.clip import U8


def softness_px(rgb: U8, points: F64) -> float:
    """Measure the softness of the edges around eyes and nose: sigma of the blur by camera and codec, pixels.

    A second blur of 1 px takes (s² / (s² + 1))^1.5 of the curvature's energy from edges whose blur is s.
    """
    low, high = points[[103, 332, 2], :2].min(axis=0), points[[103, 332, 2], :2].max(axis=0)
    left, top = np.maximum(low, 0).astype(int)
    right, bottom = high.astype(int) + 1
    grey = cv2.cvtColor(rgb[top:bottom, left:right], cv2.COLOR_RGB2GRAY).astype(np.float32)
    if min(grey.shape) < 8:
        return 0.5
    before, after = (
        float(cv2.Laplacian(frame, cv2.CV_32F)[2:-2, 2:-2].var())
        for frame in (grey, cv2.GaussianBlur(grey, (0, 0), 1.0))
    )
    kept = min((after / max(before, 1e-6)) ** (2 / 3), 0.9)
    return float(np.sqrt(kept / (1.0 - kept)))
