"""Faces as 478-point meshes, and measures derived from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame


@dataclass(frozen=True, kw_only=True)
class Face:
    """One face in an image."""

    points: NDArray[np.float64]
    """(478, 3) float64: x and y in pixels of the image, z in the same unit, positive away from the camera."""
    score: float
    """Confidence of the detector, 0–1."""

    @property
    def iod_px(self) -> float:
        """Distance between the two eye centres, pixels."""
        return iod_of(self.points)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of all points, pixels."""
        low, high = self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)
        return int(low[0]), int(low[1]), int(np.ceil(high[0])), int(np.ceil(high[1]))

    @property
    def yaw_deg(self) -> float:
        """Turn of the head, positive if the nose points to the right of the image."""
        return HeadFrame.of(self.points).yaw_deg


def iod_of(points: F64) -> float:
    """Return the distance between the eye centres in the image, in the unit of ``points``."""
    left, right = (points[list(eye), :2].mean(axis=0) for eye in ((33, 133), (362, 263)))
    return float(np.hypot(*(right - left)))


def aperture(points: F64) -> float:
    """Return the gap between the inner lips at their middle (points 13 and 14), IOD."""
    frame = HeadFrame.of(points)
    return float(np.hypot(*(points[14, :2] - points[13, :2])) / frame.iod_px)


def mouth_width(points: F64) -> float:
    """Return the distance between the outer mouth corners (points 61 and 291) in three dimensions, IOD."""
    return float(np.linalg.norm(points[291] - points[61]) / HeadFrame.of(points).iod_px)


def eye_openings(points: F64) -> tuple[float, float]:
    """Return the gaps between the lids of the left and the right eye in the image, IOD."""
    iod_px = HeadFrame.of(points).iod_px
    left, right = (
        float(np.hypot(*(points[low, :2] - points[up, :2])) / iod_px) for up, low in ((159, 145), (386, 374))
    )
    return left, right
