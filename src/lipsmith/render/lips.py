"""Drawing of new lips in one frame of a clip, from its mesh and the target lips.

The lower face is warped from the frame itself, and the inside of the mouth is painted. Drawing depends only on the
frame and its targets, so frames can be drawn in any order, in several threads or processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame, smoothstep
from lipsmith.face.layout import (
    I32,
    INNER_OUTLINE,
    LIP_OUTLINE,
    LOWER_LIP_RINGS,
    UPPER_LIP_RINGS,
)
from lipsmith.media.clip import F32, U8
from lipsmith.render.clip_look import ClipLook
from lipsmith.render.clip_shape import ClipShape
from lipsmith.render.kernel import kernel
from lipsmith.render.lip_detail import LipDetail
from lipsmith.render.mouth import paint_mouth
from lipsmith.render.mouth_colours import LOWER_CHEEKS, LUMA, median_at
from lipsmith.render.mouth_model import MouthModel
from lipsmith.render.opening import MovedFace, Opening
from lipsmith.render.outline import outline_mask
from lipsmith.render.own_mouth import tooth_share
from lipsmith.render.shade import FoldShade
from lipsmith.render.shape import UPPER_LIP_RISE
from lipsmith.render.warp import (
    FLOW_CELLS_PER_IOD,
    Grid,
    Skirt,
    Source,
    apply_shade,
    facing_triangles,
    fill_gaps,
    no_motion,
    rasterise,
    warp,
)

REACH_IOD = (1.25, 0.42)
"""Reach of the changed region to either side of the nose bridge, and beyond the chin; upwards to the nose's base."""
FADE_IN_IOD = (0.02, 0.16)
"""Below the nose's base: no motion above the first, full motion below the second."""
FADE_OUT_IOD = (0.22, 0.38)
"""Beyond the chin: full motion above the first, no motion below the second."""
NOSE_BASE, CHIN = 2, 152
EDGE_IOD, MAX_EDGE_IOD = 0.014, 0.064
"""Edges of open lips are sampled this far within the lips, and further where teeth are found beyond their edge."""
MAX_EDGE_OF_LIP = 0.4
"""The same as a share of the lip's thickness, at most."""
PARTED_IOD = (0.015, 0.06)
"""Lips are open from the first on, and fully from the second on."""
OPENS_IOD = (0.02, 0.08)
"""Closed lips are opened by more than the first, and far by the second."""
OPENED_SHARE = 0.5
"""Share of ``EDGE_IOD`` by which closed lips that open are sampled within the lips: a little of the line stays as the
shade at their edge."""
BRIGHTER_THAN_LIPS, PALER_THAN_LIPS = 1.15, 0.6
"""Teeth beyond the edge are brighter than the lips by at least the first factor, and less red by the second."""
EDGE_KERNEL = (0.1, 0.2, 0.4, 0.2, 0.1)
EXCESS_IOD = 0.005
"""Drawn mouths measure wider open than drawn by this much when landmarks are detected in them ..."""
NARROW_LACK_IOD = 0.012
"""... and narrow ones less open, by this more."""
MIN_AREA_IOD2 = -0.004
MIN_MOTION_PX, FULL_MOTION_PX = 0.05, 0.35
"""Pixels that move by less than the first stay unchanged; those that move by more than the second are resampled."""
CLIP_SKIRT = ((1.06, 0.80), (1.14, 0.45), (1.22, 0.15), (1.30, 0.0))
"""As `warp.SKIRT_RINGS`, but tighter: behind a filmed chin lies a collar that moves on its own."""


@dataclass(frozen=True, kw_only=True)
class LipTargets:
    """Target lips of one frame."""

    aperture: float
    """Gap between the inner lips, IOD."""
    width: float
    """Distance between the outer mouth corners, IOD."""
    lips: Mapping[str, float]
    """Channels of a motion track that shape lips and tongue."""


@dataclass(frozen=True, kw_only=True)
class _FaceGeometry:
    """Face of one frame, and the target places of its points."""

    frame: HeadFrame
    points: F64
    """(478, 3) pixels of the region."""
    target: F64
    """(478, 2) pixels."""
    values: F32
    """(478, 3) backward displacement in pixels, and shade."""
    source: Source
    aperture: float
    """IOD, to be drawn."""
    own_gap: float
    """IOD, in the frame itself."""
    cheeks: F64
    """(3,) RGB."""

    @property
    def local(self) -> F64:
        """(2, 2): rows are pixels per IOD across and down the face."""
        return self.frame.rotation[:2, :2] * self.frame.iod_px

    @property
    def pitch(self) -> float:
        """Pixels between the cells of a flow."""
        return max(1.0, self.frame.iod_px / FLOW_CELLS_PER_IOD)

    @property
    def min_area(self) -> float:
        """Smallest doubled area of a triangle that is drawn, square cells."""
        return MIN_AREA_IOD2 * (self.frame.iod_px / self.pitch) ** 2


class LipPainter:
    """Draws one face of one clip with new lips."""

    def __init__(
        self,
        typical: F64,
        triangles: I32,
        look: ClipLook,
        skull: F64,
        mouth: MouthModel | None = None,
        detail: LipDetail | None = None,
        lip_rise: float = UPPER_LIP_RISE,
    ) -> None:
        """``typical``: (478, 3) pixels, from `typical_mesh`; ``look``: colours of this person's mouth.

        ``skull``: (3,) IOD in the head's frame: the inner edge of the upper lip at rest; ``mouth``: the person's own
        mouth interior, painted if None; ``detail``: fine detail of the person's lips; ``lip_rise``: share of
        an opening by which the upper lip rises.
        """
        self._shape = ClipShape(typical, triangles, lip_rise)
        rest = self._shape.shape.rest
        self._chin = float(rest[152, 1])
        self._triangles = facing_triangles(triangles, rest)
        self._shade = FoldShade(rest, self._triangles)
        self._look = look
        self._skull = skull
        self._mouth, self._detail = mouth, detail
        self._opening = Opening(
            UPPER_LIP_RINGS[3],
            LOWER_LIP_RINGS[3],
            self._triangles,
            upper_side=[p for ring in UPPER_LIP_RINGS for p in ring[1:-1]],
            lower_side=[p for ring in LOWER_LIP_RINGS for p in ring[1:-1]],
            margin_iod=0.22,
            holds_edge=True,
        )

    def reach(self, points: F64) -> tuple[F64, F64]:
        """Return upper left and lower right corner of the area that can change, (2,) pixels each; ``points``: (478, 3)
        pixels."""
        frame = HeadFrame.of(points)
        side, below = REACH_IOD
        base = float(frame.to_head(points[[NOSE_BASE]])[0, 1])
        corners = np.array([(x, y, 0.0) for x in (-side, side) for y in (base, self._chin + below)])
        seen = frame.to_image(corners)
        return seen.min(axis=0), seen.max(axis=0)

    def draw(self, rgb: U8, points: F64, targets: LipTargets, *, fine: bool = False) -> U8:
        """Return the region with new lips, (h, w, 3) RGB. Pixels that do not move keep their bytes.

        ``rgb``: region of the frame, as large as `reach` returns; ``points``: (478, 3) pixels of the region; ``fine``:
        sample an enlarged copy.
        """
        geometry = self._geometry(rgb, points, targets, Source.of(rgb, 0, 0) if fine else Source.unscaled(rgb))
        patch = self._warped(rgb, geometry)
        sharpness = self._detail.sharpness(rgb, points) if self._detail is not None else 1.0
        self._draw_mouth(patch, geometry, targets, sharpness)
        if self._detail is not None:
            self._detail.match(patch, points, geometry.target, targets.aperture, sharpness)
        return patch

    def _geometry(self, rgb: U8, points: F64, targets: LipTargets, source: Source) -> _FaceGeometry:
        frame = HeadFrame.of(points)
        now = frame.to_head(points)
        own_gap = float(np.hypot(*(now[14, :2] - now[13, :2])))
        aperture = _aperture_to_draw(targets.aperture)
        moved = self._shape.displacement(now, targets.lips, aperture=aperture, width=targets.width)
        target = points[:, :2] + frame.offsets_to_image(moved)
        values = np.column_stack([points[:, :2] - target, self._shade.factors(moved)]).astype(np.float32)
        cheeks = median_at(rgb, points[list(LOWER_CHEEKS), :2], 0.10 * frame.iod_px)
        _sample_within_lips(values, rgb, points, frame, own_gap, aperture, cheeks)
        return _FaceGeometry(
            frame=frame,
            points=points,
            target=target,
            values=values,
            source=source,
            aperture=aperture,
            own_gap=own_gap,
            cheeks=cheeks,
        )

    def _warped(self, rgb: U8, geometry: _FaceGeometry) -> U8:
        """Return the region with all but the inside of the mouth moved."""
        box = (0, 0, rgb.shape[1], rgb.shape[0])
        grid = Grid.over(0.0, 0.0, float(box[2]), float(box[3]), geometry.pitch)
        flow = self._flow(geometry, grid)
        rect = _moving_rect(_fade(flow, *_drawable_rows(grid, geometry.frame, geometry.points)), grid, box)
        warped, shade = warp(rect, *no_motion(box), flow, grid, geometry.source)
        apply_shade(warped, shade)
        patch = rgb.copy()
        within = patch[rect[1] : rect[3], rect[0] : rect[2]]
        _restore_resting_pixels(warped, within, flow, grid.place, rect)
        within[:] = warped
        return patch

    def _draw_mouth(self, patch: U8, geometry: _FaceGeometry, targets: LipTargets, sharpness: float) -> None:
        box = (0, 0, patch.shape[1], patch.shape[0])
        no_flow, no_flow_grid = no_motion(box)
        face = MovedFace(
            target=geometry.target,
            values=geometry.values,
            local=geometry.local,
            iod_px=geometry.frame.iod_px,
            pitch=geometry.pitch,
            min_area=geometry.min_area,
        )
        view = self._opening.view(face, head=no_flow, head_grid=no_flow_grid, source=geometry.source, limits=box)
        if view is None:
            return
        look = self._look.lit_as(geometry.cheeks, geometry.own_gap)
        if self._mouth is not None:
            self._mouth.draw(
                view,
                points=geometry.points,
                target=geometry.target,
                opening=targets.aperture,
                own_gap=geometry.own_gap,
                cheeks=geometry.cheeks,
                channels=targets.lips,
                tongue=look.tongue,
                edge_softness=self._detail.edge_softness if self._detail is not None else 1.2,
            )
        else:
            skull = geometry.frame.to_image(self._skull[None])[0] - view.rect[:2]
            at = view.edges.to_local @ np.array([skull[0], skull[1], 1.0], dtype=np.float32)
            paint_mouth(view, look, targets.lips, geometry.aperture, at, (geometry.frame.yaw_deg, 0.0))
        left, top, right, bottom = view.rect
        here = patch[top:bottom, left:right]
        size, soft_px = here.shape[:2], 0.02 * geometry.frame.iod_px
        lips = outline_mask(geometry.target[LIP_OUTLINE] - [left, top], size, grow=1.12, soft_px=soft_px)
        inside = outline_mask(geometry.target[INNER_OUTLINE] - [left, top], size, grow=1.0, soft_px=0.8)
        here[:] = cv2.blendLinear(self._look.soften(view.pixels, inside, sharpness), here, lips, 1.0 - lips)

    def _flow(self, geometry: _FaceGeometry, grid: Grid) -> F32:
        flow, filled = grid.blank()
        skirt = Skirt(geometry.points, CLIP_SKIRT)
        away = skirt.displacement(geometry.target - geometry.points[:, :2])
        corners = np.concatenate([geometry.target, skirt.points + away]).astype(np.float32)
        ones = np.ones((len(away), 1), np.float32)
        carried = np.concatenate([geometry.values, np.concatenate([-away.astype(np.float32), ones], axis=1)])
        rasterise(skirt.triangles, corners, carried, -1e30, grid.place, flow, filled)
        rasterise(self._triangles, corners, carried, geometry.min_area, grid.place, flow, filled)
        fill_gaps(flow, filled, 2)
        return flow


def _sample_within_lips(
    values: F32, rgb: U8, points: F64, frame: HeadFrame, own_gap: float, aperture: float, cheeks: F64
) -> None:
    """Move the sampling points of the lips' inner edges into the lips, in place; the rings outside follow.

    Landmarks on an open mouth lie on the teeth as often as on the lips, and teeth must not stick to lips that close.
    Nor must the dark line between closed lips stick to lips that open.
    """
    parted = float(smoothstep(own_gap, *PARTED_IOD))
    changes = max(parted, OPENED_SHARE * float(smoothstep(aperture - own_gap, *OPENS_IOD)))
    if changes <= 0.0:
        return
    down = frame.rotation[1, :2] * frame.iod_px
    steps = np.arange(0.0, MAX_EDGE_IOD, 0.008)
    for rings, way in ((UPPER_LIP_RINGS, -1.0), (LOWER_LIP_RINGS, 1.0)):
        columns = points[np.array(rings), :2]
        thickness = np.linalg.norm(columns[0] - columns[3], axis=1) / frame.iod_px
        places = (columns[3][:, None] + way * steps[None, :, None] * down).astype(np.float32)
        seen = cv2.remap(rgb, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float64)
        red = cv2.remap(rgb, columns[1:3].astype(np.float32), None, cv2.INTER_LINEAR)[:, 2:-2].reshape(-1, 3)
        lips = np.median(red, axis=0)
        bright = seen @ LUMA > BRIGHTER_THAN_LIPS * float(lips @ LUMA)
        teeth = (tooth_share(seen, cheeks) > 0.4) & bright & (_redness(seen) < PALER_THAN_LIPS * _redness(lips))
        # Teeth start at the edge; what shines behind a stretch of lip is gloss.
        joined = np.logical_and.accumulate(teeth | np.roll(teeth, -1, axis=1), axis=1) & teeth
        length = np.where(
            joined.any(axis=1), steps[teeth.shape[1] - 1 - np.argmax(joined[:, ::-1], axis=1)] + 0.012, 0.0
        )
        length = np.minimum(np.maximum(parted * length, changes * EDGE_IOD), MAX_EDGE_OF_LIP * thickness)
        smooth = np.convolve(np.pad(length, 2, mode="edge"), EDGE_KERNEL, mode="valid")
        for ring in rings[1:]:
            depth = np.linalg.norm(points[list(ring), :2] - columns[3], axis=1) / frame.iod_px
            moved = smooth * np.clip(1.0 - depth / np.maximum(thickness, 1e-3), 0.0, 1.0)
            values[list(ring[1:-1]), :2] += (way * moved[1:-1, None] * down).astype(np.float32)


def _redness(rgb: F64) -> F64:
    """Return the share of red beyond that of grey, (...,)."""
    return np.maximum(rgb[..., 0] / np.maximum(rgb.sum(axis=-1), 1.0) - 1.0 / 3.0, 0.0)


def _aperture_to_draw(aperture: float) -> float:
    """Return the aperture to draw so that ``aperture`` is measured, IOD."""
    narrow = float(smoothstep(aperture, 0.01, 0.04) * (1.0 - smoothstep(aperture, 0.06, 0.12)))
    return aperture - EXCESS_IOD * float(smoothstep(aperture, 0.01, 0.07)) + NARROW_LACK_IOD * narrow


def _drawable_rows(grid: Grid, frame: HeadFrame, points: F64) -> tuple[F64, float, float]:
    """Return (3,) factors of (column, row, 1) of the grid for the place down the face, IOD, and there nose base and
    chin."""
    (a, b), (c, d) = (frame.rotation[:2, :2] * frame.iod_px).tolist()
    per_px = np.array([-b, a]) / (a * d - b * c)
    start = float(per_px @ (np.array([grid.x, grid.y]) - frame.origin[:2]))
    base, chin = (float(per_px @ (point - frame.origin[:2])) for point in points[[NOSE_BASE, CHIN], :2])
    return np.array([*(per_px * grid.pitch), start]), base, chin


@kernel
def _fade(flow: NDArray[np.float32], down: NDArray[np.float64], base: float, chin: float) -> NDArray[np.int32]:
    """Fade motion and shade out above the nose base and beyond the chin, in place; return the first and last column
    and row that still move, (4,): left, top, right, bottom."""
    height, width = flow.shape[:2]
    bounds = np.array([width, height, -1, -1], np.int32)
    for row in range(height):
        for column in range(width):
            at = down[0] * column + down[1] * row + down[2]
            near = min(max((at - base - FADE_IN_IOD[0]) / (FADE_IN_IOD[1] - FADE_IN_IOD[0]), 0.0), 1.0)
            far = min(max((at - chin - FADE_OUT_IOD[0]) / (FADE_OUT_IOD[1] - FADE_OUT_IOD[0]), 0.0), 1.0)
            share = np.float32(near * near * (3.0 - 2.0 * near) * (1.0 - far * far * (3.0 - 2.0 * far)))
            cell = flow[row, column]
            cell[0] *= share
            cell[1] *= share
            cell[2] = np.float32(1.0) + (cell[2] - np.float32(1.0)) * share
            if max(abs(cell[0]), abs(cell[1])) + 20.0 * abs(cell[2] - 1.0) > MIN_MOTION_PX:
                bounds[0], bounds[1] = min(bounds[0], column), min(bounds[1], row)
                bounds[2], bounds[3] = max(bounds[2], column), max(bounds[3], row)
    return bounds


def _moving_rect(bounds: NDArray[np.int32], grid: Grid, box: Sequence[int]) -> I32:
    """Return left, top, right, bottom in pixels of the cells within ``bounds``, and one around them."""
    if bounds[2] < 0:
        return np.zeros(4, dtype=np.int32)
    left, right = grid.x + (bounds[0] - 1) * grid.pitch, grid.x + (bounds[2] + 2) * grid.pitch
    top, bottom = grid.y + (bounds[1] - 1) * grid.pitch, grid.y + (bounds[3] + 2) * grid.pitch
    edges = [max(left, box[0]), max(top, box[1]), min(right, box[2]), min(bottom, box[3])]
    return np.array(np.round(edges), dtype=np.int32)


@kernel
def _restore_resting_pixels(
    patch: NDArray[np.uint8],
    rgb: NDArray[np.uint8],
    flow: NDArray[np.float32],
    place: NDArray[np.float32],
    rect: NDArray[np.int32],
) -> None:
    """Restore the frame's own pixels where hardly anything moves: resampling would only soften them."""
    for row in range(patch.shape[0]):
        for column in range(patch.shape[1]):
            gx = min(max((column + rect[0] - place[0]) * place[2], 0.0), flow.shape[1] - 1.001)
            gy = min(max((row + rect[1] - place[1]) * place[2], 0.0), flow.shape[0] - 1.001)
            cell = flow[int(gy), int(gx)]
            away = abs(cell[0]) + abs(cell[1]) + 20.0 * abs(cell[2] - 1.0)
            if away >= FULL_MOTION_PX:
                continue
            t = max((away - MIN_MOTION_PX) / (FULL_MOTION_PX - MIN_MOTION_PX), 0.0)
            share = t * t * (3.0 - 2.0 * t)
            for c in range(3):
                kept = rgb[row, column, c]
                if share <= 0.0:
                    patch[row, column, c] = kept
                else:
                    patch[row, column, c] = np.uint8(kept + share * (patch[row, column, c] - np.float32(kept)) + 0.5)
