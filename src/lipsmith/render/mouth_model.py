"""Appearance of the inside of one filmed person's mouth, fused once from many frames of the clip.

Upper teeth are one texture in the coordinates of the skull, so that they lie still with the head. Cavity, tongue and
lower teeth are one texture between the inner edges of the lips. Both are stored for several openings of the mouth and
interpolated between them. What is drawn is therefore a continuous function of the opening, and cannot flicker. After
Ezzat, Geiger and Poggio, "Trainable videorealistic speech animation" (2002).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame, SkullFrame, inverse_of, smoothstep
from lipsmith.face.landmarks import aperture
from lipsmith.face.layout import INNER_LOWER, INNER_OUTLINE, INNER_UPPER
from lipsmith.media.clip import F32, U8
from lipsmith.render.fusion import moved, registered_offset, spread_outwards, trimmed_mean
from lipsmith.render.mouth_colours import LOWER_CHEEKS, LUMA, light_between, median_at
from lipsmith.render.mouth_model_kernels import Amounts, Layers, draw_interior
from lipsmith.render.opening import View
from lipsmith.render.outline import polygon_mask
from lipsmith.render.own_mouth import tooth_share

NODES = np.array([0.025, 0.04, 0.06, 0.085, 0.115, 0.15, 0.19, 0.24, 0.30, 0.37])
"""Openings for which textures are stored, IOD."""
MIN_GAP_IOD = 0.018
MIN_FRAMES = 8
"""Fewer frames with parted lips are too few to be fused."""
NODE_FRAMES, FINE_NODE_FRAMES = 36, 60
"""Frames from which a node is fused, at most; the second for fine models, here and below."""
BEHIND_LIP_IOD = np.array([0.0, 0.0, 0.07])
"""Place of the teeth's plane behind the resting edge of the upper lip."""
TEETH_REACH_IOD = (-0.46, -0.24, 0.46, 0.42)
"""Left, top, right, bottom of the teeth's texture from the resting edge of the upper lip."""
DEPTH_SIZE_IOD = (0.62, 0.36)
"""Width and height of a mouth for which the texture between the lips has the same scale as that of the teeth."""
SCALE_OF_SOURCE, FINE_SCALE_OF_SOURCE = 1.25, 1.8
MIN_SCALE, MAX_SCALE = 40.0, 200.0
"""Pixels of the textures per pixel of the clip, and limits in pixels per IOD."""
LARGE_FACE = 0.8
"""Frames in which a face has more pixels than the textures, by this factor, are scaled down before they are sampled."""
LANDMARK_ERROR_IOD = 0.012
"""The opening is eroded by this before anything is taken from it, but never by more than ``MAX_INSET`` of its gap."""
MAX_INSET = 0.25
MAX_OFFSET_IOD = 0.03
"""Largest offset by which the teeth of a frame are registered to the fused ones."""
MIDDLE, TOOTH_MIDDLE = (1 / 3, 2 / 3), (0.45, 0.80)
DARK_MIDDLE = (1 / 3 - 0.28, 2 / 3 - 0.36)
"""Shares of the samples, ordered by brightness, that are averaged: for wide openings, for teeth in them (darker ones
are blurred or in shade), and for narrow openings. Landmarks are no more exact than a narrow gap is wide, and the darker
samples are those that hit it."""
WIDE_MOUTHS = 60
"""Percentile of openings from which the lower end of the teeth is read."""
EDGE_IOD, EDGE_FROM_IOD, EDGE_TO_IOD = 0.06, -0.10, 0.13
"""Usual lower end of the upper teeth below the resting lip, and the range in which it is looked for."""
EDGE_BOW, EDGE_SPREAD_IOD = (-0.6, 0.0), 0.015
"""Range of the quadratic coefficient of that line, per IOD, and how far single teeth differ from it."""
USUAL_BOW = -0.16
DIMMER = 0.8
"""Factor for the light on teeth of the next narrower node, where it is unknown."""
TONGUE_OF_TEETH = 0.62
"""Most light on a raised tongue relative to the teeth in front of it."""
FLAT_YAW_DEG, LOST_YAW_DEG = 20.0, 32.0
"""Teeth are one flat texture: it fades out as the head turns away from the angle at which it was fused."""


@dataclass(frozen=True, kw_only=True)
class MouthModel:
    """Fused inside of one mouth. Canvases are RGB in the light of ``cheeks``."""

    rest: F64
    """(478, 3) typical mesh in its head's frame, IOD."""
    skull: F64
    """(3,) IOD: resting edge of the upper lip, origin of the teeth's canvas."""
    scale: float
    """Pixels of the canvases per IOD."""
    teeth: U8
    """(nodes, h, w, 3)."""
    tooth_alpha: U8
    """(h, w) opacity of the upper teeth, 0-255."""
    depth: U8
    """(nodes, h, w, 3) between the lips: across by the columns of landmarks, down from edge to edge."""
    line: F64
    """(3,) colour of the shadow between touching lips."""
    cheeks: F64
    """(3,)."""
    yaw_deg: float
    """Median turn of the head in the fused frames."""

    def draw(
        self,
        view: View,
        *,
        points: F64,
        target: F64,
        opening: float,
        own_gap: float,
        cheeks: F64,
        channels: Mapping[str, float],
        tongue: F32,
        edge_softness: float,
    ) -> None:
        """Draw the inside of the mouth into ``view.pixels``.

        ``points``: (478, 3) pixels of the frame's own mesh; ``target``: (478, 2) pixels of the new lips; ``opening``:
        target gap, IOD; ``own_gap``: gap of the frame itself, IOD; ``cheeks``: (3,) RGB of the frame; ``channels``: of
        the motion track; ``tongue``: (3,) RGB of a well-lit tongue; ``edge_softness``: half the width of
        the lips' edges, half pixels.
        """
        skull = SkullFrame.of(points, self.rest)
        left, top = view.rect[:2]
        columns = (target[list(INNER_UPPER)] + target[list(INNER_LOWER)]) / 2 - [left, top]
        along = (columns @ view.edges.to_local[:, :2].T + view.edges.to_local[:, 2])[:, 0]
        along = np.maximum.accumulate(along) + 1e-6 * np.arange(len(along))
        across = np.interp(view.edges.u, along, np.linspace(0.0, 1.0, len(along)))
        light = light_between(self.cheeks, cheeks)
        turned = abs(HeadFrame.of(points).yaw_deg - self.yaw_deg)
        layers = Layers(
            teeth=_between(self.teeth, opening),
            tooth_alpha=self.tooth_alpha,
            depth=_between(self.depth, opening),
            to_canvas=self._to_canvas(skull, float(left), float(top)),
            across=across.astype(np.float32),
        )
        shown = self.tooth_alpha > 127
        teeth = layers.teeth[shown] if shown.any() else self.cheeks[None]
        bright = TONGUE_OF_TEETH * float((np.median(teeth, axis=0) * light) @ LUMA)
        tongue = tongue * min(1.0, bright / max(float(tongue @ LUMA), 1.0))
        amounts = Amounts(
            soft=edge_softness,
            half_pixel=view.softness,
            tooth_share=float(smoothstep(opening, 0.02, 0.06) * (1.0 - smoothstep(turned, FLAT_YAW_DEG, LOST_YAW_DEG))),
            seam=0.7 * float(smoothstep(own_gap, 0.01, 0.04)),
            half_width=float(along[-1] - along[0]) / 2,
            tongue=float(channels["tongue"]),
            lit=0.45 + 0.55 * float(smoothstep(opening, 0.02, 0.09)),
        )
        colours = np.stack([light, self.line * light, tongue]).astype(np.float32)
        draw_interior(view.pixels, layers, view.edges, colours, amounts)

    def _to_canvas(self, skull: SkullFrame, left: float, top: float) -> F32:
        """Return the (2, 3) map from pixels of the view to pixels of the teeth's canvas."""
        plane = skull.plane_to_image(self.skull + BEHIND_LIP_IOD)
        inverse = inverse_of(plane[:, :2])
        offset = inverse @ (np.array([left, top]) - plane[:, 2]) - TEETH_REACH_IOD[:2] - 0.5 / self.scale
        return (np.column_stack([inverse, offset]) * self.scale).astype(np.float32)


def _between(nodes: U8, opening: float) -> U8:
    """Interpolate textures (nodes, h, w, 3) at ``opening``."""
    at = float(np.interp(opening, NODES, np.arange(len(NODES))))
    low = min(int(at), len(NODES) - 2)
    return np.asarray(cv2.addWeighted(nodes[low], 1.0 - (at - low), nodes[low + 1], at - low, 0.0), np.uint8)


def choose_frames(gaps: F64, *, fine: bool) -> NDArray[np.int64]:
    """Return the rows of ``gaps``, IOD, of the frames worth fusing: those nearest to each node, in order, (n,)."""
    parted = np.flatnonzero(gaps >= MIN_GAP_IOD)
    count = FINE_NODE_FRAMES if fine else NODE_FRAMES
    chosen = {int(row) for node in NODES for row in parted[np.argsort(np.abs(gaps[parted] - node))[:count]]}
    return np.array(sorted(chosen), dtype=np.int64)


def learn_mouth(
    frames: Iterable[tuple[U8, F64]], rest: F64, skull: F64, *, iod_px: float, fine: bool = False
) -> MouthModel | None:
    """Fuse the inside of the mouth from ``frames``, each (rgb, (478, 3) points in its pixels).

    ``rest``: (478, 3) typical mesh in its head's frame, IOD; ``skull``: (3,) resting edge of the upper lip there;
    ``iod_px``: size of the face in the frames. None if too few frames show a parted mouth.
    """
    scale = float(np.clip((FINE_SCALE_OF_SOURCE if fine else SCALE_OF_SOURCE) * iod_px, MIN_SCALE, MAX_SCALE))
    samples = [sample for rgb, points in frames if (sample := _sample_of(rgb, points, rest, skull, scale))]
    if len(samples) < MIN_FRAMES:
        return None
    return _Learner(samples, scale, FINE_NODE_FRAMES if fine else NODE_FRAMES).model(rest, skull)


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """One frame's mouth on the canvases."""

    gap: float
    yaw_deg: float
    cheeks: F64
    flat: U8
    """(h, w, 3) in the skull's coordinates."""
    mask: U8
    """(h, w) 0-255: well within the opening."""
    depth: U8
    """(h, w, 3) between the lips."""


def _sample_of(rgb: U8, points: F64, rest: F64, skull: F64, scale: float) -> _Sample | None:
    gap = aperture(points)
    if gap < MIN_GAP_IOD:
        return None
    shrink = scale / HeadFrame.of(points).iod_px
    if shrink < LARGE_FACE:
        rgb = np.asarray(cv2.resize(rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
        points = (points + 0.5) * shrink - 0.5
    left, top, right, bottom = TEETH_REACH_IOD
    size = (round((right - left) * scale), round((bottom - top) * scale))
    plane = SkullFrame.of(points, rest).plane_to_image(skull + BEHIND_LIP_IOD)
    canvas = np.column_stack([plane[:, :2] / scale, plane[:, 2] + plane[:, :2] @ (np.array([left, top]) + 0.5 / scale)])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    flat = cv2.warpAffine(rgb, canvas, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    back = cv2.invertAffineTransform(canvas)
    outline = points[INNER_OUTLINE, :2] @ back[:, :2].T + back[:, 2]
    mask = polygon_mask(size[::-1], outline)
    reach = max(1, round(LANDMARK_ERROR_IOD * scale))
    mask = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2))
    frame = HeadFrame.of(points)
    depth = cv2.remap(rgb, _depth_positions(points, scale), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _Sample(
        gap=gap,
        yaw_deg=frame.yaw_deg,
        cheeks=median_at(rgb, points[list(LOWER_CHEEKS), :2], 0.10 * frame.iod_px),
        flat=np.asarray(flat, np.uint8),
        mask=np.asarray(mask, np.uint8),
        depth=np.asarray(depth, np.uint8),
    )


def _depth_positions(points: F64, scale: float) -> F32:
    """Return the positions of the canvas between the lips in a frame, (h, w, 2) pixels."""
    width, height = (max(8, round(side * scale)) for side in DEPTH_SIZE_IOD)
    columns = np.linspace(0, len(INNER_UPPER) - 1, width)
    upper, lower = (
        np.stack([np.interp(columns, np.arange(len(edge)), points[list(edge), axis]) for axis in (0, 1)], axis=-1)
        for edge in (INNER_UPPER, INNER_LOWER)
    )
    down = (np.arange(height) + 0.5)[:, None] / height
    gap = np.maximum(np.linalg.norm(lower - upper, axis=1), 1.0)
    inset = np.minimum(LANDMARK_ERROR_IOD * HeadFrame.of(points).iod_px / gap, MAX_INSET)
    share = (inset + down * (1.0 - 2.0 * inset))[..., None]
    return (upper + share * (lower - upper)).astype(np.float32)


class _Learner:
    """Samples of one mouth in one light, and what is fused from them."""

    def __init__(self, samples: list[_Sample], scale: float, node_frames: int) -> None:
        self._scale, self._node_frames = scale, node_frames
        self.cheeks: F64 = np.median([sample.cheeks for sample in samples], axis=0)
        self._yaw_deg = float(np.median([sample.yaw_deg for sample in samples]))
        self._gaps = np.array([sample.gap for sample in samples])
        light = [self.cheeks / np.maximum(sample.cheeks, 1.0) for sample in samples]
        self._flat = np.stack([_lit(sample.flat, gain) for sample, gain in zip(samples, light, strict=True)])
        self._depth = np.stack([_lit(sample.depth, gain) for sample, gain in zip(samples, light, strict=True)])
        self._mask = np.stack([sample.mask for sample in samples])
        self._tooth = np.stack(
            [self._tooth_weight(flat, mask) for flat, mask in zip(self._flat, self._mask, strict=True)]
        )
        height, width = self._mask.shape[1:]
        self._across: F64 = np.asarray(TEETH_REACH_IOD[0] + (np.arange(width) + 0.5) / scale, np.float64)
        self._down: F64 = np.asarray(TEETH_REACH_IOD[1] + (np.arange(height) + 0.5) / scale, np.float64)

    def model(self, rest: F64, skull: F64) -> MouthModel:
        for _ in range(2):
            self._register()
        nodes = [self._node(node) for node in NODES]
        teeth, seen, depth = (np.stack(parts) for parts in zip(*nodes, strict=True))
        edge, shown, has_teeth = self._tooth_edge()
        self._complete(teeth, seen, edge)
        return MouthModel(
            rest=rest,
            skull=skull,
            scale=self._scale,
            teeth=teeth,
            tooth_alpha=self._tooth_alpha(edge, shown) if has_teeth else np.zeros(self._mask.shape[1:], np.uint8),
            depth=depth,
            line=self._line(depth[0]),
            cheeks=self.cheeks,
            yaw_deg=self._yaw_deg,
        )

    def _tooth_weight(self, flat: U8, mask: U8) -> U8:
        return np.asarray(mask * tooth_share(flat.astype(np.float32), self.cheeks) + 0.5, np.uint8)

    def _register(self) -> None:
        """Move each frame's teeth by parts of a pixel until they lie over the fused ones, in place."""
        fused, shown = trimmed_mean(self._flat, self._tooth, *TOOTH_MIDDLE)
        known = (shown > max(3.0 * 255, 0.15 * float(shown.max()))).astype(np.float32) / 255
        reference = _soft_grey(fused)
        for k in range(len(self._flat)):
            weight = self._tooth[k] * known
            if weight.sum() < 30.0:
                continue
            offset = registered_offset(_soft_grey(self._flat[k]), reference, weight, MAX_OFFSET_IOD * self._scale)
            if offset is not None:
                self._flat[k] = moved(self._flat[k], offset, sharp=True)
                self._mask[k] = moved(self._mask[k], offset)
                self._tooth[k] = moved(self._tooth[k], offset)

    def _node(self, node: float) -> tuple[U8, F32, U8]:
        """Fuse teeth, how many frames show them there (h, w), and the depth at one opening."""
        away = np.abs(self._gaps - node)
        near = np.argsort(away, kind="stable")[: self._node_frames]
        sigma = max(0.012, 0.12 * node, float(away[near][min(9, len(near) - 1)]))
        weight = np.exp(-0.5 * (away[near] / sigma) ** 2)
        dark = 1.0 - float(smoothstep(node, 0.04, 0.115))
        part, tooth_part = (
            tuple(wide + dark * (narrow - wide) for wide, narrow in zip(shares, DARK_MIDDLE, strict=True))
            for shares in (MIDDLE, TOOTH_MIDDLE)
        )
        masks = (self._mask[near] * weight[:, None, None] + 0.5).astype(np.uint8)
        teeth, seen = trimmed_mean(self._flat[near], masks, *tooth_part)
        everywhere = np.broadcast_to((255 * weight + 0.5)[:, None, None], (len(near), *self._depth.shape[1:3]))
        depth, _ = trimmed_mean(self._depth[near], everywhere.astype(np.uint8), *part)
        return teeth, seen / np.float32(255), depth

    def _complete(self, teeth: U8, seen: F32, edge: F64) -> None:
        """Fill what a node does not show from the teeth of all nodes, as bright as its own teeth are, in place."""
        pooled, shown = trimmed_mean(self._flat, self._tooth, *TOOTH_MIDDLE)
        known = shown > 255.0
        pooled = spread_outwards(pooled, known)
        above = known & (self._down[:, None] < edge + 0.01)
        gain = np.ones(3)
        for k in range(len(NODES) - 1, -1, -1):  # from wide to narrow: little light falls through a narrow gap
            both = (seen[k] > 1.5) & above
            gain = gain * (DIMMER if k < 4 else 1.0)
            if both.sum() > 20:
                gain = np.median(teeth[k][both] / np.maximum(pooled[both], 1.0), axis=0)
            own = cv2.GaussianBlur(np.clip(seen[k] / 2.0, 0.0, 1.0), (0, 0), 1.2)[..., None]
            # No brighter than what lies next to it: the shade of the upper lip goes on.
            others = np.minimum(pooled * np.clip(gain, 0.2, 1.2), spread_outwards(teeth[k], seen[k] > 1.0))
            filled = own * teeth[k] + (1.0 - own) * others
            teeth[k] = np.clip(filled + 0.5, 0, 255).astype(np.uint8)

    def _tooth_edge(self) -> tuple[F64, F64, bool]:
        """Return the lower end of the upper teeth in each column, (w,) IOD, the share of wide open mouths that show
        teeth there, (w,) 0-1, and whether teeth are shown at all.

        In wide open mouths, the share of frames that show teeth drops most abruptly there.
        """
        wide = self._gaps >= np.percentile(self._gaps, WIDE_MOUTHS)
        shown, many = (
            cv2.GaussianBlur(weights[wide].sum(axis=0, dtype=np.float32) / 255, (0, 0), 1.2)
            for weights in (self._tooth, self._mask)
        )
        rate = shown / np.maximum(many, 0.5)
        step = max(1, round(0.02 * self._scale))
        drop = np.zeros_like(rate)
        drop[step:-step] = rate[: -2 * step] - rate[2 * step :]
        drop[many < 3.0] = 0.0
        drop[(self._down < EDGE_FROM_IOD) | (self._down > EDGE_TO_IOD)] = 0.0
        ends, strength = self._down[drop.argmax(axis=0)], drop.max(axis=0)
        known = (strength > 0.15) & (np.abs(self._across) < 0.3)
        middle = np.abs(self._across) < 0.25
        enough = self._tooth.sum(axis=0, dtype=np.float32)[:, middle] > 2.0 * 255
        has_teeth = float(enough.sum()) > (0.05 * self._scale) ** 2
        edge = EDGE_IOD + USUAL_BOW * self._across**2
        if known.sum() > 0.1 * self._scale:
            line = _even_parabola(self._across[known], ends[known], strength[known], self._across)
            edge = np.where(known, np.clip(ends, line - EDGE_SPREAD_IOD, line + EDGE_SPREAD_IOD), line)
        smooth = cv2.GaussianBlur(edge[None].astype(np.float32), (0, 0), 0.02 * self._scale)[0]
        above = np.where(self._down[:, None] < smooth + 0.01, rate, 0.0).max(axis=0)
        width = max(1.0, 0.03 * self._scale)
        share = cv2.GaussianBlur(above[None].astype(np.float32), (0, 0), width)[0]
        return smooth.astype(np.float64), share.astype(np.float64), has_teeth

    def _tooth_alpha(self, edge: F64, shown: F64) -> U8:
        alpha = 1.0 - smoothstep(self._down[:, None] - edge, 0.008, 0.030)
        alpha *= (1.0 - smoothstep(np.abs(self._across), 0.32, 0.44)) * smoothstep(shown, 0.05, 0.35)
        return np.asarray(255 * alpha + 0.5, np.uint8)

    def _line(self, narrowest: U8) -> F64:
        third = len(narrowest) // 3
        return np.median(narrowest[third:-third].reshape(-1, 3), axis=0)


def _lit(rgb: U8, gain: F64) -> U8:
    return np.clip(rgb * gain.astype(np.float32) + 0.5, 0, 255).astype(np.uint8)


def _soft_grey(rgb: U8) -> F32:
    return cv2.GaussianBlur((rgb @ LUMA).astype(np.float32), (0, 0), 0.7)


def _even_parabola(x: F64, y: F64, weight: F64, at: F64) -> F64:
    """Fit y = a + b x² to points, outliers counting little; return it at ``at``."""
    terms = np.column_stack([np.ones_like(x), x * x])
    fitted = np.full(len(x), np.median(y))
    solution = np.array([np.median(y), 0.0])
    for _ in range(3):
        share = weight / (1.0 + (np.abs(y - fitted) / EDGE_SPREAD_IOD) ** 2)
        solution = np.linalg.lstsq(terms * share[:, None], y * share, rcond=None)[0]
        solution[1] = np.clip(solution[1], *EDGE_BOW)
        fitted = terms @ solution
    return np.asarray(solution[0] + solution[1] * at**2)
