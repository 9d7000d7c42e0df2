"""Openings of the face, the mouth and the eyes, with an upper and a lower edge that must never mix.

The skin above follows the upper edge and the skin below follows the lower one, so the flow jumps along the line where
the edges meet. Each side therefore has a flow of its own that continues a little beyond its edge. Per pixel, soft steps
choose the side and the share of the inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, inverse_of
from lipsmith.face.layout import I32
from lipsmith.filters import cubic_spline
from lipsmith.media.clip import F32, U8
from lipsmith.render.kernel import kernel
from lipsmith.render.warp import Grid, Source, carry_forward, fill_gaps, rasterise, resample, trace_back_head, warp

EDGE_RUNS_ON_IOD = 0.10
"""Distance by which each side's flow continues beyond its own edge."""
CURVE_POINTS_PER_COLUMN = 8
BOTH_SIDES_PX = 4
"""Pixels further from the middle line than this belong to one side only."""
EDGE_TABLE_REACH_IOD = 0.5
"""Tables of edges go on this far beyond the corners."""


class Edges(NamedTuple):
    """Edges of an opening in one frame, as tables over ``u``."""

    u: F32
    """(n,) IOD, evenly spaced along the line between the corners."""
    upper: F32
    """(n,) v of the upper edge at ``u``."""
    lower: F32
    """(n,) v of the lower edge at ``u``."""
    to_local: F32
    """(2, 3) float32: pixel (column, row, 1) of the patch -> (u, v) in IOD."""


@dataclass(frozen=True, kw_only=True)
class MovedFace:
    """Face of one frame, moved by its mesh but not yet by the head."""

    target: F64
    """(n, 2) pixels."""
    values: F32
    """(n, 3) flow at ``target``."""
    local: F64
    """(2, 2) rows = pixels per IOD along u and v."""
    iod_px: float
    pitch: float
    """Pixels between the cells of a flow."""
    min_area: float
    """Smallest doubled area of a triangle that is drawn, square cells."""


@dataclass(frozen=True, kw_only=True)
class View:
    """Opening in one frame, in the pixels of its patch."""

    rect: NDArray[np.int32]
    """Left, top, right, bottom of the patch in the frame, pixels."""
    pixels: U8
    """(rows, columns, 3): the patch with upper and lower side joined; the inside is painted later."""
    own_positions: F32
    """(rows, columns, 2): positions in the enlarged source, moved with the head but not with the skin."""
    edges: Edges
    softness: float
    """Width of half a pixel in IOD."""
    source: Source

    @cached_property
    def own(self) -> U8:
        """(rows, columns, 3): the source's own pixels at ``own_positions``."""
        return resample(self.source, self.own_positions)


class Opening:
    """Opening of one face."""

    def __init__(
        self,
        upper: Sequence[int],
        lower: Sequence[int],
        triangles: I32,
        *,
        upper_side: Sequence[int],
        lower_side: Sequence[int],
        margin_iod: float,
        holds_edge: bool = False,
    ) -> None:
        """``upper``, ``lower``: edge points corner to corner; ``…_side``: points that belong to one side only.

        ``holds_edge``: continue each side with the colours at its edge, instead of what lies beyond it in the source.
        """
        self.upper, self.lower = list(upper), list(lower)
        self._margin_iod, self._holds_edge = margin_iod, holds_edge
        touches_upper = np.isin(triangles, list(upper_side)).any(axis=1)
        touches_lower = np.isin(triangles, list(lower_side)).any(axis=1)
        count = len(self.upper)
        strips = _strip_triangles(count)
        self._upper_triangles = np.concatenate([strips, triangles[~touches_lower] + 2 * count]).astype(np.int32)
        self._lower_triangles = np.concatenate([strips, triangles[~touches_upper] + 2 * count]).astype(np.int32)
        dense = np.linspace(0, count - 1, (count - 1) * CURVE_POINTS_PER_COLUMN + 1)
        self._curve: F64 = cubic_spline(np.eye(count), dense)

    def view(
        self, face: MovedFace, *, head: F32, head_grid: Grid, source: Source, limits: tuple[int, int, int, int]
    ) -> View | None:
        """Return the opening in one frame, moved by ``head``; None if it lies outside ``limits``."""
        points = face.target[self.upper + self.lower].astype(np.float32)
        seen = carry_forward(points, head, head_grid.place)
        margin = self._margin_iod * face.iod_px
        low, high = np.floor(seen.min(axis=0) - margin).astype(int), np.ceil(seen.max(axis=0) + margin).astype(int)
        rect = np.array(
            [max(low[0], limits[0]), max(low[1], limits[1]), min(high[0], limits[2]), min(high[1], limits[3])], np.int32
        )
        if rect[2] - rect[0] < 2 or rect[3] - rect[1] < 2:
            return None
        slack = margin + 0.3 * face.iod_px
        box_low, box_high = points.min(axis=0) - slack, points.max(axis=0) + slack
        grid = Grid.over(float(box_low[0]), float(box_low[1]), float(box_high[0]), float(box_high[1]), face.pitch)
        down = face.local[1] * EDGE_RUNS_ON_IOD
        first, last = _rows_of_both_sides(seen, rect, face.local)
        sides = []
        for own, triangles, offset, rows in (
            (self.upper, self._upper_triangles, down, (rect[1], last)),
            (self.lower, self._lower_triangles, -down, (first, rect[3])),
        ):
            flow = _side_flow(face, own, triangles, offset, grid, holds_edge=self._holds_edge)
            sides.append(_warped_rows(rect, rows, head, head_grid, flow, grid, source))
        own_positions = np.empty((rect[3] - rect[1], rect[2] - rect[0], 2), np.float32)
        trace_back_head(rect, head, head_grid.place, source.origin, own_positions)
        edges = self._edges(seen, rect, face.local)
        pixels = np.empty_like(sides[0][0])
        softness = float(0.5 / np.linalg.norm(face.local[1]))
        _join_sides(sides[0][0], sides[0][1], sides[1][0], sides[1][1], edges, softness, pixels)
        return View(
            rect=rect,
            pixels=pixels,
            own_positions=own_positions,
            edges=edges,
            softness=softness,
            source=source,
        )

    def _edges(self, seen: F32, rect: NDArray[np.int32], local: F64) -> Edges:
        count = len(self.upper)
        centre = (seen[[0, count - 1]].sum(axis=0)) / 2
        inverse = inverse_of(local)  # (pixel offset) @ inverse = (u, v)
        upper = self._curve @ ((seen[:count] - centre) @ inverse)
        lower = self._curve @ ((seen[count:] - centre) @ inverse)
        reach = max(abs(upper[:, 0]).max(), abs(lower[:, 0]).max()) + EDGE_TABLE_REACH_IOD
        u = np.linspace(-reach, reach, 512)
        tables = [_as_function(u, side) for side in (upper, lower)]
        offset = (rect[:2] - centre) @ inverse
        to_local = np.array(
            [[inverse[0, 0], inverse[1, 0], offset[0]], [inverse[0, 1], inverse[1, 1], offset[1]]], dtype=np.float32
        )
        return Edges(u.astype(np.float32), tables[0], tables[1], to_local)


def _side_flow(face: MovedFace, edge: list[int], triangles: I32, offset: F64, grid: Grid, *, holds_edge: bool) -> F32:
    """Return the flow of the skin on one side, continued beyond its edge by ``offset``."""
    target, values = face.target, face.values
    beyond = values[edge].copy()
    if holds_edge:
        beyond[:, :2] -= offset.astype(np.float32)
    points = np.concatenate([target[edge], target[edge] + offset, target]).astype(np.float32)
    carried = np.concatenate([values[edge], beyond, values])
    flow, filled = grid.blank()
    strips = 4 * (len(edge) - 1)
    # Strips can face either way: both windings are in the list, and one of the two is always drawn.
    rasterise(triangles[:strips], points, carried, -1e30, grid.place, flow, filled)
    rasterise(triangles[strips:], points, carried, face.min_area, grid.place, flow, filled)
    fill_gaps(flow, filled, 2)
    return flow


def _rows_of_both_sides(seen: F32, rect: NDArray[np.int32], local: F64) -> tuple[int, int]:
    """Return the first and last row, from-to, in which pixels may belong to either side: along the middle line."""
    middles = (seen[: len(seen) // 2] + seen[len(seen) // 2 :]) / 2
    across = local[0] / np.linalg.norm(local[0]) * float(rect[2] - rect[0])
    rows = np.concatenate([middles[:, 1], [middles[0, 1] - across[1], middles[-1, 1] + across[1]]])
    first, last = int(np.floor(rows.min())) - BOTH_SIDES_PX, int(np.ceil(rows.max())) + BOTH_SIDES_PX
    first = min(max(first, int(rect[1])), int(rect[3]) - 1)
    return first, min(max(last, first + 1), int(rect[3]))


def _warped_rows(
    rect: NDArray[np.int32], rows: tuple[int, int], head: F32, head_grid: Grid, flow: F32, grid: Grid, source: Source
) -> tuple[U8, F32]:
    """Warp as `warp` does, but only some rows of ``rect``; the others are black."""
    part = np.array([rect[0], rows[0], rect[2], rows[1]], np.int32)
    pixels = np.zeros((rect[3] - rect[1], rect[2] - rect[0], 3), np.uint8)
    shade = np.zeros(pixels.shape[:2], np.float32)
    within = slice(rows[0] - rect[1], rows[1] - rect[1])
    pixels[within], shade[within] = warp(part, head, head_grid, flow, grid, source)
    return pixels, shade


def _as_function(u: F64, curve: F64) -> F32:
    """Return the curve as v(u). Where it folds back (a strongly turned head), its outermost course counts."""
    along = np.maximum.accumulate(curve[:, 0])
    keep = np.concatenate([[True], np.diff(along) > 1e-9])
    return np.interp(u, along[keep], curve[keep, 1]).astype(np.float32)


def _strip_triangles(count: int) -> I32:
    """Return quads between points k, k+1 (0…count-1) and their shifted twins (count…2·count-1), in both windings."""
    triangles = []
    for k in range(count - 1):
        a, b, c, d = k, k + 1, count + k, count + k + 1
        triangles += [(a, b, c), (c, b, a), (b, d, c), (c, d, b)]
    return np.array(triangles, dtype=np.int32)


@kernel
def edges_at(
    u: float, first: float, per_u: float, upper: NDArray[np.float32], lower: NDArray[np.float32]
) -> tuple[float, float]:
    """Interpolate v of both edges at ``u`` in tables that start at ``first`` with ``per_u`` entries per IOD."""
    at = min(max((u - first) * per_u, 0.0), upper.shape[0] - 1.001)
    i = int(at)
    t = at - i
    return (1 - t) * upper[i] + t * upper[i + 1], (1 - t) * lower[i] + t * lower[i + 1]


@kernel
def share_between(v: float, high: float, low: float, soft: float) -> float:
    """Return the share of a pixel at ``v`` that lies between the edges, with soft steps, 0-1."""
    return min(max((v - high) / (2 * soft) + 0.5, 0.0), 1.0) * min(max((low - v) / (2 * soft) + 0.5, 0.0), 1.0)


@kernel
def _join_sides(
    above: NDArray[np.uint8],
    above_shade: NDArray[np.float32],
    below: NDArray[np.uint8],
    below_shade: NDArray[np.float32],
    edges: Edges,
    softness: float,
    out: NDArray[np.uint8],
) -> None:
    table_u, upper, lower, to_local = edges
    first, per_u = table_u[0], (table_u.shape[0] - 1) / (table_u[-1] - table_u[0])
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            u = to_local[0, 0] * column + to_local[0, 1] * row + to_local[0, 2]
            v = to_local[1, 0] * column + to_local[1, 1] * row + to_local[1, 2]
            high, low = edges_at(u, first, per_u, upper, lower)
            share = min(max((v - (high + low) * 0.5) / (2 * softness) + 0.5, 0.0), 1.0)
            for c in range(3):
                value = (1 - share) * above[row, column, c] * above_shade[row, column] + share * below[
                    row, column, c
                ] * below_shade[row, column]
                out[row, column, c] = np.uint8(min(255.0, value + 0.5))
