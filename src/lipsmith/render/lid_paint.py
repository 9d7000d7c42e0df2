"""Kernel that lays a lid, its edge and its lashes over an eye."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsmith.render.kernel import kernel
from lipsmith.render.lid_lashes import ROOT_IOD
from lipsmith.render.lid_plates import ABOVE_FROM_IOD, BELOW_FROM_IOD
from lipsmith.render.lids import LidTables
from lipsmith.render.opening import Edges, edges_at

ROOT, ABOVE_FROM, BELOW_FROM = ROOT_IOD, ABOVE_FROM_IOD, BELOW_FROM_IOD
LASHES_TURN_BY = 0.95
"""Share of a blink by which the lashes point down."""
SHORTEST_LASHES = 0.22
"""Lashes that point at the viewer are this much shorter."""
SHADOW, SHADOW_IOD = 0.38, 0.022
"""Darkness of the eyeball under the lid's edge, and its reach."""


@kernel
def paint_lid(pixels: NDArray[np.uint8], edges: Edges, soft: float, lid: LidTables, way: float) -> None:
    """Paint a lid that is ``way`` (0-1) down into ``pixels``, which show the open eye with moved margins."""
    table_u, upper, lower, to_local = edges
    first, per_u = table_u[0], (table_u.shape[0] - 1) / (table_u[-1] - table_u[0])
    turned = 1.0 - 2.0 * _smooth(way, 0.0, LASHES_TURN_BY)
    turned = max(turned, SHORTEST_LASHES) if turned > 0 else min(turned, -SHORTEST_LASHES)
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            u = to_local[0, 0] * column + to_local[0, 1] * row + to_local[0, 2]
            v = to_local[1, 0] * column + to_local[1, 1] * row + to_local[1, 2]
            x = u / lid.half
            ends = _smooth(lid.ends - abs(x), 0.0, 0.16)
            if abs(u) >= lid.reach - 0.01:
                continue
            high, low = edges_at(u, first, per_u, upper, lower)
            low = max(low, high)
            at = (u + lid.reach) * (lid.curves.shape[0] - 1) / (2 * lid.reach)
            i = min(int(at), lid.curves.shape[0] - 2)
            t = at - i
            drop = (1 - t) * lid.curves[i, 0] + t * lid.curves[i + 1, 0]
            top = high - (1 - t) * lid.curves[i, 1] - t * lid.curves[i + 1, 1]
            fold = high - (1 - t) * lid.curves[i, 2] - t * lid.curves[i + 1, 2]
            shut = low + drop
            edge = high + way * (shut - high)
            across = (u + lid.reach) * lid.per_iod
            under = min(max((v - edge) / (2 * soft) + 0.5, 0.0), 1.0)
            line, lash = _edge_darkness(v - edge, x * lid.outer, soft, lid, across, turned)
            fades_in = min(1.0, 4.0 * way)
            dark = 1.0 - (1.0 - line * lid.line * fades_in) * (1.0 - lash * lid.line * 1.05 * ends * fades_in)
            _paint_pixel(
                pixels[row, column], lid, (u, v, ends), (high, low, top, fold, edge, shut), (way, under, dark, soft)
            )


@kernel
def _paint_pixel(pixel, lid, place, lines, amounts):  # type: ignore[no-untyped-def]
    u, v, ends = place
    high, low, top, fold, edge, shut = lines
    way, under, dark, soft = amounts
    across = (u + lid.reach) * lid.per_iod
    rise = max(edge - top, 0.01)
    t = min(max((v - top) / rise, 0.0), 1.0)
    fade = min(0.05, 0.7 * (high - top)) + 1e-4
    cover = _smooth((v - top) / fade, 0.0, 1.0) * (1.0 - under) * ends * min(1.0, 6.0 * way)
    crease = (v - fold) / 0.013
    crease = 0.5 * lid.crease * np.exp(-crease * crease) * _smooth(edge - fold, 0.0, 0.05) * (1.0 - 0.3 * way)
    shadow = SHADOW * _smooth(way, 0.0, 0.2) * np.exp(-max(v - edge, 0.0) / SHADOW_IOD) * under * ends
    shadow *= min(max((shut - v) / (2 * soft) + 0.5, 0.0), 1.0) * (1.0 if v > high else 0.0)
    above_row, below_row = (high - v - ABOVE_FROM) * lid.per_iod, (v - low - BELOW_FROM) * lid.per_iod
    clean = (
        _at(lid.above, above_row, across, 3) * _smooth(way, 0.0, 0.35) * (1.0 - under) * (1.0 if above_row > 0 else 0.0)
    )
    rest = _at(lid.below, below_row, across, 3) * _smooth(way, 0.2, 0.8) * under * (1.0 if below_row > 0 else 0.0)
    tone_row = t * (lid.colours.shape[0] - 1)
    tone_column = (u + lid.reach) * (lid.colours.shape[1] - 1) / (2 * lid.reach)
    for c in range(3):
        value = float(pixel[c])
        if rest > 0.0:
            value += rest * (_at(lid.below, below_row, across, c) - value)
        value *= 1.0 - shadow
        if clean > 0.0:
            value += clean * (_at(lid.above, above_row, across, c) - value)
        if cover > 0.0:
            skin = _at(lid.colours, tone_row, tone_column, c)
            skin += _at(lid.grain, max(edge - v, 0.0) * lid.per_iod, across, c)
            value += cover * (skin * (1.0 - crease) - value)
        value += dark * (lid.lash[c] - value)
        pixel[c] = np.uint8(min(max(value + 0.5, 0.0), 255.0))


@kernel
def _edge_darkness(below, outwards, soft, lid, across, turned):  # type: ignore[no-untyped-def]
    """Return the darkness of the lash line and of the lashes at a distance below the edge, each 0-1."""
    thick = 0.0075 + 0.0065 * _smooth(outwards, -0.9, 0.7)
    wide = thick + 1.2 * soft if below > 0 else 0.55 * thick + 0.9 * soft
    off = below / wide
    line = (
        np.exp(-off * off)
        * np.sqrt(thick / (thick + 0.5 * soft))
        * _smooth(1.02 - outwards, -0.04, 0.10)
        * _smooth(1.0 + outwards, -0.03, 0.14)
    )
    reach = -below / turned
    lash = 0.0
    if reach > -0.004:
        lash_row = (reach + ROOT) * lid.per_iod
        if lash_row < lid.lashes.shape[0] - 1:
            i, k = int(lash_row), min(max(int(across), 0), lid.lashes.shape[1] - 2)
            a, b = lash_row - i, across - k
            lash = (1 - a) * ((1 - b) * lid.lashes[i, k] + b * lid.lashes[i, k + 1])
            lash += a * ((1 - b) * lid.lashes[i + 1, k] + b * lid.lashes[i + 1, k + 1])
            lash *= 0.85
    return line, lash


@kernel
def _at(table: NDArray[np.float32], row: float, column: float, channel: int) -> float:
    """Interpolate one channel of a table, (rows, columns, channels); places outside show its border."""
    row = min(max(row, 0.0), table.shape[0] - 1.001)
    column = min(max(column, 0.0), table.shape[1] - 1.001)
    i, k = int(row), int(column)
    a, b = row - i, column - k
    return (1 - a) * ((1 - b) * table[i, k, channel] + b * table[i, k + 1, channel]) + a * (
        (1 - b) * table[i + 1, k, channel] + b * table[i + 1, k + 1, channel]
    )


@kernel
def _smooth(value: float, low: float, high: float) -> float:
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)
