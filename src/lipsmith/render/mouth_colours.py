"""Colours of a mouth, read from a photo: skin, lips, whites of the eyes, and the teeth they suggest.

Teeth follow the white point and exposure of the image. Measured on 11 people whose teeth show in a smile: their
lightness lies 17 L* above that of the face (six tenths cheek, four tenths eye white), their yellow 3.5 b* above that of
the eye white, and their red at half of its a* (root mean square error 5 L*, 4 b*, 4 a*).
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsmith.face.geometry import F64, smoothstep
from lipsmith.face.layout import (
    INNER_OUTLINE,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LIP_OUTLINE,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
)
from lipsmith.media.clip import U8
from lipsmith.render.outline import polygon_mask

LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Weights of BT.709 luminance; accurate enough to separate dark from bright."""
CHEEKS = (50, 205, 101, 280, 425, 330)
"""Mesh points on the cheeks, three a side, where the colour of the skin is read."""
LOWER_CHEEKS = (207, 214, 192, 427, 434, 416)
"""Mesh points beside the mouth, three a side. They lie in the region that is read from a clip; the others may not."""

MIN_LIGHT, MAX_LIGHT = 0.25, 3.0
"""Darkest and brightest frame of a clip, relative to the frames from which its colours were read."""
TOOTH_OVER_FACE_L = 17.0
"""Lightness of teeth in a smile above that of the face, L*: six tenths cheek, four tenths eye white."""
SPEAKING_TEETH_L = -3.0
"""Teeth behind speaking lips are a little darker than in a smile, L*."""
TOOTH_OVER_WHITE_B = 3.5
MAX_TOOTH_L = 93.0
STONE = (6.0, 0.015, 0.015)
"""Largest chroma of stone, largest difference in chromaticity of its lips and eyes from its cheeks, and least spread of
chromaticity in an image that is not a black and white print."""
COLOURED = (1e9, 0.007, 0.040)
"""The same for wood and clay: skin can have their colour, but its eyes are white, and toned prints have one colour."""


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


def light_between(usual: F64, cheeks: F64) -> F64:
    """Return a frame's light relative to the clip, (3,): ``usual`` and ``cheeks`` are the cheeks' colours, RGB."""
    return np.clip(cheeks / np.maximum(usual, 1.0), MIN_LIGHT, MAX_LIGHT)


def lip_colour(rgb: U8, points: F64) -> F64:
    """Return the median colour of both lips, (3,) RGB."""
    size = rgb.shape[:2]
    lips = (polygon_mask(size, points[LIP_OUTLINE, :2]) > 127) & (polygon_mask(size, points[INNER_OUTLINE, :2]) < 64)
    if lips.sum() < 8:
        return median_at(rgb, points[[0, 17], :2], 2)
    return np.median(rgb[lips], axis=0)


def eye_white(rgb: U8, points: F64) -> F64:
    """Return the colour of the brighter part of the eyes, (3,) RGB."""
    found = []
    for upper, lower in ((LEFT_UPPER_LID, LEFT_LOWER_LID), (RIGHT_UPPER_LID, RIGHT_LOWER_LID)):
        outline = points[[*upper, *lower[-2:0:-1]], :2]
        found.append(rgb[polygon_mask(rgb.shape[:2], outline) > 200])
    pixels = np.concatenate(found).astype(np.float64)
    if len(pixels) < 8:
        return np.array([170.0, 165.0, 160.0])
    luminance = pixels @ LUMA
    return np.median(pixels[luminance >= np.percentile(luminance, 80)], axis=0)


def tooth_colour(skin: F64, white: F64, brightest: F64) -> F64:
    """Return the colour of well-lit teeth in the light of an image, (3,) RGB 0-255.

    ``skin``, ``white``: (3,) RGB of cheeks and eye whites; ``brightest``: (3,) RGB of the image's highlights. Teeth
    in faded or dark prints are no brighter than these.
    """
    skin_lab, white_lab, limit = (to_lab(colour) for colour in (skin, white, brightest))
    # Eyes in deep shade or behind glass tell little about exposure.
    white_l = float(np.clip(white_lab[0], skin_lab[0] - 25.0, skin_lab[0] + 15.0))
    face_l = 0.6 * skin_lab[0] + 0.4 * white_l
    lightness = face_l + TOOTH_OVER_FACE_L * (1.0 - 0.65 * float(smoothstep(face_l, 70.0, 95.0))) + SPEAKING_TEETH_L
    lightness = min(lightness, MAX_TOOTH_L, 0.97 * max(limit[0], face_l))
    red = 0.5 * float(np.clip(white_lab[1], -2.0, max(skin_lab[1], 0.0) + 2.0))
    yellow = TOOTH_OVER_WHITE_B + float(np.clip(white_lab[2], -6.0, max(skin_lab[2], 0.0) + 4.0))
    return from_lab(np.array([lightness, red, yellow]))


def is_carved(rgb: U8, skin: F64, lip: F64, white: F64) -> bool:
    """Return True for a face of one material, such as a bust: lips and eyes have the colour of its skin.

    A black and white or toned print is no evidence, as all of it has one colour.
    """
    small = cv2.resize(rgb, (64, 64), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float64)
    bright = small[small @ LUMA > 40.0]
    if len(bright) < 8:
        return False
    away = np.linalg.norm(chromaticity(bright) - np.median(chromaticity(bright), axis=0), axis=1)
    spread = float(np.percentile(away, 95))
    apart = float(np.linalg.norm(chromaticity(np.stack([lip, white])) - chromaticity(skin), axis=1).max())
    chroma = float(np.hypot(*to_lab(skin)[1:]))
    return any(chroma < most and apart < same and spread > least for most, same, least in (STONE, COLOURED))


def chromaticity(rgb: F64) -> F64:
    """Return the shares of red and green, (..., 2): they do not depend on light and shade."""
    return rgb[..., :2] / np.maximum(rgb.sum(axis=-1, keepdims=True), 1.0)


def to_lab(rgb: F64) -> F64:
    """Convert (..., 3) sRGB 0-255 to CIELAB."""
    flat = np.asarray(rgb, np.float32).reshape(1, -1, 3) / np.float32(255.0)
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2LAB), np.float64).reshape(np.shape(rgb))


def from_lab(lab: F64) -> F64:
    """Convert (..., 3) CIELAB to sRGB 0-255."""
    flat = np.asarray(lab, np.float32).reshape(1, -1, 3)
    rgb = np.asarray(cv2.cvtColor(flat, cv2.COLOR_LAB2RGB), np.float64).reshape(np.shape(lab))
    return np.clip(rgb * 255.0, 0.0, 250.0)
