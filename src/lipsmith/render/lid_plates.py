"""Skin around the opening of an eye without lashes, liner and scraps of the eye: shown as the lid comes down."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsmith.face.geometry import F64, smoothstep
from lipsmith.media.clip import F32
from lipsmith.render.eye_axes import EyeAxes, Mask
from lipsmith.render.lid_skin import Skin, grid_u
from lipsmith.render.mouth_colours import LUMA

ABOVE_FROM_IOD, ABOVE_TO_IOD = -0.05, 0.18
"""Rows of the plate above: height over the upper margin."""
BELOW_FROM_IOD, BELOW_TO_IOD = -0.03, 0.10
"""Rows of the plate below: depth under the lower margin."""
STROKE_WIDTH_IOD = 0.06
"""Dark strokes narrower than this across are lashes; a fold is wider."""
STROKE_DEPTH = (0.05, 0.13)
"""Darkness of a stroke against its neighbours from which it is removed, none to whole."""
MIN_REPLACED = 0.88
"""Least brightness of what replaces lashes, as a share of the skin's."""
MAX_LIFT = 1.4
MAX_DARK_BEYOND = 0.15
"""Share of dark pixels well beyond the outer corner above which dark parts there are hair and no wing of liner."""
CREASE_IOD = 0.022
"""Half width of the crease along the fold."""
BRIGHT_LINE_IOD = 0.034
"""Bright lines along the lid thinner than this are not skin in the light."""
UNFOLDS = 0.6
"""Power by which the shadow in a fold is lifted when the lid is shut."""


@dataclass(frozen=True, kw_only=True)
class Plate:
    """Clean skin on one side of the opening."""

    pixels: F32
    """(rows, columns, 4) RGB 0-255 and the share 0-1 by which it covers the photo."""

    def row(self, first: float, height: F64, u: F64, per_iod: float, softness_iod: float) -> F64:
        """Return colours at a height over each column of ``u``, blurred: (len(u), 3)."""
        soft = cv2.GaussianBlur(self.pixels[..., :3], (0, 0), max(softness_iod * per_iod, 0.3))
        at_row = ((height - first) * per_iod).astype(np.float32)[None]
        at_column = ((u - u[0]) * per_iod).astype(np.float32)[None]
        row = cv2.remap(soft, at_column, at_row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(row[0], np.float64)


def plate_above(eye: EyeAxes, skin: Skin, top: F64, solid: F64, *, per_iod: float, glasses: bool) -> Plate:
    """Return the skin above the upper margin without lashes and liner.

    ``top``, ``solid``: (COLUMNS,) heights of the painted lid's top and of what is solidly dark at the margin.
    """
    u = grid_u(eye, per_iod)
    height = np.arange(ABOVE_FROM_IOD, ABOVE_TO_IOD, 1.0 / per_iod)
    raw = eye.along(np.interp(u, eye.u, eye.upper), -height, u)
    x, skin_above = u / eye.half, _over(u, eye, skin.above)
    light, of_skin = raw @ LUMA, np.maximum(skin_above @ LUMA, 8.0)[None]
    lashes = _strokes(light, _fold_share(eye, u), per_iod)
    outside = x * eye.outer
    lashes *= smoothstep(outside, -1.10, -0.98)[None]  # the inner corner has none
    crease = (height[:, None] - np.interp(u, eye.u, eye.upper - eye.fold)[None]) / CREASE_IOD
    lashes *= 1.0 - 0.15 * np.exp(-crease * crease)  # a crease in pieces looks worse than the tips of lashes on it
    beyond = (light / of_skin < 0.7)[np.abs(height) < 0.06][:, (outside > 1.50) & (outside < 1.70)]
    is_wing = beyond.size > 0 and beyond.mean() < MAX_DARK_BEYOND
    last = 1.62 if is_wing else 1.45
    corner = smoothstep(outside, 0.85, 1.0) * smoothstep(-outside, -last, 0.25 - last)
    dark = smoothstep(-light / of_skin, -0.86, -0.70) * smoothstep(-np.abs(height - 0.01), -0.085, -0.05)[:, None]
    if not glasses:  # the dark parts beyond the corner may be a rim
        lashes = np.maximum(lashes, corner[None] * dark)
    dense = height[:, None] < np.interp(u, eye.u, solid)[None] + 0.006
    across = smoothstep(-np.abs(x), -1.14, -1.04)
    share = np.maximum(lashes, dense * across[None])
    share = _widened(share, 0.008 * per_iod)
    room = np.interp(u, eye.u, np.minimum(eye.upper - eye.brow - 0.05, 0.05 if glasses else 0.14))
    below_brow = smoothstep(room[None] - height[:, None], -0.01, 0.02)
    share *= below_brow
    clean = raw + share[..., None] * (filled(raw, share < 0.08) - raw)
    within = smoothstep(1.25 - np.abs(x), 0.0, 0.35)[None]
    if not glasses:  # smears of liner and wet rims around the lid's top
        near = smoothstep(np.interp(u, eye.u, top)[None] + 0.055 - height[:, None], 0.0, 0.055)
        share = np.maximum(share, 0.85 * near * within * below_brow)
    clean = _skin_hued(clean, share * within, skin_above, _over(u, eye, skin.tone), per_iod)
    if not glasses:
        clean, dimmed = _without_bright_lines(clean, height, x, per_iod)
        clean, lifted = _unfolded(clean, skin_above, skin, height, x, per_iod)
        share = np.maximum(share, np.maximum(dimmed, lifted) * below_brow)
    return Plate(pixels=np.concatenate([clean, share[..., None]], axis=-1).astype(np.float32))


def plate_below(eye: EyeAxes, skin: Skin, *, per_iod: float) -> Plate:
    """Return the skin below the lower margin without scraps of white and iris."""
    u = grid_u(eye, per_iod)
    depth = np.arange(BELOW_FROM_IOD, BELOW_TO_IOD, 1.0 / per_iod)
    raw = eye.along(np.interp(u, eye.u, eye.lower), depth, u)
    skin_below = _over(u, eye, skin.below)
    reach = connected_depth(is_eye(raw, skin_below[None]), depth, 0.065)
    reach = cv2.dilate(reach.astype(np.float32)[None], np.ones((1, max(3, int(0.03 * per_iod) | 1))))[0]
    across = smoothstep(-np.abs(u / eye.half), -1.25, -1.12)
    share = ((depth[:, None] < reach[None] + 0.006) * across[None]).astype(np.float64)
    share = _widened(share, 0.006 * per_iod)
    clean = raw + share[..., None] * (filled(raw, (share < 0.08) & (depth[:, None] > 0.0)) - raw)
    return Plate(pixels=np.concatenate([clean, share[..., None]], axis=-1).astype(np.float32))


def is_eye(pixels: F32 | F64, skin: F64) -> Mask:
    """Return which pixels are white, iris or glint rather than skin; ``skin`` broadcasts against ``pixels``."""
    light, of_skin = pixels @ LUMA, np.maximum(skin @ LUMA, 8.0)
    ratio = light / of_skin
    grey, colourful = _saturation(pixels), _saturation(skin)
    pale = (ratio > 0.72) & (grey < 0.55 * colourful) & (colourful > 0.18)
    return np.asarray((ratio > 1.15) | pale, np.bool_)


def connected_depth(marked: Mask, depth: F64, most: float) -> F64:
    """Return how far marked pixels reach from ``depth`` 0 outwards without a gap, (columns,); beyond ``most``: 0.

    Bright pixels that go on and on are skin, such as a pouch in the light, and not the white of the eye.
    """
    first = int(np.searchsorted(depth, 0.0))
    stops = ~marked[first:]
    count = np.where(stops.any(axis=0), stops.argmax(axis=0), len(stops))
    reach = np.where(count > 0, depth[first + np.minimum(np.maximum(count, 1), len(stops)) - 1], 0.0)
    return np.where(reach > most, 0.0, np.maximum(reach, 0.0))


def filled(image: F32, keep: Mask) -> F32:
    """Fill the pixels that are not kept from those around, smoothly at any distance (push and pull)."""
    weight = keep.astype(np.float32)
    if not weight.any():
        return image.copy()
    levels = [(image.astype(np.float32) * weight[..., None], weight)]
    while min(levels[-1][1].shape) > 2:
        colour, weight = levels[-1]
        levels.append((np.asarray(cv2.pyrDown(colour), np.float32), np.asarray(cv2.pyrDown(weight), np.float32)))
    colour, weight = levels[-1]
    total = colour.sum(axis=(0, 1)) / max(float(weight.sum()), 1e-6)
    result = np.broadcast_to(total, colour.shape).astype(np.float32)
    for colour, weight in reversed(levels):
        up = cv2.pyrUp(result, dstsize=weight.shape[::-1]) if result.shape[:2] != weight.shape else result
        known = colour / np.maximum(weight, 1e-6)[..., None]
        certain = np.clip(weight * 2.0, 0.0, 1.0)[..., None]
        result = np.asarray(up + certain * (known - up), np.float32)
    return result


def _strokes(light: F64, share: F64, per_iod: float) -> F64:
    """Return how surely each pixel belongs to a thin dark stroke, 0-1.

    ``share``: (columns,) height of the fold as a share of its usual one. Rows are stretched by it, so that the crease
    runs level and is no stroke.
    """
    width = max(3, int(STROKE_WIDTH_IOD * per_iod) | 1)
    zero = -ABOVE_FROM_IOD * per_iod
    rows, columns = np.indices(light.shape, np.float32)
    from_row = np.where(rows > zero, zero + (rows - zero) * share[None], rows).astype(np.float32)
    level = cv2.remap(light.astype(np.float32), columns, from_row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(level, cv2.MORPH_CLOSE, np.ones((1, width), np.uint8))
    strokes = smoothstep((closed - level) / np.maximum(closed, 8.0), *STROKE_DEPTH).astype(np.float32)
    to_row = np.where(rows > zero, zero + (rows - zero) / share[None], rows).astype(np.float32)
    back = cv2.remap(strokes, columns, to_row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(back, np.float64)


def _fold_share(eye: EyeAxes, u: F64) -> F64:
    """Return the height of the fold over each column as a share of its height in the middle, 0.35-1.2."""
    height = np.maximum(eye.upper - eye.fold, 0.01)
    share = np.interp(u, eye.u, height) / float(height[eye.middle].mean())
    return np.clip(share, 0.35, 1.2)


def _widened(share: F64, pixels: float) -> F64:
    wide = cv2.dilate(share.astype(np.float32), np.ones((3, 3), np.uint8))
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), max(pixels, 0.5)), np.float64)


def _skin_hued(clean: F32, share: F64, hue: F64, tone: F64, per_iod: float) -> F32:
    """Give the pixels that replace lashes the hue of skin and most of its brightness: liner smears around it."""
    light = clean @ LUMA
    broad = cv2.GaussianBlur(light.astype(np.float32), (0, 0), max(0.014 * per_iod, 0.4))
    lift = np.clip(MIN_REPLACED * (tone @ LUMA)[None] / np.maximum(broad, 8.0), 1.0, MAX_LIFT)
    lifted = hue[None] / np.maximum(hue @ LUMA, 8.0)[None, :, None] * (light * lift)[..., None]
    return (clean + 0.8 * share[..., None] * (lifted - clean)).astype(np.float32)


def _without_bright_lines(clean: F32, height: F64, x: F64, per_iod: float) -> tuple[F32, F64]:
    """Dim thin bright lines along the lid, such as its wet margin, that would rim the closed lid; also where, 0-1."""
    light = (clean @ LUMA).astype(np.float32)
    tall = max(3, int(BRIGHT_LINE_IOD * per_iod) | 1)
    opened = cv2.morphologyEx(light, cv2.MORPH_OPEN, np.ones((tall, 1), np.uint8))
    opened = cv2.GaussianBlur(opened, (0, 0), max(0.006 * per_iod, 0.3))
    zone = (smoothstep(height, 0.0, 0.015) * smoothstep(-height, -0.14, -0.11))[:, None]
    zone = zone * smoothstep(1.15 - np.abs(x), 0.0, 0.15)[None]
    keep = 1.0 - zone * (1.0 - np.minimum(1.0, 1.02 * opened / np.maximum(light, 8.0)))
    return (clean * keep[..., None]).astype(np.float32), smoothstep(1.0 - keep, 0.005, 0.03)


def _unfolded(clean: F32, skin_above: F64, skin: Skin, height: F64, x: F64, per_iod: float) -> tuple[F32, F64]:
    """Lift the shadow of the fold: a fold opens as the lid comes down. Also return where it did, 0-1."""
    of_skin = np.minimum((skin_above @ LUMA)[None], 1.15 * skin.typical)
    light = cv2.GaussianBlur((clean @ LUMA).astype(np.float32), (0, 0), max(0.006 * per_iod, 0.3))
    zone = (smoothstep(height, 0.0, 0.02) * smoothstep(-height, -0.14, -0.09))[:, None]
    zone = zone * smoothstep(1.12 - np.abs(x), 0.0, 0.2)[None]
    lift = np.clip(0.88 * of_skin / np.maximum(light, 8.0), 1.0, 2.2) ** (UNFOLDS * zone)
    lifted = clean * lift[..., None]
    hue = skin_above[None] * ((lifted @ LUMA) / np.maximum((skin_above @ LUMA)[None], 8.0))[..., None]
    lifted += 0.6 * np.clip((lift - 1.0) / 0.4, 0.0, 1.0)[..., None] * (hue - lifted)
    return lifted.astype(np.float32), np.clip((lift - 1.0) / 0.03, 0.0, 1.0)


def _saturation(pixels: F32 | F64) -> F64:
    highest = pixels.max(axis=-1)
    return np.asarray((highest - pixels.min(axis=-1)) / np.maximum(highest, 8.0), np.float64)


def _over(u: F64, eye: EyeAxes, table: F64) -> F64:
    return np.stack([np.interp(u, eye.u, table[:, k]) for k in range(table.shape[1])], axis=1)
