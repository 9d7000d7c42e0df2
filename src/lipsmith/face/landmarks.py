"""Point layout of the 478-point face mesh, and measures derived from it. No drawing, no networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame


@dataclass(frozen=True, kw_only=True)
class Face:
    """One face found in a picture."""

    points: NDArray[np.float64]
    """(478, 3) float64: x, y in pixels of the picture, z in the same unit, positive = away from the camera."""
    score: float
    """0–1, how sure the finder is that this is a human face."""

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
        """How far the head is turned, positive when the nose points to the picture's right."""
        return HeadFrame.of(self.points).yaw_deg


def iod_of(points: F64) -> float:
    """Distance between the two eye centres in the picture, in the unit of ``points``."""
    left, right = (points[list(eye), :2].mean(axis=0) for eye in ((33, 133), (362, 263)))
    return float(np.hypot(*(right - left)))


def aperture(points: F64) -> float:
    """Gap between the inner lips at their middle (points 13 and 14), IOD."""
    frame = HeadFrame.of(points)
    return float(np.hypot(*(points[14, :2] - points[13, :2])) / frame.iod_px)


def mouth_width(points: F64) -> float:
    """Distance between the outer mouth corners (points 61 and 291), in IOD and in three dimensions."""
    return float(np.linalg.norm(points[291] - points[61]) / HeadFrame.of(points).iod_px)


def eye_openings(points: F64) -> tuple[float, float]:
    """Gap between the lids of the eye on the picture's left and right, IOD."""
    iod_px = HeadFrame.of(points).iod_px
    left, right = (
        float(np.hypot(*(points[low, :2] - points[up, :2])) / iod_px) for up, low in ((159, 145), (386, 374))
    )
    return left, right
