"""Detection of things in front of a filmed mouth, such as a hand, a cup or a microphone. They must stay unchanged.

The lower face of every frame is flattened by its mesh to a small image of fixed size. Frames spread over the clip show
the usual look of the person there. A patch that differs from it by more than light and speech can explain is an
occlusion. Each frame is judged on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.layout import I32, INNER_LOWER, INNER_UPPER, LOWER_LIP_RINGS, UPPER_LIP_RINGS
from lipsmith.media.clip import F32, U8
from lipsmith.render.warp import Grid, facing_triangles, rasterise

Cells = NDArray[np.bool_]

REACH_IOD = (-0.66, 0.52, 0.66, 1.75)
"""Left, top, right, bottom of the flattened area in the head's frame: from the nose's base to the chin."""
CELL_IOD = 0.03
SOFT_IOD = 0.03
"""Frames are blurred by this before they are flattened, to remove pores and stubble."""
MIN_FRAMES = 8
MIN_DIFFERENCE = 0.20
"""A cell is occluded if it differs from the usual skin by this share of the skin's brightness ..."""
UNCLEAR_SHARE = 0.7
"""... and also if it touches such cells and differs by this share of that bound."""
MIN_DIFFERENCE_LEVELS = 24.0
"""Smallest bound in grey levels: dark frames are noisy."""
MIN_SPREADS = 5.0
"""Smallest bound in usual deviations of the cell itself."""
LIPS_TOLERANCE = 1.8
"""Factor of the bound on the lips, whose look changes as they speak."""
NEAR_IOD = 0.12
"""Only patches this near to the lips count: a smile changes the light on the cheeks."""
MAX_SHARE_AT_LIPS = 0.65
"""A patch with more than this share on the lips is the rim of unusual lips; things reach further."""
MIN_SHARE = 0.025
"""A patch smaller than this share of the lower face is a shadow or a mole."""


@dataclass(frozen=True, kw_only=True)
class _UsualLook:
    """Usual look of the lower face."""

    usual: F32
    """(rows, columns, 3) RGB."""
    bound: F32
    """(rows, columns): smallest difference of an occlusion, grey levels."""


class OcclusionFinder:
    """Finds things in front of one person's lower face."""

    def __init__(self, typical: F64, triangles: I32, faces: Sequence[tuple[U8, F64]]) -> None:
        """``typical``: (478, 3) pixels, from `typical_mesh`; ``faces``: (rgb, (478, 3) points) of a few frames."""
        rest = HeadFrame.of(typical).to_head(typical)
        left, top, right, bottom = REACH_IOD
        self._grid = Grid.over(left, top, right, min(bottom, float(rest[152, 1])), CELL_IOD)
        self._triangles = facing_triangles(triangles, rest)
        self._flat = rest[:, :2].astype(np.float32)
        ones = np.ones((len(rest), 3), np.float32)
        blank, filled = self._grid.blank()
        rasterise(self._triangles, self._flat, ones, 0.0, self._grid.place, blank, filled)
        self._face = (filled > 0) & (self._inside(rest, INNER_UPPER, INNER_LOWER) == 0)
        self._lips = self._inside(rest, UPPER_LIP_RINGS[0], LOWER_LIP_RINGS[0]) > 0
        reach = 2 * round(NEAR_IOD / CELL_IOD) + 1
        self._near_lips = cv2.dilate(self._lips.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
        self._usual_look = self._learn([self._flattened(rgb, points) for rgb, points in faces])

    def occlusion(self, rgb: U8, points: F64) -> F32 | None:
        """Return the share of each pixel of ``rgb`` that is occluded, (h, w) float32, 0-1; None if none is."""
        cells = self._occluded_cells(rgb, points)
        if cells is None:
            return None
        values = np.zeros((len(points), 3), np.float32)
        values[:, :2] = (self._flat - [self._grid.x, self._grid.y]) * self._grid.place[2]
        pitch = max(1.0, HeadFrame.of(points).iod_px * CELL_IOD / 2)
        grid = Grid.over(0.0, 0.0, float(rgb.shape[1]), float(rgb.shape[0]), pitch)
        flow, filled = grid.blank()
        rasterise(self._triangles, points[:, :2].astype(np.float32), values, 0.0, grid.place, flow, filled)
        seen = cv2.remap(cells, flow[..., 0], flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        seen = _fill_gap(seen * filled, filled)
        size = (round(grid.width * pitch), round(grid.height * pitch))
        return np.asarray(cv2.resize(seen, size)[: rgb.shape[0], : rgb.shape[1]], dtype=np.float32)

    def is_occluded(self, rgb: U8, points: F64) -> bool:
        """Check for anything in front of the lower face."""
        return self._occluded_cells(rgb, points) is not None

    def _occluded_cells(self, rgb: U8, points: F64) -> F32 | None:
        if self._usual_look is None:
            return None
        flat, known = self._flattened(rgb, points)
        skin = self._face & known & ~self._lips
        if skin.sum() < 20:
            return None
        light = np.median(flat[skin] / np.maximum(self._usual_look.usual[skin], 8.0), axis=0)
        difference = np.linalg.norm(flat / np.maximum(light, 0.2) - self._usual_look.usual, axis=2)
        deviation = (difference / self._usual_look.bound).astype(np.float64)
        deviation[~(self._face & known)] = 0.0
        cells = _patches(deviation, MIN_SHARE * self._face.sum(), self._near_lips)
        return cells if cells.any() else None

    def _flattened(self, rgb: U8, points: F64) -> tuple[F32, Cells]:
        """Return the flattened lower face, (rows, columns, 3) RGB, and a mask of the cells inside the frame."""
        values = np.zeros((len(points), 3), np.float32)
        sigma = max(0.5, SOFT_IOD * HeadFrame.of(points).iod_px)
        shrink = max(1, int(sigma))
        small = (max(1, rgb.shape[1] // shrink), max(1, rgb.shape[0] // shrink))
        rgb = np.asarray(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), np.uint8)
        values[:, :2] = (points[:, :2] + 0.5) / shrink - 0.5
        flow, filled = self._grid.blank()
        rasterise(self._triangles, self._flat, values, 0.0, self._grid.place, flow, filled)
        soft = cv2.GaussianBlur(rgb, (0, 0), sigma / shrink)
        flat = cv2.remap(soft, flow[..., 0], flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = (
            (flow[..., 0] >= 0) & (flow[..., 0] < rgb.shape[1]) & (flow[..., 1] >= 0) & (flow[..., 1] < rgb.shape[0])
        )
        return flat.astype(np.float32), inside & (filled > 0)

    def _learn(self, faces: Sequence[tuple[F32, Cells]]) -> _UsualLook | None:
        """Return the usual look, each frame brought to the light of the median; None for too few frames."""
        if len(faces) < MIN_FRAMES:
            return None
        flat = np.stack([face for face, _ in faces])
        usual = np.median(flat, axis=0)
        skin = self._face & ~self._lips
        light = np.median(flat[:, skin] / np.maximum(usual[skin], 8.0), axis=1)
        flat = flat / np.maximum(light, 0.2)[:, None, None, :]
        usual = np.median(flat, axis=0)
        # The median ignores a thing that appears in less than half of the frames.
        spread = np.median(np.linalg.norm(flat - usual, axis=3), axis=0)
        brightness = float(np.median(np.linalg.norm(usual[skin], axis=1)))
        bound = np.maximum(max(MIN_DIFFERENCE * brightness, MIN_DIFFERENCE_LEVELS), MIN_SPREADS * spread)
        bound[self._lips] *= LIPS_TOLERANCE
        return _UsualLook(usual=usual.astype(np.float32), bound=bound.astype(np.float32))

    def _inside(self, rest: F64, upper: Sequence[int], lower: Sequence[int]) -> U8:
        outline = rest[[*upper, *lower[-2:0:-1]], :2]
        cells = (outline - [self._grid.x, self._grid.y]) * float(self._grid.place[2])
        mask = np.zeros((self._grid.height, self._grid.width), np.uint8)
        cv2.fillPoly(mask, [np.round(cells * 16).astype(np.int32)], 1, shift=4)
        return mask


def _patches(deviation: F64, least_cells: float, near_lips: Cells) -> F32:
    """Return patches of clear deviation, with the less clear cells that touch them: (rows, columns), 0-1."""
    sure = cv2.morphologyEx((deviation >= 1.0).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(sure, connectivity=8)
    large = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] >= least_cells]
    at_lips = np.bincount(labels[near_lips], minlength=count)
    kept = np.isin(labels, [k for k in large if 0 < at_lips[k] < MAX_SHARE_AT_LIPS * stats[k, cv2.CC_STAT_AREA]])
    if not kept.any():
        return np.zeros(deviation.shape, np.float32)
    _, labels = cv2.connectedComponents((deviation > UNCLEAR_SHARE).astype(np.uint8), connectivity=8)
    kept |= np.isin(labels, np.unique(labels[kept & (labels > 0)]))
    near = cv2.dilate(kept.astype(np.uint8), np.ones((5, 5), np.uint8))
    return np.asarray(cv2.GaussianBlur(near.astype(np.float32), (0, 0), 0.8), dtype=np.float32)


def _fill_gap(seen: F32, filled: U8) -> F32:
    """Fill the gap between the lips, where the mesh has no triangles, from the cells around it."""
    known = (filled > 0).astype(np.float32)
    near = cv2.GaussianBlur(seen, (0, 0), 3.0) / np.maximum(cv2.GaussianBlur(known, (0, 0), 3.0), 1e-3)
    return np.where(known > 0, seen, near).astype(np.float32)
