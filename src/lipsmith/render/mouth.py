"""Painting of the inside of the mouth: teeth, tongue and cavity between the lips, in the light of the face.

A mouth that is open in the photo keeps its own teeth while they are visible and the target opening is similar. All else
is painted. Only upper teeth are painted; they are fixed to the skull. Lower teeth were tried: painted ones look like a
grey line along the lip, and those of the photo look clenched. Colours come from the photo: the skin and lips around,
the whites of the eyes, the person's own teeth if they show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame, smoothstep
from lipsmith.face.layout import (
    INNER_LOWER,
    INNER_UPPER,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_LIP_RINGS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_LIP_RINGS,
)
from lipsmith.media.clip import F32, U8
from lipsmith.render.mouth_kernels import ARCH_RISE, paint_interior
from lipsmith.render.opening import View
from lipsmith.render.warp import Source

LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Weights of BT.709 luminance; accurate enough to separate dark from bright."""
WARM = np.array([1.06, 0.99, 0.86])
"""Colour of teeth in neutral light, relative to grey."""
INCISAL_EDGE_IOD = 0.082
"""Lower edge of the upper front teeth, below the line where the lips meet at rest."""
MAX_TOOTH_IOD = 0.20
"""An upper incisor is about 10.5 mm long, and a broad smile shows a little of the gum above it."""
CHEEKS = (50, 205, 101, 280, 425, 330)
"""Mesh points on the cheeks, three a side, where the colour of the skin is read."""
OWN_TEETH_OVER_SKIN = 1.05
"""Highest brightness of the photo's own teeth, relative to the cheeks."""
PAINTED_NEAR_OWN_IOD = 0.015
"""Painted teeth fill gaps of the photo's own teeth within this distance; beyond it they would look double."""
OWN_MOUTH_MIN_GAP_IOD = 0.05
"""Mouths open by less than this in the photo show too little of their inside to keep it."""


@dataclass(frozen=True, kw_only=True)
class OwnMouth:
    """Inside of the mouth in the photo, at the scale of the enlarged source."""

    whole: U8
    """(h, w) 0-255: opacity of the photo's own mouth interior."""
    teeth: U8
    """(h, w) 0-255: opacity of its teeth alone."""
    around: U8
    """(h, w) 0-255: its teeth and a little around them, where painted teeth may fill gaps of the mask."""
    origin: tuple[int, int]
    """Column and row of the masks' first pixel in the enlarged source."""
    tooth: F64
    """(3,) RGB 0-255: colour of its well-lit teeth."""
    incisal_iod: float
    """Lower edge of its upper teeth, IOD below the inner edge of the upper lip."""


@dataclass(frozen=True, kw_only=True)
class MouthLook:
    """Colours and light of one person's mouth, and the photo's own teeth if they show."""

    tooth: F32
    """(3,) RGB 0-255 of a well-lit front tooth."""
    tongue: F32
    cavity: F32
    gum: F32
    line: F32
    """(3,) colour of the shadow where the lips touch."""
    light: tuple[float, float]
    """Brightness at the left and right end of the mouth in the image, relative to its middle."""
    incisal_iod: float
    """Lower edge of the upper teeth, IOD below the inner edge of the upper lip in the photo."""
    own: OwnMouth | None
    """The photo's own mouth interior; None if it is not worth keeping."""
    shadow_tint: tuple[float, float, float]
    """Exponents of a shadow for R, G and B: light inside a mouth is reflected by lips and gums, so its shadows are
    warm."""
    own_light: float
    """Factor for the photo's own mouth interior."""
    own_gap_iod: float
    """Opening of the mouth in the photo, IOD."""


def read_look(rgb: U8, points: F64, *, grey: bool, source: Source) -> MouthLook:
    """Read colours and light from the photo."""
    frame = HeadFrame.of(points)
    lips = frame.to_head(points)[[13, 14]]
    gap_iod = float(np.linalg.norm(lips[1] - lips[0]))
    skin = median_at(rgb, points[list(CHEEKS), :2], 0.10 * frame.iod_px)
    lip = _lip_colour(rgb, points)
    white = _eye_white(rgb, points)
    own = _own_mouth(rgb, points, frame, gap_iod, skin, source)
    tooth = own.tooth if own else _tooth_colour(skin, white)
    # Teeth in a smile are brighter than behind speaking lips.
    own_light = float(np.clip(OWN_TEETH_OVER_SKIN * (skin @ LUMA) / max(tooth @ LUMA, 1.0), 0.84, 1.0)) if own else 1.0
    tooth = tooth * own_light
    tongue = (0.62 * lip + 0.38 * np.array([1.0, 0.60, 0.66]) * skin * 0.9) * 1.05
    cavity = 0.36 * lip + np.array([6.0, 0.0, 0.0])
    gum = 0.5 * lip + 0.5 * np.array([0.92, 0.62, 0.62]) * skin
    colours = [tooth, tongue, cavity, gum, 0.42 * lip]
    if grey:
        colours = [np.repeat(colour @ LUMA, 3) for colour in colours]
    left, right = (
        median_at(rgb, points[list(side), :2], 0.10 * frame.iod_px) @ LUMA for side in (CHEEKS[:3], CHEEKS[3:])
    )
    mean = max((left + right) / 2, 1.0)
    incisal_iod = own.incisal_iod if own else INCISAL_EDGE_IOD + min(0.35 * gap_iod, 0.05)
    return MouthLook(
        tooth=colours[0].astype(np.float32),
        tongue=colours[1].astype(np.float32),
        cavity=colours[2].astype(np.float32),
        gum=colours[3].astype(np.float32),
        line=colours[4].astype(np.float32),
        light=(float(np.clip(left / mean, 0.6, 1.35)), float(np.clip(right / mean, 0.6, 1.35))),
        incisal_iod=incisal_iod,
        own=own,
        shadow_tint=(1.0, 1.0, 1.0) if grey else (0.78, 1.0, 1.12),
        own_light=own_light,
        own_gap_iod=gap_iod,
    )


def paint_mouth(view: View, look: MouthLook, channels: Mapping[str, float], gap_iod: float, skull: F64) -> None:
    """Paint the inside of the mouth into ``view.pixels``.

    ``gap_iod``: target opening; ``skull``: (2,) u and v in the view of the photo's lower edge of the upper lip, moved
    by the head alone.
    """
    shape = view.pixels.shape[:2]
    own_alpha, painted_alpha = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    if look.own:
        at = view.own_positions - np.array(look.own.origin, dtype=np.float32)
        whole = cv2.remap(look.own.whole, at, None, cv2.INTER_LINEAR)
        teeth = cv2.remap(look.own.teeth, at, None, cv2.INTER_LINEAR)
        # Only the teeth stay in a mouth opened further than in the photo, or without its smile: the rest would float.
        undone = max(1.0 - channels["smile"] - 0.4, channels["pucker"])
        beyond = np.float32(max(smoothstep(gap_iod / look.own_gap_iod, 1.0, 1.35), smoothstep(undone, 0.2, 0.5)))
        own_alpha = (whole * (1 - beyond) + teeth * beyond) / np.float32(255.0)
        painted_alpha = cv2.remap(look.own.around, at, None, cv2.INTER_LINEAR) / np.float32(255.0)
    # The inside of a parted mouth lies on the edges of the lips, and would appear as flecks when they touch.
    contact = 0.5 * float(smoothstep(look.own_gap_iod, 0.010, 0.025))
    # A narrow gap lets little light in. Teeth on the lower lip are lit.
    lit = max(float(smoothstep(gap_iod, 0.01, 0.10)), 0.9 * channels["tuck"])
    # Rounded lips are further from the teeth, which end higher behind them and lie in their shadow.
    rounded = channels["pucker"]
    paint_interior(
        view.pixels,
        view.own,
        own_alpha,
        painted_alpha,
        view.edges,
        view.softness,
        np.stack([look.tooth, look.tongue, look.cavity, look.gum, look.line]),
        np.array(
            [
                *look.light,
                0.5 + 0.5 * lit,
                channels["tongue"],
                contact,
                look.incisal_iod - 0.022 * rounded,
                1.0 - 0.20 * rounded,
                look.own_light,
                *look.shadow_tint,
            ],
            dtype=np.float32,
        ),
        skull.astype(np.float32),
    )


def _tooth_colour(skin: F64, white: F64) -> F64:
    luminance = float(np.clip(1.10 * max(white @ LUMA, skin @ LUMA), 45, 235))
    warm = WARM / (WARM @ LUMA)
    eye = white / max(white @ LUMA, 1.0)
    tint = 0.65 * warm + 0.35 * eye
    return np.clip(luminance * tint / (tint @ LUMA), 0, 250)


def median_at(rgb: U8, centres: F64, radius_px: float) -> F64:
    """Return the median colour of small squares around points. Points outside the image are left out."""
    height, width = rgb.shape[:2]
    radius = max(1, round(radius_px))
    samples = []
    for x, y in np.round(centres).astype(int):
        region = rgb[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
        if 0 <= x < width and 0 <= y < height and region.size:
            samples.append(region.reshape(-1, 3))
    if not samples:
        return np.array([150.0, 120.0, 105.0])
    return np.median(np.concatenate(samples), axis=0)


def _polygon_mask(size: tuple[int, ...], outline: F64) -> U8:
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return mask


def _lip_colour(rgb: U8, points: F64) -> F64:
    size = rgb.shape[:2]
    outside = [*UPPER_LIP_RINGS[0], *LOWER_LIP_RINGS[0][-2:0:-1]]
    inside = [*INNER_UPPER, *INNER_LOWER[-2:0:-1]]
    lips = (_polygon_mask(size, points[outside, :2]) > 127) & (_polygon_mask(size, points[inside, :2]) < 64)
    if lips.sum() < 8:
        return median_at(rgb, points[[0, 17], :2], 2)
    return np.median(rgb[lips], axis=0)


def _eye_white(rgb: U8, points: F64) -> F64:
    """Return the colour of the brighter part of the eyes."""
    found = []
    for upper, lower in ((LEFT_UPPER_LID, LEFT_LOWER_LID), (RIGHT_UPPER_LID, RIGHT_LOWER_LID)):
        outline = points[[*upper, *lower[-2:0:-1]], :2]
        found.append(rgb[_polygon_mask(rgb.shape[:2], outline) > 200])
    pixels = np.concatenate(found).astype(np.float64)
    if len(pixels) < 8:
        return np.array([170.0, 165.0, 160.0])
    luminance = pixels @ LUMA
    return np.median(pixels[luminance >= np.percentile(luminance, 80)], axis=0)


def _own_mouth(rgb: U8, points: F64, frame: HeadFrame, gap_iod: float, skin: F64, source: Source) -> OwnMouth | None:
    """Return the photo's own mouth interior if it is open enough and shows teeth."""
    if gap_iod < OWN_MOUTH_MIN_GAP_IOD:
        return None
    outline = points[[*INNER_UPPER, *INNER_LOWER[-2:0:-1]], :2]
    margin = 0.1 * frame.iod_px
    low = np.maximum(np.floor(outline.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(outline.max(axis=0) + margin), [rgb.shape[1], rgb.shape[0]]).astype(int)
    if (high - low < 4).any():
        return None
    origin = (low - [source.left, source.top]) * source.scale
    end = (high - [source.left, source.top]) * source.scale
    large = source.pixels[origin[1] : end[1], origin[0] : end[0]]
    inside = _polygon_mask(large.shape[:2], source.place(outline) - origin)
    teeth = tooth_share(large.astype(np.float64), skin)
    shown = float(teeth[inside > 127].mean()) if (inside > 127).any() else 0.0
    if shown < 0.30 or (gap_iod < 0.16 and shown < 0.45):
        return None  # half open without clear teeth: the painted interior looks better
    tooth = np.percentile(large[(inside > 127) & (teeth > 0.6)], 70, axis=0).astype(np.float64)
    across, down = _skull_coordinates(large.shape[:2], points, frame, source, origin)
    incisal_iod = _incisal_edge(teeth * (inside > 127), large @ LUMA, across, down, gap_iod)
    # All below the upper teeth belongs to the jaw: lower teeth that do not move would look clenched.
    upper = 1.0 - smoothstep(down + ARCH_RISE * across**2, incisal_iod, incisal_iod + 0.02)
    sigma = max(0.3, 0.006 * frame.iod_px) * source.scale
    feathered = cv2.GaussianBlur(cv2.erode(inside, np.ones((3, 3), np.uint8)), (0, 0), sigma) * upper
    shown_teeth = cv2.GaussianBlur((feathered * teeth).astype(np.uint8), (0, 0), sigma)
    reach_px = max(1, round(PAINTED_NEAR_OWN_IOD * frame.iod_px * source.scale))
    around = cv2.dilate(shown_teeth, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach_px + 1,) * 2))
    return OwnMouth(
        whole=np.asarray(feathered, np.uint8),
        teeth=np.asarray(shown_teeth, np.uint8),
        around=np.asarray(cv2.GaussianBlur(around, (0, 0), 0.5 * reach_px), np.uint8),
        origin=(int(origin[0]), int(origin[1])),
        tooth=tooth,
        incisal_iod=incisal_iod,
    )


def _skull_coordinates(
    size: tuple[int, ...], points: F64, frame: HeadFrame, source: Source, origin: NDArray[np.int64]
) -> tuple[F64, F64]:
    """Return the place of each pixel from the middle of the upper lip's inner edge, right and down, (h, w) IOD."""
    middle = source.place(points[list(INNER_UPPER[3:8]), :2].mean(axis=0)[None])[0] - origin
    rows, columns = np.mgrid[: size[0], : size[1]]
    (a, b), (c, d) = (frame.rotation[:2, :2] * frame.iod_px * source.scale).tolist()
    x, y = columns - middle[0], rows - middle[1]
    return (d * x - c * y) / (a * d - b * c), (a * y - b * x) / (a * d - b * c)


def _incisal_edge(teeth: F64, luminance: F64, across: F64, down: F64, gap_iod: float) -> float:
    """Return the lower edge of the photo's front teeth, IOD below the inner edge of the upper lip.

    The edge is where teeth end, or the dark line above the lower teeth.
    """
    luminance = cv2.GaussianBlur(luminance, (0, 0), 1.0)
    steps = np.arange(0.0, gap_iod, 0.004)
    ends = []
    for place in np.linspace(-0.12, 0.12, 13):
        near = (np.abs(across - place) < 0.012) & (down >= 0) & (down < gap_iod)
        if near.sum() < 3:
            continue
        order = np.argsort(down[near])
        tooth = np.interp(steps, down[near][order], teeth[near][order])
        light = np.interp(steps, down[near][order], luminance[near][order])
        shown = np.flatnonzero(tooth > 0.5)
        runs = np.split(shown, np.flatnonzero(np.diff(shown) > 5) + 1)
        upper = [run for run in runs if len(run) and run[0] < 0.5 * len(steps)]  # the others are lower teeth
        if not upper:
            continue
        run = max(upper, key=len)
        inner = run[len(run) * 2 // 5 : len(run) * 9 // 10]
        if len(inner) and light[inner].min() < 0.92 * np.median(light[run]):
            run = run[: len(run) * 2 // 5 + int(np.argmin(light[inner])) + 1]
        ends.append(float(steps[run[-1]]))
    return float(np.clip(np.median(ends) if ends else INCISAL_EDGE_IOD, 0.05, MAX_TOOTH_IOD))


def tooth_share(rgb: F64, skin: F64) -> F64:
    """Return how far colours are those of teeth, 0-1: bright and of little colour, relative to the skin."""
    luminance = rgb @ LUMA
    colour = (rgb.max(axis=-1) - rgb.min(axis=-1)) / np.maximum(rgb.max(axis=-1), 1.0)
    skin_colour = float((skin.max() - skin.min()) / max(skin.max(), 1.0))
    bright = smoothstep(luminance / max(skin @ LUMA, 1.0), 0.55, 0.80)
    plain = 1.0 - smoothstep(colour, max(0.25, 0.75 * skin_colour), max(0.45, 1.2 * skin_colour))
    return bright * plain
