"""Shared by the tests of the face room: meshes of which every angle and distance is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def upright(iod_px: float = 100.0) -> F64:
    """A mesh with only the points that the frame needs in place: eyes level, chin straight below the brow."""
    points = np.random.default_rng(0).normal(0, 30, (478, 3)) + np.array([320, 240, 0])
    points[[33, 133]] = [[250, 200, 0], [290, 200, 0]]
    points[[362, 263]] = [[250 + iod_px, 200, 0], [290 + iod_px, 200, 0]]
    middle = 270 + iod_px / 2
    points[168], points[10], points[152] = [middle, 205, -10], [middle, 120, 0], [middle, 360, 0]
    return points


def turned(points: F64, *, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> F64:
    """The mesh turned in space; x to the right, y down, z away. Positive as `HeadFrame` names it."""
    y, p, r = np.radians([yaw, pitch, roll])
    # The nose points along -z: yaw takes -z towards +x, pitch takes -z towards +y, roll takes +x towards +y.
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    centre = points[168]
    moved: F64 = (points - centre) @ (about_z @ about_y @ about_x).T + centre
    return moved
