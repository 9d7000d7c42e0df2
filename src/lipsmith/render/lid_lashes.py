"""Lashes of a lid: their colour, and a matte of drawn strokes that travels with the lid's edge and turns over."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsmith.face.geometry import F64, smoothstep
from lipsmith.media.clip import F32
from lipsmith.render.eye_axes import EyeAxes
from lipsmith.render.lid_skin import Skin, grid_u
from lipsmith.render.mouth_colours import LUMA

ROOT_IOD = 0.02
"""Rows of the matte below the lid's edge."""
TIP_IOD = 0.08
"""Rows of the matte above the lid's edge."""
STROKES = 34
STROKE_PARTS = 6
SHORT_IOD, LONG_IOD = 0.010, 0.044
"""Least and largest usual length."""
THICKNESS_IOD = 0.0052
SOFTNESS_IOD = 0.0028
DRAWN_LARGER = 2


@dataclass(frozen=True, kw_only=True)
class Lashes:
    """Lashes of one eye."""

    matte: F32
    """(rows, columns) 0-1 over the height above the edge."""
    colour: F64
    """(3,) RGB 0-255."""
    contrast: float
    """Darkness at the margin against the skin, 0-1."""


def read_lashes(eye: EyeAxes, skin: Skin, *, height: float, per_iod: float, seed: int) -> Lashes:
    """Read colour and strength of the lashes at the upper margin, and draw strokes like them.

    ``height``: typical height of what is dark above the margin, IOD.
    """
    u = grid_u(eye, per_iod)
    near = u[np.abs(u) < 0.85 * eye.half]
    rows = eye.along(np.interp(near, eye.u, eye.upper), -np.arange(-0.020, 0.012, 1.0 / per_iod), near)
    pixels = rows.reshape(-1, 3).astype(np.float64)
    lights = pixels @ LUMA
    colour = pixels[np.argsort(lights)[: max(3, len(pixels) // 8)]].mean(axis=0)
    # The iris shines through and tints the colour, so most of it is a brown that suits the skin.
    hue = skin.above.mean(axis=0) / max(float(skin.above.mean(axis=0) @ LUMA), 1.0)
    brown = 0.8 * hue + 0.2 * np.array([1.08, 0.98, 0.92])
    colour = 0.15 * colour + 0.85 * float(colour @ LUMA) * brown
    contrast = float(np.clip(1.0 - np.percentile(lights, 12) / skin.typical, 0.0, 1.0))
    return Lashes(matte=_matte(eye, u, contrast, height, per_iod, seed), colour=colour, contrast=contrast)


def _matte(eye: EyeAxes, u: F64, contrast: float, height: float, per_iod: float, seed: int) -> F32:
    """Draw strokes that fan out towards the corners, the longest near the outer one."""
    rng = np.random.default_rng([seed, 1])
    rows = round((ROOT_IOD + TIP_IOD) * per_iod)
    scale = per_iod * DRAWN_LARGER
    drawn = np.zeros((rows * DRAWN_LARGER, len(u) * DRAWN_LARGER), np.uint8)
    usual = float(np.clip(0.6 * height + 0.006, SHORT_IOD, LONG_IOD))
    t = np.linspace(0.0, 1.0, STROKE_PARTS + 1)
    for place in np.linspace(-0.86, 0.94, STROKES) + rng.normal(0.0, 0.022, STROKES):
        length = usual * (0.45 + 0.55 * float(smoothstep(place, -0.9, 0.35))) * rng.uniform(0.45, 1.2)
        dark = rng.uniform(0.45, 1.0)
        length *= 1.0 - 0.35 * float(smoothstep(place, 0.7, 1.0))
        lean = eye.outer * (0.25 * place + 0.10 + 0.45 * float(smoothstep(place, 0.2, 1.0))) * 1.5 * length
        across = (place * eye.outer * eye.half + lean * t**1.5 - u[0]) * scale
        up = (length * t + ROOT_IOD) * scale
        for k in range(STROKE_PARTS):
            width = max(1, round(THICKNESS_IOD * scale * (1.0 - 0.75 * float(t[k]))))
            ends = [(int(across[n] * 16), int(up[n] * 16)) for n in (k, k + 1)]
            cv2.line(drawn, ends[0], ends[1], int(255 * dark * (1.0 - 0.6 * t[k])), width, cv2.LINE_AA, 4)
    matte = cv2.resize(drawn, (len(u), rows), interpolation=cv2.INTER_AREA)
    matte = cv2.GaussianBlur(matte, (0, 0), max(SOFTNESS_IOD * per_iod, 0.3))
    strength = 0.8 * float(np.clip((contrast - 0.25) / 0.4, 0.15, 1.0))
    return np.asarray(matte, np.float32) / 255.0 * np.float32(strength)
