"""Point layout of the 478-point face mesh, and measures derived from it. No drawing, no networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
        left, right = (self.points[list(eye), :2].mean(axis=0) for eye in ((33, 133), (362, 263)))
        return float(np.hypot(*(right - left)))

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of all points, pixels."""
        low, high = self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)
        return int(low[0]), int(low[1]), int(np.ceil(high[0])), int(np.ceil(high[1]))
