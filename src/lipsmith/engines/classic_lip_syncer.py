"""Lip syncer without a neural network: it warps the lower face of each frame and draws the person's own mouth.

It learns the mouth from the clip, which it reads once for that, and draws in threads. Drawing needs only what was
learnt and the frame itself, so parts of a clip can be drawn separately.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.engines.contract import Effort, NewLips
from lipsmith.engines.mediapipe_face import mesh_triangles
from lipsmith.engines.prefetch import prefetch
from lipsmith.face.geometry import F64, HeadFrame, smoothstep
from lipsmith.face.layout import INNER_UPPER
from lipsmith.face.track import FaceTrack
from lipsmith.filters import gaussian_filter1d, minimum_filter1d
from lipsmith.media.clip import U8, ClipFrame
from lipsmith.media.colour import cut_planes
from lipsmith.media.reader import Clip
from lipsmith.render.clip_look import read_clip_look
from lipsmith.render.clip_shape import typical_mesh, upper_lip_rise
from lipsmith.render.lip_detail import learn_detail
from lipsmith.render.lips import LipPainter, LipTargets
from lipsmith.render.mouth_model import MouthModel, choose_frames, learn_mouth
from lipsmith.render.occlusion import OcclusionFinder
from lipsmith.render.region import Region

Rows = NDArray[np.int64]

FULL_YAW_DEG, LOST_YAW_DEG = 38.0, 52.0
"""Lips are fully replaced up to the first; from the second on, one corner is hidden and the frame stays as it is."""
MOUTH_YAW_DEG = 30.0
"""The inside of the mouth is learnt from frames whose head is turned by less."""
FADE_FRAMES = 4
"""New lips fade in and out over this number of frames where a face appears or disappears without a cut."""
BASE_WIDTH_SIGMA_S = 0.5
"""The mouth keeps the person's own width over this time and takes that of the new words within it, so a smile stays."""
FACE_REACH_IOD = (1.6, 1.9)
MOUTH_REACH_IOD = (0.98, 0.90)
"""Half the width and height that is kept of a face from which the look is read, and of a mouth."""
MOUTH_CACHE_BYTES = 32_000_000
RUN_FRAMES = 25
LOOK_FRAMES = 5
SPREAD_FRAMES = 40
TYPICAL_FRAMES = 60
DETAIL_FRAMES = 150
"""Numbers of frames from which the look, occlusions, the typical mesh and the fine detail of lips are learnt."""
MAX_SKIP_FRAMES = 150
"""Frames further apart than this are reached by seeking; frames between nearer ones are decoded."""


class ClassicLipSyncer:
    """Draws new lips with `lipsmith.render`; a `LipSyncer`."""

    def __init__(self, threads: int = 2) -> None:
        """``threads``: number of frames that are drawn at the same time."""
        self._threads = threads

    def frames(
        self, clip: Clip, shown: Iterable[ClipFrame], speakers: Sequence[NewLips], *, effort: Effort, first: int = 0
    ) -> Iterator[ClipFrame]:
        """Yield the frames ``shown``, in their order, with new lips; see `LipSyncer`."""
        drawers = [_FaceDrawer(clip, speaker, effort) for speaker in speakers]
        jobs = (partial(_draw_all, drawers, frame, number) for number, frame in enumerate(shown, start=first))
        yield from prefetch(jobs, self._threads)

    def replaced_share(self, track: FaceTrack) -> F64:
        """Return the share of new lips in each frame, (n,) 0-1: 0 where the face is absent or turned away."""
        return replaced_share(track)


def _draw_all(drawers: Sequence[_FaceDrawer], frame: ClipFrame, number: int) -> ClipFrame:
    for drawer in drawers:
        drawer.draw(frame, number)
    return frame


@dataclass(frozen=True, kw_only=True)
class _MouthFrame:
    """Stored part of a frame with a usable mouth."""

    index: int
    planes: U8
    """I420 of its region alone."""
    region: Region
    points: F64
    """(478, 3) pixels of the region."""


class _FaceDrawer:
    """Draws one face with its new lips into any frame."""

    def __init__(self, clip: Clip, speaker: NewLips, effort: Effort) -> None:
        self._speaker, self._track = speaker, speaker.track
        self._colour = clip.info.colour
        self._is_fine = effort == "pro"
        self._aspect = float(clip.info.pixel_aspect)
        self._size = (clip.info.width, clip.info.height)
        self._base_width = base_width(speaker.track)
        self._strength = replaced_share(speaker.track)
        seen = np.flatnonzero(speaker.track.present & ~speaker.track.bridged)
        triangles = mesh_triangles()
        meshes = [speaker.track.points(int(i)) for i in seen[:: max(1, len(seen) // TYPICAL_FRAMES)]]
        wide, faces, mouth_frames = self._read_clip(clip, seen, effort)
        typical = typical_mesh(np.stack(meshes))
        rest = HeadFrame.of(typical).to_head(typical)
        skull = _resting_lip(speaker.track, seen)
        self._occlusions = OcclusionFinder(typical, triangles, faces)
        usable = [frame for frame in mouth_frames if self._is_unoccluded(frame)]
        self._painter = LipPainter(
            typical,
            triangles,
            read_clip_look(wide),
            skull,
            self._learn_mouth(usable, rest, skull),
            learn_detail(self._read(frame) for frame in usable[:: max(1, len(usable) // DETAIL_FRAMES)]),
            upper_lip_rise(np.stack(meshes), rest),
        )

    def draw(self, frame: ClipFrame, number: int) -> None:
        """Draw the lips of frame ``number`` of the new video into a frame of the clip, in place."""
        share = float(self._strength[frame.index])
        if share <= 0.0:
            return
        points = self._track.points(frame.index)
        low, high = self._painter.reach(points)
        region = Region.of(low, high, aspect=self._aspect, frame=self._size)
        if region.is_too_small:
            return
        before = region.read(frame.planes, self._colour)
        drawn = self._painter.draw(
            before,
            region.inside(points),
            self._lip_targets(frame.index, number, share),
            fine=self._is_fine,
        )
        occlusion = self._occlusions.occlusion(before, region.inside(points))
        if occlusion is not None:
            drawn = cv2.blendLinear(before, drawn, occlusion, 1.0 - occlusion)
        region.write(frame.planes, before, drawn, share=share, colour=self._colour)

    def _lip_targets(self, index: int, number: int, share: float) -> LipTargets:
        """Return the lips of the new words, faded into those of the frame."""
        lips = self._speaker.motion.frame(number)
        own_aperture, own_width = float(self._track.aperture[index]), float(self._track.width[index])
        width = float(self._base_width[index]) + lips["width"]
        return LipTargets(
            aperture=own_aperture + share * (lips["aperture"] - own_aperture),
            width=own_width + share * (width - own_width),
            lips=lips,
        )

    def _learn_mouth(self, frames: Sequence[_MouthFrame], rest: F64, skull: F64) -> MouthModel | None:
        gaps = np.array([self._track.aperture[frame.index] for frame in frames])
        chosen = [frames[row] for row in choose_frames(gaps, fine=self._is_fine)]
        if not chosen:
            return None
        iod_px = float(np.median([self._track.iod_px[frame.index] for frame in chosen]))
        return learn_mouth((self._read(frame) for frame in chosen), rest, skull, iod_px=iod_px, fine=self._is_fine)

    def _read(self, frame: _MouthFrame) -> tuple[U8, F64]:
        return frame.region.read_own(frame.planes, self._colour), frame.points

    def _read_clip(
        self, clip: Clip, seen: Rows, effort: Effort
    ) -> tuple[list[tuple[U8, F64]], list[tuple[U8, F64]], list[_MouthFrame]]:
        """Return faces with open mouths, faces spread over time, and mouths, reading the clip once."""
        wide = set(_widest_open(self._track, seen))
        spread = set(_spread_over(seen))
        mouths = wide | spread if effort == "lite" else set(_mouth_indices(self._track, seen))
        open_mouths, faces, mouth_frames = [], [], []
        for start, end in _read_spans(sorted(wide | spread | mouths)):
            for frame in clip.frames(start, end):
                if frame.index in wide:
                    open_mouths.append(self._face_of(frame))
                if frame.index in spread:
                    faces.append(self._face_of(frame))
                if frame.index in mouths and not frame.damaged:
                    mouth_frames.append(self._mouth_frame_of(frame))
        return open_mouths, faces, mouth_frames

    def _is_unoccluded(self, frame: _MouthFrame) -> bool:
        """Check that nothing is in front of this mouth."""
        return not self._occlusions.is_occluded(*self._read(frame))

    def _face_of(self, frame: ClipFrame) -> tuple[U8, F64]:
        points = self._track.points(frame.index)
        region = self._region(points, points[168], FACE_REACH_IOD)
        return region.read(frame.planes, self._colour), region.inside(points)

    def _mouth_frame_of(self, frame: ClipFrame) -> _MouthFrame:
        points = self._track.points(frame.index)
        region = self._region(points, points[[61, 291]].mean(axis=0), MOUTH_REACH_IOD)
        planes = cut_planes(frame.planes, region.box)
        return _MouthFrame(index=frame.index, planes=planes, region=region, points=region.inside(points))

    def _region(self, points: F64, middle: F64, reach_iod: tuple[float, float]) -> Region:
        reach = np.array(reach_iod) * HeadFrame.of(points).iod_px
        return Region.of(middle[:2] - reach, middle[:2] + reach, aspect=self._aspect, frame=self._size)


def base_width(track: FaceTrack) -> F64:
    """Return the width of the mouth apart from speech, scene by scene, (n,) IOD; constant where the face is absent."""
    width = track.width.astype(np.float64)
    frame_s = float(np.median(np.diff(track.times_s))) if len(track) > 1 else 1.0
    overall = float(np.nanmedian(width))
    out = np.full(len(width), overall)
    edges = [0, *track.cuts, len(width)]
    for start, end in pairwise(edges):
        known = np.flatnonzero(np.isfinite(width[start:end]))
        if len(known):
            filled = np.interp(np.arange(end - start), known, width[start:end][known])
            out[start:end] = gaussian_filter1d(filled, BASE_WIDTH_SIGMA_S / max(frame_s, 1e-3), mode="nearest")
    return out


def replaced_share(track: FaceTrack) -> F64:
    """Return the share of new lips in each frame, (n,) 0-1: 0 where the face is absent or turned away."""
    turned = np.abs(np.nan_to_num(track.yaw_deg.astype(np.float64), nan=90.0))
    full = np.where(track.present, 1.0 - smoothstep(turned, FULL_YAW_DEG, LOST_YAW_DEG), 0.0)
    out = full.copy()
    edges = [0, *track.cuts, len(full)]
    for start, end in pairwise(edges):
        # The smoothed minimum of the neighbourhood is 0 where a face disappears, and 1 again a few frames inside.
        near = minimum_filter1d(full[start:end], 2 * (FADE_FRAMES // 2) + 1, mode="nearest")
        smooth = gaussian_filter1d(near, FADE_FRAMES / 4, mode="nearest")
        smooth = np.where(smooth > 0.995, 1.0, np.where(smooth < 0.02, 0.0, smooth))
        out[start:end] = np.minimum(full[start:end], smooth)
    return out


def _resting_lip(track: FaceTrack, seen: Rows) -> F64:
    """Return the inner edge of the upper lip while the mouth is least open, (3,) IOD in the head's frame."""
    rested = seen[np.argsort(track.aperture[seen], kind="stable")[: max(3, len(seen) // 5)]]
    rested = rested[:: max(1, len(rested) // TYPICAL_FRAMES)]
    middles = []
    for index in rested:
        points = track.points(int(index))
        middles.append(HeadFrame.of(points).to_head(points)[list(INNER_UPPER[3:8])].mean(axis=0))
    median: F64 = np.median(np.stack(middles), axis=0)
    return median


def _widest_open(track: FaceTrack, seen: Rows) -> list[int]:
    """Return a few frames, far apart, in which the mouth is open wide."""
    near = seen[: 60 * RUN_FRAMES]
    wide = np.sort(near[np.argsort(-track.aperture[near], kind="stable")[: max(LOOK_FRAMES, len(near) // 8)]])
    return [int(i) for i in wide[np.linspace(0, len(wide) - 1, min(LOOK_FRAMES, len(wide))).astype(int)]]


def _spread_over(seen: Rows) -> list[int]:
    """Return frames spread over the part of the clip that is used for learning."""
    near = seen[: 60 * RUN_FRAMES]
    return [int(i) for i in near[np.linspace(0, len(near) - 1, min(SPREAD_FRAMES, len(near))).astype(int)]]


def _mouth_indices(track: FaceTrack, seen: Rows) -> list[int]:
    """Return frames with a usable mouth: all that fit into memory, or runs spread over the clip."""
    facing = seen[np.abs(track.yaw_deg[seen]) < MOUTH_YAW_DEG]
    if not len(facing):
        return []
    side_px = 2.0 * float(np.median(track.iod_px[facing]))
    max_frames = max(
        4 * RUN_FRAMES, int(MOUTH_CACHE_BYTES / (1.5 * side_px**2 * MOUTH_REACH_IOD[0] * MOUTH_REACH_IOD[1]))
    )
    if len(facing) <= max_frames:
        return facing.tolist()
    starts = np.linspace(0, len(facing) - RUN_FRAMES, max_frames // RUN_FRAMES).astype(int)
    return sorted({int(i) for start in starts for i in facing[start : start + RUN_FRAMES]})


def _read_spans(indices: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield spans, from-to, that hold all ``indices``."""
    start = last = None
    for index in indices:
        if start is None or last is None or index - last > MAX_SKIP_FRAMES:
            if start is not None and last is not None:
                yield start, last + 1
            start = index
        last = index
    if start is not None and last is not None:
        yield start, last + 1
