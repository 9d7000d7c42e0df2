"""Fine detail of a filmed person's lips at each opening, and its transfer to drawn lips.

Warping softens and stretches, painting sharpens: without a match, drawn lips differ from frame to frame in sharpness.
The detail of the skin around them measures how sharp the frame itself is: motion and compression blur both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.landmarks import aperture
from lipsmith.face.layout import LIP_OUTLINE
from lipsmith.media.clip import F32, U8
from lipsmith.render.outline import outline_mask

FINE_IOD, BAND_IOD = 0.008, 0.022
"""Blur before detail is measured, and blur that separates the detail from the rest; sigma, not below the limits."""
MIN_FINE_PX, MIN_BAND_PX = 0.4, 0.8
LIPS_SCALE, SKIN_SCALE = 1.10, (1.35, 1.95)
"""Size of the lips, and inner and outer size of the skin around them, relative to the lips' outline."""
REACH_IOD = 0.15
NODES = np.array([0.0, 0.02, 0.05, 0.085, 0.12, 0.16, 0.22, 0.30])
"""Openings for which the detail is stored, IOD."""
NEAREST_SHARE, MIN_NEAREST = 1 / 8, 9
USUAL = (25, 75)
"""Percentiles of the detail at one opening between which drawn lips stay as they are."""
GAIN = (0.6, 1.6)
PASSED = 0.85
"""Share of a change of the band that arrives in the measure."""
PLAIN, RICH = (1.5, 2.3), (5.5, 1.2)
"""Detail of the lips, and half the width of the lips' inner edges in half pixels, in clips whose lips are smoothed by
compression or low contrast, and in clips with crisp lips: sharp edges would stand out in the former."""
FRAME_SHARPNESS = (0.5, 1.5)
"""Limits of a frame's sharpness relative to the clip's."""


@dataclass(frozen=True, kw_only=True)
class LipDetail:
    """Usual fine detail of one person's lips in one clip."""

    lips: F64
    """(nodes, 2) least and most usual mean curvature of brightness within the lips' outline, grey levels."""
    skin: float
    """The same of the skin around them."""

    @property
    def edge_softness(self) -> float:
        """Half the width of the inner edges of this clip's lips, half pixels."""
        (plain, widest), (rich, narrowest) = PLAIN, RICH
        return float(np.interp(float(self.lips.mean()), (plain, rich), (widest, narrowest)))

    def sharpness(self, rgb: U8, points: F64) -> float:
        """Return the sharpness of a frame relative to the clip, from the skin around its mouth: below 1 if it is
        blurred by motion or compression."""
        found = _skin_detail(rgb, points, HeadFrame.of(points).iod_px)
        return float(np.clip(found / max(self.skin, 1e-3), *FRAME_SHARPNESS))

    def match(self, patch: U8, points: F64, target: F64, opening: float, sharpness: float) -> None:
        """Give the lips drawn in ``patch``, (h, w, 3) RGB, the detail that the clip shows at ``opening``, in place.

        ``points``: (478, 3) pixels of the frame's own mesh; ``target``: (478, 2) of the new lips; ``sharpness``: of the
        frame.
        """
        iod_px = HeadFrame.of(points).iod_px
        outline = target[LIP_OUTLINE]
        box = _box_around(outline, REACH_IOD * iod_px, patch)
        if box is None:
            return
        left, top, right, bottom = box
        part = patch[top:bottom, left:right]
        mask = outline_mask(outline - [left, top], part.shape[:2], grow=LIPS_SCALE, soft_px=0.02 * iod_px)
        low, high = (sharpness * float(np.interp(opening, NODES, bound)) for bound in self.lips.T)
        found = _detail(part, mask, iod_px)
        wanted = min(max(found, low), high)
        gain = float(np.clip(1.0 + (wanted / max(found, 1e-3) - 1.0) / PASSED, *GAIN))
        coarse = cv2.GaussianBlur(part, (0, 0), max(MIN_BAND_PX, BAND_IOD * iod_px))
        change = (gain - 1.0) * mask[..., None] * cv2.subtract(part, coarse, dtype=cv2.CV_32F)
        sharp = cv2.add(part, change, dtype=cv2.CV_8U)
        # No pixel leaves the range of its neighbours: else a pale line would run along the edges of the lips.
        near = np.ones((3, 3), np.uint8)
        part[:] = np.clip(sharp, cv2.erode(part, near), cv2.dilate(part, near))


def learn_detail(frames: Iterable[tuple[U8, F64]]) -> LipDetail | None:
    """Measure the detail in ``frames``, each (rgb, (478, 3) points in its pixels); None without any."""
    rows = []
    for rgb, points in frames:
        iod_px = HeadFrame.of(points).iod_px
        outline = points[LIP_OUTLINE, :2]
        mask = outline_mask(outline, rgb.shape[:2], grow=LIPS_SCALE, soft_px=0.02 * iod_px)
        rows.append((aperture(points), _detail(rgb, mask, iod_px), _skin_detail(rgb, points, iod_px)))
    if not rows:
        return None
    gaps, lips, skin = np.array(rows).T
    count = max(MIN_NEAREST, round(NEAREST_SHARE * len(rows)))
    near = [np.argsort(np.abs(gaps - node), kind="stable")[:count] for node in NODES]
    return LipDetail(lips=np.array([np.percentile(lips[rows_], USUAL) for rows_ in near]), skin=float(np.median(skin)))


def _detail(rgb: U8, mask: F32 | U8, iod_px: float) -> float:
    """Return the mean curvature of brightness under ``mask``, (h, w) 0-1."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.GaussianBlur(grey, (0, 0), max(MIN_FINE_PX, FINE_IOD * iod_px))
    curvature = np.abs(cv2.Laplacian(fine, cv2.CV_32F))
    return float(np.vdot(curvature, mask.astype(np.float32))) / max(float(mask.sum()), 1.0)


def _skin_detail(rgb: U8, points: F64, iod_px: float) -> float:
    outline = points[LIP_OUTLINE, :2]
    middle = outline.mean(axis=0)
    wide = middle + SKIN_SCALE[1] * (outline - middle)
    box = _box_around(wide, 0.0, rgb)
    if box is None:
        return 0.0
    left, top, right, bottom = box
    ring = np.zeros((bottom - top, right - left), np.uint8)
    for scale, value in zip(reversed(SKIN_SCALE), (1, 0), strict=True):
        grown = middle + scale * (outline - middle) - [left, top]
        cv2.fillPoly(ring, [np.round(grown).astype(np.int32)], value)
    return _detail(rgb[top:bottom, left:right], ring, iod_px)


def _box_around(outline: F64, margin: float, rgb: U8) -> tuple[int, int, int, int] | None:
    """Return left, top, right and bottom of an outline with a margin inside an image; None if too little is left."""
    left, top = np.maximum(np.floor(outline.min(axis=0) - margin), 0).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(outline.max(axis=0) + margin), rgb.shape[1::-1]).astype(int).tolist()
    return (left, top, right, bottom) if right - left >= 8 and bottom - top >= 8 else None
