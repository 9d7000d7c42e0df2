"""The inside of the mouth: teeth, tongue and cavity, painted between the lips, lit as the face is.

A mouth that was open in the picture keeps its own teeth as long as they are visible and the asked opening resembles
the picture's; everything else is made. Teeth are the upper ones and belong to the skull; lower ones, tried, read as a
grey line along the lip when made, and as clenched when the picture's own. Colours come from the picture itself: the
skin and lips around, the whites of the eyes, the person's own teeth if they show.
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
from lipsmith.render.kernel import kernel
from lipsmith.render.opening import View, edges_at
from lipsmith.render.warp import Source

LUMA = np.array([0.2126, 0.7152, 0.0722])
"""BT.709 luminance of linear-ish RGB; good enough for telling dark from bright."""
WARM = np.array([1.06, 0.99, 0.86])
"""Colour of teeth in neutral light, relative to grey."""
INCISAL_EDGE_IOD = 0.082
"""The upper front teeth end this far below the line where the lips meet at rest."""
LONGEST_TOOTH_IOD = 0.20
"""An upper incisor is about 10.5 mm long, and a broad smile shows a little of the gum above it."""
ARCH_RISE = 0.16
"""Teeth further from the middle end higher, by this much per squared IOD."""
CHEEKS = (50, 205, 101, 280, 425, 330)
"""Mesh points on the cheeks, three a side, where the skin's colour is read."""
OWN_TEETH_OVER_SKIN = 1.05
"""Brightness of the picture's own teeth that is kept, relative to the cheeks."""
MADE_BESIDE_OWN_IOD = 0.015
"""Made teeth fill what the picture's own leave out up to this far from them; further away they would be double."""
OWN_MOUTH_LEAST_GAP_IOD = 0.05
"""Mouths open by less than this in the picture show too little of their inside to keep it."""


@dataclass(frozen=True, kw_only=True)
class OwnMouth:
    """What a picture shows of the inside of its mouth, at the enlarged source's scale."""

    whole: U8
    """(h, w) 0-255: how far the picture's own mouth interior is kept."""
    teeth: U8
    """(h, w) 0-255: the same for its teeth alone."""
    around: U8
    """(h, w) 0-255: its teeth and a little around them, where made ones may fill what the mask leaves out."""
    origin: tuple[int, int]
    """Column and row of the masks' first pixel in the enlarged source."""
    tooth: F64
    """(3,) RGB 0-255: colour of its well-lit teeth."""
    incisal_iod: float
    """Where its upper teeth end, IOD below the inner edge of the upper lip."""


@dataclass(frozen=True, kw_only=True)
class MouthLook:
    """Colours and lighting of one person's mouth, and the picture's own teeth if it shows some."""

    tooth: F32
    """(3,) RGB 0-255 of a well-lit front tooth."""
    tongue: F32
    cavity: F32
    gum: F32
    line: F32
    """(3,) colour of the shadow where the lips touch."""
    light: tuple[float, float]
    """Brightness at the picture's left and right end of the mouth, relative to its middle."""
    incisal_iod: float
    """Where the upper teeth end, IOD below the inner edge of the upper lip in the picture."""
    own: OwnMouth | None
    """The picture's own mouth interior; None where it shows none worth keeping."""
    shadow_tint: tuple[float, float, float]
    """Powers of a shadow for R, G and B: light inside a mouth comes off lips and gums, so shadows there are warm."""
    own_light: float
    """Factor for the picture's own mouth interior."""
    own_gap_iod: float
    """The picture's own opening, IOD."""


def read_look(rgb: U8, points: F64, *, grey: bool, source: Source) -> MouthLook:
    """Reads colours and light from the picture."""
    frame = HeadFrame.of(points)
    lips = frame.to_head(points)[[13, 14]]
    gap_iod = float(np.linalg.norm(lips[1] - lips[0]))
    skin = median_at(rgb, points[list(CHEEKS), :2], 0.10 * frame.iod_px)
    lip = _lip_colour(rgb, points)
    white = _eye_white(rgb, points)
    own = _own_mouth(rgb, points, frame, gap_iod, skin, source)
    tooth = own.tooth if own else _made_tooth(skin, white)
    # Teeth lit for a smile are brighter than speaking lips leave them.
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
    """Paints what lies between the lips into ``view.pixels``.

    ``gap_iod``: the asked opening; ``skull``: (2,) u and v in the view of the point where the picture's upper lip
    ends, carried by the head alone.
    """
    shape = view.pixels.shape[:2]
    own_alpha, made_alpha = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    if look.own:
        at = view.own_positions - np.array(look.own.origin, dtype=np.float32)
        whole = cv2.remap(look.own.whole, at, None, cv2.INTER_LINEAR)
        teeth = cv2.remap(look.own.teeth, at, None, cv2.INTER_LINEAR)
        # A mouth opened further than in the picture, or with its smile undone, keeps the teeth only: the rest would
        # float.
        undone = max(1.0 - channels["smile"] - 0.4, channels["pucker"])
        beyond = np.float32(max(smoothstep(gap_iod / look.own_gap_iod, 1.0, 1.35), smoothstep(undone, 0.2, 0.5)))
        own_alpha = (whole * (1 - beyond) + teeth * beyond) / np.float32(255.0)
        made_alpha = cv2.remap(look.own.around, at, None, cv2.INTER_LINEAR) / np.float32(255.0)
    # What a parted mouth shows between its lips lies on their edges, and would show as flecks once they touch.
    contact = 0.5 * float(smoothstep(look.own_gap_iod, 0.010, 0.025))
    # Little light falls through a narrow gap; but teeth on the lower lip stand in the light.
    lit = max(float(smoothstep(gap_iod, 0.01, 0.10)), 0.9 * channels["tuck"])
    # Rounded lips stand off the teeth: these end higher behind them and lie in their shadow.
    rounded = channels["pucker"]
    _paint(
        view.pixels,
        view.own,
        own_alpha,
        made_alpha,
        view.u,
        view.upper,
        view.lower,
        view.to_local,
        max(view.softness, 0.004),
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


def _made_tooth(skin: F64, white: F64) -> F64:
    luminance = float(np.clip(1.10 * max(white @ LUMA, skin @ LUMA), 45, 235))
    warm = WARM / (WARM @ LUMA)
    eye = white / max(white @ LUMA, 1.0)
    tint = 0.65 * warm + 0.35 * eye
    return np.clip(luminance * tint / (tint @ LUMA), 0, 250)


def median_at(rgb: U8, centres: F64, radius_px: float) -> F64:
    """Median colour of small squares around points; points outside the picture are left out."""
    height, width = rgb.shape[:2]
    radius = max(1, round(radius_px))
    split_text = []
    for x, y in np.round(centres).astype(int):
        region = rgb[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
        if 0 <= x < width and 0 <= y < height and region.size:
            split_text.append(region.reshape(-1, 3))
    if not split_text:
        return np.array([150.0, 120.0, 105.0])
    return np.median(np.concatenate(split_text), axis=0)


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
    """Colour of the brighter part of the eyes."""
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
    """The picture's own mouth interior, if it is open enough and shows teeth."""
    if gap_iod < OWN_MOUTH_LEAST_GAP_IOD:
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
        return None  # half open without clear teeth: the made interior looks better
    tooth = np.percentile(large[(inside > 127) & (teeth > 0.6)], 70, axis=0).astype(np.float64)
    across, down = _skull_places(large.shape[:2], points, frame, source, origin)
    incisal_iod = _incisal_edge(teeth * (inside > 127), large @ LUMA, across, down, gap_iod)
    # What lies below the upper teeth belongs to the jaw: lower teeth that stayed would look clenched.
    upper = 1.0 - smoothstep(down + ARCH_RISE * across**2, incisal_iod, incisal_iod + 0.02)
    sigma = max(0.3, 0.006 * frame.iod_px) * source.scale
    feathered = cv2.GaussianBlur(cv2.erode(inside, np.ones((3, 3), np.uint8)), (0, 0), sigma) * upper
    shown_teeth = cv2.GaussianBlur((feathered * teeth).astype(np.uint8), (0, 0), sigma)
    reach_px = max(1, round(MADE_BESIDE_OWN_IOD * frame.iod_px * source.scale))
    around = cv2.dilate(shown_teeth, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach_px + 1,) * 2))
    return OwnMouth(
        whole=np.asarray(feathered, np.uint8),
        teeth=np.asarray(shown_teeth, np.uint8),
        around=np.asarray(cv2.GaussianBlur(around, (0, 0), 0.5 * reach_px), np.uint8),
        origin=(int(origin[0]), int(origin[1])),
        tooth=tooth,
        incisal_iod=incisal_iod,
    )


def _skull_places(
    size: tuple[int, ...], points: F64, frame: HeadFrame, source: Source, origin: NDArray[np.int64]
) -> tuple[F64, F64]:
    """(h, w) each: how far to the right of and below the middle of the upper lip's inner edge a pixel lies, IOD."""
    middle = source.place(points[list(INNER_UPPER[3:8]), :2].mean(axis=0)[None])[0] - origin
    rows, columns = np.mgrid[: size[0], : size[1]]
    (a, b), (c, d) = (frame.rotation[:2, :2] * frame.iod_px * source.scale).tolist()
    x, y = columns - middle[0], rows - middle[1]
    return (d * x - c * y) / (a * d - b * c), (a * y - b * x) / (a * d - b * c)


def _incisal_edge(teeth: F64, luminance: F64, across: F64, down: F64, gap_iod: float) -> float:
    """How far below the inner edge of the upper lip the picture's front teeth end, IOD.

    They end where no tooth is seen any more, or at the dark line where the lower ones begin.
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
    return float(np.clip(np.median(ends) if ends else INCISAL_EDGE_IOD, 0.05, LONGEST_TOOTH_IOD))


def tooth_share(rgb: F64, skin: F64) -> F64:
    """0-1: bright and of little colour, measured against the skin."""
    luminance = rgb @ LUMA
    colour = (rgb.max(axis=-1) - rgb.min(axis=-1)) / np.maximum(rgb.max(axis=-1), 1.0)
    skin_colour = float((skin.max() - skin.min()) / max(skin.max(), 1.0))
    bright = smoothstep(luminance / max(skin @ LUMA, 1.0), 0.55, 0.80)
    plain = 1.0 - smoothstep(colour, max(0.25, 0.75 * skin_colour), max(0.45, 1.2 * skin_colour))
    return bright * plain


@kernel
def _step(value: float, low: float, high: float) -> float:
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@kernel
def _tooth(across: float) -> tuple[float, float, float]:
    """Which part of which upper tooth lies at ``across`` IOD from the middle.

    Answers the place within the tooth (-1 … 1), how much shorter it is than the front teeth (IOD), and its shade.
    Widths as seen from the front, on the arch: two incisors, canine, two premolars.
    """
    a = abs(across)
    if a < 0.130:
        return (a - 0.065) / 0.065, 0.0, 1.0
    if a < 0.230:
        return (a - 0.180) / 0.050, 0.013, 0.97
    if a < 0.318:
        return (a - 0.274) / 0.044, 0.004, 0.92
    if a < 0.380:
        return (a - 0.349) / 0.031, 0.020, 0.87
    return (a - 0.4025) / 0.0225, 0.026, 0.80


@kernel
def _paint(
    pixels: NDArray[np.uint8],
    own: NDArray[np.uint8],
    own_alpha: NDArray[np.float32],
    made_alpha: NDArray[np.float32],
    table_u: NDArray[np.float32],
    upper: NDArray[np.float32],
    lower: NDArray[np.float32],
    to_local: NDArray[np.float32],
    soft: float,
    half_pixel: float,
    colours: NDArray[np.float32],
    numbers: NDArray[np.float32],
    skull: NDArray[np.float32],
) -> None:
    first, per_u = table_u[0], (table_u.shape[0] - 1) / (table_u[-1] - table_u[0])
    light_left, light_right, brightness = numbers[0], numbers[1], numbers[2]
    tongue_up, contact, incisal, in_shadow = numbers[3], numbers[4], numbers[5], numbers[6]
    own_light = numbers[7]
    # Half the width of the opening, for the shadow towards the corners.
    half = 0.05
    for i in range(upper.shape[0]):
        if lower[i] - upper[i] > 0.004:
            half = max(half, abs(table_u[i]))
    middle_high, middle_low = edges_at(0.0, first, per_u, upper, lower)
    middle_gap = max(middle_low - middle_high, 1e-4)
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            u = to_local[0, 0] * column + to_local[0, 1] * row + to_local[0, 2]
            v = to_local[1, 0] * column + to_local[1, 1] * row + to_local[1, 2]
            if abs(u) > half + 0.05:
                continue
            high, low = edges_at(u, first, per_u, upper, lower)
            gap = low - high
            if contact > 0.0 and gap < 0.045:
                off = (v - (high + low) * 0.5) / max(0.010, 1.6 * half_pixel)
                ends = 1.0 - _step(abs(u), 0.55 * half, 1.0 * half)
                dark = contact * (1.0 - _step(gap, 0.012, 0.045)) * np.exp(-off * off) * ends
                for c in range(3):
                    pixels[row, column, c] = np.uint8((1 - dark) * pixels[row, column, c] + dark * colours[4, c])
            inside = min(max((v - high) / (2 * soft) + 0.5, 0.0), 1.0) * min(
                max((low - v) / (2 * soft) + 0.5, 0.0), 1.0
            )
            inside *= _step(gap / (2 * half_pixel), 0.3, 1.6)
            if inside <= 0.003:
                continue
            below, above = max(v - high, 0.0), max(low - v, 0.0)
            across, down = u - skull[0], v - skull[1]
            shadow = 1.0 - 0.45 * min(abs(u / half), 1.0) ** 3
            deep = min(below / max(gap, 1e-3), 1.0)
            # Tongue: rises from behind the lower lip, its tip up to the upper teeth.
            tongue_top = low - (0.36 + 0.38 * tongue_up) * gap * (1.0 - 0.55 * min(abs(u / half), 1.0) ** 2)
            tongue_alpha = _step(v, tongue_top - 0.012, tongue_top + 0.012 + soft)
            tongue_shade = 0.65 + 0.35 * min(max((v - tongue_top) / max(0.32 * middle_gap, 0.02), 0.0), 1.0)
            forward = _step(tongue_up, 0.62, 0.80)  # between the teeth, as for th; for l and n it stays behind them
            groove = 1.0 - 0.10 * (1.0 - forward) * np.exp(-(((u - skull[0]) / 0.02) ** 2))
            # Upper teeth: fixed to the skull.
            place, shorter, shade = _tooth(across)
            edge = incisal - shorter - ARCH_RISE * across * across - 0.010 * place**4
            upper_alpha = 1.0 - _step(down, edge - 0.006 - soft, edge + 0.006 + soft)
            upper_alpha *= (1.0 - _step(abs(across), 0.40, 0.43)) * made_alpha[row, column]
            seam = 1.0 - 0.16 * _step(abs(place), 0.86, 1.0)
            arch = 1.0 - 0.45 * min(abs(across) / 0.46, 1.0) ** 2
            body = 0.94 + 0.06 * np.exp(-(((down - edge + 0.06) / 0.05) ** 2))
            gum_alpha = 1.0 - _step(down, edge - 0.185, edge - 0.155)
            front_tongue = forward * tongue_alpha
            lit = light_left + (light_right - light_left) * min(max(u / (2 * half) + 0.5, 0.0), 1.0)
            under_lip = 0.78 + 0.22 * _step(below, 0.0, 0.06)
            over_lip = 0.85 + 0.15 * _step(above, 0.0, 0.05)
            dim = shadow * lit * under_lip * over_lip * brightness
            keep = own_alpha[row, column]
            kept_dim = own_light * (0.8 + 0.2 * under_lip) * (0.4 + 0.6 * in_shadow)
            for c in range(3):
                power = numbers[8 + c]
                teeth = colours[0, c] * shade * seam * arch * body * in_shadow**power
                teeth += gum_alpha * (colours[3, c] * arch - teeth)
                value = colours[2, c] * (0.75 + 0.75 * deep)
                value += tongue_alpha * (colours[1, c] * tongue_shade * groove - value)
                value += upper_alpha * (teeth - value)
                value += front_tongue * (colours[1, c] * tongue_shade * groove - value)
                value *= dim**power
                value += keep * (1.0 - front_tongue) * (own[row, column, c] * kept_dim**power - value)
                out = (1 - inside) * pixels[row, column, c] + inside * value
                pixels[row, column, c] = np.uint8(min(max(out + 0.5, 0.0), 255.0))
