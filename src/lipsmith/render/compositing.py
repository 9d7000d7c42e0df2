"""Compositing of a mouth from a donor frame over a face: warped to the target lips, its light matched to the place."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsmith.face.geometry import F64, inverse_of, smoothstep
from lipsmith.face.layout import I32, INNER_LOWER, INNER_UPPER, LIP_OUTLINE
from lipsmith.media.clip import F32, U8
from lipsmith.render.warp import Grid, Source, fill_gaps, no_motion, rasterise, warp

HULL_SCALE = (1.22, 1.50)
"""Size of the composited part relative to the lips' outline, across and down."""
FEATHER_IOD = 0.07
FINE_PX = 1.2
DETAIL_GAIN = (0.75, 1.45)
"""Detail is the difference to a blur of ``FINE_PX``; its gain stays within these limits."""
OWN_FRAME_SHARE = 0.5
"""Share of a mouth when it is averaged with its neighbours."""
LIGHT_REACH_IOD = 0.16
"""Smoothness of the light correction."""


@dataclass(frozen=True, kw_only=True)
class Mouth:
    """Mouth of one donor frame."""

    source: Source
    points: F64
    """(478, 2) pixels of the region that ``source`` was made of."""
    neighbours: tuple[Mouth, ...] = ()
    """The same mouth in the frames before and after. Their average has less noise than one frame."""


def outline_mask(outline: F64, size: tuple[int, ...], *, grow: float, soft_px: float) -> F32:
    """Return a mask of an (n, 2) outline, scaled about its middle, with a soft rim: (h, w) float32, 0-1."""
    middle = outline.mean(axis=0)
    mask = np.zeros(size, np.uint8)
    grown = np.round((middle + grow * (outline - middle)) * 16).astype(np.int32)
    cv2.fillPoly(mask, [grown], 255, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), max(0.8, soft_px)).astype(np.float32) / np.float32(255)


def hole_triangles() -> I32:
    """Return the triangles between the inner lips, which the mesh leaves open: (20, 3)."""
    quads = zip(INNER_UPPER[:-1], INNER_UPPER[1:], INNER_LOWER[:-1], INNER_LOWER[1:], strict=True)
    return np.array([corner for a, b, c, d in quads for corner in ((a, b, c), (b, d, c))], dtype=np.int32)


def composite_mouth(
    patch: U8, mouth: Mouth, *, target: F64, triangles: I32, local: F64, iod_px: float, pitch: float, share: F32
) -> None:
    """Blend ``mouth`` into ``patch``, an RGB region of a frame, in place, by ``share``, (h, w) 0-1.

    ``target``: (478, 2) target pixels of the mesh's points in the region; ``triangles``: of the mesh and of the hole
    between the lips; ``local``: (2, 2) rows = pixels per IOD across and down the face.
    """
    outline = target[LIP_OUTLINE]
    middle = (target[61] + target[291]) / 2
    rect = _mouth_rect(outline, middle, local, iod_px, patch.shape)
    if rect is None:
        return
    donor_pixels = _warped(mouth, target, triangles, pitch, rect)
    if mouth.neighbours:
        others = sum(_warped(other, target, triangles, pitch, rect) for other in mouth.neighbours)
        donor_pixels += (1.0 - OWN_FRAME_SHARE) * (others / len(mouth.neighbours) - donor_pixels)
    base = patch[rect[1] : rect[3], rect[0] : rect[2]]
    mask, lips = _masks(outline, middle, local, iod_px, rect)
    donor_pixels = _matched_detail(_matched_light(donor_pixels, base, lips, iod_px), base, mask * (1.0 - lips))
    alpha = (mask * share[rect[1] : rect[3], rect[0] : rect[2]])[..., None]
    base[:] = np.clip(base + alpha * (donor_pixels - base) + 0.5, 0, 255).astype(np.uint8)


def _mouth_rect(outline: F64, middle: F64, local: F64, iod_px: float, size: tuple[int, ...]) -> I32 | None:
    wide = (outline - middle) @ inverse_of(local) * HULL_SCALE @ local + middle
    margin = 2.5 * FEATHER_IOD * iod_px
    low, high = np.floor(wide.min(axis=0) - margin), np.ceil(wide.max(axis=0) + margin)
    rect = np.array([max(low[0], 0), max(low[1], 0), min(high[0], size[1]), min(high[1], size[0])], dtype=np.int32)
    return rect if rect[2] - rect[0] >= 8 and rect[3] - rect[1] >= 8 else None


def _warped(mouth: Mouth, target: F64, triangles: I32, pitch: float, rect: I32) -> F32:
    grid = Grid.over(float(rect[0]), float(rect[1]), float(rect[2]), float(rect[3]), pitch)
    flow, filled = grid.blank()
    values = np.column_stack([mouth.points - target, np.ones(len(target))]).astype(np.float32)
    rasterise(triangles, target.astype(np.float32), values, -1e30, grid.place, flow, filled)
    fill_gaps(flow, filled, 2)
    no_flow, no_flow_grid = no_motion(rect)
    return warp(rect, no_flow, no_flow_grid, flow, grid, mouth.source)[0].astype(np.float32)


def _masks(outline: F64, middle: F64, local: F64, iod_px: float, rect: I32) -> tuple[F32, F32]:
    """Return the opacity of the donor mouth and the mask of the lips; (h, w) float32, 0-1."""
    size = (int(rect[3] - rect[1]), int(rect[2] - rect[0]))
    wide = (outline - middle) @ inverse_of(local) * HULL_SCALE @ local + middle
    hull = outline_mask(wide - rect[:2], size, grow=1.0, soft_px=FEATHER_IOD * iod_px)
    lips = outline_mask(outline - rect[:2], size, grow=1.06, soft_px=0.02 * iod_px)
    return np.asarray(smoothstep(hull.astype(np.float64), 0.08, 0.85), dtype=np.float32), lips


def _matched_detail(donor_pixels: F32, base: U8, rim: F32) -> F32:
    """Return ``donor_pixels`` with the fine detail of ``base``, measured where both show skin: ``rim``, (h, w) 0-1."""
    coarse = cv2.GaussianBlur(donor_pixels, (0, 0), FINE_PX)
    own = base.astype(np.float32)
    weight = rim[..., None]
    wanted = float((weight * (own - cv2.GaussianBlur(own, (0, 0), FINE_PX)) ** 2).sum())
    found = float((weight * (donor_pixels - coarse) ** 2).sum())
    gain = np.float32(np.clip(np.sqrt(wanted / max(found, 1e-6)), *DETAIL_GAIN))
    return coarse + gain * (donor_pixels - coarse)


def _matched_light(donor_pixels: F32, base: U8, lips: F32, iod_px: float) -> F32:
    """Return ``donor_pixels`` in the light of ``base``: add the smoothed difference of the skin around the lips."""
    shrink = max(1, round(iod_px / 28))
    size = (max(4, donor_pixels.shape[1] // shrink), max(4, donor_pixels.shape[0] // shrink))
    skin = cv2.resize(1.0 - lips, size, interpolation=cv2.INTER_AREA)[..., None] + 1e-3
    difference = cv2.resize(base.astype(np.float32) - donor_pixels, size, interpolation=cv2.INTER_AREA)
    sigma = LIGHT_REACH_IOD * iod_px / shrink
    blurred = cv2.GaussianBlur(difference * skin, (0, 0), sigma)
    weight = cv2.GaussianBlur(skin, (0, 0), sigma)
    offset = blurred / weight[..., None]
    return donor_pixels + cv2.resize(
        offset, (donor_pixels.shape[1], donor_pixels.shape[0]), interpolation=cv2.INTER_LINEAR
    )
