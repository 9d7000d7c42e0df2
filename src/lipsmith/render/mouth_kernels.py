"""Per-pixel painting of teeth, tongue and cavity between the lips."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lipsmith.media.clip import F32, U8
from lipsmith.render.kernel import kernel
from lipsmith.render.opening import EDGE_TABLE_REACH_IOD, Edges, edges_at, share_between
from lipsmith.render.tooth_arch import ARCH_CELLS, ARCH_HALF_IOD

ARCH_RISE = 0.16
"""Teeth further from the middle end higher, by this much per squared IOD."""
ARCH_DEPTH = 1.6
"""Teeth further from the middle lie further back, IOD per squared IOD."""
BEHIND_LIP_IOD = 0.07
"""Depth of the front teeth behind the edge of the upper lip."""
CELLS_PER_IOD = (ARCH_CELLS - 1) / (2.0 * ARCH_HALF_IOD)


class Numbers(NamedTuple):
    """Amounts of one frame."""

    light_left: float
    light_right: float
    brightness: float
    """Light that the opening lets in, 0-1."""
    shut: float
    """Share of the dark in an opening too narrow to see into, 0-1."""
    tongue: float
    """Tip of the tongue raised, 0-1."""
    contact: float
    """Darkness of the line where lips touch, 0-1."""
    incisal: float
    """End of the upper front teeth, IOD below the skull's anchor."""
    lower_edge: float
    """Height of the lower front teeth above the lower lip, IOD; negative: hidden."""
    in_shadow: float
    """Light on the teeth under rounded lips, 0-1."""
    own_light: float
    turn: float
    """Tangent of the head's yaw."""
    nod: float
    """Tangent of the head's pitch."""
    tooth_alpha: float
    """1; 0 for faces without teeth, such as statues."""
    soft: float
    """Half the width of soft edges, IOD."""


class Paint(NamedTuple):
    """Colours and teeth of one face."""

    colours: F32
    """(5, 3) RGB of tooth, tongue, cavity, gum and contact line."""
    tint: F32
    """(3,) exponents of a shadow for R, G and B."""
    upper: F32
    lower: F32
    """Rows of teeth, as in `lipsmith.render.tooth_arch.ToothRows`."""


class OwnLayer(NamedTuple):
    """The photo's own teeth in one frame."""

    pixels: U8
    """(rows, columns, 3) RGB."""
    alpha: F32
    """(rows, columns) 0-1: opacity of ``pixels``."""
    painted: F32
    """(rows, columns) 0-1: opacity of painted teeth."""


@kernel
def step(value: float, low: float, high: float) -> float:
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@kernel
def _on_arch(seen: float, turn: float, behind: float) -> float:
    """Return the place across the dental arch that is seen at ``seen`` IOD from the middle of the lips, from the front.

    A turned head shows ``seen = x - turn * (behind + ARCH_DEPTH * x²)``: its far side is narrow, its near side wide.
    Beyond the arch the result is far outside.
    """
    middle = seen + turn * behind
    inner = 1.0 - 4.0 * ARCH_DEPTH * turn * middle
    if inner < 0.0:
        return 9.0
    return 2.0 * middle / (1.0 + np.sqrt(inner))


@kernel
def _teeth(across: float, row: NDArray[np.float32]) -> tuple[float, float, float]:
    """Interpolate end, shade and length of the teeth at ``across`` IOD on the arch."""
    at = min(max((across + ARCH_HALF_IOD) * CELLS_PER_IOD, 0.0), row.shape[0] - 1.001)
    i = int(at)
    t = at - i
    return (
        (1 - t) * row[i, 0] + t * row[i + 1, 0],
        (1 - t) * row[i, 1] + t * row[i + 1, 1],
        (1 - t) * row[i, 2] + t * row[i + 1, 2],
    )


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
    off = (v - (high + low) * 0.5) / max(0.009, 1.5 * half_pixel)
    ends = 1.0 - step(abs(u), 0.50 * half, 0.96 * half)
    return (1.0 - step(low - high, 0.012, 0.045)) * np.exp(-off * off) * ends


@kernel
def _darken(pixel: NDArray[np.uint8], colour: NDArray[np.float32], share: float) -> None:
    for c in range(3):
        pixel[c] = np.uint8((1 - share) * pixel[c] + share * colour[c])


@kernel
def _light(u: float, half: float, gap: float, middle_gap: float, numbers: Numbers) -> float:
    """Return the light at ``u``: less where the lips are close, more on the image's brighter side."""
    side = min(max(u / half / 2 + 0.5, 0.0), 1.0)
    lit = numbers.light_left + (numbers.light_right - numbers.light_left) * side
    return lit * (0.50 + 0.50 * step(gap / max(middle_gap, 0.03), 0.05, 0.62))


@kernel
def tongue_at(across: float, above: float, half: float, gap: float, up: float, soft: float) -> tuple[float, float]:
    """Return opacity and brightness of the tongue, a rounded back that rises from behind the lower lip.

    ``above``: IOD above the lower lip. Further back it lies in the dark, so that it has no edge unless it is raised.
    """
    wide = 0.74 * half
    bow = 1.0 - (across / wide) ** 2
    if bow <= 0.0:
        return 0.0, 0.0
    height = (0.62 + 0.14 * up) * gap * np.sqrt(bow)
    blur = (0.30 - 0.25 * up) * gap + soft
    alpha = 1.0 - step(above, height - blur, height + soft)
    part = min(max(above / max(height, 0.02), 0.0), 1.0)
    hump = 4.0 * part * (1.0 - part)
    shade = 0.92 + 0.02 * up + 0.24 * hump * (0.4 + 0.6 * bow) - (0.38 - 0.18 * up) * part
    groove = 1.0 - 0.08 * (1.0 - up) * np.exp(-((across / 0.022) ** 2)) * part
    return alpha * min(1.0, 4.0 * bow), shade * groove * (0.74 + 0.26 * bow)


@kernel
def _facing(across: float, turn: float) -> float:
    """Return how far the arch faces the camera at ``across``, the cosine of the angle between; 0 seen from behind."""
    slope = 1.1 * ARCH_DEPTH * across
    return max((1.0 - slope * turn) / np.sqrt((1.0 + slope * slope) * (1.0 + turn * turn)), 0.0)


@kernel
def _shaded_upper(
    across: float, down: float, rows: NDArray[np.float32], numbers: Numbers
) -> tuple[float, float, float, float]:
    """Return opacity and brightness of the upper teeth, and of the gum over them."""
    end, shade, length = _teeth(across, rows)
    depth = ARCH_DEPTH * across * across
    edge = numbers.incisal + end - ARCH_RISE * across * across - depth * numbers.nod
    alpha = 1.0 - step(down, edge - numbers.soft, edge + numbers.soft)
    alpha *= numbers.tooth_alpha * (1.0 - step(abs(across), 0.42, 0.455))
    seen = _facing(across, numbers.turn)
    alpha *= step(seen, 0.05, 0.25)
    facing = 0.38 + 0.62 * seen
    part = (edge - down) / max(length, 0.05)
    body = 0.91 + 0.09 * step(part, 0.0, 0.30) - 0.06 * min(max(part, 0.0), 1.0)
    gum = step(part, 1.0 - 0.06, 1.0 + 0.06)
    return alpha, shade * facing * body, gum, facing


@kernel
def _shaded_lower(across: float, above: float, rows: NDArray[np.float32], numbers: Numbers) -> tuple[float, float]:
    """Return opacity and brightness of the lower teeth; ``above``: IOD above the lower lip's middle."""
    end, shade, _ = _teeth(across, rows)
    edge = numbers.lower_edge + end + 0.10 * across * across
    alpha = 1.0 - step(above, edge - numbers.soft, edge + numbers.soft)
    # A narrower strip would look like a pale line along the lip.
    alpha *= numbers.tooth_alpha * (1.0 - step(abs(across), 0.20, 0.32)) * step(numbers.lower_edge, 0.010, 0.032)
    return alpha, shade * (0.35 + 0.65 * _facing(across, numbers.turn))


@kernel
def paint_interior(
    pixels: NDArray[np.uint8],
    own: OwnLayer,
    edges: Edges,
    half_pixel: float,
    paint: Paint,
    numbers: Numbers,
    skull: NDArray[np.float32],
) -> None:
    """Paint the inside of a mouth into ``pixels``. ``skull``: (2,) u and v of the anchor of the upper teeth."""
    colours, tint, own_pixels, own_alpha = paint.colours, paint.tint, own.pixels, own.alpha
    table_u, upper, lower, to_local = edges
    soft = max(half_pixel, 0.004)
    first, per_u = table_u[0], (table_u.shape[0] - 1) / (table_u[-1] - table_u[0])
    half, corner_u = _half_width(edges), table_u[-1] - EDGE_TABLE_REACH_IOD
    middle = edges_at(min(max(skull[0], -0.3 * half), 0.3 * half), first, per_u, upper, lower)
    middle_gap, middle_low = max(middle[1] - middle[0], 1e-4), middle[1]
    forward = step(numbers.tongue, 0.62, 0.80)  # between the teeth, as for th; for l and n it stays behind them
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            u = to_local[0, 0] * column + to_local[0, 1] * row + to_local[0, 2]
            v = to_local[1, 0] * column + to_local[1, 1] * row + to_local[1, 2]
            if abs(u) > max(half, corner_u) + 0.05:
                continue
            high, low = edges_at(u, first, per_u, upper, lower)
            gap = low - high
            if numbers.contact > 0.0 and gap < 0.045:
                dark = numbers.contact * _contact_shadow(u, v, high, low, corner_u, half_pixel)
                _darken(pixels[row, column], colours[4], dark)
            inside = share_between(v, high, low, soft) * step(gap / (2 * half_pixel), 0.3, 1.6)
            if inside <= 0.003:
                continue
            below, above = max(v - high, 0.0), max(low - v, 0.0)
            seen, down = u - skull[0], v - skull[1]
            across = _on_arch(seen, numbers.turn, BEHIND_LIP_IOD)
            upper_alpha, upper_shade, gum_alpha, facing = _shaded_upper(across, down, paint.upper, numbers)
            upper_alpha *= own.painted[row, column]
            lower_alpha, lower_shade = _shaded_lower(across, 0.5 * (middle_low + low) - v, paint.lower, numbers)
            tongue_alpha, tongue_shade = tongue_at(seen, above, half, gap, numbers.tongue, soft)
            front_tongue = forward * tongue_alpha
            corner = _light(u, half, gap, middle_gap, numbers)
            under_lip = 0.72 + 0.28 * step(below, 0.0, 0.045)
            dim = under_lip * numbers.brightness * corner
            dim_low = (0.80 + 0.20 * step(above, 0.0, 0.05)) * (0.35 + 0.65 * numbers.brightness) * corner
            kept = own_alpha[row, column] * (1.0 - front_tongue)
            kept_dim = numbers.own_light * (0.8 + 0.2 * under_lip) * (0.4 + 0.6 * numbers.in_shadow)
            for c in range(3):
                power = tint[c]
                value = colours[2, c] * (0.66 + 0.80 * min(below / max(gap, 1e-3), 1.0))
                value += tongue_alpha * (colours[1, c] * tongue_shade - value)
                value *= dim_low**power
                teeth = (0.82 * colours[0, c] + 0.18 * colours[1, c]) * (lower_shade * 0.88 * dim_low) ** power
                value += lower_alpha * (1.0 - front_tongue) * (teeth - value)
                teeth = colours[0, c] * (upper_shade * numbers.in_shadow) ** power
                teeth += gum_alpha * (colours[3, c] * facing - teeth)
                value += upper_alpha * (1.0 - front_tongue) * (teeth * dim**power - value)
                value += kept * (own_pixels[row, column, c] * kept_dim**power - value)
                value += numbers.shut * (colours[2, c] - value)
                out = (1 - inside) * pixels[row, column, c] + inside * value
                pixels[row, column, c] = np.uint8(min(max(out + 0.5, 0.0), 255.0))
