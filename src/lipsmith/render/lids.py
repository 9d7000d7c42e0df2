"""Lids as surfaces of their own: everything about a closed eye that is read once from the image.

A lid is skin: its colours come from above the fold and below the eye, its grain is noise like the skin's, its shape is
shading. None of the opening is used: lashes, white and iris would turn into the lid. `lipsmith.render.lid_paint` draws
it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from lipsmith.face.geometry import F64, HeadFrame, smoothstep
from lipsmith.media.clip import F32, U8
from lipsmith.render.eye_axes import REACH_IOD, EyeAxes, Mask
from lipsmith.render.lid_glasses import has_glasses
from lipsmith.render.lid_lashes import Lashes, read_lashes
from lipsmith.render.lid_plates import (
    ABOVE_FROM_IOD,
    Plate,
    connected_depth,
    is_eye,
    plate_above,
    plate_below,
)
from lipsmith.render.lid_skin import Skin, grain_of, in_hue, read_skin, smooth_columns
from lipsmith.render.lid_trust import blink_amount
from lipsmith.render.mouth_colours import LUMA, to_lab

COLOUR_ROWS = 24
"""Rows of the lid's colours, from its top to its edge."""
GRAIN_ROWS_IOD = 0.40
MAX_PER_IOD = 420.0
EDGE_DROP_IOD = 0.011
"""Least distance by which a closed edge lies below the lower margin of the open eye."""
MAX_DROP_IOD = 0.06
MOST_LAB_AWAY = 2.5
"""Largest difference of a closed lid to the skin above it, CIE76."""


class LidTables(NamedTuple):
    """Closed lid of one eye as the kernel takes it; tables over ``u`` start at -REACH_IOD."""

    curves: F32
    """(COLUMNS, 3) IOD: drop of the closed edge below the lower margin, height of the lid's top above the upper margin,
    and height of the crease above it."""
    colours: F32
    """(COLOUR_ROWS, COLUMNS, 3) RGB 0-255, shaded by the eyeball."""
    above: F32
    """(rows, columns, 4) plate above the upper margin."""
    below: F32
    """(rows, columns, 4) plate below the lower margin."""
    grain: F32
    """(rows, columns, 3) levels, over the distance above the edge."""
    lashes: F32
    """(rows, columns) 0-1, over the height above the edge."""
    lash: F32
    """(3,) RGB 0-255."""
    reach: float
    """Tables run from -reach to reach, IOD."""
    per_iod: float
    """Pixels of the plates, the grain and the lashes per IOD."""
    half: float
    """Half the width of the opening, IOD."""
    outer: float
    """1.0 if the outer corner lies at positive ``u``, else -1.0."""
    ends: float
    """The lid fades out at this share of ``half``."""
    line: float
    """Strength of the lash line, 0-1."""
    crease: float
    """Depth of the crease, 0-1."""


@dataclass(frozen=True, kw_only=True)
class Lid:
    """Closed lid of one eye."""

    tables: LidTables
    amount: float
    """How far the eye may be shut, 0-1; the same for both eyes."""
    glasses: bool
    """True if the rim of glasses runs above the eye: nothing above the lid may move. The same for both eyes."""


def read_lids(rgb: U8, points: F64, frame: HeadFrame, *, grey: bool, rim: bool = False) -> tuple[Lid, Lid]:
    """Read both lids, the one on the image's left first.

    ``points``: (478, 3) pixels of the mesh; ``rim``: the rim of glasses is known to lie above the eyes.
    """
    left, right = (EyeAxes.of(rgb, points, frame, left=is_left) for is_left in (True, False))
    glasses = rim or has_glasses(rgb, points, frame, (left, right))
    skins = read_skin(left, glasses=glasses), read_skin(right, glasses=glasses)
    amount = blink_amount((left, right), skins)
    lids = [
        Lid(tables=_tables(eye, skin, glasses=glasses, grey=grey), amount=amount, glasses=glasses)
        for eye, skin in zip((left, right), skins, strict=True)
    ]
    return lids[0], lids[1]


def _tables(eye: EyeAxes, skin: Skin, *, glasses: bool, grey: bool) -> LidTables:
    per_iod = float(min(2.0 / eye.px, MAX_PER_IOD))
    seed = zlib.crc32(np.ascontiguousarray(eye.image).tobytes())
    top, solid, lash_height = _lid_top(eye, skin, glasses=glasses)
    lashes = read_lashes(eye, skin, height=lash_height, per_iod=per_iod, seed=seed)
    above = plate_above(eye, skin, top, solid, per_iod=per_iod, glasses=glasses)
    below = plate_below(eye, skin, per_iod=per_iod)
    colours = _colours(eye, skin, above, top, lashes, per_iod)
    grain = grain_of(eye, rows=int(GRAIN_ROWS_IOD * per_iod), per_iod=per_iod, seed=seed)
    lash = lashes.colour
    if grey:
        colours, lash = np.repeat((colours @ LUMA)[..., None], 3, axis=-1), np.repeat(lash @ LUMA, 3)
        grain = np.repeat((grain @ LUMA)[..., None], 3, axis=-1).astype(np.float32)
    fold = np.clip(eye.upper - eye.fold, 0.02, 0.10)
    return LidTables(
        curves=np.stack([_drop(eye, skin), top, fold], axis=1).astype(np.float32),
        colours=colours.astype(np.float32),
        above=_grey(above.pixels, grey),
        below=_grey(below.pixels, grey),
        grain=grain,
        lashes=lashes.matte,
        lash=lash.astype(np.float32),
        reach=REACH_IOD,
        per_iod=per_iod,
        half=eye.half * _widening(eye, skin),
        outer=eye.outer,
        ends=1.06 if glasses else 1.17,
        line=float(np.clip(0.30 + 0.75 * (lashes.contrast - 0.4), 0.22, 0.80)),
        crease=_crease(eye, top),
    )


def _grey(plate: F32, grey: bool) -> F32:
    if grey:
        plate = plate.copy()
        plate[..., :3] = (plate[..., :3] @ LUMA)[..., None]
    return np.ascontiguousarray(plate)


def _lid_top(eye: EyeAxes, skin: Skin, *, glasses: bool) -> tuple[F64, F64, float]:
    """Return heights above the upper margin: where the painted lid starts and where what is solidly dark ends,
    (COLUMNS,), and the typical height of the lashes."""
    offsets = np.arange(0.0, 0.16, max(0.006, 0.5 * eye.px))
    ratio = (eye.along(eye.upper, -offsets) @ LUMA) / skin.light[None]
    limit = np.clip(eye.upper - eye.brow - 0.055, 0.02, 0.15)
    most = np.minimum(limit, 0.06 if glasses else 0.13)
    reach = np.minimum(_reach((ratio < 0.80) | (ratio > 1.30), offsets), most)
    lashes = _broad(reach, 7)
    ink = _broad(np.minimum(_reach(ratio < 0.55, offsets), limit), 5)
    fold = float(np.clip((eye.upper - eye.fold)[eye.middle].mean(), 0.03, 0.10))
    top = np.clip(lashes + 0.012, 0.035, max(0.040, 0.80 * fold))
    top = np.maximum(top, np.minimum(ink + 0.012, 0.05 if glasses else 1.15 * max(fold, 0.04)))
    # Without the taper the lid would end in walls at the corners.
    taper = np.sqrt(np.clip(1.0 - (eye.x / 1.16) ** 2, 0.0, 1.0))
    top = smooth_columns(np.minimum(top, limit + 0.01), 7.0) * taper
    solid = np.maximum(np.minimum(ink, 0.05 if glasses else 0.09), np.minimum(lashes, 0.045))
    return top, solid, float(reach[np.abs(eye.x) < 0.8].mean())


def _reach(marked: Mask, offsets: F64) -> F64:
    """Return how far marked rows reach from the first on; one row between them may be missing."""
    gone = ~marked & ~np.concatenate([marked[1:], np.zeros((1, marked.shape[1]), bool)])
    count = np.where(gone.any(axis=0), gone.argmax(axis=0), len(offsets))
    return np.where(count > 0, offsets[np.maximum(count, 1) - 1], 0.0)


def _broad(table: F64, columns: int) -> F64:
    widened = cv2.dilate(table.astype(np.float32)[:, None], np.ones((columns, 1), np.uint8))[:, 0]
    return smooth_columns(widened.astype(np.float64), 4.0)


def _drop(eye: EyeAxes, skin: Skin) -> F64:
    """Return how far below the lower margin the closed edge lies: a parabola under all that is still eye."""
    depth = np.arange(0.0, 0.13, max(0.006, 0.5 * eye.px))
    rows = eye.along(eye.lower, depth).astype(np.float64)
    of_skin = np.maximum(skin.below @ LUMA, 8.0)
    under_iris = (rows @ LUMA / of_skin[None] < 0.5) & (np.abs(eye.x) < 0.5)[None]
    reach = np.minimum(connected_depth(is_eye(rows, skin.below[None]) | under_iris, depth, 0.065), 0.05)
    within = np.abs(eye.x) < 0.9
    fitted = np.polyval(np.polyfit(eye.x[within], reach[within], 2), np.clip(eye.x, -1.0, 1.0))
    fitted = fitted + max(float(np.percentile((reach - fitted)[within], 75)), 0.0)
    return np.clip(fitted, 0.0, MAX_DROP_IOD) * smoothstep(1.15 - np.abs(eye.x), 0.0, 0.25) + EDGE_DROP_IOD


def _colours(eye: EyeAxes, skin: Skin, above: Plate, top: F64, lashes: Lashes, per_iod: float) -> F64:
    """Return the lid's colours from its top, where they meet the photo, to its edge: (COLOUR_ROWS, COLUMNS, 3)."""
    edge = above.row(ABOVE_FROM_IOD, top, eye.u, per_iod, 0.02)
    light = (edge @ LUMA)[:, None]
    edge = smooth_columns(
        edge * np.clip(light, 0.92 * skin.light[:, None], 1.12 * skin.light[:, None]) / np.maximum(light, 1), 3
    )
    edge = in_hue(edge, skin.hue, share=0.5, least=0.0)
    middle = np.maximum(skin.lid, 1.0) ** 0.85 * np.maximum(edge, 1.0) ** 0.15
    t = np.linspace(0.0, 1.0, COLOUR_ROWS)[:, None, None]
    base = edge + smoothstep(t, 0.0, 0.55) * (middle - edge)
    base = base + 0.25 * smoothstep(t, 0.6, 1.0) * (skin.below - base)
    return _near_skin(base * _eyeball_shade(eye, lashes.contrast)[..., None], skin, eye)


def _eyeball_shade(eye: EyeAxes, contrast: float) -> F64:
    """Return the brightness that the curve of the eyeball gives a lid, (COLOUR_ROWS, COLUMNS)."""
    t, x = np.linspace(0.0, 1.0, COLOUR_ROWS)[:, None], eye.x[None]
    strength = float(np.clip(0.09 + 0.16 * (contrast - 0.5), 0.06, 0.13))
    across = np.exp(-(((t - 0.52) / 0.27) ** 2)) * (1.1 - 0.6 * np.clip(x * x, 0.0, 1.5)) - 0.28
    shade: F64 = 1.0 + strength * across - 0.12 * smoothstep(t, 0.8, 1.02) - 0.06 * smoothstep(np.abs(x), 0.6, 1.05)
    return shade


def _near_skin(colours: F64, skin: Skin, eye: EyeAxes) -> F64:
    """Bring the colours of the lid's middle near those of the skin above it."""
    rows = slice(COLOUR_ROWS // 4, COLOUR_ROWS * 4 // 5)
    inner = smoothstep(np.linspace(0.0, 1.0, COLOUR_ROWS), 0.0, 0.4)[:, None, None]
    for _ in range(3):
        ours = colours[rows][:, eye.middle].reshape(-1, 3).mean(axis=0)
        theirs = skin.tone[eye.middle].mean(axis=0)
        away = float(np.linalg.norm(to_lab(ours) - to_lab(theirs)))
        if away <= MOST_LAB_AWAY:
            break
        share = 1.0 - MOST_LAB_AWAY / away
        colours = colours * (1.0 + inner * share * (theirs / np.maximum(ours, 1.0) - 1.0))
    return np.clip(colours, 0.0, 255.0)


def _widening(eye: EyeAxes, skin: Skin) -> float:
    """Return by how much the white reaches beyond the mesh's outer corner, at least 1: large eyes of drawings."""
    pixels = eye.along(eye.upper, np.linspace(-0.02, 0.025, 8)).astype(np.float64)
    white = is_eye(pixels, skin.below[None]).mean(axis=0)
    outside = eye.x * eye.outer
    wide = 1.0
    for first, last, factor in ((1.02, 1.13, 1.10), (1.13, 1.25, 1.20)):
        columns = (outside > first) & (outside < last)
        if not columns.any() or white[columns].mean() <= 0.35:
            break
        wide = factor
    return wide


def _crease(eye: EyeAxes, top: F64) -> float:
    """Return the depth of the crease to paint, 0-0.2: that of the image where the lid covers the image's own."""
    fold = np.maximum(eye.upper - eye.fold, 0.02)[eye.middle].mean()
    covered = float(smoothstep(top[eye.middle].mean() / fold, 0.85, 1.05))
    light = eye.along(eye.fold, -np.linspace(0.0, 0.05, 7)) @ LUMA
    lit = float(np.percentile(light[:, eye.inside], 60))
    dark = 1.0 - float(np.percentile(light[:3, eye.inside], 20)) / max(lit, 1.0)
    return covered * float(np.clip(dark, 0.04, 0.20))
