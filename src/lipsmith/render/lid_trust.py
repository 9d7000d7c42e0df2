"""Limit of a blink: eyes of stone, slits, and eyes behind hair are shut half way or not at all."""

from __future__ import annotations

import numpy as np

from lipsmith.face.geometry import F64
from lipsmith.render.eye_axes import EyeAxes
from lipsmith.render.lid_skin import Skin
from lipsmith.render.mouth_colours import LUMA

HALF_BLINK = 0.5
FEW_PIXELS = 3.0
"""Openings lower than this are tiny, pixels."""
NEARLY_SHUT_IOD = 0.028
LEAST_IRIS = 0.40
"""Darkness of an iris against the white below which it may be stone."""
CROSSING_SHARE = 0.15
"""Share of the columns with something dark from above the lid to below the eye that counts as hair across the eye."""


def blink_amount(eyes: tuple[EyeAxes, EyeAxes], skins: tuple[Skin, Skin]) -> float:
    """Return how far both eyes can be shut, 0-1."""
    against_white, against_darker = np.mean([_iris_contrast(e, s) for e, s in zip(eyes, skins, strict=True)], axis=0)
    gap_px = min(eye.gap / eye.px for eye in eyes)
    if against_white < LEAST_IRIS and against_darker < 0.05:
        return 0.0
    if against_white < 0.30 and gap_px < FEW_PIXELS:
        return 0.0
    uncertain = min(eye.gap for eye in eyes) < NEARLY_SHUT_IOD or gap_px < FEW_PIXELS
    crossed = max(_crossing(e, s) for e, s in zip(eyes, skins, strict=True)) > CROSSING_SHARE
    return HALF_BLINK if uncertain or crossed else 1.0


def _iris_contrast(eye: EyeAxes, skin: Skin) -> tuple[float, float]:
    """Return the darkness of the iris against the white on both sides, and against the darker side."""
    depth = np.linspace(0.15, 0.85, 15)[:, None] * (eye.lower - eye.upper)[None]
    light = eye.along(eye.upper, depth) @ LUMA
    wide = np.abs(eye.x) < 0.88
    away = eye.u - eye.iris[0]
    disc = (np.abs(away) < 0.6 * eye.iris_radius) & wide
    iris = float(np.percentile(light[:, disc], 35)) if disc.any() else skin.typical
    sides = [away < -1.15 * eye.iris_radius, away > 1.15 * eye.iris_radius]
    whites = [float(np.percentile(light[:, side & wide], 65)) for side in sides if (side & wide).sum() >= 3]
    if not whites:
        return 1.0, 1.0
    darker = 1.0 - iris / max(min(whites), 1.0)
    return 1.0 - iris / max(float(np.mean(whites)), 1.0), max(darker, -0.1)


def _crossing(eye: EyeAxes, skin: Skin) -> float:
    """Return the share of columns in which dark pixels run from above the lid to below the eye without a gap."""
    columns = np.abs(eye.x) < 0.9
    share = np.linspace(0.0, 1.0, 24)[:, None]
    start, stop = eye.upper - 0.09, eye.lower + 0.09
    light = eye.along(start, share * (stop - start)[None]) @ LUMA
    of_skin = np.minimum(skin.above @ LUMA, skin.below @ LUMA)
    dark: F64 = (light / np.maximum(of_skin, 8.0)[None] < 0.62).mean(axis=0)
    return float((dark[columns] > 0.92).mean())
