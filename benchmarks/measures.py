"""Measures of a drawn face. Each takes a `Subject`, draws what it needs and returns plain numbers.

Lengths are in IOD, brightness in levels of 255 unless a ratio is named. None means that it could not be measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.subjects import SMILE_WHILE_SPEAKING, Subject, at_rest, look, sentence_track
from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.landmarks import aperture, eye_openings, mouth_width
from lipsmith.face.layout import (
    CHIN_LINE,
    FACE_OVAL,
    INNER_LOWER,
    INNER_UPPER,
    LEFT_IRIS,
    LEFT_LID_FOLD,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_LIP_RINGS,
    RIGHT_IRIS,
    RIGHT_LID_FOLD,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_LIP_RINGS,
)
from lipsmith.media.clip import U8
from lipsmith.render.portrait import Portrait
from lipsmith.render.warp import carry_forward, signed_areas

Numbers = dict[str, float | None]
Mask = NDArray[np.bool_]

LUMA = np.array([0.2126, 0.7152, 0.0722])
CHEEKS = (50, 205, 101, 280, 425, 330)
NOSE_BASE, LOWER_LID = 2, 145
BIG_TRIANGLE_PX2 = 2.0  # at 110 px IOD; a smaller one is an invisible sliver
REFERENCE_IOD_PX = 110.0
CHIN_SET = frozenset(p for ring in LOWER_LIP_RINGS for p in ring[2:-2]) | frozenset(
    (*CHIN_LINE, 83, 313, 201, 421, 208, 428)
)
STEADY = (10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 33, 133, 362, 263, 127, 356, 234, 454, 50, 280, 70, 300, 107, 336)
"""Points that only the head moves in speech."""
MIN_INTERIOR_PX = 12
EDGE_BLUR_IOD = 0.02
"""Finer texture makes no edge: pores and stubble vary with sharpening, a doubled chin does not."""


def luminance(rgb: U8 | F64) -> F64:
    """Return luminance, (...,) 0-255, of (..., 3) RGB."""
    light: F64 = np.asarray(rgb, np.float64) @ LUMA
    return light


def inside(size: tuple[int, ...], outline: F64) -> Mask:
    """Return the pixels whose centre lies inside an outline of (n, 2) pixels."""
    mask = np.zeros(size[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return np.asarray(mask > 127)


def grown(mask: Mask, by_px: float) -> Mask:
    """Return the mask and everything within ``by_px`` of it."""
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(away <= by_px)


def oval(subject: Subject, points: F64 | None = None, scale: float = 1.0) -> Mask:
    """Return the outline of the face, scaled about its middle."""
    edge = (subject.face.points if points is None else points)[list(FACE_OVAL), :2]
    middle = edge.mean(axis=0)
    return inside(subject.image.rgb.shape, middle + scale * (edge - middle))


def head_coordinates(subject: Subject, points: F64 | None = None) -> F64:
    """Return x and y in the head's frame (IOD from the nose bridge) of every pixel, (height, width, 2)."""
    frame = HeadFrame.of(subject.face.points if points is None else points)
    height, width = subject.image.rgb.shape[:2]
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    axes = frame.rotation[:2, :2] / np.linalg.norm(frame.rotation[:2, :2], axis=1, keepdims=True)
    offsets = np.stack([columns - frame.origin[0], rows - frame.origin[1]], axis=-1)
    flat: F64 = offsets @ np.linalg.inv(axes) / frame.iod_px
    return flat


# --- lips ---------------------------------------------------------------------------------------------------------


def sentence(subject: Subject, fps: int = 12, crops: int = 2) -> Numbers:
    """Measure requested against detected opening and width, and the inside of the mouth, over a spoken sentence."""
    track = sentence_track(fps)
    requested, raw, shown, requested_width, shown_width = [], [], [], [], []
    lights, darks = [], []
    missed = 0
    for n in range(len(track)):
        channels = track.frame(n)
        frame = subject.portrait.draw_rgb(channels)
        seen = subject.seen_in(frame, crops)
        if seen is None:
            missed += 1
            continue
        requested.append(subject.portrait.shape.target_aperture(channels))
        raw.append(channels["aperture"])
        shown.append(aperture(seen))
        requested_width.append(subject.requested_width(channels))
        shown_width.append(mouth_width(seen))
        if requested[-1] > 0.08 and (found := interior(subject, frame, seen)) is not None:
            lights.append(found[0])
            darks.append(found[1])
    if len(shown) < 10:
        return {"frames_without_face": float(missed)}
    return {
        "frames_without_face": float(missed),
        "aperture_r": correlation(requested, shown),
        "aperture_error": float(np.mean(np.abs(np.subtract(shown, requested)))),
        "aperture_bias": float(np.mean(np.subtract(shown, requested))),
        "aperture_raw_r": correlation(raw, shown),
        "aperture_raw_error": float(np.mean(np.abs(np.subtract(shown, raw)))),
        "width_r": correlation(requested_width, shown_width),
        "interior_light": float(np.mean(lights)) if lights else None,
        "interior_dark_share": float(np.mean(darks)) if darks else None,
    }


def interior(subject: Subject, frame: U8, points: F64) -> tuple[float, float] | None:
    """Return the mean luminance between the lips over the cheeks' median, and the share darker than .3 of it."""
    outline = points[[*INNER_UPPER, *INNER_LOWER[-2:0:-1]], :2]
    mouth = inside(frame.shape, outline)
    if mouth.sum() < MIN_INTERIOR_PX:
        return None
    cheek = cheek_light(subject, frame, points)
    light = luminance(frame[mouth]) / cheek
    return float(light.mean()), float((light < 0.3).mean())


def cheek_light(subject: Subject, frame: U8, points: F64) -> float:
    """Return the median luminance of small squares on the cheeks."""
    radius = max(1, round(0.10 * subject.iod_px))
    height, width = frame.shape[:2]
    split_text = []
    for x, y in np.round(points[list(CHEEKS), :2]).astype(int):
        if 0 <= x < width and 0 <= y < height:
            split_text.append(
                frame[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1].reshape(-1, 3)
            )
    return max(1.0, float(np.median(luminance(np.concatenate(split_text)))))


def looks(subject: Subject, names: Sequence[str] = ("aa", "ee", "oo", "oh", "mm", "sil")) -> Numbers:
    """Measure single mouth shapes with the head still: closure, opening, inside of the mouth."""
    numbers: Numbers = {}
    lights, darks = [], []
    for name in names:
        channels = look(name)
        frame = subject.portrait.draw_rgb(channels)
        seen = subject.seen_in(frame)
        requested = subject.portrait.shape.target_aperture(channels)
        if requested == 0.0:
            numbers[f"closure_{name}"] = aperture(seen) if seen is not None else None
            numbers[f"seam_{name}"] = seam(subject, frame, channels)
        else:
            numbers[f"off_{name}"] = aperture(seen) - requested if seen is not None else None
        if requested > 0.08 and (found := interior(subject, frame, with_depth(subject, channels))) is not None:
            lights.append(found[0])
            darks.append(found[1])
    numbers["looks_light_low"] = min(lights, default=None)
    numbers["looks_light_high"] = max(lights, default=None)
    numbers["looks_dark_share"] = max(darks, default=None)
    return numbers


def with_depth(subject: Subject, channels: Mapping[str, float]) -> F64:
    """Return the mesh in a frame without head motion, (478, 3); the depth is the image's."""
    return np.column_stack([subject.portrait.target_points(channels), subject.face.points[:, 2]])


def seam(subject: Subject, frame: U8, channels: Mapping[str, float]) -> float:
    """Return the brightest point where shut lips meet, over the lips' median: visible teeth are above 1.25."""
    target = subject.portrait.target_points(channels)
    line = (target[list(INNER_UPPER)] + target[list(INNER_LOWER)])[2:-2] / 2
    dense = np.stack(
        [np.interp(np.linspace(0, len(line) - 1, 60), np.arange(len(line)), line[:, k]) for k in (0, 1)], 1
    )
    along = cv2.remap(frame, dense[None].astype(np.float32), None, cv2.INTER_LINEAR)[0]
    outline = target[[*UPPER_LIP_RINGS[0], *LOWER_LIP_RINGS[0][-2:0:-1]]]
    return float(luminance(along).max() / max(1.0, np.median(luminance(frame[inside(frame.shape, outline)]))))


def teeth_slide(subject: Subject, openings: Sequence[float] = (0.20, 0.24, 0.28)) -> Numbers:
    """Measure the motion of the edge of the upper teeth while the mouth opens and the head is still."""
    edges = []
    for opening in openings:
        channels = at_rest(aperture=opening / subject.portrait.shape.scale, smile=SMILE_WHILE_SPEAKING)
        edges.append(_teeth_edge(subject, subject.portrait.draw_rgb(channels), channels))
    found = [edge for edge in edges if edge is not None]
    return {"teeth_slide": float(max(found) - min(found)) if len(found) == len(edges) else None}


def _teeth_edge(subject: Subject, frame: U8, channels: Mapping[str, float]) -> float | None:
    """Return the edge of the upper teeth, IOD below the nose bridge: the steepest fall of brightness."""
    across, down = subject.portrait.shape.frame.rotation[:2, :2] * subject.iod_px
    target = subject.portrait.target_points(channels)
    upper, lower = target[13], target[14]
    gap = float((lower - upper) @ down / (down @ down))
    if gap < 0.1:
        return None
    steps = np.arange(0.01, gap - 0.02, 0.002)
    sides = np.linspace(-0.05, 0.05, 11)
    start = subject.face.points[[13, 14], :2].mean(axis=0)
    first = float((upper - start) @ down / (down @ down))
    at = start + (first + steps)[:, None, None] * down + sides[None, :, None] * across
    light = luminance(cv2.remap(frame, at.astype(np.float32), None, cv2.INTER_CUBIC)).mean(axis=1)
    smooth = np.asarray(cv2.GaussianBlur(light[:, None], (1, 0), sigmaX=1, sigmaY=4)).ravel()
    fall = -np.gradient(smooth)
    if fall.max() <= 0.0:
        return None
    return float(first + steps[int(fall.argmax())])


# --- mesh ---------------------------------------------------------------------------------------------------------


def folds(subject: Subject, names: Sequence[str] = ("aa", "oo", "mm", "oh", "ff", "ss")) -> Numbers:
    """Count triangles that turn over, all and under the lower lip, and find the smallest share of an area."""
    portrait = subject.portrait
    least = BIG_TRIANGLE_PX2 * (subject.iod_px / REFERENCE_IOD_PX) ** 2
    rest = signed_areas(subject.face.points[:, :2], portrait.triangles)
    chin = np.isin(portrait.triangles, list(CHIN_SET)).any(axis=1)
    visible = rest > least
    large = chin & (rest > 2 * least)
    worst: Numbers = {"flips": 0.0, "flips_chin": 0.0, "area_ratio_chin": 1.0}
    for name in names:
        moved = signed_areas(portrait.target_points(look(name)), portrait.triangles)
        flipped = visible & (moved < -least)
        ratio = float((moved[large] / rest[large]).min(initial=1.0))
        worst["flips"] = max(worst["flips"] or 0.0, float(flipped.sum()))
        worst["flips_chin"] = max(worst["flips_chin"] or 0.0, float((flipped & chin).sum()))
        worst["area_ratio_chin"] = min(worst["area_ratio_chin"] or 0.0, ratio)
    return worst


# --- what must not move -------------------------------------------------------------------------------------------


def stillness(subject: Subject) -> Numbers:
    """Measure the upper face while only the lips move, background and border in head motion, and colours of a grey
    image."""
    rest = subject.portrait.draw_rgb(at_rest(smile=SMILE_WHILE_SPEAKING)).astype(np.float64)
    coordinates = head_coordinates(subject)
    above = coordinates[..., 1] < head_coordinates_of(subject, NOSE_BASE)[1]
    lids = head_coordinates_of(subject, LOWER_LID)[1]
    brow_and_eyes = oval(subject) & (coordinates[..., 1] < lids)
    changes = [np.abs(subject.portrait.draw_rgb(look(name)) - rest).mean(axis=-1) for name in ("aa", "oo", "ee", "mm")]
    # Compare frames with frames: resampling changes all of them alike.
    still = subject.portrait.draw_rgb(look("sil")).astype(np.float64)
    change = np.abs(subject.portrait.draw_rgb(look("turned")).astype(np.float64) - still).mean(axis=-1)
    plain = np.abs(_softened(still) - _softened(subject.image.rgb)).mean(axis=-1)
    size = (subject.image.width, subject.image.height)
    person = (subject.matte.within((0, 0, *size), size) > 0.5) | oval(subject, scale=1.25)
    away = cv2.distanceTransform((~person).astype(np.uint8), cv2.DIST_L2, 5) / subject.iod_px
    far = away > 0.6
    border = np.zeros(far.shape, bool)
    border[[0, -1], :] = border[:, [0, -1]] = True
    left, top, right, bottom = subject.portrait.rect
    rim = np.zeros(far.shape, bool)
    rim[top:bottom, left:right] = True
    rim[
        top + 3 * (top > 0) : bottom - 3 * (bottom < size[1]), left + 3 * (left > 0) : right - 3 * (right < size[0])
    ] = False
    return {
        "rim_change": float(plain[rim].mean()) if rim.any() else None,
        "identity_drift": max(float(change[above].mean()) for change in changes),
        "eyes_drift": max(float(change[brow_and_eyes].mean()) for change in changes),
        "background_change": float(change[far].mean()) if far.sum() > 100 else None,
        "border_change": float(change[border & far].mean()) if (border & far).sum() > 20 else None,
        "border_change_near": float(change[border & (away > 0.1)].mean())
        if (border & (away > 0.1)).sum() > 20
        else None,
    }


def head_coordinates_of(subject: Subject, point: int) -> F64:
    """Return a mesh point's x and y in the head's frame, as if the image were flat."""
    x, y = np.round(subject.face.points[point, :2]).astype(int)
    coordinates = head_coordinates(subject)
    found: F64 = coordinates[np.clip(y, 0, coordinates.shape[0] - 1), np.clip(x, 0, coordinates.shape[1] - 1)]
    return found


def grey_stays_grey(subject: Subject) -> Numbers:
    """Return the largest spread between the channels in frames of the image without its colours."""
    light = np.round(luminance(subject.image.rgb)).astype(np.uint8)
    image = replace(subject.image, rgb=np.repeat(light[..., None], 3, axis=2), grey=True)
    portrait = Portrait(image, subject.face, matte=subject.matte, triangles=subject.portrait.triangles)
    frames = [portrait.draw_rgb(look("aa")), portrait.draw_rgb(at_rest(blink_left=0.6, blink_right=1.0))]
    return {"grey_spread": float(max(np.ptp(frame.astype(int), axis=2).max() for frame in frames))}


def source_kept(subject: Subject) -> Numbers:
    """Compare a frame with the image's own mouth with the image: mean difference in the face.

    Both are softened a little first, since `moving` measures sharpness; this is about place and light.
    """
    shape = subject.portrait.shape
    channels = at_rest(aperture=shape.aperture / shape.scale)
    frame = _softened(subject.portrait.draw_rgb(channels))
    change = np.abs(frame - _softened(subject.image.rgb)).mean(axis=-1)
    mouth = grown(inside(change.shape, subject.face.points[[*UPPER_LIP_RINGS[0], *LOWER_LIP_RINGS[0][-2:0:-1]], :2]), 2)
    face = oval(subject)
    return {"source_change": float(change[face & ~mouth].mean()), "source_change_mouth": float(change[mouth].mean())}


def _softened(rgb: U8 | F64) -> F64:
    return np.asarray(cv2.GaussianBlur(rgb.astype(np.float64), (0, 0), 1.0))


# --- eyes ---------------------------------------------------------------------------------------------------------


def blinks(subject: Subject) -> Numbers:
    """Measure the closure of the lids, the visible rest of the irises, and changes above the eye in a blink."""
    open_frame = subject.portrait.draw_rgb(at_rest())
    shut_frame = subject.portrait.draw_rgb(at_rest(blink_left=1.0, blink_right=1.0))
    opened, shut = subject.seen_in(open_frame), subject.seen_in(shut_frame)
    numbers: Numbers = {"blink_opening": None}
    if opened is not None and shut is not None:
        numbers["blink_opening"] = float(np.mean(eye_openings(shut)) / np.mean(eye_openings(opened)))
    numbers["blink_iris"] = _iris_left(subject, open_frame, shut_frame)
    if subject.portrait.eye_looks[0].lid.amount < 1.0:  # stone and slits do not blink
        numbers |= {"blink_opening": None, "blink_iris": 0.0}
    numbers["glasses_seen"] = float(subject.portrait.eye_looks[0].lid.glasses)
    numbers["blink_amount"] = subject.portrait.eye_looks[0].lid.amount
    numbers["blink_edges"] = _edges_changed(subject, open_frame, shut_frame)
    return numbers


def _iris_left(subject: Subject, opened: U8, shut: U8) -> float:
    """Return the share of the irises' pixels, apart from the lash line, that stay as dark as they are."""
    points = subject.face.points
    down = subject.portrait.shape.frame.rotation[1, :2] * subject.iod_px
    shares = []
    for iris, upper, lower in (
        (LEFT_IRIS, LEFT_UPPER_LID, LEFT_LOWER_LID),
        (RIGHT_IRIS, RIGHT_UPPER_LID, RIGHT_LOWER_LID),
    ):
        middle = points[iris[0], :2]
        radius = np.linalg.norm(points[list(iris[1:]), :2] - middle, axis=1).mean()
        eye = inside(opened.shape, points[[*upper, *lower[-2:0:-1]], :2])
        rows, columns = np.indices(eye.shape)
        disc = eye & (np.hypot(columns - middle[0], rows - middle[1]) < 0.8 * radius)
        # The lashes along the lower lid stay dark.
        low = np.interp(columns, points[list(lower), 0], points[list(lower), 1])
        disc &= rows < low - 0.05 * subject.iod_px
        band = np.concatenate([points[list(upper), :2] - share * down for share in (0.04, 0.06, 0.08)])
        columns_f, rows_f = np.round(band).astype(int).T
        lid = opened[np.clip(rows_f, 0, eye.shape[0] - 1), np.clip(columns_f, 0, eye.shape[1] - 1)]
        if disc.sum() < 6:
            continue
        before, after = luminance(opened[disc]), luminance(shut[disc])
        iris_light, lid_light = np.median(before), np.median(luminance(lid))
        if lid_light - iris_light < 20:
            continue
        dark = after < iris_light + 0.25 * (lid_light - iris_light)
        shares.append(float((dark & (np.abs(after - before) < 12)).mean()))
    return float(np.mean(shares)) if shares else 0.0


def _edges_changed(subject: Subject, opened: U8, shut: U8) -> float | None:
    """Return the change of edges between the lid and the brows, as a share of the edges there."""
    points = subject.face.points
    region = np.zeros(opened.shape[:2], bool)
    down = subject.portrait.shape.frame.rotation[1, :2] * subject.iod_px
    for upper, fold in ((LEFT_UPPER_LID, LEFT_LID_FOLD), (RIGHT_UPPER_LID, RIGHT_LID_FOLD)):
        margin = points[list(upper), :2] - 0.07 * down
        above = points[list(fold), :2][::-1] - 0.22 * down
        region |= inside(opened.shape, np.concatenate([margin, above]))
    if region.sum() < 10:
        return None

    def edges(rgb: U8) -> F64:
        light = luminance(rgb)
        return np.hypot(cv2.Sobel(light, cv2.CV_64F, 1, 0), cv2.Sobel(light, cv2.CV_64F, 0, 1))

    before, after = edges(opened), edges(shut)
    return float(np.abs(after - before)[region].mean() / max(1e-6, before[region].mean()))


# --- head and texture ---------------------------------------------------------------------------------------------


def turns(subject: Subject) -> Numbers:
    """Measure the detected turn per requested turn."""
    rest = subject.seen_in(subject.portrait.draw_rgb(at_rest()))
    if rest is None:
        return {"yaw_gain": None, "pitch_gain": None}
    start = HeadFrame.of(rest)
    yaws, pitches = [], []
    for requested in (-8.0, -4.0, 4.0, 8.0):
        seen = subject.seen_in(subject.portrait.draw_rgb(at_rest(head_yaw=requested)))
        if seen is not None:
            yaws.append((requested, HeadFrame.of(seen).yaw_deg - start.yaw_deg))
    for requested in (-6.0, 6.0):
        seen = subject.seen_in(subject.portrait.draw_rgb(at_rest(head_pitch=requested)))
        if seen is not None:
            pitches.append((requested, HeadFrame.of(seen).pitch_deg - start.pitch_deg))
    return {"yaw_gain": _slope(yaws), "pitch_gain": _slope(pitches)}


def _slope(pairs: Sequence[tuple[float, float]]) -> float | None:
    if len(pairs) < 2:
        return None
    requested, seen = np.array(pairs).T
    return float(requested @ seen / (requested @ requested))


def moving(subject: Subject, frames: int = 12, crops: int = 5) -> Numbers:
    """Measure sharpness of the upper face and steadiness of its landmarks in head motion, 25 frames a second."""
    track = sentence_track(25)
    head = [name for name in track.channels if name.startswith("head") or name == "breath"]
    base = head_coordinates_of(subject, NOSE_BASE)[1]

    def upper(points: F64) -> Mask:
        return oval(subject, points, scale=0.9) & (head_coordinates(subject, points)[..., 1] < base)

    region = upper(subject.face.points)
    reference = _sharpness(subject.image.rgb, region)
    ratios, paths = [], []
    for n in range(10, 10 + frames):
        channels = track.frame(n)
        frame = subject.portrait.draw_rgb(at_rest(**{name: channels[name] for name in head}))
        seen = subject.seen_in(frame, crops)
        if seen is None:
            return {}
        field = subject.portrait._head
        at_source = subject.face.points[list(STEADY), :2].astype(np.float32)
        expected = carry_forward(at_source, field.backward_motion(at_rest(**channels)), field.grid.place)
        paths.append(seen[list(STEADY), :2] - expected)
        ratios.append(_sharpness(frame, upper(seen)) / reference)  # the same skin, wherever the head is
    # Shift the whole image by a part of a pixel, for the worst and the best case of resampling.
    shifted = [
        _sharpness(subject.portrait.draw_rgb(at_rest(head_x=part / subject.iod_px)), region) / reference
        for part in (0.0, 0.25, 0.5, 0.75)
    ]
    times = np.arange(frames)
    bends = np.linalg.norm(np.diff(np.stack(paths), 2, axis=0), axis=-1) / subject.iod_px
    return {
        "sharpness": float(np.mean(ratios)),
        "sharpness_sd": float(np.std(ratios - np.polyval(np.polyfit(times, ratios, 3), times))),
        "sharpness_low": min(shifted),
        "sharpness_high": max(shifted),
        "path_bend": float(np.sqrt((bends**2).mean(axis=0)).max()),
    }


def _sharpness(rgb: U8, region: Mask) -> float:
    return float(cv2.Laplacian(luminance(rgb), cv2.CV_64F)[region].var())


def ring(subject: Subject, names: Sequence[str] = ("aa", "oo", "mm", "ee")) -> Numbers:
    """Measure the colour of a ring around the lips against the image's, and new edges in the lower face."""
    source = subject.image.rgb
    outline = [*UPPER_LIP_RINGS[0], *LOWER_LIP_RINGS[0][-2:0:-1]]

    def around(points: F64) -> tuple[Mask, Mask]:
        lips = inside(source.shape, points[outline, :2])
        near = grown(lips, 0.02 * subject.iod_px)
        band = grown(lips, 0.07 * subject.iod_px) & ~near
        lower = oval(subject, points, 0.95) & ~band & ~near
        return band, lower & (head_coordinates(subject)[..., 1] > head_coordinates_of(subject, NOSE_BASE)[1])

    band, lower = around(subject.face.points)
    if band.sum() < 10 or lower.sum() < 100:
        return {"ring_chroma": None, "edge_ratio": None}
    blur_px = EDGE_BLUR_IOD * subject.iod_px
    colour, many = _chroma(source)[band].mean(axis=0), _edge_share(source, lower, blur_px)
    worst, most = 0.0, 0.0
    for name in names:
        frame = subject.portrait.draw_rgb(look(name))
        band, lower = around(with_depth(subject, look(name)))
        worst = max(worst, float(np.abs(_chroma(frame)[band].mean(axis=0) - colour).max()))
        most = max(most, _edge_share(frame, lower, blur_px) / max(many, 0.01))
    return {"ring_chroma": worst, "edge_ratio": most}


def _chroma(rgb: U8) -> F64:
    """Return Cb and Cr, (height, width, 2)."""
    light = luminance(rgb)
    colour = rgb.astype(np.float64)
    return np.stack([(colour[..., 2] - light) / 1.8556, (colour[..., 0] - light) / 1.5748], axis=-1)


def _edge_share(rgb: U8, region: Mask, blur_px: float) -> float:
    light = cv2.GaussianBlur(luminance(rgb), (0, 0), blur_px)
    edges = cv2.Canny(np.round(light).astype(np.uint8), 20, 45)
    return float((edges[region] > 0).mean())


def correlation(a: Sequence[float], b: Sequence[float]) -> float:
    return float(np.corrcoef(a, b)[0, 1])


ALL = (looks, folds, stillness, source_kept, blinks, turns, moving, ring, teeth_slide, grey_stays_grey, sentence)
"""Every measure, cheap ones first."""
