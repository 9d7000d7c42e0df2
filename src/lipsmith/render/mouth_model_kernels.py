"""Per-pixel drawing of a fused mouth between the lips."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lipsmith.media.clip import F32, U8
from lipsmith.render.kernel import kernel
from lipsmith.render.mouth_kernels import step, tongue_at
from lipsmith.render.opening import Edges, edges_at, share_between

SEAM_IOD = 0.010
RIM_IOD, RIM_SHADE = 0.025, 0.14
"""Width of the shade that the upper lip casts on what lies behind its edge, and its darkness."""


class Layers(NamedTuple):
    """Textures of one frame."""

    teeth: U8
    """(h, w, 3) RGB."""
    tooth_alpha: U8
    """(h, w) 0-255."""
    depth: U8
    """(h, w, 3) RGB between the lips."""
    to_canvas: F32
    """(2, 3): pixel (column, row, 1) of the view -> pixel of ``teeth``."""
    across: F32
    """(n,) 0-1: place across ``depth`` at each ``u`` of the edges' table."""


class Amounts(NamedTuple):
    """Amounts of one frame."""

    soft: float
    """Softness of the edges, half pixels."""
    half_pixel: float
    """IOD."""
    tooth_share: float
    """Opacity of the teeth, 0-1."""
    seam: float
    """Darkness of the line where lips touch, 0-1."""
    half_width: float
    """Half the width of the opening, IOD."""
    tongue: float
    """Tip of the tongue raised, 0-1."""
    lit: float
    """Light on a raised tongue, 0-1."""


@kernel
def _sampled(texture: NDArray[np.uint8], x: float, y: float, out: NDArray[np.float32]) -> None:
    """Sample an (h, w, 3) texture bilinearly at (x, y) pixels into ``out``, (3,); beyond its edge, the edge counts."""
    x = min(max(x, 0.0), texture.shape[1] - 1.001)
    y = min(max(y, 0.0), texture.shape[0] - 1.001)
    i, j = int(y), int(x)
    s, t = np.float32(y - i), np.float32(x - j)
    one = np.float32(1.0)
    a, b, c, d = (one - s) * (one - t), (one - s) * t, s * (one - t), s * t
    for k in range(3):
        out[k] = (
            a * texture[i, j, k] + b * texture[i, j + 1, k] + c * texture[i + 1, j, k] + d * texture[i + 1, j + 1, k]
        )


@kernel
def _opacity(alpha: NDArray[np.uint8], x: float, y: float) -> float:
    """Sample an (h, w) opacity 0-255 at (x, y) pixels; 0 outside."""
    if x < 0.0 or y < 0.0 or x >= alpha.shape[1] - 1 or y >= alpha.shape[0] - 1:
        return 0.0
    i, j = int(y), int(x)
    s, t = y - i, x - j
    above = (1.0 - t) * alpha[i, j] + t * alpha[i, j + 1]
    below = (1.0 - t) * alpha[i + 1, j] + t * alpha[i + 1, j + 1]
    return ((1.0 - s) * above + s * below) / 255.0


@kernel
def draw_interior(
    pixels: NDArray[np.uint8], layers: Layers, edges: Edges, colours: NDArray[np.float32], amounts: Amounts
) -> None:
    """Draw the inside of a mouth into ``pixels``, (h, w, 3) RGB.

    ``colours``: (3, 3): gain of the frame's light, the shadow between the lips, the tongue.
    """
    table_u, upper, lower, to_local = edges
    first, per_u = table_u[0], (table_u.shape[0] - 1) / (table_u[-1] - table_u[0])
    half_pixel = amounts.half_pixel
    soft = half_pixel * amounts.soft
    reach = amounts.half_width + 0.05
    middle = edges_at(0.0, first, per_u, upper, lower)
    middle_gap = max(middle[1] - middle[0], 1e-4)
    raised = step(amounts.tongue, 0.10, 0.55)
    forward = step(amounts.tongue, 0.62, 0.80)  # between the teeth, as for th; for l and n it stays behind them
    depth_height, depth_width = layers.depth.shape[0], layers.depth.shape[1]
    value, tooth = np.empty(3, np.float32), np.empty(3, np.float32)
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            u = to_local[0, 0] * column + to_local[0, 1] * row + to_local[0, 2]
            if abs(u) > reach:
                continue
            v = to_local[1, 0] * column + to_local[1, 1] * row + to_local[1, 2]
            high, low = edges_at(u, first, per_u, upper, lower)
            gap = low - high
            if amounts.seam > 0.0 and gap < 0.03:
                off = (v - 0.5 * (high + low)) / (SEAM_IOD + soft)
                dark = amounts.seam * np.exp(-off * off) * (1.0 - step(gap, 0.0, 0.03))
                dark *= 1.0 - step(abs(u), 0.8 * amounts.half_width, amounts.half_width)
                for c in range(3):
                    pixels[row, column, c] = np.uint8((1.0 - dark) * pixels[row, column, c] + dark * colours[1, c])
            inside = share_between(v, high, low, soft) * step(gap / (2.0 * half_pixel), 0.3, 1.6)
            if inside <= 0.003:
                continue
            at = min(max((u - first) * per_u, 0.0), layers.across.shape[0] - 1.001)
            k = int(at)
            across = layers.across[k] + (at - k) * (layers.across[k + 1] - layers.across[k])
            down = (v - high) / max(gap, half_pixel)
            _sampled(layers.depth, across * (depth_width - 1), down * depth_height - 0.5, value)
            alpha = shade = 0.0
            if raised > 0.0:
                alpha, shade = tongue_at(u, max(low - v, 0.0), amounts.half_width, max(gap, 1e-3), amounts.tongue, soft)
                alpha *= raised
                shade *= amounts.lit * (0.5 + 0.5 * step(gap / middle_gap, 0.05, 0.62))
            x = layers.to_canvas[0, 0] * column + layers.to_canvas[0, 1] * row + layers.to_canvas[0, 2]
            y = layers.to_canvas[1, 0] * column + layers.to_canvas[1, 1] * row + layers.to_canvas[1, 2]
            shown = amounts.tooth_share * _opacity(layers.tooth_alpha, x, y) * (1.0 - forward * alpha)
            if shown > 0.003:
                _sampled(layers.teeth, x, y, tooth)
            rim = 1.0 - RIM_SHADE * (1.0 - step(v - high, 0.0, RIM_IOD))
            for c in range(3):
                colour = value[c] * colours[0, c]
                colour += alpha * (shade * colours[2, c] - colour)
                if shown > 0.003:
                    colour += shown * (tooth[c] * colours[0, c] - colour)
                out = (1.0 - inside) * pixels[row, column, c] + inside * rim * colour
                pixels[row, column, c] = np.uint8(min(max(out + 0.5, 0.0), 255.0))
