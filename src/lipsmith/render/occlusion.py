"""What stands before a filmed mouth, such as a hand, a cup or a microphone, and has to stay as it is.

The lower face of every frame is laid flat by its mesh, always to the same small picture. What this person looks like
there is known from frames spread over the clip; a patch that differs from it by more than light and speech can is
something before the face. Knows nothing of time: each frame is judged by itself.
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
"""Left, top, right, bottom of what is laid flat, in the head's frame: from the nose's base to the chin."""
CELL_IOD = 0.03
SOFT_IOD = 0.03
"""Frames are softened by this before they are laid flat: pores and stubble shall not count."""
LEAST_FRAMES = 8
CLEARLY_APART = 0.20
"""A cell is something else where it is apart from the usual skin by this share of the skin's brightness ..."""
UNCLEAR = 0.7
"""... and belongs to it where it hangs together with such cells and is apart by this share of that."""
LEAST_LEVELS = 24.0
"""The first in grey levels at least: dark pictures are noisy."""
SPREADS_APART = 5.0
"""And by so many of the cell's own usual deviations."""
LIPS_TOLERANCE = 1.8
"""Lips show more or less of themselves as they speak."""
NEAR_IOD = 0.12
"""Only what comes this near to the lips counts: cheeks that rise in a smile are lit anew."""
MOST_AT_LIPS = 0.65
"""What lies there by more than this share is the rim of lips that do something unusual; a thing reaches further."""
LEAST_SHARE = 0.025
"""A patch smaller than this share of the lower face is a shadow or a mole, and no thing."""


@dataclass(frozen=True, kw_only=True)
class _Plain:
    """What the lower face looks like."""

    usual: F32
    """(rows, columns, 3) RGB."""
    bound: F32
    """(rows, columns): from what difference on something is in the way, grey levels."""


class OcclusionFinder:
    """Finds what covers one person's lower face."""

    def __init__(self, typical: F64, triangles: I32, faces: Sequence[tuple[U8, F64]]) -> None:
        """``typical``: (478, 3) pixels, as `typical_mesh` makes it; ``faces``: (rgb, (478, 3) points) of a few."""
        rest = HeadFrame.of(typical).to_head(typical)
        left, top, right, bottom = REACH_IOD
        self._grid = Grid.over(left, top, right, min(bottom, float(rest[152, 1])), CELL_IOD)
        self._triangles = facing_triangles(triangles, rest)
        self._flat = rest[:, :2].astype(np.float32)
        ones = np.ones((len(rest), 3), np.float32)
        blank, covered = self._grid.blank()
        rasterise(self._triangles, self._flat, ones, 0.0, self._grid.place, blank, covered)
        self._face = (covered > 0) & (self._inside(rest, INNER_UPPER, INNER_LOWER) == 0)
        self._lips = self._inside(rest, UPPER_LIP_RINGS[0], LOWER_LIP_RINGS[0]) > 0
        reach = 2 * round(NEAR_IOD / CELL_IOD) + 1
        self._near_lips = cv2.dilate(self._lips.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
        self._plain = self._learn([self._laid_flat(rgb, points) for rgb, points in faces])

    def occlusion(self, rgb: U8, points: F64) -> F32 | None:
        """(h, w) float32 0-1: how far each pixel of ``rgb`` belongs to something before the face; None for nothing."""
        cells = self._occluded_cells(rgb, points)
        if cells is None:
            return None
        values = np.zeros((len(points), 3), np.float32)
        values[:, :2] = (self._flat - [self._grid.x, self._grid.y]) * self._grid.place[2]
        pitch = max(1.0, HeadFrame.of(points).iod_px * CELL_IOD / 2)
        grid = Grid.over(0.0, 0.0, float(rgb.shape[1]), float(rgb.shape[0]), pitch)
        flow, covered = grid.blank()
        rasterise(self._triangles, points[:, :2].astype(np.float32), values, 0.0, grid.place, flow, covered)
        seen = cv2.remap(cells, flow[..., 0], flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        seen = _over_the_gap(seen * covered, covered)
        size = (round(grid.width * pitch), round(grid.height * pitch))
        return np.asarray(cv2.resize(seen, size)[: rgb.shape[0], : rgb.shape[1]], dtype=np.float32)

    def is_occluded(self, rgb: U8, points: F64) -> bool:
        """Whether anything stands before the lower face."""
        return self._occluded_cells(rgb, points) is not None

    def _occluded_cells(self, rgb: U8, points: F64) -> F32 | None:
        if self._plain is None:
            return None
        flat, known = self._laid_flat(rgb, points)
        skin = self._face & known & ~self._lips
        if skin.sum() < 20:
            return None
        light = np.median(flat[skin] / np.maximum(self._plain.usual[skin], 8.0), axis=0)
        apart = np.linalg.norm(flat / np.maximum(light, 0.2) - self._plain.usual, axis=2)
        strange = (apart / self._plain.bound).astype(np.float64)
        strange[~(self._face & known)] = 0.0
        cells = _patches(strange, LEAST_SHARE * self._face.sum(), self._near_lips)
        return cells if cells.any() else None

    def _laid_flat(self, rgb: U8, points: F64) -> tuple[F32, Cells]:
        """(rows, columns, 3) RGB of the lower face, and which cells lie in the picture."""
        values = np.zeros((len(points), 3), np.float32)
        values[:, :2] = points[:, :2]
        flow, covered = self._grid.blank()
        rasterise(self._triangles, self._flat, values, 0.0, self._grid.place, flow, covered)
        sigma = max(0.5, SOFT_IOD * HeadFrame.of(points).iod_px)
        soft = cv2.GaussianBlur(rgb, (0, 0), sigma)
        flat = cv2.remap(soft, flow[..., 0], flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = (
            (flow[..., 0] >= 0) & (flow[..., 0] < rgb.shape[1]) & (flow[..., 1] >= 0) & (flow[..., 1] < rgb.shape[0])
        )
        return flat.astype(np.float32), inside & (covered > 0)

    def _learn(self, faces: Sequence[tuple[F32, Cells]]) -> _Plain | None:
        """The usual look, each frame brought to the light of the median; None where too few frames tell."""
        if len(faces) < LEAST_FRAMES:
            return None
        flat = np.stack([face for face, _ in faces])
        usual = np.median(flat, axis=0)
        skin = self._face & ~self._lips
        light = np.median(flat[:, skin] / np.maximum(usual[skin], 8.0), axis=1)
        flat = flat / np.maximum(light, 0.2)[:, None, None, :]
        usual = np.median(flat, axis=0)
        # Half of the frames deviate by less than this: a thing that comes for a while does not make itself usual.
        spread = np.median(np.linalg.norm(flat - usual, axis=3), axis=0)
        brightness = float(np.median(np.linalg.norm(usual[skin], axis=1)))
        bound = np.maximum(max(CLEARLY_APART * brightness, LEAST_LEVELS), SPREADS_APART * spread)
        bound[self._lips] *= LIPS_TOLERANCE
        return _Plain(usual=usual.astype(np.float32), bound=bound.astype(np.float32))

    def _inside(self, rest: F64, upper: Sequence[int], lower: Sequence[int]) -> U8:
        outline = rest[[*upper, *lower[-2:0:-1]], :2]
        cells = (outline - [self._grid.x, self._grid.y]) * float(self._grid.place[2])
        mask = np.zeros((self._grid.height, self._grid.width), np.uint8)
        cv2.fillPoly(mask, [np.round(cells * 16).astype(np.int32)], 1, shift=4)
        return mask


def _patches(strange: F64, least_cells: float, near_lips: Cells) -> F32:
    """Patches of clearly strange cells, with what is less clear but hangs together with them; (rows, columns) 0-1."""
    sure = cv2.morphologyEx((strange >= 1.0).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(sure, connectivity=8)
    large = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] >= least_cells]
    at_lips = np.bincount(labels[near_lips], minlength=count)
    kept = np.isin(labels, [k for k in large if 0 < at_lips[k] < MOST_AT_LIPS * stats[k, cv2.CC_STAT_AREA]])
    if not kept.any():
        return np.zeros(strange.shape, np.float32)
    _, labels = cv2.connectedComponents((strange > UNCLEAR).astype(np.uint8), connectivity=8)
    kept |= np.isin(labels, np.unique(labels[kept & (labels > 0)]))
    near = cv2.dilate(kept.astype(np.uint8), np.ones((5, 5), np.uint8))
    return np.asarray(cv2.GaussianBlur(near.astype(np.float32), (0, 0), 0.8), dtype=np.float32)


def _over_the_gap(seen: F32, covered: U8) -> F32:
    """Between the lips lies no mesh: what is beside the gap tells whether it is covered too."""
    known = (covered > 0).astype(np.float32)
    near = cv2.GaussianBlur(seen, (0, 0), 3.0) / np.maximum(cv2.GaussianBlur(known, (0, 0), 3.0), 1e-3)
    return np.where(known > 0, seen, near).astype(np.float32)
