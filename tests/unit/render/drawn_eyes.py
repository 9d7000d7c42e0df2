"""Two eyes drawn by code, with the points of the mesh that lids need."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.layout import (
    LEFT_BROW,
    LEFT_IRIS,
    LEFT_LID_FOLD,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    RIGHT_BROW,
    RIGHT_IRIS,
    RIGHT_LID_FOLD,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
)
from lipsmith.media.clip import U8
from lipsmith.render.eye_axes import EyeAxes
from lipsmith.render.lid_paint import paint_lid
from lipsmith.render.lids import Lid
from lipsmith.render.opening import Edges

SKIN, WHITE, IRIS, DARK = (205, 155, 128), (236, 232, 230), (70, 95, 120), (45, 32, 28)
HALF, UP, DOWN, FOLD, BROW = 0.24, 0.09, 0.05, 0.08, 0.34
"""Half width of an opening, heights above and below the corners, height of the fold, of the brow, IOD."""
IRIS_RADIUS = 0.09


class DrawnEyes:
    """Eyes with ``iod_px`` between them, in an image of three times that width."""

    def __init__(self, iod_px: int = 100, *, iris: bool = True, lashes: bool = False, seed: int = 1) -> None:
        self.iod_px = iod_px
        self.size = (2 * iod_px, 3 * iod_px)
        self.points = np.zeros((478, 3))
        self.rgb: U8 = np.full((*self.size, 3), SKIN, np.uint8)
        self.centres = {True: np.array([1.0, 1.0]) * iod_px, False: np.array([2.0, 1.0]) * iod_px}
        for left, centre in self.centres.items():
            self._place(centre, left=left)
            self._draw(centre, iris=iris, lashes=lashes)
        self.points[[10, 152, 168], :2] = np.array([[1.5, -0.2], [1.5, 3.0], [1.5, 1.0]]) * iod_px
        noise = np.random.default_rng(seed).normal(0, 2, self.size)
        self.rgb = np.clip(self.rgb + noise[..., None], 0, 255).astype(np.uint8)

    @property
    def frame(self) -> HeadFrame:
        return HeadFrame.of(self.points)

    def axes(self, *, left: bool = True) -> EyeAxes:
        return EyeAxes.of(self.rgb, self.points, self.frame, left=left)

    def with_lid(self, lid: Lid, way: float, *, left: bool = True) -> U8:
        """Return the image with one lid painted ``way`` (0-1) down over an eye whose margins do not move."""
        eye = self.axes(left=left)
        u = np.linspace(-0.74, 0.74, 512)
        to_local = np.array([[1, 0, -self.centres[left][0]], [0, 1, -self.centres[left][1]]]) / self.iod_px
        tables = [np.interp(u, eye.u, line).astype(np.float32) for line in (eye.upper, eye.lower)]
        drawn = self.rgb.copy()
        edges = Edges(u.astype(np.float32), *tables, to_local.astype(np.float32))
        paint_lid(drawn, edges, 0.5 / self.iod_px, lid.tables, way)
        return drawn

    def inside(self, *, left: bool = True, first: float = 0.1, last: float = 0.8) -> NDArray[np.bool_]:
        """Return the pixels of the opening between two shares of its height."""
        rows, columns = np.indices(self.size)
        x = (columns - self.centres[left][0]) / self.iod_px / HALF
        v = (rows - self.centres[left][1]) / self.iod_px
        bow = 1 - x * x
        share = (v + UP * bow) / np.maximum((UP + DOWN) * bow, 1e-6)
        return (np.abs(x) < 0.8) & (share > first) & (share < last)

    def above(self, *, left: bool = True) -> NDArray[np.bool_]:
        """Return the pixels .012 to .07 IOD above the upper margin."""
        rows, columns = np.indices(self.size)
        x = (columns - self.centres[left][0]) / self.iod_px / HALF
        height = -(rows - self.centres[left][1]) / self.iod_px - UP * (1 - x * x)
        return (np.abs(x) < 0.8) & (height > 0.012) & (height < 0.07)

    def _place(self, centre: F64, *, left: bool) -> None:
        x = np.linspace(-1, 1, 9)
        bow = 1 - x * x
        upper, lower, fold = (
            (LEFT_UPPER_LID, LEFT_LOWER_LID, LEFT_LID_FOLD)
            if left
            else (RIGHT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_LID_FOLD)
        )
        brow, iris = (LEFT_BROW, LEFT_IRIS) if left else (RIGHT_BROW, RIGHT_IRIS)
        lines = ((upper, x, -UP * bow), (lower, x, DOWN * bow), (fold, 1.1 * x, -(UP + FOLD) * bow))
        for line, across, v in lines:
            self.points[list(line), :2] = centre + np.stack([across * HALF, v], axis=1) * self.iod_px
        across = np.linspace(-0.28, 0.28, 5)
        for line in (brow[:5], brow[5:]):
            self.points[list(line), :2] = centre + np.stack([across, np.full(5, -BROW)], axis=1) * self.iod_px
        ring = np.array([[0, 0], [1, 0], [0, -1], [-1, 0], [0, 1]]) * IRIS_RADIUS + [0, -0.02]
        self.points[list(iris), :2] = centre + ring * self.iod_px

    def _draw(self, centre: F64, *, iris: bool, lashes: bool) -> None:
        x = np.linspace(-1, 1, 60)
        bow = 1 - x * x
        upper, lower = (np.stack([x * HALF, v], axis=1) for v in (-UP * bow, DOWN * bow))
        outline = centre + np.concatenate([upper, lower[::-1]]) * self.iod_px
        mask = np.zeros(self.size, np.uint8)
        cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        eye = np.full((*self.size, 3), WHITE if iris else SKIN, np.uint8)
        if iris:
            middle = tuple(np.round(centre - (0, 0.02 * self.iod_px)).astype(int).tolist())
            cv2.circle(eye, middle, round(IRIS_RADIUS * self.iod_px), IRIS, -1, cv2.LINE_AA)
            cv2.circle(eye, middle, round(0.04 * self.iod_px), DARK, -1, cv2.LINE_AA)
        self.rgb = (self.rgb + (mask[..., None] / 255.0) * (eye.astype(float) - self.rgb)).astype(np.uint8)
        margin = np.round((centre + upper * self.iod_px) * 16).astype(np.int32)
        cv2.polylines(self.rgb, [margin], False, DARK, max(1, self.iod_px // 60), cv2.LINE_AA, 4)
        for root in upper[6:-6:3] if lashes else ():
            tip = root + np.array([0.3 * root[0], -0.05])
            ends = [tuple(np.round((centre + p * self.iod_px) * 16).astype(int).tolist()) for p in (root, tip)]
            cv2.line(self.rgb, ends[0], ends[1], DARK, 1, cv2.LINE_AA, 4)
