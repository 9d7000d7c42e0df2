"""Photo that is drawn with any motion; all that stays the same is prepared once.

A frame takes a dozen steps: move the mesh, rasterise its flow, turn the head, sample the photo once, shade the folds,
draw mouth and eyes as openings with their inside, and write the result to the planes. Drawing depends only on the
channels of that frame, so frames can be drawn in any order and in several threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lipsmith.face.geometry import F64
from lipsmith.face.landmarks import Face
from lipsmith.face.layout import (
    I32,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_LIP_RINGS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_LIP_RINGS,
)
from lipsmith.media.clip import F32, U8, Image
from lipsmith.render.blend import put_patch, to_i420
from lipsmith.render.eyes import paint_eye, read_eyes
from lipsmith.render.head import HeadField
from lipsmith.render.layers import compose, has_clear_edge, split_layers
from lipsmith.render.matte import Matte
from lipsmith.render.mouth import MouthLook, paint_mouth, read_look
from lipsmith.render.mouth_colours import CHEEKS, median_at
from lipsmith.render.opening import MovedFace, Opening, View
from lipsmith.render.own_mouth import complete_lips, read_opening
from lipsmith.render.shade import FoldShade
from lipsmith.render.shape import FaceShape
from lipsmith.render.warp import (
    FLOW_CELLS_PER_IOD,
    I16,
    Grid,
    Skirt,
    Source,
    apply_shade,
    carry_forward,
    facing_triangles,
    fill_gaps,
    rasterise,
    warp_traced,
)

MIN_AREA_IOD2 = -0.004
"""Smallest doubled area of a triangle that is drawn; slightly negative to keep slivers at the mouth corners."""


class Portrait:
    """Photo with one face to animate."""

    def __init__(self, image: Image, face: Face, *, matte: Matte, triangles: I32, others: Sequence[Face] = ()) -> None:
        """``image`` has even sides; ``matte``: of the people around the face; ``triangles``: of the face mesh.

        ``others``: further faces in the photo, which do not move.
        """
        self._rgb = image.rgb
        self._size = (image.width, image.height)
        self.shape = FaceShape(face.points, triangles)
        iod_px = self.shape.frame.iod_px
        self._points = face.points[:, :2].copy()
        self.triangles = facing_triangles(triangles, self.shape.rest)
        self._skirt = Skirt(face.points)
        self._pitch = max(1.0, iod_px / FLOW_CELLS_PER_IOD)
        self._min_area = MIN_AREA_IOD2 * (iod_px / self._pitch) ** 2
        field_area = MIN_AREA_IOD2 * 18**2
        layered = has_clear_edge(matte, face.points, self._size, iod_px)
        self._head = HeadField(
            face.points,
            self.triangles,
            self.shape.frame,
            matte,
            self._size,
            field_area,
            [other.points for other in others],
            layered=layered,
        )
        low, high = self._skirt.points.min(axis=0), self._skirt.points.max(axis=0)
        self._flow_grid = Grid.over(float(low[0]), float(low[1]), float(high[0]), float(high[1]), self._pitch)
        self.rect = self._moving_rectangle(low, high)
        left, top, right, bottom = area = self._source_area(iod_px)
        self._layers = split_layers(image.rgb, matte, face.points, area, iod_px) if layered else None
        person = self._rgb[top:bottom, left:right] if self._layers is None else self._layers.foreground
        self._source = Source.of(person, left, top)
        self._local = self.shape.frame.rotation[:2, :2] * iod_px
        self._shade = FoldShade(self.shape.rest, self.triangles)
        self._mouth = Opening(
            UPPER_LIP_RINGS[3],
            LOWER_LIP_RINGS[3],
            self.triangles,
            upper_side=[p for ring in UPPER_LIP_RINGS for p in ring[1:-1]],
            lower_side=[p for ring in LOWER_LIP_RINGS for p in ring[1:-1]],
            margin_iod=0.22,
        )
        self._eyes = [
            Opening(upper, lower, self.triangles, upper_side=upper[1:-1], lower_side=lower[1:-1], margin_iod=0.18)
            for upper, lower in ((LEFT_UPPER_LID, LEFT_LOWER_LID), (RIGHT_UPPER_LID, RIGHT_LOWER_LID))
        ]
        self.mouth_look = self._read_mouth(image, face.points)
        self.eye_looks = read_eyes(image.rgb, face.points, self.shape.frame, grey=image.grey, source=self._source)
        eye = self.eye_looks[0]
        self.shape.blink_amount, self.shape.glasses = eye.lid.amount, eye.lid.glasses
        self.shape.holds_brows = eye.holds_brows
        self._skull = self._points[list(UPPER_LIP_RINGS[3][3:8])].mean(axis=0)
        self._planes = to_i420(image.rgb)

    def _read_mouth(self, image: Image, points: F64) -> MouthLook:
        """Read the look of the mouth, and complete the lips behind the teeth and the gap that the photo shows."""
        frame = self.shape.frame
        skin = median_at(image.rgb, points[list(CHEEKS), :2], 0.10 * frame.iod_px)
        opening = read_opening(self._source, points, frame, skin)
        look = read_look(image.rgb, points, grey=image.grey, source=self._source, opening=opening)
        if opening is not None:
            complete_lips(opening)
        return look

    def draw_i420(self, channels: Mapping[str, float]) -> U8:
        """Draw the whole frame: (height * 3 // 2, width) uint8 I420 planes, BT.709, limited range."""
        planes = self._planes.copy()
        put_patch(planes, self._draw(channels), self.rect[0], self.rect[1])
        return planes

    def draw_rgb(self, channels: Mapping[str, float]) -> U8:
        """Draw the whole frame: (height, width, 3) uint8 RGB."""
        left, top, right, bottom = self.rect
        frame = self._rgb.copy()
        frame[top:bottom, left:right] = self._draw(channels)
        return frame

    def target_points(self, channels: Mapping[str, float]) -> F64:
        """Return the mesh's points in a frame before the head's own motion, (478, 2) pixels."""
        return self._points + self.shape.frame.offsets_to_image(self.shape.displacement(channels))

    def _draw(self, channels: Mapping[str, float]) -> U8:
        moved = self.shape.displacement(channels)
        target = self._points + self.shape.frame.offsets_to_image(moved)
        values = self._values(target, moved)
        flow = self._flow(target, values)
        head = self._head.backward_motion(channels)
        patch, where = self._sample(flow, head)
        face = MovedFace(
            target=target,
            values=values,
            local=self._turned(channels),
            iod_px=self.shape.frame.iod_px,
            pitch=self._pitch,
            min_area=self._min_area,
        )
        self._draw_mouth(patch, channels, face, head)
        self._draw_eyes(patch, channels, face, head)
        if self._layers is not None:  # last: a corner of the mouth may reach beyond the outline of a turned head
            compose(patch, self.rect, where, self._layers, self._source.scale)
        return patch

    def _values(self, target: F64, moved: F64) -> F32:
        """Return the flow at the mesh's points, (478, 3): backward displacement in pixels, and shade."""
        return np.column_stack([self._points - target, self._shade.factors(moved)]).astype(np.float32)

    def _flow(self, target: F64, values: F32) -> F32:
        grid = self._flow_grid
        flow, filled = grid.blank()
        away = self._skirt.displacement(target - self._points)
        points = np.concatenate([target, self._skirt.points + away]).astype(np.float32)
        ones = np.ones((len(away), 1), np.float32)
        carried = np.concatenate([values, np.concatenate([-away.astype(np.float32), ones], axis=1)])
        rasterise(self._skirt.triangles, points, carried, -1e30, grid.place, flow, filled)
        rasterise(self.triangles, points, carried, self._min_area, grid.place, flow, filled)
        fill_gaps(flow, filled, 2)
        return flow

    def _sample(self, flow: F32, head: F32) -> tuple[U8, I16]:
        """Draw the moved photo; return the positions in the enlarged source, too, (h, w, 2) whole pixels."""
        rect = np.array(self.rect, dtype=np.int32)
        patch, shade, where = warp_traced(rect, head, self._head.grid, flow, self._flow_grid, self._source)
        apply_shade(patch, shade)
        return patch, where

    def _draw_mouth(self, patch: U8, channels: Mapping[str, float], face: MovedFace, head: F32) -> None:
        view = self._view(self._mouth, face, head)
        if view is None:
            return
        skull = carry_forward(self._skull[None].astype(np.float32), head, self._head.grid.place)[0] - view.rect[:2]
        at = view.edges.to_local @ np.array([skull[0], skull[1], 1.0], dtype=np.float32)
        turned = (self.shape.frame.yaw_deg + channels["head_yaw"], channels["head_pitch"])
        paint_mouth(view, self.mouth_look, channels, self.shape.target_aperture(channels), at, turned)
        self._put(patch, view.rect, view.pixels)

    def _draw_eyes(self, patch: U8, channels: Mapping[str, float], face: MovedFace, head: F32) -> None:
        gaze = np.array([channels["gaze_x"], channels["gaze_y"]])
        for eye, look, blink in zip(
            self._eyes, self.eye_looks, (channels["blink_left"], channels["blink_right"]), strict=True
        ):
            way = self.shape.closure(blink)
            if way <= 0.0 and not gaze.any():
                continue
            view = self._view(eye, face, head)
            if view is not None:
                gaze_px = gaze @ self._local * self._source.scale
                paint_eye(view, look, way=way, gaze_px=gaze_px, source=self._source)
                self._put(patch, view.rect, view.pixels)

    def _view(self, opening: Opening, face: MovedFace, head: F32) -> View | None:
        return opening.view(face, head=head, head_grid=self._head.grid, source=self._source, limits=self.rect)

    def _put(self, patch: U8, rect: I32, pixels: U8) -> None:
        left, top = rect[0] - self.rect[0], rect[1] - self.rect[1]
        patch[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels

    def _turned(self, channels: Mapping[str, float]) -> F64:
        """Return the head's axes (rows: pixels per IOD), turned by the roll of the frame."""
        angle = np.radians(channels["head_roll"])
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        turned: F64 = self._local @ turn
        return turned

    def _moving_rectangle(self, low: F64, high: F64) -> tuple[int, int, int, int]:
        left, top, right, bottom = self._head.moving_rectangle(self._size)
        width, height = self._size
        return (
            max(0, min(left, int(low[0]) // 2 * 2)),
            max(0, min(top, int(low[1]) // 2 * 2)),
            min(width, max(right, (int(high[0]) + 2) // 2 * 2)),
            min(height, max(bottom, (int(high[1]) + 2) // 2 * 2)),
        )

    def _source_area(self, iod_px: float) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom of the part of the photo that can become visible."""
        margin = int(np.ceil(0.6 * iod_px))
        left, top, right, bottom = self.rect
        width, height = self._size
        return max(0, left - margin), max(0, top - margin), min(width, right + margin), min(height, bottom + margin)
