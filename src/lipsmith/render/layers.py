"""Separation of a photo into person and background, so that the background stays while the head moves.

The photo is taken as ``a * foreground + (1 - a) * background`` (Porter and Duff 1984). The matte of the network is
refined along the edges of the photo by a guided filter (He, Sun and Tang 2010); the background behind the person's edge
is filled once. Without motion, both layers together are the photo again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, smoothstep
from lipsmith.face.layout import FACE_OVAL
from lipsmith.media.clip import F32, U8
from lipsmith.render.kernel import kernel
from lipsmith.render.matte import Matte
from lipsmith.render.nearest import nearest_of

REACH_IOD = 0.40
"""Longest way of the person's edge in either direction."""
_HEAD_IOD = 2.6
"""Distance from the nose bridge within which the matte has to be sure."""
_EDGE_IOD = 0.08
"""Distance from the matte's edge beyond which the person is solid, or absent."""
_CONTRAST = (18.0, 60.0)
"""Difference of person and background, levels, from which their colours tell the edge, and at which they do alone."""
_OUTLINE_DARKER, _OUTLINE_REACH_IOD = (35.0, 75.0), 0.14
"""Levels by which an outline is darker than both sides, and its largest distance from the matte's edge."""
_ALPHA_SOFT_PX = 0.6
_MAX_SOFT_IOD = 0.16
"""Mean width of the matte's edge beyond which it is a guess and no edge."""
_WORKING_IOD_PX = 64.0
"""Eye distance at which the matte is refined and the background is filled."""
_BACKGROUND, _EDGE, _PERSON = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Person and background of a rectangle of the photo."""

    left: int
    """Column of the photo at which the rectangle starts."""
    top: int
    foreground: U8
    """(h, w, 3) RGB; the person's colours, continued beyond its edge."""
    background: U8
    """(h, w, 3) RGB; the photo without the person, as far as `REACH_IOD` behind its edge."""
    alpha: U8
    """(h, w) opacity of the person, 0-255."""
    zones: U8
    """(h, w): 0 where frames always show the background, 2 where they always show the person, 1 between."""


def has_clear_edge(matte: Matte, points: F64, size: tuple[int, int], iod_px: float) -> bool:
    """Tell whether the matte covers the face, and has an edge that is narrow for most of its length near the head.

    ``points``: (478, 3) mesh of the face, pixels; ``size``: width, height of the photo.
    """
    x, y = points[168, :2]
    reach = _HEAD_IOD * iod_px
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    rect = (left, top, min(size[0], int(x + reach) + 1), min(size[1], int(y + reach) + 1))
    scale = min(1.0, _WORKING_IOD_PX / iod_px)
    shape = (max(8, round((rect[2] - left) * scale)), max(8, round((rect[3] - top) * scale)))
    near = matte.within(rect, shape)
    face = _face_mask(points, rect, shape) > 0
    if not face.any() or float(near[face].mean()) < 0.85:
        return False
    contours, _ = cv2.findContours((near > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    length = sum(cv2.arcLength(contour, False) for contour in contours)
    soft = float(((near > 0.15) & (near < 0.85)).sum())
    return length > 0 and soft / length < _MAX_SOFT_IOD * iod_px * scale


def split_layers(rgb: U8, matte: Matte, points: F64, rect: tuple[int, int, int, int], iod_px: float) -> Layers:
    """Separate the rectangle ``rect`` (left, top, right, bottom) of a photo; arguments as in `has_clear_edge`."""
    left, top, right, bottom = rect
    own = np.ascontiguousarray(rgb[top:bottom, left:right])
    scale = min(1.0, _WORKING_IOD_PX / iod_px)
    size = (max(8, round(own.shape[1] * scale)), max(8, round(own.shape[0] * scale)))
    small = cv2.resize(own, size, interpolation=cv2.INTER_AREA)
    working_iod = iod_px * size[0] / own.shape[1]
    coarse = matte.within(rect, size)
    face = _face_mask(points, rect, size)
    gain, offset = _guided(small, coarse, working_iod)
    luma = np.asarray(cv2.cvtColor(own, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255)
    whole = (own.shape[1], own.shape[0])
    fine = luma * cv2.resize(gain, whole) + cv2.resize(offset, whole)
    away = cv2.resize(_signed_distance(coarse, working_iod), whole)
    away[cv2.resize(face, whole) > 0.5] = -1.0
    guided = smoothstep(fine.astype(np.float64), 0.12, 0.88).astype(np.float32)
    background = _filled(own, (away > _EDGE_IOD), scale)
    person = _filled(own, (away < -_EDGE_IOD), scale)
    outline = _outline(luma, person, background, away)
    if (outline > 0.5).any():
        seen = cv2.dilate((outline > 0.1).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
        background = _filled(own, (away > _EDGE_IOD) & seen, scale)
    alpha = _unmixed(own, person, background, guided)
    soft = np.clip((_EDGE_IOD - away) / (0.4 * _EDGE_IOD), 0.0, 1.0), np.clip(-away / _EDGE_IOD, 0.0, 1.0)
    alpha = np.maximum(np.maximum(alpha * soft[0], soft[1]), outline)
    alpha = cv2.GaussianBlur(alpha, (0, 0), _ALPHA_SOFT_PX)  # samples lie between the photo's pixels
    foreground = _own_colours(own, alpha, person, background)
    shown = np.round(alpha * 255).astype(np.uint8)
    return Layers(
        left=left,
        top=top,
        foreground=foreground,
        background=background,
        alpha=shown,
        zones=_zones(shown, REACH_IOD * iod_px),
    )


def compose(
    patch: U8, rect: tuple[int, int, int, int], where: NDArray[np.int16], layers: Layers, source_scale: int
) -> None:
    """Put the background behind a drawn person, in place.

    ``patch``: (h, w, 3) at ``rect``, sampled at ``where``, (h, w, 2) whole positions in the enlarged foreground, which
    starts at the same pixel as the layers.
    """
    _compose(
        patch,
        where,
        np.array([rect[0] - layers.left, rect[1] - layers.top, source_scale], np.int32),
        layers.background,
        layers.alpha,
        layers.zones,
    )


def _face_mask(points: F64, rect: tuple[int, int, int, int], size: tuple[int, int]) -> F32:
    scale = [size[0] / (rect[2] - rect[0]), size[1] / (rect[3] - rect[1])]
    outline = (points[list(FACE_OVAL), :2] - [rect[0], rect[1]]) * scale
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    return mask.astype(np.float32)


def _guided(rgb: U8, matte: F32, iod: float) -> tuple[F32, F32]:
    """Return the local linear relation of matte and luma: matte = gain * luma + offset, luma 0-1."""
    guide = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255)
    side = 2 * max(2, round(0.05 * iod)) + 1

    def mean(values: NDArray[Any]) -> F32:
        return np.asarray(cv2.blur(values, (side, side)), np.float32)

    guide_mean, matte_mean = mean(guide), mean(matte)
    covariance = mean(guide * matte) - guide_mean * matte_mean
    variance = mean(guide * guide) - guide_mean * guide_mean
    gain = covariance / (variance + np.float32(1e-3))
    return mean(gain), mean(np.asarray(matte_mean - gain * guide_mean, np.float32))


def _signed_distance(matte: F32, iod: float) -> F32:
    """Return the distance of every cell to the person's edge, IOD; negative inside."""
    person = (matte > 0.5).astype(np.uint8)
    inside = cv2.distanceTransform(person, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - person, cv2.DIST_L2, 5)
    return np.asarray((outside - inside) / iod, np.float32)


def _unmixed(rgb: U8, person: U8, background: U8, guided: F32) -> F32:
    """Return the opacity that mixes the two colours to the photo's; the guided matte where they are alike."""
    behind = background.astype(np.float32)
    towards = person.astype(np.float32) - behind
    contrast = np.linalg.norm(towards, axis=2)
    share = ((rgb - behind) * towards).sum(axis=2) / np.maximum(contrast * contrast, 1.0)
    sure = smoothstep(contrast.astype(np.float64), *_CONTRAST).astype(np.float32)
    found = smoothstep(share.astype(np.float64), 0.10, 0.90).astype(np.float32)
    return guided + sure * (found - guided)


def _outline(luma: F32, person: U8, background: U8, away: F32) -> F32:
    """Return the opacity of dark lines round a drawn person, and of strands of hair before a bright background.

    They are darker than both sides, so that they are no mixture of the two.
    """
    sides = np.minimum(*(cv2.cvtColor(side, cv2.COLOR_RGB2GRAY) for side in (person, background))).astype(np.float64)
    darker = smoothstep(sides - 255.0 * luma, *_OUTLINE_DARKER)
    near = np.clip((_OUTLINE_REACH_IOD - np.abs(away)) / (0.4 * _OUTLINE_REACH_IOD), 0.0, 1.0)
    return np.asarray(darker * near, np.float32)


def _own_colours(rgb: U8, alpha: F32, person: U8, background: U8) -> U8:
    """Return the person's colours: the photo's without its background, and continued where that shows."""
    part = alpha[..., None]
    pure = (rgb - (1 - part) * background) / np.maximum(part, 0.3)
    mixed = person + np.clip(part / 0.3, 0, 1) * (pure - person)
    return np.asarray(np.clip(np.round(mixed), 0, 255), np.uint8)


def _filled(rgb: U8, known: NDArray[np.bool_], scale: float) -> U8:
    """Return the photo with unknown pixels filled from known ones, whose structures go on into them."""
    if known.all() or not known.any():
        return rgb
    size = (max(8, round(rgb.shape[1] * scale)), max(8, round(rgb.shape[0] * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    sure = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.999
    if not sure.any():
        return rgb
    reach = REACH_IOD * _WORKING_IOD_PX
    distance, nearest = nearest_of(sure)
    continued = small.reshape(-1, 3)[nearest]
    far = cv2.GaussianBlur(continued, (0, 0), 0.25 * reach)
    share = np.clip(distance / reach, 0, 1)[..., None]
    near = cv2.GaussianBlur(continued, (0, 0), 1.5)
    filled = np.where(sure[..., None], small, near + share * (far.astype(np.float32) - near)).astype(np.uint8)
    large = cv2.resize(filled, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(known.astype(np.float32), (0, 0), 1.0)[..., None]
    return np.asarray(np.where(known[..., None], large + soft * (rgb - large.astype(np.float32)), large), np.uint8)


def _zones(alpha: U8, reach_px: float) -> U8:
    solid = cv2.distanceTransform((alpha == 255).astype(np.uint8), cv2.DIST_L2, 5) > reach_px
    absent = cv2.distanceTransform((alpha == 0).astype(np.uint8), cv2.DIST_L2, 5) > reach_px
    zones = np.full(alpha.shape, _EDGE, np.uint8)
    zones[solid] = _PERSON
    zones[absent] = _BACKGROUND
    return zones


@kernel
def _compose(
    patch: NDArray[np.uint8],
    where: NDArray[np.int16],
    place: NDArray[np.int32],
    background: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    zones: NDArray[np.uint8],
) -> None:
    height, width = alpha.shape
    scale = place[2]
    rest = scale * scale
    for row in range(patch.shape[0]):
        y = row + place[1]
        for column in range(patch.shape[1]):
            x = column + place[0]
            zone = zones[y, x]
            if zone == _PERSON:
                continue
            if zone == _BACKGROUND:
                for c in range(3):
                    patch[row, column, c] = background[y, x, c]
                continue
            # Bilinear between the photo's pixels; positions count from the enlarged copy's first pixel.
            at_x = 2 * where[row, column, 0] + 1 - scale
            at_y = 2 * where[row, column, 1] + 1 - scale
            step = 2 * scale
            ix, iy = at_x // step, at_y // step
            tx, ty = at_x - ix * step, at_y - iy * step
            x0, x1 = min(max(ix, 0), width - 1), min(max(ix + 1, 0), width - 1)
            y0, y1 = min(max(iy, 0), height - 1), min(max(iy + 1, 0), height - 1)
            above = (step - tx) * alpha[y0, x0] + tx * alpha[y0, x1]
            below = (step - tx) * alpha[y1, x0] + tx * alpha[y1, x1]
            share = ((step - ty) * above + ty * below) / np.float32(4 * rest * 255)
            for c in range(3):
                behind = np.float32(background[y, x, c])
                value = behind + share * (np.float32(patch[row, column, c]) - behind)
                patch[row, column, c] = np.uint8(value + np.float32(0.5))
