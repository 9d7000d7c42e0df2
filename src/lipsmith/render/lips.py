"""Gives a filmed face other lips: one frame of a clip, its mesh, and what the lips shall do -> the changed pixels.

The lower face is warped from the frame itself, and what lies between the lips is made anew. Drawing depends on nothing
but the frame and what is asked of it, so that frames can be drawn in any order, in several threads or processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame, smoothstep
from lipsmith.face.layout import I32, INNER_LOWER, INNER_UPPER, LOWER_LIP_RINGS, UPPER_LIP_RINGS
from lipsmith.media.clip import F32, U8
from lipsmith.render.clip_look import ClipLook
from lipsmith.render.clip_shape import ClipShape
from lipsmith.render.compositing import LIP_OUTLINE, Mouth, composite_mouth, hole_triangles, outline_mask
from lipsmith.render.kernel import kernel
from lipsmith.render.mouth import CHEEKS, median_at, paint_mouth, tooth_share
from lipsmith.render.opening import Opening
from lipsmith.render.shade import FoldShade
from lipsmith.render.warp import (
    FLOW_CELLS_PER_IOD,
    Grid,
    Skirt,
    Source,
    apply_shade,
    drawn,
    facing_triangles,
    fill_gaps,
    no_motion,
    rasterise,
)

REACH_IOD = (1.25, 0.42)
"""How far the changed region reaches to either side of the nose bridge, and beyond the chin; up to the nose's base."""
FADE_IN_IOD = (0.02, 0.16)
"""Below the nose's base: nothing moves above the first, everything as it wants below the second."""
FADE_OUT_IOD = (0.22, 0.38)
"""The same beyond the chin, the other way round."""
NOSE_BASE, CHIN = 2, 152
INNER_OUTLINE = [*INNER_UPPER, *INNER_LOWER[-2:0:-1]]
EDGE_IOD, MOST_EDGE_IOD = 0.014, 0.064
"""Lips that were open are drawn from so far within them, and further where teeth are seen beyond their edge."""
SEEN_WIDER_IOD, SEEN_WIDER_LENT_IOD = 0.014, 0.005
"""Made and lent mouths look open by so much more than they are, to whoever finds their points again."""
LEAST_AREA_IOD2 = -0.004
LEAST_MOTION_PX, FULL_MOTION_PX = 0.05, 0.35
"""What moves by less than the first keeps its pixels; what moves by more than the second has wholly new ones."""
FULLY_OCCLUDED = 0.999
CLIP_SKIRT = ((1.06, 0.80), (1.14, 0.45), (1.22, 0.15), (1.30, 0.0))
"""As `warp.SKIRT_RINGS`, but tighter: behind a filmed chin lies a collar that moves on its own."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the lips shall do in one frame."""

    aperture: float
    """Gap between the inner lips, IOD."""
    width: float
    """Distance between the outer mouth corners, IOD."""
    lips: Mapping[str, float]
    """The channels of a motion track that shape lips and tongue."""


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """One frame's face and where its points shall go."""

    frame: HeadFrame
    points: F64
    """(478, 3) pixels of the piece."""
    target: F64
    """(478, 2) pixels."""
    values: F32
    """(478, 3) the way back in pixels, and the shade."""
    source: Source
    aperture: float
    """IOD, as it is drawn."""
    own_gap: float
    """IOD, as the frame has it."""
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
    def least_area(self) -> float:
        """Doubled area of the triangles that are drawn, cells."""
        return LEAST_AREA_IOD2 * (self.frame.iod_px / self.pitch) ** 2


class LipPainter:
    """One face in one clip, ready to be drawn with other lips."""

    def __init__(self, typical: F64, triangles: I32, look: ClipLook, skull: F64) -> None:
        """``typical``: (478, 3) pixels, as `typical_mesh` makes it; ``look``: the inside of this person's mouth.

        ``skull``: (3,) IOD in the head's frame: where the inner edge of the upper lip lies at rest.
        """
        self._shape = ClipShape(typical, triangles)
        rest = self._shape.shape.rest
        self._chin = float(rest[152, 1])
        self._triangles = facing_triangles(triangles, rest)
        self._donor_triangles = np.concatenate([hole_triangles(), self._triangles])
        self._shade = FoldShade(rest, self._triangles)
        self._look = look
        self._skull = skull
        self._mouth = Opening(
            UPPER_LIP_RINGS[3],
            LOWER_LIP_RINGS[3],
            self._triangles,
            upper_side=[p for ring in UPPER_LIP_RINGS for p in ring[1:-1]],
            lower_side=[p for ring in LOWER_LIP_RINGS for p in ring[1:-1]],
            margin_iod=0.22,
        )

    def reach(self, points: F64) -> tuple[F64, F64]:
        """(2,) and (2,) pixels: upper left and lower right corner of what may change; ``points``: (478, 3) pixels."""
        frame = HeadFrame.of(points)
        side, below = REACH_IOD
        base = float(frame.to_head(points[[NOSE_BASE]])[0, 1])
        corners = np.array([(x, y, 0.0) for x in (-side, side) for y in (base, self._chin + below)])
        seen = frame.to_image(corners)
        return seen.min(axis=0), seen.max(axis=0)

    def draw(
        self, rgb: U8, points: F64, asked: Asked, lent: Sequence[tuple[Mouth, float]] = (), *, fine: bool = False
    ) -> U8:
        """(h, w, 3) RGB of a piece of a frame with the asked lips; what does not move keeps its very bytes.

        ``rgb``: the piece as it is, as large as `reach` says; ``points``: (478, 3) pixels of the piece; ``lent``:
        mouths from other frames, each with how far it covers what lies beneath, 0-1; ``fine``: from an enlarged copy.
        """
        placed = self._placed(
            rgb, points, asked, _occluded(lent), Source.of(rgb, 0, 0) if fine else Source.as_it_is(rgb)
        )
        patch, part = self._warped(rgb, placed)
        if _occluded(lent) < FULLY_OCCLUDED:
            self._draw_mouth(patch, placed, asked)
        for mouth, share in lent:
            composite_mouth(
                patch,
                mouth,
                target=placed.target,
                triangles=self._donor_triangles,
                local=placed.local,
                iod_px=placed.frame.iod_px,
                pitch=placed.pitch,
                share=part * np.float32(share),
            )
        return patch

    def _placed(self, rgb: U8, points: F64, asked: Asked, lent: float, source: Source) -> _Placed:
        frame = HeadFrame.of(points)
        now = frame.to_head(points)
        own_gap = float(np.hypot(*(now[14, :2] - now[13, :2])))
        aperture = _as_seen(asked.aperture, lent)
        moved = self._shape.displacement(now, asked.lips, aperture=aperture, width=asked.width)
        target = points[:, :2] + frame.offsets_to_image(moved)
        values = np.column_stack([points[:, :2] - target, self._shade.factors(moved)]).astype(np.float32)
        cheeks = median_at(rgb, points[list(CHEEKS), :2], 0.10 * frame.iod_px)
        _leave_edges(values, rgb, points, frame, own_gap, cheeks)
        return _Placed(
            frame=frame,
            points=points,
            target=target,
            values=values,
            source=source,
            aperture=aperture,
            own_gap=own_gap,
            cheeks=cheeks,
        )

    def _warped(self, rgb: U8, placed: _Placed) -> tuple[U8, F32]:
        """The piece with everything moved but what lies between the lips, and (h, w) 0-1 how far it may be drawn on."""
        box = (0, 0, rgb.shape[1], rgb.shape[0])
        grid = Grid.over(0.0, 0.0, float(box[2]), float(box[3]), placed.pitch)
        flow = self._flow(placed, grid)
        part = _part_to_draw(grid, placed.frame, placed.points)
        _fade(flow, part)
        rect = _moving(flow, grid, box)
        warped, shade = drawn(rect, *no_motion(box), flow, grid, placed.source)
        apply_shade(warped, shade)
        patch = rgb.copy()
        within = patch[rect[1] : rect[3], rect[0] : rect[2]]
        _keep_what_rests(warped, within, flow, grid.place, rect)
        within[:] = warped
        size = (round(grid.width * placed.pitch), round(grid.height * placed.pitch))
        return patch, cv2.resize(part, size)[: box[3], : box[2]]

    def _draw_mouth(self, patch: U8, placed: _Placed, asked: Asked) -> None:
        box = (0, 0, patch.shape[1], patch.shape[0])
        still, still_grid = no_motion(box)
        view = self._mouth.view(
            target=placed.target,
            values=placed.values,
            local=placed.local,
            iod_px=placed.frame.iod_px,
            pitch=placed.pitch,
            least_area=placed.least_area,
            head=still,
            head_grid=still_grid,
            source=placed.source,
            limits=box,
        )
        if view is None:
            return
        skull = placed.frame.to_image(self._skull[None])[0] - view.rect[:2]
        at = view.to_local @ np.array([skull[0], skull[1], 1.0], dtype=np.float32)
        paint_mouth(view, self._look.lit_as(placed.cheeks, placed.own_gap), asked.lips, placed.aperture, at)
        left, top, right, bottom = view.rect
        here = patch[top:bottom, left:right]
        size, soft_px = here.shape[:2], 0.02 * placed.frame.iod_px
        lips = outline_mask(placed.target[LIP_OUTLINE] - [left, top], size, grow=1.12, soft_px=soft_px)
        inside = outline_mask(placed.target[INNER_OUTLINE] - [left, top], size, grow=1.0, soft_px=0.8)
        here[:] = cv2.blendLinear(self._look.soften(view.pixels, inside), here, lips, 1.0 - lips)

    def _flow(self, placed: _Placed, grid: Grid) -> F32:
        flow, covered = grid.blank()
        skirt = Skirt(placed.points, CLIP_SKIRT)
        away = skirt.displacement(placed.target - placed.points[:, :2])
        corners = np.concatenate([placed.target, skirt.points + away]).astype(np.float32)
        ones = np.ones((len(away), 1), np.float32)
        carried = np.concatenate([placed.values, np.concatenate([-away.astype(np.float32), ones], axis=1)])
        rasterise(skirt.triangles, corners, carried, -1e30, grid.place, flow, covered)
        rasterise(self._triangles, corners, carried, placed.least_area, grid.place, flow, covered)
        fill_gaps(flow, covered, 2)
        return flow


def _occluded(lent: Sequence[tuple[Mouth, float]]) -> float:
    """0-1: how far lent mouths hide what is drawn beneath them."""
    return 1.0 - float(np.prod([1.0 - share for _, share in lent]))


def _leave_edges(values: F32, rgb: U8, points: F64, frame: HeadFrame, own_gap: float, cheeks: F64) -> None:
    """Lets the inner edges of lips that were open be drawn from within the lips, in place.

    Points found on an open mouth lie on the teeth as often as on the lips, and teeth must not stick to lips that close.
    """
    least = EDGE_IOD * float(smoothstep(own_gap, 0.015, 0.06))
    if least <= 0.0:
        return
    down = frame.rotation[1, :2] * frame.iod_px
    steps = np.arange(0.0, MOST_EDGE_IOD, 0.008)
    for edge, way in ((INNER_UPPER, -1.0), (INNER_LOWER, 1.0)):
        starts = points[list(edge), :2]
        places = (starts[:, None] + way * steps[None, :, None] * down).astype(np.float32)
        seen = cv2.remap(rgb, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        teeth = tooth_share(seen.astype(np.float64), cheeks) > 0.4
        length = np.where(teeth.any(axis=1), steps[teeth.shape[1] - 1 - np.argmax(teeth[:, ::-1], axis=1)] + 0.012, 0.0)
        smooth = np.convolve(np.pad(np.maximum(length, least), 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
        values[list(edge[1:-1]), :2] += (way * smooth[1:-1, None] * down).astype(np.float32)


def _as_seen(aperture: float, lent: float) -> float:
    """What to draw so that ``aperture`` is seen; ``lent``: how far the mouth is a lent one, 0-1."""
    wider = SEEN_WIDER_IOD + lent * (SEEN_WIDER_LENT_IOD - SEEN_WIDER_IOD)
    return aperture - wider * float(smoothstep(aperture, 0.01, 0.07))


def _part_to_draw(grid: Grid, frame: HeadFrame, points: F64) -> F32:
    """(rows, columns) float32 0-1: 1 on the lower face, fading out below the nose and beyond the chin."""
    (a, b), (c, d) = (frame.rotation[:2, :2] * frame.iod_px).tolist()
    columns, rows = np.arange(grid.width), np.arange(grid.height)
    x = grid.x + columns * grid.pitch - frame.origin[0]
    y = grid.y + rows * grid.pitch - frame.origin[1]
    down = (a * y[:, None] - b * x[None, :]) / (a * d - b * c)
    base, chin = ((a * py - b * px) / (a * d - b * c) for px, py in points[[NOSE_BASE, CHIN], :2] - frame.origin[:2])
    share = smoothstep(down - base, *FADE_IN_IOD) * (1.0 - smoothstep(down - chin, *FADE_OUT_IOD))
    return np.asarray(share, dtype=np.float32)


def _fade(flow: F32, part: F32) -> None:
    """Lets motion and shade end where nothing is to be drawn, in place."""
    flow[..., :2] *= part[..., None]
    flow[..., 2] = 1.0 + (flow[..., 2] - 1.0) * part


def _moving(flow: F32, grid: Grid, box: Sequence[int]) -> I32:
    """Left, top, right, bottom of what is worth sampling: the cells that move, and one around them."""
    moves = np.abs(flow[..., :2]).max(axis=2) + 20.0 * np.abs(flow[..., 2] - 1.0) > LEAST_MOTION_PX
    rows, columns = np.flatnonzero(moves.any(axis=1)), np.flatnonzero(moves.any(axis=0))
    if not len(rows):
        return np.zeros(4, dtype=np.int32)
    left, right = grid.x + (columns[0] - 1) * grid.pitch, grid.x + (columns[-1] + 2) * grid.pitch
    top, bottom = grid.y + (rows[0] - 1) * grid.pitch, grid.y + (rows[-1] + 2) * grid.pitch
    edges = [max(left, box[0]), max(top, box[1]), min(right, box[2]), min(bottom, box[3])]
    return np.array(np.round(edges), dtype=np.int32)


@kernel
def _keep_what_rests(
    patch: NDArray[np.uint8],
    rgb: NDArray[np.uint8],
    flow: NDArray[np.float32],
    place: NDArray[np.float32],
    rect: NDArray[np.int32],
) -> None:
    """Puts the frame's own pixels back where hardly anything moves: resampling would only soften them."""
    for row in range(patch.shape[0]):
        for column in range(patch.shape[1]):
            gx = min(max((column + rect[0] - place[0]) * place[2], 0.0), flow.shape[1] - 1.001)
            gy = min(max((row + rect[1] - place[1]) * place[2], 0.0), flow.shape[0] - 1.001)
            cell = flow[int(gy), int(gx)]
            away = abs(cell[0]) + abs(cell[1]) + 20.0 * abs(cell[2] - 1.0)
            if away >= FULL_MOTION_PX:
                continue
            t = max((away - LEAST_MOTION_PX) / (FULL_MOTION_PX - LEAST_MOTION_PX), 0.0)
            share = t * t * (3.0 - 2.0 * t)
            for c in range(3):
                kept = rgb[row, column, c]
                if share <= 0.0:
                    patch[row, column, c] = kept
                else:
                    patch[row, column, c] = np.uint8(kept + share * (patch[row, column, c] - np.float32(kept)) + 0.5)
