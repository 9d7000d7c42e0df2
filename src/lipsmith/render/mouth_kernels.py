"""Per-pixel painting of teeth, tongue and cavity between the lips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsmith.render.kernel import kernel
from lipsmith.render.opening import Edges, edges_at, share_between

ARCH_RISE = 0.16
"""Teeth further from the middle end higher, by this much per squared IOD."""


@kernel
def _step(value: float, low: float, high: float) -> float:
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@kernel
def _tooth(across: float) -> tuple[float, float, float]:
    """Return the place within an upper tooth (-1 … 1) at ``across`` IOD from the middle, and that tooth's shape.

    The shape is how much shorter the tooth is than the front teeth (IOD), and its shade. Widths are those seen from the
    front, on the arch: two incisors, canine, two premolars.
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
def _upper_tooth(across: float, down: float, incisal: float, soft: float) -> tuple[float, float, float, float]:
    """Return opacity, brightness, opacity of the gum and brightness of the gum of the upper teeth at one place.

    The upper teeth are fixed to the skull; ``across`` and ``down`` are IOD from the middle of the upper lip.
    """
    place, shorter, shade = _tooth(across)
    edge = incisal - shorter - ARCH_RISE * across * across - 0.010 * place**4
    alpha = 1.0 - _step(down, edge - 0.006 - soft, edge + 0.006 + soft)
    alpha *= 1.0 - _step(abs(across), 0.40, 0.43)
    seam = 1.0 - 0.16 * _step(abs(place), 0.86, 1.0)
    arch = 1.0 - 0.45 * min(abs(across) / 0.46, 1.0) ** 2
    body = 0.94 + 0.06 * np.exp(-(((down - edge + 0.06) / 0.05) ** 2))
    return alpha, shade * seam * arch * body, 1.0 - _step(down, edge - 0.185, edge - 0.155), arch


@kernel
def _tongue(v: float, top: float, middle_gap: float, soft: float) -> tuple[float, float]:
    """Return opacity and brightness of the tongue. It rises from behind the lower lip up to the upper teeth."""
    alpha = _step(v, top - 0.012, top + 0.012 + soft)
    return alpha, 0.65 + 0.35 * min(max((v - top) / max(0.32 * middle_gap, 0.02), 0.0), 1.0)


@kernel
def _light(across: float, above: float, left: float, right: float) -> float:
    """Return the light at ``across`` half widths from the middle and ``above`` IOD over the lower lip."""
    shadow = 1.0 - 0.45 * min(abs(across), 1.0) ** 3
    lit = left + (right - left) * min(max(across / 2 + 0.5, 0.0), 1.0)
    return shadow * lit * (0.85 + 0.15 * _step(max(above, 0.0), 0.0, 0.05))


@kernel
def _half_width(edges: Edges) -> float:
    """Return half the width of the opening, IOD, for the shadow towards the corners."""
    half = 0.05
    for i in range(edges.upper.shape[0]):
        if edges.lower[i] - edges.upper[i] > 0.004:
            half = max(half, abs(edges.u[i]))
    return half


@kernel
def _contact_shadow(u: float, v: float, high: float, low: float, half: float, half_pixel: float) -> float:
    """Return the darkness of the line where the lips touch, 0-1."""
    off = (v - (high + low) * 0.5) / max(0.010, 1.6 * half_pixel)
    ends = 1.0 - _step(abs(u), 0.55 * half, 1.0 * half)
    return (1.0 - _step(low - high, 0.012, 0.045)) * np.exp(-off * off) * ends


@kernel
def paint_interior(
    pixels: NDArray[np.uint8],
    own: NDArray[np.uint8],
    own_alpha: NDArray[np.float32],
    painted_alpha: NDArray[np.float32],
    edges: Edges,
    half_pixel: float,
    colours: NDArray[np.float32],
    numbers: NDArray[np.float32],
    skull: NDArray[np.float32],
) -> None:
    table_u, upper, lower, to_local = edges
    soft = max(half_pixel, 0.004)
    first, per_u = table_u[0], (table_u.shape[0] - 1) / (table_u[-1] - table_u[0])
    light_left, light_right, brightness = numbers[0], numbers[1], numbers[2]
    tongue_up, contact, incisal, in_shadow = numbers[3], numbers[4], numbers[5], numbers[6]
    half = _half_width(edges)
    middle = edges_at(0.0, first, per_u, upper, lower)
    middle_gap = max(middle[1] - middle[0], 1e-4)
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            u = to_local[0, 0] * column + to_local[0, 1] * row + to_local[0, 2]
            v = to_local[1, 0] * column + to_local[1, 1] * row + to_local[1, 2]
            if abs(u) > half + 0.05:
                continue
            high, low = edges_at(u, first, per_u, upper, lower)
            gap = low - high
            if contact > 0.0 and gap < 0.045:
                dark = contact * _contact_shadow(u, v, high, low, half, half_pixel)
                for c in range(3):
                    pixels[row, column, c] = np.uint8((1 - dark) * pixels[row, column, c] + dark * colours[4, c])
            inside = share_between(v, high, low, soft) * _step(gap / (2 * half_pixel), 0.3, 1.6)
            if inside <= 0.003:
                continue
            below = max(v - high, 0.0)
            across, down = u - skull[0], v - skull[1]
            deep = min(below / max(gap, 1e-3), 1.0)
            height = (0.36 + 0.38 * tongue_up) * gap * (1.0 - 0.55 * min(abs(u / half), 1.0) ** 2)
            tongue_alpha, tongue_shade = _tongue(v, low - height, middle_gap, soft)
            forward = _step(tongue_up, 0.62, 0.80)  # between the teeth, as for th; for l and n it stays behind them
            groove = 1.0 - 0.10 * (1.0 - forward) * np.exp(-(((u - skull[0]) / 0.02) ** 2))
            upper_alpha, tooth_shade, gum_alpha, arch = _upper_tooth(across, down, incisal, soft)
            upper_alpha *= painted_alpha[row, column]
            front_tongue = forward * tongue_alpha
            under_lip = 0.78 + 0.22 * _step(below, 0.0, 0.06)
            dim = under_lip * brightness * _light(u / half, low - v, light_left, light_right)
            keep = own_alpha[row, column]
            kept_dim = numbers[7] * (0.8 + 0.2 * under_lip) * (0.4 + 0.6 * in_shadow)
            for c in range(3):
                power = numbers[8 + c]
                teeth = colours[0, c] * tooth_shade * in_shadow**power
                teeth += gum_alpha * (colours[3, c] * arch - teeth)
                value = colours[2, c] * (0.75 + 0.75 * deep)
                value += tongue_alpha * (colours[1, c] * tongue_shade * groove - value)
                value += upper_alpha * (teeth - value)
                value += front_tongue * (colours[1, c] * tongue_shade * groove - value)
                value *= dim**power
                value += keep * (1.0 - front_tongue) * (own[row, column, c] * kept_dim**power - value)
                out = (1 - inside) * pixels[row, column, c] + inside * value
                pixels[row, column, c] = np.uint8(min(max(out + 0.5, 0.0), 255.0))
