"""Tone of the drawn teeth against the image: the person's visible teeth, or its white point and exposure.

The reference for a closed mouth does not use the renderer's formula: the sclera beside the irises gives the white
point, and the highlights of the face give the exposure.
"""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.measures import Numbers, luminance
from benchmarks.subjects import Subject, at_rest
from lipsmith.face.geometry import F64
from lipsmith.face.layout import (
    FACE_OVAL,
    LEFT_IRIS,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    RIGHT_IRIS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
)
from lipsmith.media.clip import U8
from lipsmith.render.mouth_colours import CHEEKS, median_at
from lipsmith.render.own_mouth import own_teeth, read_opening
from lipsmith.render.warp import Source

TONE_BAR = 10.0
"""Largest difference of colour, CIE76, that reaches the bar."""
OPENING_IOD = 0.15
TOOTH_RATIO = 0.55
"""Teeth reflect about this share of the light that white paper reflects; as L* of a white that reads 100: 79."""
TOOTH_CHROMA = (1.0, 6.0)
"""a* and b* of natural teeth in neutral light."""
SKIN_HIGHLIGHT_RATIO = 0.62
"""The brightest tenth of a face's skin reflects about this share of white, mirrors of light included."""


def tooth_tone(subject: Subject) -> Numbers:
    """Return the CIE76 difference between drawn teeth and their reference, and the lightness of both."""
    look = subject.portrait.mouth_look
    if look.toothless:
        return {"tooth_tone": None}
    drawn = _lab(drawn_teeth(subject))
    shown = visible_teeth(subject)
    reference = _lab(shown) if shown is not None else expected_tooth(subject)
    return {
        "tooth_tone": float(np.linalg.norm(drawn - reference)),
        "tooth_l": float(drawn[0]),
        "tooth_reference_l": float(reference[0]),
    }


def visible_teeth(subject: Subject) -> F64 | None:
    """Return the colour of the well-lit teeth that the photo shows, (3,) RGB; None if it shows none clearly."""
    points, frame = subject.face.points, subject.portrait.shape.frame
    source = Source.of(subject.image.rgb, 0, 0)
    skin = median_at(subject.image.rgb, points[list(CHEEKS), :2], 0.10 * frame.iod_px)
    own = own_teeth(read_opening(source, points, frame, skin), points, frame, source)
    return None if own is None else own.tooth


def drawn_teeth(subject: Subject) -> F64:
    """Return the colour of the drawn upper front teeth, (3,) RGB: the median of the brighter half between the lips."""
    shape = subject.portrait.shape
    channels = at_rest(aperture=OPENING_IOD / shape.scale, smile=0.45)
    frame = subject.portrait.draw_rgb(channels)
    target = subject.portrait.target_points(channels)
    across, down = shape.frame.rotation[:2, :2] * subject.iod_px
    steps, sides = np.linspace(0.02, 0.08, 13), np.linspace(-0.10, 0.10, 21)
    at = target[13] + steps[:, None, None] * down + sides[None, :, None] * across
    seen = cv2.remap(frame, at.astype(np.float32), None, cv2.INTER_LINEAR).reshape(-1, 3).astype(np.float64)
    light = luminance(seen)
    return np.median(seen[light >= np.percentile(light, 50)], axis=0)


def expected_tooth(subject: Subject) -> F64:
    """Return the CIELAB colour of teeth in the light of an image that shows none, (3,)."""
    white = _lab(_sclera(subject.image.rgb, subject.face.points))
    oval = subject.face.points[list(FACE_OVAL), :2]
    mask = np.zeros(subject.image.rgb.shape[:2], np.uint8)
    middle = oval.mean(axis=0)
    cv2.fillPoly(mask, [np.round(middle + 0.8 * (oval - middle)).astype(np.int32)], 1)
    skin = subject.image.rgb[mask > 0].astype(np.float64)
    highlight = np.percentile(luminance(skin), 90) / 255.0
    light = np.clip((highlight**2.2 / SKIN_HIGHLIGHT_RATIO) * TOOTH_RATIO, 0.0, 1.0)
    lightness = 116.0 * np.cbrt(light) - 16.0
    return np.array([lightness, TOOTH_CHROMA[0] + 0.4 * white[1], TOOTH_CHROMA[1] + 0.8 * white[2]])


def _sclera(rgb: U8, points: F64) -> F64:
    """Return the colour of the whites of the eyes, (3,) RGB: within the lids, outside the irises."""
    found = []
    for upper, lower, iris in (
        (LEFT_UPPER_LID, LEFT_LOWER_LID, LEFT_IRIS),
        (RIGHT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_IRIS),
    ):
        mask = np.zeros(rgb.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(points[[*upper, *lower[-2:0:-1]], :2]).astype(np.int32)], 1)
        centre = points[iris[0], :2]
        radius = float(np.linalg.norm(points[list(iris[1:]), :2] - centre, axis=1).mean())
        rows, columns = np.nonzero(mask)
        beside = np.hypot(columns - centre[0], rows - centre[1]) > 1.1 * radius
        found.append(rgb[rows[beside], columns[beside]])
    pixels = np.concatenate(found).astype(np.float64)
    if len(pixels) < 4:
        return np.array([200.0, 198.0, 195.0])
    light = luminance(pixels)
    return np.median(pixels[light >= np.percentile(light, 60)], axis=0)


def _lab(rgb: F64) -> F64:
    flat = np.asarray(rgb, np.float32).reshape(1, 1, 3) / np.float32(255.0)
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2LAB), np.float64).reshape(3)
