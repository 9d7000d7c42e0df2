"""The inside of the mouth that a photo shows: its teeth become a layer of the skull, and lips are completed behind it.

Landmarks of an open mouth lie on the teeth as often as on the lips. So teeth, gap and dark corners are found per pixel,
by colour and by their connection with the opening. Lips that move must carry none of them along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame, smoothstep
from lipsmith.face.layout import INNER_OUTLINE, INNER_UPPER, LIP_OUTLINE
from lipsmith.media.clip import U8
from lipsmith.render.mouth_colours import LUMA
from lipsmith.render.mouth_kernels import ARCH_RISE
from lipsmith.render.nearest import nearest_of
from lipsmith.render.outline import polygon_mask
from lipsmith.render.warp import Source

Mask = NDArray[np.bool_]

INCISAL_EDGE_IOD = 0.066
"""Lower edge of the upper front teeth, below the line where the lips meet at rest."""
MAX_TOOTH_IOD = 0.20
"""An upper incisor is about 10.5 mm long, and a broad smile shows a little of the gum above it."""
ARCH_SEEN_IOD = 0.34
"""Teeth further from the middle than this show nothing of where they end."""
ENDS_IOD, ROW_SOFT_IOD = 0.030, 0.010
"""Height within which single teeth end above the line of all, and half the width of the soft ends of the row."""
SLIVER_IOD = 0.008
"""Half the width of the widest gleam on a lip that passes for a tooth."""
INCISAL_SOFT_IOD = 0.012
"""Width of the soft edge where the upper teeth end."""
DARK_LINE_IOD = 0.012
"""Half the width of the dark line between upper and lower teeth."""
PAINTED_NEAR_OWN_IOD = 0.015
"""Painted teeth fill gaps of the photo's own teeth within this distance; beyond it they would look double."""
OWN_MOUTH_MIN_GAP_IOD = 0.05
"""Mouths open by less than this in the photo show too little of their inside to keep it."""
CROP_MARGIN_IOD = 0.16
TEETH_BEYOND_IOD = (0.060, 0.012)
"""Teeth are looked for up to this far beyond the landmarks of open lips, upwards and downwards: below lies gloss."""
DARK_BEYOND_IOD, CORNER_BEYOND_IOD = 0.008, 0.040
"""The same for dark gaps, and sideways for the dark at the corners."""
JOINED_IOD = 0.014
"""Parts of the opening closer to each other than this are one."""
TOUCHING_IOD = 0.012
"""Lips open by less than this touch, and nothing is replaced."""
PARTED_IOD = (0.012, 0.035)
"""Teeth are looked for beyond the landmarks of lips that are open by more than the first, fully from the second on."""
DARK_GAP_IOD = 0.055
"""The gap itself is replaced from this opening on. A narrower one is the dark line that closed lips have as well."""
NARROW_IOD, NARROW_TOOTH_SHARE = 0.07, 0.30
"""In an opening narrower than the first, with a smaller share of teeth than the second, bright spots are gloss."""
GROWN_IOD = 0.020
"""The opening is grown by this, and fades out over as much."""
ROLLED_SHADE = 0.30
"""Share by which a lip darkens where it rolls in."""
TOOTH_LIKE = 0.45
DARK_OF_LIP = 0.75
"""Darker than this share of the luminance of the lips' shadows is gap, not lip."""


@dataclass(frozen=True, kw_only=True)
class OwnMouth:
    """Inside of the mouth in the photo, at the scale of the enlarged source."""

    pixels: U8
    """(h, w, 3) RGB."""
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
class OpenMouth:
    """Mouth of the photo, per pixel of a crop of the enlarged source."""

    crop: U8
    """(h, w, 3) RGB; a view of the source."""
    origin: NDArray[np.int64]
    """(2,) column and row in the enlarged source."""
    unit_px: float
    """Pixels of the crop per IOD."""
    gap_iod: float
    inside: U8
    """(h, w) 0-255: between the landmarks of the lips."""
    teeth: F64
    """(h, w) 0-1: teeth, also beyond those landmarks."""
    opening: Mask
    """(h, w): teeth, gap and dark corners: all that is no lip."""
    lips: Mask
    """(h, w): within the outline of the lips."""
    gap_luminance: float
    """What is darker is gap, not lip, 0-255."""
    blur_px: float
    """Width of soft edges in the crop."""


def read_opening(source: Source, points: F64, frame: HeadFrame, skin: F64) -> OpenMouth | None:
    """Find teeth and gaps in the mouth of a photo; None if it lies outside the image. ``skin``: (3,) RGB."""
    outer = points[LIP_OUTLINE, :2]
    inner = points[INNER_OUTLINE, :2]
    unit_px = frame.iod_px * source.scale
    size = np.array(source.pixels.shape[1::-1])
    low = np.clip(np.floor(source.place(outer).min(axis=0) - CROP_MARGIN_IOD * unit_px), 0, size).astype(np.int64)
    high = np.clip(np.ceil(source.place(outer).max(axis=0) + CROP_MARGIN_IOD * unit_px), 0, size).astype(np.int64)
    if (high - low < 8).any():
        return None
    crop = source.pixels[low[1] : high[1], low[0] : high[0]]
    lips = frame.to_head(points)[[13, 14]]
    gap_iod = float(np.linalg.norm(lips[1] - lips[0]))
    inside = polygon_mask(crop.shape[:2], source.place(inner) - low)
    outline = polygon_mask(crop.shape[:2], source.place(outer) - low)
    teeth, opening, gap_luminance = _classified(crop, inside, outline, unit_px, 1.2 * source.scale, gap_iod, skin)
    return OpenMouth(
        crop=crop,
        origin=low,
        unit_px=unit_px,
        gap_iod=gap_iod,
        inside=inside,
        teeth=teeth,
        opening=opening,
        lips=cv2.erode(outline, _disc(0.008 * unit_px)) > 127,
        gap_luminance=gap_luminance,
        blur_px=float(source.scale),
    )


def _classified(
    crop: U8, inside: U8, outline: U8, unit_px: float, grow_px: float, gap_iod: float, skin: F64
) -> tuple[F64, Mask, float]:
    """Return the share of tooth, (h, w) 0-1, what belongs to the opening, (h, w), and the luminance of a gap."""
    colours = cv2.GaussianBlur(crop, (0, 0), max(0.5, 0.004 * unit_px)).astype(np.float64)
    luminance = colours @ LUMA
    lip = (outline > 127) & (cv2.dilate(inside, _disc(0.03 * unit_px)) == 0)
    lips = np.median(colours[lip], axis=0) if lip.sum() > 20 else 0.8 * skin
    within = inside.astype(np.float64) / 255.0
    teeth = np.maximum(tooth_share(colours, skin), within * _tooth_near_lips(colours, skin, lips))
    # Beyond the landmarks, pale or glossy lips look like teeth: only what is much brighter than lips counts there.
    of_lips = luminance / max(float(lips @ LUMA), 1.0)
    # Teeth in pale lips can hardly be brighter than these.
    headroom = float(np.clip(250.0 / max(float(lips @ LUMA), 1.0) - 1.0, 0.1, 1.0))
    shine = smoothstep(of_lips, 1.0 + min(0.25, 0.35 * headroom), 1.0 + min(0.6, 0.75 * headroom)) * (outline > 127)
    darkest_lip = float(np.percentile(luminance[lip], 15)) if lip.sum() > 20 else 0.6 * float(lips @ LUMA)
    gap_luminance = DARK_OF_LIP * darkest_lip
    parted = float(smoothstep(gap_iod, *PARTED_IOD))
    near_teeth = _near(inside, (0.010 + parted * np.array(TEETH_BEYOND_IOD)) * unit_px)
    teeth = teeth * near_teeth * np.maximum(within, shine)
    core = inside > 127
    is_gloss = gap_iod < NARROW_IOD and float(teeth[core].mean() if core.any() else 0.0) < NARROW_TOOTH_SHARE
    if core.sum() < 8 or gap_iod < TOUCHING_IOD or is_gloss:
        return teeth * core, np.zeros(core.shape, np.bool_), gap_luminance
    found = _touching(_closed(teeth > TOOTH_LIKE, JOINED_IOD * unit_px), core)
    opening: Mask = found.copy()
    if gap_iod > DARK_GAP_IOD:
        near = cv2.dilate(inside, _disc(CORNER_BEYOND_IOD * unit_px, DARK_BEYOND_IOD * unit_px)) > 0
        opening |= _touching((luminance < gap_luminance) & near, core)
        opening |= core
    grown = (
        cv2.dilate(_closed(opening, JOINED_IOD * unit_px).astype(np.uint8), _disc(max(GROWN_IOD * unit_px, grow_px)))
        > 0
    )
    return teeth * (found | core), grown, gap_luminance


def _near(inside: U8, reach_px: F64) -> Mask:
    """Return what lies within two distances of the opening: the first above and beside it, the second below."""
    up, down = (cv2.dilate(inside, _disc(float(reach))) > 0 for reach in reach_px)
    below = np.maximum.accumulate(inside > 0, axis=0) & (inside == 0)
    return np.asarray(np.where(below, down, up), dtype=np.bool_)


def _opened(mask: Mask, reach_px: float) -> Mask:
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _disc(reach_px)) > 0, dtype=np.bool_)


def _closed(mask: Mask, reach_px: float) -> Mask:
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, _disc(reach_px)) > 0, dtype=np.bool_)


def _tooth_near_lips(colours: F64, skin: F64, lips: F64) -> F64:
    """Return how far colours are those of teeth in the shade, 0-1: less red than the lips, and no darker."""
    red = colours[..., 0] / np.maximum(colours.sum(axis=-1), 1.0)
    lip_red, skin_red = float(lips[0] / max(lips.sum(), 1.0)), float(skin[0] / max(skin.sum(), 1.0))
    redness = min(lip_red, skin_red) - 1.0 / 3.0
    if redness < 0.03:
        return np.zeros(colours.shape[:2])
    plain = 1.0 - smoothstep((red - 1.0 / 3.0) / redness, 0.45, 0.75)
    luminance = colours @ LUMA
    return plain * smoothstep(luminance / max(float(lips @ LUMA), 1.0), 0.75, 1.1)


def _touching(mask: Mask, core: Mask) -> Mask:
    """Return the connected parts of a mask that reach into ``core``."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    kept = np.unique(labels[core & mask])
    return np.asarray(np.isin(labels, kept[kept > 0]), dtype=np.bool_)


def complete_lips(mouth: OpenMouth) -> None:
    """Replace teeth and gap in the source by lips and skin mirrored at the edge of the opening, in place.

    The edge of a lip that has been behind teeth then looks like lip, a little darker the further it rolls in.
    """
    if not mouth.opening.any() or mouth.opening.all():
        return
    at = np.column_stack(np.nonzero(mouth.opening))
    skin = ~mouth.opening
    # Lips continue lips, where nearer skin would make a pale patch; at the corners, skin does.
    lips = skin & mouth.lips & (mouth.crop @ LUMA > mouth.gap_luminance)
    if lips.sum() < 20:
        return
    of_skin, away = _mirrored(mouth, skin, at)
    of_lips, _ = _mirrored(mouth, lips, at)
    between = _between_corners(mouth.inside, at)[:, None]
    filled = mouth.crop.astype(np.float32)
    filled[at[:, 0], at[:, 1]] = of_skin + between * (of_lips - of_skin)
    soft = cv2.GaussianBlur(filled, (0, 0), max(0.6, 0.020 * mouth.unit_px))
    mixed = 0.8 * soft[at[:, 0], at[:, 1]] + 0.2 * filled[at[:, 0], at[:, 1]]
    mixed *= 1.0 - ROLLED_SHADE * smoothstep(away / mouth.unit_px, 0.01, 0.05)[:, None]
    alpha = smoothstep(away / mouth.unit_px, 0.0, GROWN_IOD)[:, None]
    before = mouth.crop[at[:, 0], at[:, 1]].astype(np.float64)
    mouth.crop[at[:, 0], at[:, 1]] = np.clip(before + alpha * (mixed - before), 0, 255).astype(np.uint8)


def _mirrored(mouth: OpenMouth, allowed: Mask, at: NDArray[np.int64]) -> tuple[NDArray[np.float32], F64]:
    """Return the colours that (n, 2) rows and columns get when ``allowed`` is mirrored at its edge, and the distance
    from that edge in pixels."""
    distance, index = nearest_of(allowed)
    away = distance[at[:, 0], at[:, 1]]
    nearest = np.column_stack(np.unravel_index(index[at[:, 0], at[:, 1]], allowed.shape))
    # A little beyond the edge, where the blur between teeth and lips ends.
    deep = (np.minimum(away, 0.030 * mouth.unit_px) + mouth.blur_px) / np.maximum(away, 1.0)
    mirrored = np.round(nearest + (nearest - at) * deep[:, None]).astype(np.int64)
    mirrored = np.clip(mirrored, 0, np.array(allowed.shape) - 1)
    missing = ~allowed[mirrored[:, 0], mirrored[:, 1]]
    mirrored[missing] = nearest[missing]
    colours = mouth.crop[mirrored[:, 0], mirrored[:, 1]].astype(np.float32)
    # No brighter than the edge, where the dark of a soft gap reaches further than its mask: else a pale ring appears.
    edge = mouth.crop[nearest[:, 0], nearest[:, 1]]
    factor = np.minimum(1.0, (edge @ LUMA + 2.0) / (colours @ LUMA + 2.0)).astype(np.float32)
    return colours * factor[:, None], away.astype(np.float64)


def _between_corners(inside: U8, at: NDArray[np.int64]) -> F64:
    """Return how far (n, 2) rows and columns lie between the corners of the mouth, (n,) 0-1."""
    shown = np.column_stack(np.nonzero(inside > 0)).astype(np.float64)
    if len(shown) < 8:
        return np.zeros(len(at))
    middle = shown.mean(axis=0)
    axis = np.linalg.eigh(np.cov((shown - middle).T))[1][:, 1]
    along, place = (shown - middle) @ axis, (at - middle) @ axis
    width = along.max() - along.min()
    return smoothstep(np.minimum(place - along.min(), along.max() - place) / width, 0.02, 0.16)


def own_teeth(mouth: OpenMouth | None, points: F64, frame: HeadFrame, source: Source) -> OwnMouth | None:
    """Return the photo's own mouth interior if it is open enough and shows teeth.

    Call it before `complete_lips`, which changes the source.
    """
    if mouth is None or mouth.gap_iod < OWN_MOUTH_MIN_GAP_IOD:
        return None
    core = mouth.inside > 127
    shown = float(mouth.teeth[core].mean()) if core.any() else 0.0
    if shown < 0.22 or (mouth.gap_iod < 0.12 and shown < 0.40):
        return None  # half open without clear teeth: the painted interior looks better
    large = mouth.crop
    clear = mouth.teeth > 0.6
    if clear.sum() < 8:
        return None
    tooth = np.percentile(large[clear], 70, axis=0).astype(np.float64)
    across, down = _skull_coordinates(large.shape[:2], points, frame, source, mouth.origin)
    line = incisal_line(mouth.teeth, large @ LUMA, across, down, mouth.gap_iod)
    # All below the upper teeth belongs to the jaw: lower teeth that do not move would look clenched.
    below_line = down - line.at(across)
    upper = 1.0 - smoothstep(below_line, -0.5 * INCISAL_SOFT_IOD, 0.5 * INCISAL_SOFT_IOD)
    # What is white below the gap between the rows is a lower tooth.
    seen = _opened((mouth.teeth > TOOTH_LIKE) & (upper > 0.3), SLIVER_IOD * mouth.unit_px)
    upper_teeth = np.where(_touching(seen, below_line < -0.035), mouth.teeth * upper, 0.0)
    sigma = max(0.3 * source.scale, 0.006 * mouth.unit_px)
    eroded = cv2.erode(mouth.inside, np.ones((3, 3), np.uint8))
    whole = cv2.GaussianBlur(eroded, (0, 0), sigma) * upper
    row = np.maximum(
        np.maximum(eroded, 255.0 * (mouth.teeth > TOOTH_LIKE)) * upper_teeth,
        eroded * _within_row(upper_teeth, across, below_line),
    )
    shown_teeth = cv2.GaussianBlur(row, (0, 0), sigma).astype(np.uint8)
    reach_px = max(1, round(PAINTED_NEAR_OWN_IOD * mouth.unit_px))
    around = cv2.dilate(shown_teeth, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach_px + 1,) * 2))
    return OwnMouth(
        pixels=large.copy(),
        whole=np.asarray(np.maximum(whole, shown_teeth), np.uint8),
        teeth=shown_teeth,
        around=np.asarray(cv2.GaussianBlur(around, (0, 0), 0.5 * reach_px), np.uint8),
        origin=(int(mouth.origin[0]), int(mouth.origin[1])),
        tooth=tooth,
        incisal_iod=line.middle,
    )


def _within_row(teeth: F64, across: F64, below_line: F64) -> F64:
    """Return how far pixels lie in the row of upper teeth but above where they end, (h, w) 0-1.

    Gums and the dark between teeth belong to the skull as well: without them, teeth would stand apart.
    """
    shown = across[teeth > TOOTH_LIKE]
    if not shown.size:
        return np.zeros_like(teeth)
    left, right = np.percentile(shown, [1, 99])
    within = smoothstep(across, left - ROW_SOFT_IOD, left + ROW_SOFT_IOD)
    within *= 1.0 - smoothstep(across, right - ROW_SOFT_IOD, right + ROW_SOFT_IOD)
    return within * (1.0 - smoothstep(below_line, -ENDS_IOD, 0.010 - ENDS_IOD))


def _disc(across_px: float, down_px: float | None = None) -> U8:
    width, height = max(1, round(across_px)), max(1, round(across_px if down_px is None else down_px))
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * height + 1)), np.uint8)


def _skull_coordinates(
    size: tuple[int, ...], points: F64, frame: HeadFrame, source: Source, origin: NDArray[np.int64]
) -> tuple[F64, F64]:
    """Return the place of each pixel from the middle of the upper lip's inner edge, right and down, (h, w) IOD."""
    middle = source.place(points[list(INNER_UPPER[3:8]), :2].mean(axis=0)[None])[0] - origin
    rows, columns = np.mgrid[: size[0], : size[1]]
    (a, b), (c, d) = (frame.rotation[:2, :2] * frame.iod_px * source.scale).tolist()
    x, y = columns - middle[0], rows - middle[1]
    return (d * x - c * y) / (a * d - b * c), (a * y - b * x) / (a * d - b * c)


class IncisalLine(NamedTuple):
    """Lower ends of the photo's upper teeth, IOD below the inner edge of the upper lip, as a parabola."""

    middle: float
    slope: float
    bend: float

    def at(self, across: F64) -> F64:
        """Return the line at places from the middle of the upper lip, right, IOD."""
        inner = np.clip(across, -ARCH_SEEN_IOD, ARCH_SEEN_IOD)
        return self.middle + self.slope * inner + self.bend * inner**2


def incisal_line(teeth: F64, luminance: F64, across: F64, down: F64, gap_iod: float) -> IncisalLine:
    """Return the line where the photo's upper teeth end."""
    luminance = cv2.GaussianBlur(luminance, (0, 0), 1.0)
    places = np.linspace(-ARCH_SEEN_IOD, ARCH_SEEN_IOD, 35)
    ends = np.array([_tooth_end(teeth, luminance, across - place, down, gap_iod) for place in places])
    seen = np.isfinite(ends)
    in_front = ends[seen & (np.abs(places) <= 0.12)]
    middle = float(np.clip(np.median(in_front) if in_front.size else INCISAL_EDGE_IOD, 0.05, MAX_TOOTH_IOD))
    if seen.sum() < 8:
        return IncisalLine(middle, 0.0, -ARCH_RISE)
    u, v = places[seen], ends[seen]
    terms = np.stack([np.ones_like(u), u, u**2], axis=1)
    # Few of the columns are wrong, but by much (a lower tooth, a gap): least absolute deviations, towards a usual arch.
    prior, stiff = np.array([middle, 0.0, -ARCH_RISE]), np.diag([0.0, 0.002, 0.0003])
    fit = prior
    for _ in range(12):
        weight = 1.0 / np.maximum(np.abs(v - terms @ fit), 0.004)
        normal = terms.T @ (weight[:, None] * terms) / weight.sum()
        fit = np.linalg.solve(normal + stiff, terms.T @ (weight * v) / weight.sum() + stiff @ prior)
    return IncisalLine(float(np.clip(fit[0], 0.05, MAX_TOOTH_IOD)), float(fit[1]), float(np.clip(fit[2], -1.2, 0.3)))


def _tooth_end(teeth: F64, luminance: F64, off: F64, down: F64, gap_iod: float) -> float:
    """Return where the upper tooth of one column ends, IOD; NaN where the column shows none.

    That is where tooth colour ends, or at the dark line above the lower teeth. ``off``: distance from the column, IOD.
    """
    near = (np.abs(off) < 0.010) & (down >= -0.16) & (down < gap_iod)
    if near.sum() < 6:
        return np.nan
    steps = np.arange(-0.16, gap_iod, 0.004)
    order = np.argsort(down[near])
    tooth = np.interp(steps, down[near][order], teeth[near][order])
    light = np.interp(steps, down[near][order], luminance[near][order])
    shown = np.flatnonzero(tooth > 0.5)
    runs = np.split(shown, np.flatnonzero(np.diff(shown) > 5) + 1)
    upper = [run for run in runs if len(run) > 4 and steps[run[0]] < 0.5 * gap_iod]  # the others are lower teeth
    if not upper:
        return np.nan
    run = max(upper, key=len)
    inner = run[len(run) // 4 : len(run) * 9 // 10]
    if len(inner) and light[inner].min() < 0.92 * np.median(light[run]):
        run = run[: len(run) // 4 + int(np.argmin(light[inner])) + 1]
        return float(steps[run[-1]]) - DARK_LINE_IOD
    return float(steps[run[-1]])


def tooth_share(rgb: F64, skin: F64) -> F64:
    """Return how far colours are those of teeth, 0-1: bright and of little colour, relative to the skin."""
    luminance = rgb @ LUMA
    colour = (rgb.max(axis=-1) - rgb.min(axis=-1)) / np.maximum(rgb.max(axis=-1), 1.0)
    skin_colour = float((skin.max() - skin.min()) / max(skin.max(), 1.0))
    bright = smoothstep(luminance / max(skin @ LUMA, 1.0), 0.55, 0.80)
    plain = 1.0 - smoothstep(colour, max(0.25, 0.75 * skin_colour), max(0.45, 1.2 * skin_colour))
    return bright * plain
