"""Rows of painted teeth as tables: edge, shade and gum at every place across the dental arch.

Each tooth differs a little in width, length, slant and shade. The differences follow from a seed, so that a face always
has the same teeth. Lengths are in IOD; an IOD is about 63 mm on an adult.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from lipsmith.face.geometry import F64, smoothstep
from lipsmith.media.clip import F32

ARCH_HALF_IOD = 0.46
ARCH_CELLS = 369
"""Cells of a table over the whole arch, one per 0.0025 IOD."""

UPPER_WIDTHS = (0.130, 0.100, 0.090, 0.066, 0.052, 0.050)
"""Widths seen from the front, from the middle outwards: two incisors, canine, two premolars, molar."""
UPPER_SHORTER = (0.0, 0.007, 0.001, 0.008, 0.011, 0.014)
"""Upper teeth end higher than the front teeth by this."""
UPPER_LENGTHS = (0.165, 0.145, 0.160, 0.135, 0.125, 0.120)
UPPER_ROUNDING = (0.008, 0.011, 0.014, 0.009, 0.008, 0.008)
"""The edge of a tooth rises by this much to its sides."""
UPPER_SHADES = (1.0, 0.985, 0.95, 0.93, 0.90, 0.86)
LOWER_WIDTHS = (0.082, 0.088, 0.098, 0.080, 0.066, 0.060)
LOWER_SHORTER = (0.0, 0.001, 0.002, 0.007, 0.010, 0.014)
LOWER_ROUNDING = (0.004, 0.005, 0.008, 0.006, 0.006, 0.006)
LOWER_SHADES = (1.0, 0.99, 0.96, 0.93, 0.90, 0.86)

WIDTH_SPREAD, LENGTH_SPREAD_IOD, SLANT_SPREAD, SHADE_SPREAD, TURN_SPREAD = 0.030, 0.0025, 0.035, 0.018, 0.030
"""Standard deviations of single teeth: share of width, length, slope of the edge, shade, and shade across a tooth."""
SEAM_IOD, SEAM_DARKNESS = 0.0040, 0.26
ROUNDNESS = 0.10
"""Share by which a tooth is darker at its sides than in its middle."""


@dataclass(frozen=True, kw_only=True)
class ToothRows:
    """Upper and lower teeth of one face."""

    upper: F32
    """(ARCH_CELLS, 3): end of the teeth below the end of the front teeth (IOD), shade, and length down from the gum."""
    lower: F32
    """(ARCH_CELLS, 3): the same for lower teeth, whose ends are counted upwards."""


def tooth_rows(*, seed: int, size: float, blur_iod: float) -> ToothRows:
    """Build the teeth of a face.

    ``size``: 1 for an adult; children's teeth are shorter. ``blur_iod``: softness of the image, sigma, IOD.
    """
    rng = np.random.default_rng(seed)
    upper = _row(rng, UPPER_WIDTHS, UPPER_SHORTER, UPPER_ROUNDING, UPPER_SHADES, UPPER_LENGTHS, size=size)
    lengths = tuple(0.8 * length for length in UPPER_LENGTHS)
    lower = _row(rng, LOWER_WIDTHS, LOWER_SHORTER, LOWER_ROUNDING, LOWER_SHADES, lengths, size=size)
    return ToothRows(upper=_blurred(upper, blur_iod), lower=_blurred(lower, blur_iod))


def _row(
    rng: np.random.Generator,
    widths: tuple[float, ...],
    shorter: tuple[float, ...],
    rounding: tuple[float, ...],
    shades: tuple[float, ...],
    lengths: tuple[float, ...],
    *,
    size: float,
) -> F64:
    """Return one row of teeth, (ARCH_CELLS, 3), both sides irregular on their own."""
    across = np.linspace(-ARCH_HALF_IOD, ARCH_HALF_IOD, ARCH_CELLS)
    row = np.zeros((ARCH_CELLS, 3))
    middle = float(rng.normal(0.0, 0.006))
    for side in (-1.0, 1.0):
        wide = np.array(widths) * (0.92 + 0.08 * size) * (1.0 + WIDTH_SPREAD * _few(rng, len(widths)))
        ends = np.concatenate([[0.0], np.cumsum(wide)])
        ends[-1] = 1.0
        out = side * (across - middle)
        for k, (start, end) in enumerate(pairwise(ends)):
            length, slant, shade, turn = _few(rng, 4)
            here = (out >= start) & (out < end)
            half = 0.5 * min(end - start, wide[k])
            place = np.clip((out[here] - start) / half - 1.0, -1.0, 1.0)
            edge = LENGTH_SPREAD_IOD * length - shorter[k] + SLANT_SPREAD * slant * half * place
            row[here, 0] = size * (edge - rounding[k] * np.abs(place) ** 3.5)
            seam = 1.0 - SEAM_DARKNESS * np.exp(-(((1.0 - np.abs(place)) * half / SEAM_IOD) ** 2))
            body = 1.0 - ROUNDNESS * place**2 + TURN_SPREAD * turn * place
            row[here, 1] = shades[k] * (1.0 + SHADE_SPREAD * shade) * body * seam
            row[here, 2] = size * (lengths[k] - 0.035 * np.abs(place) ** 2.5)
    return row


def _few(rng: np.random.Generator, count: int) -> F64:
    """Return normal deviates without outliers, (count,)."""
    return np.clip(rng.normal(size=count), -1.8, 1.8)


def _blurred(row: F64, sigma_iod: float) -> F32:
    sigma = sigma_iod * (ARCH_CELLS - 1) / (2.0 * ARCH_HALF_IOD)
    if sigma > 0.3:
        row = np.asarray(
            cv2.GaussianBlur(row.T, (0, 0), sigmaX=sigma, sigmaY=1e-3, borderType=cv2.BORDER_REPLICATE), np.float64
        ).T
    return np.ascontiguousarray(row, dtype=np.float32)


def tooth_size(lower_face_iod: float) -> float:
    """Return the size of the teeth from the length of the face between nose and chin, IOD: small in young children."""
    return 0.72 + 0.28 * float(smoothstep(lower_face_iod, 0.72, 0.95))
