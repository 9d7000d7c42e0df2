"""An opening of the face: the mouth or an eye, with an upper and a lower edge that must never mix.

The skin above follows the upper edge and the skin below the lower one, so the flow has a jump along the line where the
edges meet. Each side therefore gets a flow of its own that runs on a little beyond its edge; which of the two a
pixel shows, and how much of it lies between the edges, is decided per pixel, with soft steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from lipsmith.face.geometry import F64, inverse_of
from lipsmith.face.layout import I32
from lipsmith.media.clip import F32, U8
from lipsmith.render.kernel import kernel
from lipsmith.render.warp import Grid, Source, behind_the_skin, carry_forward, drawn, fill_gaps, rasterise, resample

EDGE_RUNS_ON_IOD = 0.10
"""How far each side's flow continues beyond its own edge."""
CURVE_POINTS_PER_COLUMN = 8


@dataclass(frozen=True, kw_only=True)
class View:
    """The opening in one frame, in the pixels of its patch."""

    rect: NDArray[np.int32]
    """Left, top, right, bottom of the patch in the frame, pixels."""
    pixels: U8
    """(rows, columns, 3): the patch with upper and lower side put together; what lies between is yet to be painted."""
    own: U8
    """(rows, columns, 3): the source's own pixels, moved with the head but not with the skin."""
    own_positions: F32
    """(rows, columns, 2): where in the enlarged source ``own`` was sampled."""
    u: F32
    """(n,) IOD, evenly spaced: where ``upper`` and ``lower`` are tabled, along the line between the corners."""
    upper: F32
    """(n,) v of the upper edge at ``u``."""
    lower: F32
    """(n,) v of the lower edge at ``u``."""
    to_local: F32
    """(2, 3) float32: pixel (column, row, 1) of the patch -> (u, v) in IOD."""
    softness: float
    """Width of half a pixel in IOD."""


class Opening:
    """One opening of one face."""

    def __init__(
        self,
        upper: Sequence[int],
        lower: Sequence[int],
        triangles: I32,
        *,
        upper_side: Sequence[int],
        lower_side: Sequence[int],
        margin_iod: float,
    ) -> None:
        """``upper``, ``lower``: edge points corner to corner; ``…_side``: points that belong to one side only."""
        self.upper, self.lower = list(upper), list(lower)
        self._margin_iod = margin_iod
        touches_upper = np.isin(triangles, list(upper_side)).any(axis=1)
        touches_lower = np.isin(triangles, list(lower_side)).any(axis=1)
        count = len(self.upper)
        strips = _strip_triangles(count)
        self._upper_triangles = np.concatenate([strips, triangles[~touches_lower] + 2 * count]).astype(np.int32)
        self._lower_triangles = np.concatenate([strips, triangles[~touches_upper] + 2 * count]).astype(np.int32)
        dense = np.linspace(0, count - 1, (count - 1) * CURVE_POINTS_PER_COLUMN + 1)
        self._curve: F64 = CubicSpline(np.arange(count), np.eye(count))(dense)

    def view(
        self,
        *,
        target: F64,
        values: F32,
        local: F64,
        iod_px: float,
        pitch: float,
        least_area: float,
        head: F32,
        head_grid: Grid,
        source: Source,
        limits: tuple[int, int, int, int],
    ) -> View | None:
        """The opening in one frame; None when it lies outside ``limits``.

        ``target``: (n, 2) moved points before the head's motion; ``values``: (n, 3) flow at them; ``local``: (2, 2)
        rows = pixels per IOD along u and v.
        """
        edges = target[self.upper + self.lower].astype(np.float32)
        seen = carry_forward(edges, head, head_grid.place)
        margin = self._margin_iod * iod_px
        low, high = np.floor(seen.min(axis=0) - margin).astype(int), np.ceil(seen.max(axis=0) + margin).astype(int)
        rect = np.array(
            [max(low[0], limits[0]), max(low[1], limits[1]), min(high[0], limits[2]), min(high[1], limits[3])], np.int32
        )
        if rect[2] - rect[0] < 2 or rect[3] - rect[1] < 2:
            return None
        slack = margin + 0.3 * iod_px
        box_low, box_high = edges.min(axis=0) - slack, edges.max(axis=0) + slack
        grid = Grid.over(float(box_low[0]), float(box_low[1]), float(box_high[0]), float(box_high[1]), pitch)
        down = local[1] * EDGE_RUNS_ON_IOD
        sides = []
        for own, triangles, way in (
            (self.upper, self._upper_triangles, down),
            (self.lower, self._lower_triangles, -down),
        ):
            flow = self._side_flow(target, values, own, triangles, way, grid, least_area)
            sides.append(drawn(rect, head, head_grid, flow, grid, source))
        own_positions = np.empty((rect[3] - rect[1], rect[2] - rect[0], 2), np.float32)
        behind_the_skin(rect, head, head_grid.place, source.origin, own_positions)
        u, upper_v, lower_v, to_local = self._curves(seen, rect, local)
        pixels = np.empty_like(sides[0][0])
        softness = float(0.5 / np.linalg.norm(local[1]))
        _join_sides(sides[0][0], sides[0][1], sides[1][0], sides[1][1], u, upper_v, lower_v, to_local, softness, pixels)
        return View(
            rect=rect,
            pixels=pixels,
            own=resample(source, own_positions),
            own_positions=own_positions,
            u=u,
            upper=upper_v,
            lower=lower_v,
            to_local=to_local,
            softness=softness,
        )

    def _side_flow(
        self, target: F64, values: F32, edge: list[int], triangles: I32, way: F64, grid: Grid, least_area: float
    ) -> F32:
        points = np.concatenate([target[edge], target[edge] + way, target]).astype(np.float32)
        carried = np.concatenate([values[edge], values[edge], values])
        flow, covered = grid.blank()
        strips = 4 * (len(edge) - 1)
        # Strips may be turned either way: both windings are in the list, one of the two is always drawn.
        rasterise(triangles[:strips], points, carried, -1e30, grid.place, flow, covered)
        rasterise(triangles[strips:], points, carried, least_area, grid.place, flow, covered)
        fill_gaps(flow, covered, 2)
        return flow

    def _curves(self, seen: F32, rect: NDArray[np.int32], local: F64) -> tuple[F32, F32, F32, F32]:
        count = len(self.upper)
        centre = (seen[[0, count - 1]].sum(axis=0)) / 2
        inverse = inverse_of(local)  # (pixel offset) @ inverse = (u, v)
        upper = self._curve @ ((seen[:count] - centre) @ inverse)
        lower = self._curve @ ((seen[count:] - centre) @ inverse)
        reach = max(abs(upper[:, 0]).max(), abs(lower[:, 0]).max()) + 0.5
        u = np.linspace(-reach, reach, 512)
        tables = [_as_function(u, side) for side in (upper, lower)]
        offset = (rect[:2] - centre) @ inverse
        to_local = np.array(
            [[inverse[0, 0], inverse[1, 0], offset[0]], [inverse[0, 1], inverse[1, 1], offset[1]]], dtype=np.float32
        )
        return u.astype(np.float32), tables[0], tables[1], to_local


def _as_function(u: F64, curve: F64) -> F32:
    """The curve as v(u); where it folds back (a strongly turned head) its outermost course counts."""
    along = np.maximum.accumulate(curve[:, 0])
    keep = np.concatenate([[True], np.diff(along) > 1e-9])
    return np.interp(u, along[keep], curve[keep, 1]).astype(np.float32)


def _strip_triangles(count: int) -> I32:
    """Quads between points k, k+1 (0…count-1) and their shifted twins (count…2·count-1), each in both windings."""
    triangles = []
    for k in range(count - 1):
        a, b, c, d = k, k + 1, count + k, count + k + 1
        triangles += [(a, b, c), (c, b, a), (b, d, c), (c, d, b)]
    return np.array(triangles, dtype=np.int32)


@kernel
def edges_at(
    u: float, first: float, per_u: float, upper: NDArray[np.float32], lower: NDArray[np.float32]
) -> tuple[float, float]:
    """v of both edges at ``u``, from tables that start at ``first`` with ``per_u`` entries per IOD."""
    at = min(max((u - first) * per_u, 0.0), upper.shape[0] - 1.001)
    i = int(at)
    t = at - i
    return (1 - t) * upper[i] + t * upper[i + 1], (1 - t) * lower[i] + t * lower[i + 1]


@kernel
def _join_sides(
    above: NDArray[np.uint8],
    above_shade: NDArray[np.float32],
    below: NDArray[np.uint8],
    below_shade: NDArray[np.float32],
    table_u: NDArray[np.float32],
    upper: NDArray[np.float32],
    lower: NDArray[np.float32],
    to_local: NDArray[np.float32],
    softness: float,
    out: NDArray[np.uint8],
) -> None:
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
