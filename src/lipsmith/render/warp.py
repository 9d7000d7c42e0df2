"""Warping by a mesh: rasterise the source position of every pixel of the new face, and resample the image once.

A flow is an array of (dx, dy, shade) on a grid coarser than the image: pixel ``s`` shows the image at ``s + (dx, dy)``,
multiplied by the factor ``shade``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64
from lipsmith.face.layout import FACE_OVAL, I32
from lipsmith.media.clip import F32, U8
from lipsmith.render.kernel import kernel

I16 = NDArray[np.int16]
Number = TypeVar("Number", np.float32, np.float64)

SKIRT_RINGS = ((1.12, 0.85), (1.30, 0.55), (1.60, 0.20), (2.00, 0.0))
"""Rings around the face: scale of the oval, share of the oval's displacement that the ring carries."""
FLOW_CELLS_PER_IOD = 70
_BIAS = 4096
SOURCE_SCALE, LARGE_SOURCE_SCALE = 3, 2
"""Images are sampled bilinearly from an enlarged copy: as sharp as a cubic filter, and steadier in motion."""
LARGE_SOURCE_PX = 1_600_000
"""Images with more pixels than this are enlarged less, to save memory."""


@dataclass(frozen=True)
class Grid:
    """Regular grid over the image: cell (0, 0) lies on pixel (x, y), cells are ``pitch`` pixels apart."""

    x: float
    y: float
    pitch: float
    width: int
    height: int

    @classmethod
    def over(cls, left: float, top: float, right: float, bottom: float, pitch: float) -> Grid:
        """Return the smallest grid that covers the rectangle."""
        return cls(
            x=left,
            y=top,
            pitch=pitch,
            width=max(2, int(np.ceil((right - left) / pitch)) + 1),
            height=max(2, int(np.ceil((bottom - top) / pitch)) + 1),
        )

    @property
    def place(self) -> F32:
        """(x, y, 1 / pitch) float32, as the kernels take it."""
        return np.array([self.x, self.y, 1.0 / self.pitch], dtype=np.float32)

    def blank(self) -> tuple[F32, U8]:
        """Return a flow without motion and shade, and an empty mask of the cells that triangles fill."""
        flow = np.zeros((self.height, self.width, 3), np.float32)
        flow[..., 2] = 1.0
        return flow, np.zeros((self.height, self.width), np.uint8)


def no_motion(box: Sequence[int] | I32) -> tuple[F32, Grid]:
    """Return the displacement field of a head that does not move within ``box`` (left, top, right, bottom), and its
    grid."""
    left, top, right, bottom = (float(edge) for edge in box)
    grid = Grid(x=left, y=top, pitch=max(right - left, bottom - top, 1.0), width=2, height=2)
    return np.zeros((2, 2, 2), np.float32), grid


class Skirt:
    """Triangles between the outline of the face and rings around it. They fade the warp out into neck and hair."""

    def __init__(self, points: F64, shape: Sequence[tuple[float, float]] = SKIRT_RINGS) -> None:
        """``points``: (478, 2) or (478, 3) pixels at rest; the skirt's points are numbered from 478 on.

        ``shape``: rings as in `SKIRT_RINGS`.
        """
        oval = list(FACE_OVAL)
        self._oval, self._shares = oval, [share for _, share in shape]
        centre = points[oval, :2].mean(axis=0)
        rings = [centre + scale * (points[oval, :2] - centre) for scale, _ in shape]
        self.points: F64 = np.concatenate(rings)
        first, count = len(points), len(oval)
        triangles = []
        numbers = [oval, *(list(range(first + k * count, first + (k + 1) * count)) for k in range(len(rings)))]
        for inside, outside in pairwise(numbers):
            for k in range(count):
                following = (k + 1) % count
                triangles.append((inside[k], outside[k], inside[following]))
                triangles.append((inside[following], outside[k], outside[following]))
        self.triangles: I32 = np.array(triangles, dtype=np.int32)

    def displacement(self, moved_px: F64) -> F64:
        """Return (144, 2) pixels for the skirt's points, from the (478, 2) displacements of the mesh."""
        own = moved_px[self._oval]
        smooth = sum(
            weight * np.roll(own, shift, axis=0) for shift, weight in ((-2, 1), (-1, 2), (0, 3), (1, 2), (2, 1))
        )
        return np.concatenate([share * smooth / 9.0 for share in self._shares])


def facing_triangles(triangles: I32, head_points: F64) -> I32:
    """Order the corners of all triangles so that each has a positive area in a face seen from the front."""
    area = signed_areas(head_points, triangles)
    ordered = triangles.copy()
    ordered[area < 0] = ordered[area < 0][:, [0, 2, 1]]
    return ordered


def signed_areas(points: F64, triangles: I32) -> F64:
    """Return signed areas in square pixels, (n,); a triangle seen from behind, or folded, is negative."""
    a, b, c = (points[triangles[:, k], :2] for k in range(3))
    doubled: F64 = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return doubled / 2


@kernel
def rasterise(
    triangles: NDArray[np.int32],
    points: NDArray[np.float32],
    values: NDArray[np.float32],
    min_area: float,
    place: NDArray[np.float32],
    flow: NDArray[np.float32],
    filled: NDArray[np.uint8],
) -> None:
    """Draw triangles with values (n, 3) at their corners (n, 2 pixels) into ``flow`` (h, w, 3); later ones win.

    Triangles whose doubled area is below ``min_area`` are seen from behind and are left out.
    """
    height, width = filled.shape
    x0, y0, per_pixel = place[0], place[1], place[2]
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = (points[i, 0] - x0) * per_pixel, (points[i, 1] - y0) * per_pixel
        bx, by = (points[j, 0] - x0) * per_pixel, (points[j, 1] - y0) * per_pixel
        cx, cy = (points[k, 0] - x0) * per_pixel, (points[k, 1] - y0) * per_pixel
        doubled = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if doubled < min_area or (doubled < 1e-6 and doubled > -1e-6):
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx) - 1e-3)))
        right = min(width - 1, int(np.floor(max(ax, bx, cx) + 1e-3)))
        top = max(0, int(np.ceil(min(ay, by, cy) - 1e-3)))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy) + 1e-3)))
        inverse = 1.0 / doubled
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                v = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) * inverse
                w = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * inverse
                u = 1.0 - v - w
                if u >= -1e-3 and v >= -1e-3 and w >= -1e-3:
                    filled[y, x] = 1
                    for c in range(3):
                        flow[y, x, c] = u * values[i, c] + v * values[j, c] + w * values[k, c]


@kernel
def fill_gaps(flow: NDArray[np.float32], filled: NDArray[np.uint8], reach: int) -> None:
    """Fill every empty cell near filled ones, within ``reach``, with their mean: slivers at the mouth corners."""
    height, width = filled.shape
    for y in range(height):
        for x in range(width):
            if filled[y, x] != 0:
                continue
            count = 0
            s0 = s1 = s2 = np.float32(0.0)
            for yy in range(max(0, y - reach), min(height, y + reach + 1)):
                for xx in range(max(0, x - reach), min(width, x + reach + 1)):
                    if filled[yy, xx] == 1:
                        count += 1
                        s0 += flow[yy, xx, 0]
                        s1 += flow[yy, xx, 1]
                        s2 += flow[yy, xx, 2]
            if count > 0:
                flow[y, x, 0] = s0 / count
                flow[y, x, 1] = s1 / count
                flow[y, x, 2] = s2 / count


@kernel
def _trace_head_row(
    y: np.float32,
    left: int,
    head: NDArray[np.float32],
    place: NDArray[np.float32],
    line_x: NDArray[np.float32],
    line_y: NDArray[np.float32],
) -> None:
    """Trace one row of pixels back through the head's motion, cell by cell.

    The displacement is linear within a cell, which the compiler can vectorise.
    """
    one, columns = np.float32(1.0), line_x.shape[0]
    head_w = head.shape[1]
    gy = min(max((y - place[1]) * place[2], np.float32(0.0)), np.float32(head.shape[0]) - np.float32(1.001))
    iy = np.int32(gy)
    ty = gy - np.float32(iy)
    start = 0
    for cell in range(head_w - 1):
        end = columns
        if cell < head_w - 2:
            end = min(columns, max(start, int(np.ceil(place[0] + (cell + 1) / place[2] - left))))
        if end <= start:
            continue
        x_near = head[iy, cell, 0] + ty * (head[iy + 1, cell, 0] - head[iy, cell, 0])
        x_step = head[iy, cell + 1, 0] + ty * (head[iy + 1, cell + 1, 0] - head[iy, cell + 1, 0]) - x_near
        y_near = head[iy, cell, 1] + ty * (head[iy + 1, cell, 1] - head[iy, cell, 1])
        y_step = head[iy, cell + 1, 1] + ty * (head[iy + 1, cell + 1, 1] - head[iy, cell + 1, 1]) - y_near
        for column in range(start, end):
            x = np.float32(column + left)
            t = min(max((x - place[0]) * place[2] - np.float32(cell), np.float32(0.0)), one)
            line_x[column] = x + x_near + t * x_step
            line_y[column] = y + y_near + t * y_step
        start = end


@kernel
def trace_back(
    rect: NDArray[np.int32],
    head: NDArray[np.float32],
    head_place: NDArray[np.float32],
    flow: NDArray[np.float32],
    flow_place: NDArray[np.float32],
    origin: NDArray[np.float32],
    source: NDArray[np.int16],
    fraction: NDArray[np.uint16],
    shade: NDArray[np.float32],
) -> None:
    """Find the position in the enlarged source, and the shade, of every pixel of ``rect`` (left, top, right, bottom).

    ``head`` (h, w, 2) is the backward displacement of the head, ``flow`` (h, w, 3) that of the mesh. ``source`` (rows,
    columns, 2) gets whole positions in the source copy, whose pixel (0, 0) lies at ``origin`` (x, y, scale),
    ``fraction`` (rows, columns) the rest in the format of OpenCV's remap: 32 * (32nds of y) + (32nds of x). ``shade``
    (rows, columns) gets the factor.
    """
    one = np.float32(1.0)
    flow_w, flow_h = np.float32(flow.shape[1] - 1), np.float32(flow.shape[0] - 1)
    scale = origin[2] * np.float32(32.0)
    # Pixel centres of the enlarged copy, rounding to 32nds, and a bias that keeps the numbers positive.
    nudge = (origin[2] - one) * np.float32(16.0) + np.float32(0.5) + np.float32(_BIAS * 32)
    left, top, columns = rect[0], rect[1], rect[2] - rect[0]
    line_x, line_y = np.empty(columns, np.float32), np.empty(columns, np.float32)
    for row in range(rect[3] - top):
        _trace_head_row(np.float32(row + top), left, head, head_place, line_x, line_y)
        for column in range(columns):
            sx, sy = line_x[column], line_y[column]
            light = one
            fx, fy = (sx - flow_place[0]) * flow_place[2], (sy - flow_place[1]) * flow_place[2]
            if fx >= np.float32(0.0) and fy >= np.float32(0.0) and fx < flow_w and fy < flow_h:
                jx, jy = np.int32(fx), np.int32(fy)
                ux, uy = fx - np.float32(jx), fy - np.float32(jy)
                b, c, d = ux * (one - uy), (one - ux) * uy, ux * uy
                a = one - b - c - d
                near, far = flow[jy, jx], flow[jy, jx + 1]
                near_below, far_below = flow[jy + 1, jx], flow[jy + 1, jx + 1]
                line_x[column] = sx + a * near[0] + b * far[0] + c * near_below[0] + d * far_below[0]
                line_y[column] = sy + a * near[1] + b * far[1] + c * near_below[1] + d * far_below[1]
                light = a * near[2] + b * far[2] + c * near_below[2] + d * far_below[2]
            shade[row, column] = light
        for column in range(columns):
            at_x = np.int32((line_x[column] - origin[0]) * scale + nudge)
            at_y = np.int32((line_y[column] - origin[1]) * scale + nudge)
            source[row, column, 0] = (at_x >> 5) - _BIAS
            source[row, column, 1] = (at_y >> 5) - _BIAS
            fraction[row, column] = ((at_y & 31) << 5) | (at_x & 31)


@kernel
def combine(amounts: NDArray[Number], fields: NDArray[Number]) -> NDArray[Number]:
    """Return the weighted sum (n,) of (k, n) fields by (k,) amounts. BLAS threads would compete with the drawing
    threads."""
    out = np.zeros(fields.shape[1], fields.dtype)
    for k in range(fields.shape[0]):
        if amounts[k] != 0:
            for n in range(fields.shape[1]):
                out[n] += amounts[k] * fields[k, n]
    return out


@kernel
def _backward_at(
    x: np.float32, y: np.float32, head: NDArray[np.float32], place: NDArray[np.float32]
) -> tuple[np.float32, np.float32]:
    """Interpolate the head's backward displacement at one pixel; beyond the grid, the nearest cell counts."""
    gx = min(max((x - place[0]) * place[2], np.float32(0.0)), np.float32(head.shape[1]) - np.float32(1.001))
    gy = min(max((y - place[1]) * place[2], np.float32(0.0)), np.float32(head.shape[0]) - np.float32(1.001))
    ix, iy = int(gx), int(gy)
    tx, ty = gx - ix, gy - iy
    above_x = (1 - tx) * head[iy, ix, 0] + tx * head[iy, ix + 1, 0]
    above_y = (1 - tx) * head[iy, ix, 1] + tx * head[iy, ix + 1, 1]
    below_x = (1 - tx) * head[iy + 1, ix, 0] + tx * head[iy + 1, ix + 1, 0]
    below_y = (1 - tx) * head[iy + 1, ix, 1] + tx * head[iy + 1, ix + 1, 1]
    return (1 - ty) * above_x + ty * below_x, (1 - ty) * above_y + ty * below_y


@kernel
def carry_forward(
    points: NDArray[np.float32], head: NDArray[np.float32], place: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Move (n, 2) pixels by the head's motion: solve x + backward(x) = point by iteration."""
    out = points.copy()
    for n in range(points.shape[0]):
        for _ in range(4):
            back_x, back_y = _backward_at(out[n, 0], out[n, 1], head, place)
            out[n, 0], out[n, 1] = points[n, 0] - back_x, points[n, 1] - back_y
    return out


@kernel
def apply_shade(pixels: NDArray[np.uint8], shade: NDArray[np.float32]) -> None:
    """Multiply (h, w, 3) pixels by (h, w) factors in place."""
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            factor = shade[y, x]
            if factor > 1.002 or factor < 0.998:
                for c in range(3):
                    pixels[y, x, c] = np.uint8(min(np.float32(255.0), pixels[y, x, c] * factor + np.float32(0.5)))


@dataclass(frozen=True, kw_only=True)
class Source:
    """Part of the image that can become visible, enlarged, ready to be sampled."""

    pixels: U8
    left: int
    """Column of the image at which it starts."""
    top: int
    scale: int
    interpolation: int = cv2.INTER_LINEAR
    """Sampling filter, as an OpenCV flag."""

    @classmethod
    def of(cls, rgb: U8, left: int, top: int) -> Source:
        """Enlarge ``rgb``, which lies at (left, top) of the image.

        Its finest detail is softened and the rest is sharpened. Detail near the sampling limit would flicker as the
        face moves by parts of a pixel; without it, frames stay about as sharp as the image.
        """
        scale = SOURCE_SCALE if rgb.shape[0] * rgb.shape[1] <= LARGE_SOURCE_PX else LARGE_SOURCE_SCALE
        size = (rgb.shape[1] * scale, rgb.shape[0] * scale)
        large = cv2.resize(rgb, size, interpolation=cv2.INTER_LANCZOS4)
        fine = cv2.GaussianBlur(large, (0, 0), 0.4 * scale)
        coarse = cv2.GaussianBlur(large, (0, 0), 0.92 * scale)
        pixels = np.asarray(cv2.addWeighted(fine, 1.8, coarse, -0.8, 0.0), dtype=np.uint8)
        return cls(pixels=pixels, left=left, top=top, scale=scale)

    @classmethod
    def unscaled(cls, rgb: U8) -> Source:
        """Return ``rgb`` itself as the whole image, sampled by a wide filter.

        A frame of a clip is resampled once: pixels that do not move keep their bytes, and others keep about .93 of
        their sharpness.
        """
        return cls(pixels=rgb, left=0, top=0, scale=1, interpolation=cv2.INTER_LANCZOS4)

    @property
    def origin(self) -> F32:
        """(left, top, scale) float32, as the kernels take it."""
        return np.array([self.left, self.top, self.scale], dtype=np.float32)

    def place(self, points: F64) -> F64:
        """Convert (n, 2) pixels of the image to pixels of this copy."""
        return (points - [self.left, self.top] + 0.5) * self.scale - 0.5


def resample(source: Source, positions: F32 | I16, fraction: NDArray[np.uint16] | None = None) -> U8:
    """Sample ``source`` at (h, w, 2) positions; beyond its edge the image is mirrored."""
    return np.asarray(
        cv2.remap(source.pixels, positions, fraction, source.interpolation, borderMode=cv2.BORDER_REFLECT_101),
        dtype=np.uint8,
    )


def warp(rect: I32, head: F32, head_grid: Grid, flow: F32, flow_grid: Grid, source: Source) -> tuple[U8, F32]:
    """Draw the image within ``rect`` (left, top, right, bottom), traced back through head and mesh; return it and its
    shade."""
    pixels, shade, _ = warp_traced(rect, head, head_grid, flow, flow_grid, source)
    return pixels, shade


def warp_traced(
    rect: I32, head: F32, head_grid: Grid, flow: F32, flow_grid: Grid, source: Source
) -> tuple[U8, F32, I16]:
    """Draw as `warp` does; return the positions in the enlarged source, too, (h, w, 2) whole pixels."""
    rows, columns = int(rect[3] - rect[1]), int(rect[2] - rect[0])
    where = np.empty((rows, columns, 2), np.int16)
    fraction = np.empty((rows, columns), np.uint16)
    shade = np.empty((rows, columns), np.float32)
    trace_back(rect, head, head_grid.place, flow, flow_grid.place, source.origin, where, fraction, shade)
    return resample(source, where, fraction), shade, where


@kernel
def trace_back_head(
    rect: NDArray[np.int32],
    head: NDArray[np.float32],
    place: NDArray[np.float32],
    origin: NDArray[np.float32],
    positions: NDArray[np.float32],
) -> None:
    """Find positions as `trace_back` does, (rows, columns, 2), by the head's motion alone, for teeth and eyeballs."""
    for row in range(positions.shape[0]):
        for column in range(positions.shape[1]):
            x, y = np.float32(column + rect[0]), np.float32(row + rect[1])
            back_x, back_y = _backward_at(x, y, head, place)
            positions[row, column, 0] = (x + back_x - origin[0]) * origin[2] + (origin[2] - 1) * 0.5
            positions[row, column, 1] = (y + back_y - origin[1]) * origin[2] + (origin[2] - 1) * 0.5
