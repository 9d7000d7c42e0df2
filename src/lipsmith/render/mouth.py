"""Painting of the inside of the mouth: teeth, tongue and cavity between the lips, in the light of the face.

A mouth that is open in the photo keeps its own teeth. All else is painted: two rows of teeth on a dental arch that
turns with the head, upper teeth fixed to the skull and a hint of lower teeth fixed to the jaw, the tongue behind them,
and the dark of the cavity. Colours come from the photo: the skin and lips around, the whites of the eyes, the person's
own teeth if they show. Faces of stone, clay or wood have a cavity of their own material and no teeth.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from lipsmith.face.geometry import F64, HeadFrame, smoothstep
from lipsmith.face.layout import UPPER_LIP_RINGS
from lipsmith.media.clip import F32, U8
from lipsmith.render.mouth_colours import (
    CHEEKS,
    LUMA,
    eye_white,
    from_lab,
    is_carved,
    lip_colour,
    median_at,
    to_lab,
    tooth_colour,
)
from lipsmith.render.mouth_kernels import Numbers, OwnLayer, Paint, paint_interior
from lipsmith.render.opening import View
from lipsmith.render.own_mouth import (
    INCISAL_EDGE_IOD,
    OpenMouth,
    OwnMouth,
    own_teeth,
    read_opening,
)
from lipsmith.render.softness import softness_px
from lipsmith.render.tooth_arch import ToothRows, tooth_rows, tooth_size
from lipsmith.render.warp import Source

OWN_TEETH_OVER_SKIN = 1.08
"""Highest brightness of the photo's own teeth, relative to the cheeks."""
SHADED_TEETH_L = 15.0
"""The photo's own teeth are not kept if they are darker than expected by more than this, L*."""
OWN_TEETH_DARKER, OWN_TEETH_BRIGHTER = 0.90, 1.25
"""Smallest and largest factor for the photo's own teeth."""
MAX_TURN_DEG, MAX_NOD_DEG = 50.0, 20.0
NARROW_IOD, LIT_IOD = 0.018, 0.052
"""Openings up to the first are a dark line; from the second on, teeth are fully lit."""
TONGUE_OF_SKIN, TONGUE_OF_LIP, TONGUE_RED = np.array([0.45, 0.50, 0.50]), np.array([0.32, 0.55, 0.30]), 9.0
"""Shares of the skin's and of the lips' L*, a* and b* in a tongue, and the a* that it is redder: pink, not orange."""
CAVITY_HUE = np.array([0.48, 0.29, 0.27])
"""Colour of the dark in a mouth relative to the mean of lips and skin."""
TONGUE_SHADE = 0.8
"""Brightness of a tongue behind lips and teeth, relative to the same in the open: brighter, the tongue of a wide mouth
passes for its lower lip."""
CAVITY_OVER_SKIN = 0.28
"""Least luminance of the dark in a mouth relative to the skin: deeper would look like a hole."""
LINE_HUE = np.array([0.48, 0.36, 0.36])
"""Colour of the line where lips touch relative to the lips."""
CARVED_SHARES = (0.62, 0.55, 0.46, 0.60, 0.40)
"""Shares of the material's own colour in a carved mouth: tooth, tongue, cavity, gum, line."""


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
    rows: ToothRows
    """Painted teeth."""
    toothless: bool
    """True for statues and the like: only a cavity is painted."""
    blur_iod: float
    """Softness of the photo's edges, sigma, IOD."""


def read_look(rgb: U8, points: F64, *, grey: bool, source: Source, opening: OpenMouth | None = None) -> MouthLook:
    """Read colours and light from the photo. ``opening``: its mouth, if `read_opening` has already found it."""
    frame = HeadFrame.of(points)
    rest = frame.to_head(points)
    gap_iod = float(np.linalg.norm(rest[14] - rest[13]))
    skin = median_at(rgb, points[list(CHEEKS), :2], 0.10 * frame.iod_px)
    lip, white = lip_colour(rgb, points), eye_white(rgb, points)
    own = own_teeth(opening or read_opening(source, points, frame, skin), points, frame, source)
    brightest = np.percentile(rgb[::4, ::4].reshape(-1, 3), 99, axis=0)
    tooth = tooth_colour(skin, white, brightest)
    if own and to_lab(own.tooth)[0] < to_lab(tooth)[0] - SHADED_TEETH_L:
        # Teeth in the deep shade of a lip would stay in it while the mouth opens: only their tone is kept.
        tooth = 0.5 * (tooth + own.tooth)
        own = None
    toothless = own is None and not grey and is_carved(rgb, skin, lip, white)
    own_light = _own_light(own.tooth, tooth, skin) if own else 1.0
    colours = _interior_colours(own.tooth * own_light if own else tooth, skin, lip)
    if toothless:
        colours = [share * lip for share in CARVED_SHARES]
    if grey:
        colours = [np.repeat(colour @ LUMA, 3) for colour in colours]
    blur_iod = softness_px(rgb, points) / frame.iod_px
    incisal_iod = own.incisal_iod if own else INCISAL_EDGE_IOD + min(0.35 * gap_iod, 0.05)
    size = tooth_size(float(rest[152, 1] - rest[2, 1]))
    tooth_, tongue, cavity, gum, line = (colour.astype(np.float32) for colour in colours)
    return MouthLook(
        tooth=tooth_,
        tongue=tongue,
        cavity=cavity,
        gum=gum,
        line=line,
        light=_side_light(rgb, points, frame),
        incisal_iod=incisal_iod if own else incisal_iod * (0.6 + 0.4 * size),
        own=own,
        shadow_tint=(1.0, 1.0, 1.0) if grey or toothless else (0.85, 1.0, 1.06),
        own_light=own_light,
        own_gap_iod=gap_iod,
        rows=tooth_rows(seed=_seed_of(rgb, points), size=size, blur_iod=blur_iod),
        toothless=toothless,
        blur_iod=blur_iod,
    )


def paint_mouth(
    view: View,
    look: MouthLook,
    channels: Mapping[str, float],
    gap_iod: float,
    skull: F32,
    turned_deg: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Paint the inside of the mouth into ``view.pixels``.

    ``gap_iod``: target opening; ``skull``: (2,) u and v in the view of the photo's lower edge of the upper lip, moved
    by the head alone; ``turned_deg``: yaw and pitch of the head against the camera.
    """
    # The inside of a parted mouth lies on the edges of the lips, and would appear as flecks when they touch.
    contact = 0.62 * float(smoothstep(look.own_gap_iod, 0.010, 0.025))
    # A narrow gap lets little light in. Teeth on the lower lip are lit.
    lit = max(float(smoothstep(gap_iod, NARROW_IOD, LIT_IOD)), 0.9 * channels["tuck"])
    # Rounded lips are further from the teeth, which end higher behind them and lie in their shadow.
    rounded = channels["pucker"]
    jaw = float(smoothstep(gap_iod, 0.11, 0.28))
    yaw, pitch = (
        float(np.tan(np.radians(np.clip(0.85 * angle, -most, most))))
        for angle, most in zip(turned_deg, (MAX_TURN_DEG, MAX_NOD_DEG), strict=True)
    )
    numbers = Numbers(
        light_left=look.light[0],
        light_right=look.light[1],
        brightness=0.45 + 0.55 * lit,
        shut=0.94 * (1.0 - lit),
        tongue=float(channels["tongue"]),
        contact=contact,
        incisal=look.incisal_iod - 0.010 * rounded,
        lower_edge=-0.018 + 0.060 * jaw + 0.6 * channels["lower_drop"] - 0.03 * rounded,
        in_shadow=1.0 - 0.20 * rounded,
        own_light=look.own_light,
        turn=yaw,
        nod=pitch,
        tooth_alpha=0.0 if look.toothless else 1.0,
        soft=float(max(view.softness, 0.8 * look.blur_iod, 0.004)),
    )
    paint = Paint(
        np.stack([look.tooth, look.tongue, look.cavity, look.gum, look.line]),
        np.array(look.shadow_tint, dtype=np.float32),
        look.rows.upper,
        look.rows.lower,
    )
    paint_interior(
        view.pixels,
        _own_layer(view, look, channels, gap_iod),
        view.edges,
        view.softness,
        paint,
        numbers,
        skull.astype(np.float32),
    )


def _own_layer(view: View, look: MouthLook, channels: Mapping[str, float], gap_iod: float) -> OwnLayer:
    """Return the photo's own teeth where the head has moved them."""
    shape = view.pixels.shape[:2]
    if look.own is None:
        return OwnLayer(view.pixels, np.zeros(shape, np.float32), np.ones(shape, np.float32))
    at = view.own_positions - np.array(look.own.origin, dtype=np.float32)
    pixels = cv2.remap(look.own.pixels, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    whole, teeth, around = (
        cv2.remap(mask, at, None, cv2.INTER_LINEAR).astype(np.float32) / np.float32(255.0)
        for mask in (look.own.whole, look.own.teeth, look.own.around)
    )
    # Only the teeth stay in a mouth opened further than in the photo, or without its smile: the rest would float.
    undone = max(1.0 - channels["smile"] - 0.4, channels["pucker"])
    beyond = np.float32(max(smoothstep(gap_iod / look.own_gap_iod, 1.0, 1.35), smoothstep(undone, 0.2, 0.5)))
    return OwnLayer(np.asarray(pixels, np.uint8), whole * (1 - beyond) + teeth * beyond, around)


def _own_light(own: F64, expected: F64, skin: F64) -> float:
    """Return the factor for the photo's own teeth.

    Teeth in a smile are brighter than behind speaking lips; those in the shade of a lip are darker than in the open.
    """
    light = max(float(own @ LUMA), 1.0)
    if light < float(expected @ LUMA):
        return float(np.clip(0.8 * (expected @ LUMA) / light, 1.0, OWN_TEETH_BRIGHTER))
    return float(np.clip(OWN_TEETH_OVER_SKIN * (skin @ LUMA) / light, OWN_TEETH_DARKER, 1.0))


def _interior_colours(tooth: F64, skin: F64, lip: F64) -> list[F64]:
    """Return the colours of tooth, tongue, cavity, gum and contact line, (3,) RGB each."""
    skin_lab, lip_lab = to_lab(skin), to_lab(lip)
    tongue = from_lab(TONGUE_OF_SKIN * skin_lab + TONGUE_OF_LIP * lip_lab + np.array([0.0, TONGUE_RED, 0.0]))
    tongue = TONGUE_SHADE * tongue
    cavity = CAVITY_HUE * (0.5 * lip + 0.5 * skin) + np.array([5.0, 0.0, 0.0])
    cavity *= max(1.0, CAVITY_OVER_SKIN * float(skin @ LUMA) / max(float(cavity @ LUMA), 1.0))
    gum = 0.5 * lip + 0.5 * np.array([0.92, 0.62, 0.62]) * skin
    return [tooth, tongue, cavity, gum, LINE_HUE * lip]


def _side_light(rgb: U8, points: F64, frame: HeadFrame) -> tuple[float, float]:
    left, right = (
        median_at(rgb, points[list(side), :2], 0.10 * frame.iod_px) @ LUMA for side in (CHEEKS[:3], CHEEKS[3:])
    )
    mean = max((left + right) / 2, 1.0)
    return float(np.clip(left / mean, 0.6, 1.35)), float(np.clip(right / mean, 0.6, 1.35))


def _seed_of(rgb: U8, points: F64) -> int:
    """Return a number that is the same whenever the same image is drawn."""
    x, y = np.round(points[list(UPPER_LIP_RINGS[0]), :2]).astype(int).clip(0).T
    lips = rgb[np.minimum(y, rgb.shape[0] - 1), np.minimum(x, rgb.shape[1] - 1)]
    return zlib.crc32(np.ascontiguousarray(lips).tobytes())
