"""Motion of the head as a whole: a smooth displacement field over the image with the depth of the head.

The head turns as a rigid body about an axis one eye distance behind the nose bridge, seen from the front or turned. The
motion fades out into neck and shoulders, and into the background where it is no layer of its own. Every motion is a
weighted sum of a few fixed fields, which costs little per frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame, smoothstep
from lipsmith.face.layout import FACE_OVAL, I32
from lipsmith.media.clip import F32
from lipsmith.render.layers import REACH_IOD as REACH_IOD_OF_EDGE
from lipsmith.render.matte import Matte
from lipsmith.render.warp import Grid, combine, rasterise

CELLS_PER_IOD = 18
REACH_IOD = (4.0, 5.0)
"""Nothing further from the nose bridge than this (to the side, up and down) moves, not even with a breath."""
PIVOT_DEPTH_IOD = 1.0
YAW_GAIN, PITCH_GAIN = 1.75, 1.50
"""Without this gain, landmarks detected in rendered frames of a head that faces the camera show less than the requested
turn by this factor. A turned head needs less."""
BREATH_RISE_IOD = 0.012
FADE_IOD = 0.42
"""Distance from a person that is no layer of its own, within which the motion fades out."""
CUT_IOD = 0.6
"""Distance from an edge of the image that cuts the person, within which the motion fades out."""


class HeadField:
    """Displacement field of one face in one image."""

    def __init__(
        self,
        points: F64,
        triangles: I32,
        frame: HeadFrame,
        matte: Matte,
        size: tuple[int, int],
        min_area: float,
        others: Sequence[F64] = (),
        *,
        layered: bool = False,
    ) -> None:
        """``size``: width, height of the image in pixels.

        ``others``: meshes of further faces in the image, which do not move. ``layered``: the background is a layer of
        its own, so the motion does not fade out beyond the person's edge.
        """
        width, height = size
        self._frame = frame
        reach = [REACH_IOD[0] * frame.iod_px, REACH_IOD[1] * frame.iod_px]
        self.grid = Grid.over(
            max(0.0, frame.origin[0] - reach[0]),
            max(0.0, frame.origin[1] - reach[1]),
            min(width - 1.0, frame.origin[0] + reach[0]),
            min(height - 1.0, frame.origin[1] + reach[1]),
            max(1.0, frame.iod_px / CELLS_PER_IOD),
        )
        x, y = self._flat_coordinates()
        inside = self._person(points, matte)
        away = self._away(inside)
        weight = self._weight(x, y, away, points, layered=layered) * self._apart_from(others, points)
        weight *= self._away_from_cut(inside, size)
        depth = self._depth(points, triangles, min_area)
        nearness = PIVOT_DEPTH_IOD - depth
        solid_x, solid_y = self._solid_coordinates(depth)
        neck_y = float(frame.to_head(points)[152, 1]) + 0.5
        middle_y = float(frame.to_head(points)[[10, 152], 1].mean())
        none = np.zeros_like(x)
        near = (1.0 - smoothstep(np.abs(x), 1.8, 3.0)) * (1.0 - smoothstep(y, 3.2, 4.6))
        torso = smoothstep(y, neck_y + 0.1, neck_y + 1.1) * np.clip(inside, 0, 1) * near
        across, down = self._flat_axes
        facing = abs(float(frame.rotation[2, 2])) ** 3
        yaw_gain, pitch_gain = (1.0 + (gain - 1.0) * facing for gain in (YAW_GAIN, PITCH_GAIN))
        fields = np.stack(
            [
                self._projected(weight * yaw_gain, nearness, none, solid_x),  # per radian
                self._projected(weight * pitch_gain, none, nearness, solid_y),  # per radian
                _along(across, -weight * (y - neck_y)) + _along(down, weight * x),  # roll, per radian
                _along(across, weight),
                _along(down, weight),
                _along(across, weight * x) + _along(down, weight * (y - middle_y)),  # scaling about the face's middle
                _along(down, -BREATH_RISE_IOD * torso),
            ]
        )
        self._fields: F32 = np.asarray(fields.reshape(len(fields), -1), np.float32)
        cells_x, cells_y = np.meshgrid(np.arange(self.grid.width), np.arange(self.grid.height))
        self._cells = np.stack([cells_x, cells_y], axis=-1).astype(np.float32)
        self.weight: F32 = weight.astype(np.float32)
        self._near: NDArray[np.bool_] = away < (REACH_IOD_OF_EDGE if layered else np.inf)
        self.torso: F32 = torso.astype(np.float32)

    def moving_rectangle(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom (even, pixels) of the area in which frames can change."""
        moving = ((self.weight > 0.002) & self._near) | (self.torso > 0.002)
        rows, columns = np.flatnonzero(moving.any(axis=1)), np.flatnonzero(moving.any(axis=0))
        pitch, (width, height) = self.grid.pitch, size
        left, right = self.grid.x + (columns[0] - 2) * pitch, self.grid.x + (columns[-1] + 2) * pitch
        top, bottom = self.grid.y + (rows[0] - 2) * pitch, self.grid.y + (rows[-1] + 2) * pitch
        return (
            max(0, int(left) // 2 * 2),
            max(0, int(top) // 2 * 2),
            min(width, (int(np.ceil(right)) + 2) // 2 * 2),
            min(height, (int(np.ceil(bottom)) + 2) // 2 * 2),
        )

    def backward_motion(self, channels: Mapping[str, float]) -> F32:
        """Return the backward displacement on `grid`, (rows, columns, 2) float32 pixels.

        Pixel ``x`` of a frame shows the image at ``x + displacement``.
        """
        amounts = np.array(
            [
                np.sin(np.radians(channels["head_yaw"])),
                np.sin(np.radians(channels["head_pitch"])),
                np.radians(channels["head_roll"]),
                channels["head_x"],
                channels["head_y"],
                channels["zoom"],
                channels["breath"],
            ],
            dtype=np.float32,
        )
        moved = combine(amounts, self._fields).reshape(2, self.grid.height, self.grid.width)
        forward = np.ascontiguousarray(moved.transpose(1, 2, 0)) * np.float32(self._frame.iod_px)
        back = forward
        for _ in range(2):  # back(x) = -forward(x + back(x)), by fixed point
            at = self._cells - back / np.float32(self.grid.pitch)
            back = cv2.remap(forward, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.ascontiguousarray(-back, dtype=np.float32)

    @property
    def _flat_axes(self) -> tuple[F64, F64]:
        """Return the directions of the head's x and y in the image, (2,) of unit length, as if it were flat."""
        across, down = self._frame.rotation[0, :2], self._frame.rotation[1, :2]
        return across / np.linalg.norm(across), down / np.linalg.norm(down)

    def _offsets(self) -> F64:
        """Return the place of every cell relative to the nose bridge, (rows, columns, 2) pixels."""
        columns, rows = np.meshgrid(np.arange(self.grid.width), np.arange(self.grid.height))
        return np.stack(
            [
                columns * self.grid.pitch + self.grid.x - self._frame.origin[0],
                rows * self.grid.pitch + self.grid.y - self._frame.origin[1],
            ],
            axis=-1,
        )

    def _flat_coordinates(self) -> tuple[F64, F64]:
        """Return the head's x and y (IOD) of every cell, as if the image were flat at the nose bridge."""
        flat = self._offsets() @ np.linalg.inv(np.stack(self._flat_axes)) / self._frame.iod_px
        return flat[..., 0], flat[..., 1]

    def _solid_coordinates(self, depth: F64) -> tuple[F64, F64]:
        """Return the head's x and y (IOD) of every cell, which lies ``depth`` IOD behind the nose bridge."""
        axes = self._frame.rotation[:, :2]
        solid = (self._offsets() / self._frame.iod_px - depth[..., None] * axes[2]) @ np.linalg.inv(axes[:2])
        return solid[..., 0], solid[..., 1]

    def _projected(self, weight: F64, x: F64, y: F64, z: F64) -> F64:
        """Return a motion given in the head's axes as one in the image, (2, rows, columns)."""
        axes = self._frame.rotation[:, :2]
        moved = x[..., None] * axes[0] + y[..., None] * axes[1] + z[..., None] * axes[2]
        return np.moveaxis(weight[..., None] * moved, -1, 0)

    def _person(self, points: F64, matte: Matte) -> F64:
        """Return the person mask of every cell, 0-1: the matte, and always the face (drawings escape the matte)."""
        grid = self.grid
        half = 0.5 * grid.pitch
        left, top = grid.x - half, grid.y - half
        rect = (left, top, left + grid.width * grid.pitch, top + grid.height * grid.pitch)
        shown = matte.within(rect, (grid.width, grid.height))
        oval = points[list(FACE_OVAL), :2]
        centre = oval.mean(axis=0)
        face = np.zeros((grid.height, grid.width), np.uint8)
        outline = (centre + 1.25 * (oval - centre) - [grid.x, grid.y]) / grid.pitch
        cv2.fillPoly(face, [np.round(outline).astype(np.int32)], 255)
        return np.maximum(shown.astype(np.float64), face / 255.0)

    def _weight(self, x: F64, y: F64, away: F64, points: F64, *, layered: bool) -> F64:
        """Return the share of each cell in the head's motion. ``away``: its distance from the person, IOD."""
        head = self._frame.to_head(points)
        chin = float(head[152, 1])
        centre_y = float(head[[10, 152], 1].mean())
        neck = 1.0 - smoothstep(y, chin - 0.25, chin + 0.90)
        radius = np.hypot(x / 1.25, (y - centre_y) / 1.7)
        side = 1.0 - smoothstep(radius, 1.25, 2.1)
        person = np.ones_like(x) if layered else 1.0 - smoothstep(away, 0.0, FADE_IOD)
        sigma = 0.08 * self._frame.iod_px / self.grid.pitch
        return np.asarray(cv2.GaussianBlur(neck * side * person, (0, 0), sigma), dtype=np.float64)

    def _away(self, inside: F64) -> F64:
        """Return the distance of each cell from the person, IOD."""
        outside = (inside < 0.5).astype(np.uint8)
        return np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, 5), np.float64) * (
            self.grid.pitch / self._frame.iod_px
        )

    def _away_from_cut(self, inside: F64, size: tuple[int, int]) -> F64:
        """Return 0 where the image's edge cuts the person, and 1 further inside: beyond the edge nothing is known."""
        grid, (width, height) = self.grid, size
        padded = np.zeros((grid.height + 2, grid.width + 2), np.uint8)
        person = inside > 0.5
        if grid.y <= 0:
            padded[0, 1:-1] = person[0]
        if grid.x <= 0:
            padded[1:-1, 0] = person[:, 0]
        if grid.x + (grid.width - 1) * grid.pitch >= width - 1.0:
            padded[1:-1, -1] = person[:, -1]
        if grid.y + (grid.height - 1) * grid.pitch >= height - 1.0:
            padded[-1, 1:-1] = person[-1]
        away = cv2.distanceTransform(1 - padded, cv2.DIST_L2, 5)[1:-1, 1:-1] * (grid.pitch / self._frame.iod_px)
        return smoothstep(away.astype(np.float64), 0.0, CUT_IOD)

    def _apart_from(self, others: Sequence[F64], points: F64) -> F64:
        """Return 0 on other people's heads, 1 elsewhere and on the face itself in any case."""
        grid = self.grid
        columns, rows = np.meshgrid(np.arange(grid.width), np.arange(grid.height))
        place = np.stack([columns * grid.pitch + grid.x, rows * grid.pitch + grid.y], axis=-1)

        def away(mesh: F64) -> F64:
            """Return the distance from a face's middle, in half lengths of that face."""
            half = 0.5 * np.linalg.norm(mesh[152, :2] - mesh[10, :2])
            return np.linalg.norm(place - mesh[:, :2].mean(axis=0), axis=-1) / max(half, 1.0)

        own = away(points)
        apart = np.ones((grid.height, grid.width))
        for mesh in others:
            other = away(mesh)
            # Two heads that touch are divided where both are equally far.
            apart = np.minimum(apart, np.maximum(smoothstep(other, 1.3, 2.0), smoothstep(other - own, 0.0, 0.5)))
        return apart

    def _depth(self, points: F64, triangles: I32, min_area: float) -> F64:
        """Return the depth of every cell, IOD behind the nose bridge: the mesh, and a rounded head around it."""
        grid = self.grid
        head = self._frame.to_head(points)
        values = np.zeros((len(points), 3), np.float32)
        values[:, 0] = head[:, 2]
        flow = np.zeros((grid.height, grid.width, 3), np.float32)
        filled_cells = np.zeros((grid.height, grid.width), np.uint8)
        rasterise(triangles, points[:, :2].astype(np.float32), values, min_area, grid.place, flow, filled_cells)
        known = filled_cells.astype(np.float32)
        depth = flow[..., 0] * known
        filled, weight = depth.copy(), known.copy()
        for sigma_iod in (0.15, 0.4, 1.0):  # fill unknown cells with ever wider means
            sigma = sigma_iod * self._frame.iod_px / grid.pitch
            near = cv2.GaussianBlur(filled * weight, (0, 0), sigma)
            much = cv2.GaussianBlur(weight, (0, 0), sigma)
            share = np.clip(much * 6.0, 0.0, 1.0) * (1.0 - weight)
            filled = filled * weight + share * near / np.maximum(much, 1e-6)
            weight = weight + share
            filled = filled / np.maximum(weight, 1e-6)
        edge = float(head[list(FACE_OVAL), 2].mean())
        filled = filled * weight + edge * (1.0 - weight)
        sigma = 0.07 * self._frame.iod_px / grid.pitch
        return np.asarray(cv2.GaussianBlur(np.minimum(filled, PIVOT_DEPTH_IOD + 0.1), (0, 0), sigma), dtype=np.float64)


def _along(direction: F64, amount: F64) -> F64:
    """Return a motion along one direction of the image, (2, rows, columns)."""
    return direction[:, None, None] * amount
