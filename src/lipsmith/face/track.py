"""Track of one face through a clip, smoothed on bone and responsive at the lips.

`lipsmith.face.follow` finds the raw points and passes them to `steady_track`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame, fit_similarity
from lipsmith.face.landmarks import iod_of
from lipsmith.face.layout import BONE, LOWER_LIP_RINGS, UPPER_LIP_RINGS
from lipsmith.filters import gaussian_filter1d

F32 = NDArray[np.float32]
Flags = NDArray[np.bool_]

MAX_BRIDGE_S = 0.4
"""Longest gap that is bridged: turning away and back, or covering and uncovering the mouth, takes longer."""
SMOOTHING_S = 0.032
"""Sigma on bone: 0.8 frames at 25 fps."""

_STEPS_PER_IOD = 8192  # int16 then reaches 4 IOD from the middle; a step is 0.01 pixels at 100 px IOD
_JUMP_IOD = 0.5  # a larger move between two frames is a cut, and is not smoothed over
_BLOCK_FRAMES = 500
# IOD: detector jitter moves points by .03 to .05 per second, speech by .2 or more.
_STILL_PER_S = 0.12
_LIPS = sorted({p for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS) for p in ring})
_LIDS_AND_IRISES = (
    *(246, 161, 160, 159, 158, 157, 173, 7, 163, 144, 145, 153, 154, 155),
    *(466, 388, 387, 386, 385, 384, 398, 249, 390, 373, 374, 380, 381, 382),
    *range(468, 478),
)


@dataclass(frozen=True, kw_only=True)
class RawFrame:
    """Detected points of a face in one frame, in compact form."""

    index: int
    """Number of the frame in the clip."""
    fixed: NDArray[np.int16]
    """(478, 3) points in steps from ``centre``."""
    centre: tuple[float, float]
    """Square pixels."""
    step_px: float

    @classmethod
    def of(cls, index: int, points: F64) -> RawFrame:
        """Store a (478, 3) mesh in square pixels, rounded to a ten-thousandth of the eye distance."""
        centre = points[:, :2].mean(axis=0)
        step_px = iod_of(points) / _STEPS_PER_IOD
        return cls(index=index, fixed=_packed(points, centre, step_px), centre=tuple(centre), step_px=step_px)


@dataclass(frozen=True, kw_only=True)
class FaceTrack:
    """One face, followed through a clip of n frames; about 3 kB per frame in which it is present."""

    times_s: F64
    """(n,) start of each frame."""
    present: Flags
    """(n,) True if the face is present, including bridged gaps."""
    bridged: Flags
    """(n,) True if the points are interpolated across a short gap."""
    cuts: tuple[int, ...]
    """First frames of new scenes."""
    aperture: F32
    """(n,) gap between the inner lips, IOD; nan where the face is absent, here and below."""
    width: F32
    """(n,) distance between the mouth corners, IOD."""
    iod_px: F32
    """(n,) eye distance in three dimensions, which does not shrink when the head turns; square pixels."""
    yaw_deg: F32
    """(n,) positive if the nose points to the right of the image."""
    pitch_deg: F32
    """(n,) positive if the head looks down."""
    roll_deg: F32
    """(n,) positive if the head is tilted clockwise in the image."""
    score: float
    """Confidence of the detector, 0–1."""
    prominence: float
    """Prominence averaged over the clip; large, central, certain and long-visible faces score high."""
    rows: NDArray[np.int32]
    """(n,) row of each frame in the three fields below; -1 where the face is absent."""
    fixed: NDArray[np.int16]
    """(m, 478, 3) points in steps of ``steps_px`` from ``centres``."""
    centres: F32
    """(m, 2) square pixels."""
    steps_px: F32
    """(m,) length of a step."""

    def __len__(self) -> int:
        return len(self.present)

    def points(self, index: int) -> F64:
        """Return (478, 3) float64: square pixels of the upright frame, z positive away from the camera.

        Raises ValueError if the face is absent.
        """
        row = int(self.rows[index])
        if row < 0:
            raise ValueError(f"The face is absent in frame {index}.")
        points: F64 = self.fixed[row] * float(self.steps_px[row])
        points[:, :2] += self.centres[row]
        return points

    @property
    def absences(self) -> tuple[tuple[float, float], ...]:
        """(start, end) in seconds of every run of frames without the face."""
        ends = self.times_s + _spans_s(self.times_s)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], ~self.present, [False]]).astype(np.int8)))
        return tuple((float(self.times_s[a]), float(ends[b - 1])) for a, b in edges.reshape(-1, 2))


def steady_track(
    frames: Sequence[RawFrame], times_s: F64, cuts: Sequence[int], *, score: float, prominence: float
) -> FaceTrack:
    """Build the track of one face: bridge short gaps, smooth the points, and measure them.

    ``frames`` holds at least one frame, in order. Bridging and smoothing stop at ``cuts``.
    """
    index, bridged, fixed, centres, steps = _bridged(frames, times_s, cuts)
    count = len(times_s)
    rows = np.full(count, -1, dtype=np.int32)
    rows[index] = np.arange(len(index))
    measures = {name: np.full(count, np.nan, dtype=np.float32) for name in _MEASURES}
    for start, end in _unbroken_runs(index, fixed, centres, steps, cuts):
        for first in range(start, end, _BLOCK_FRAMES):
            last = min(first + _BLOCK_FRAMES, end)
            # Rows before this block are already smoothed, which is close enough: their weight is small.
            low, high = max(first - 12, start), min(last + 12, end)
            raw: F64 = fixed[low:high].astype(np.float64) * steps[low:high, None, None]
            raw[:, :, :2] += centres[low:high, None].astype(np.float64)
            frame_s = float(np.median(np.diff(times_s[index[low:high]]))) if high - low > 1 else SMOOTHING_S
            steady, turns = _steady(raw, SMOOTHING_S / max(frame_s, 1e-3))
            steady, turns = steady[first - low : last - low], turns[first - low : last - low]
            for name, values in _measured(steady, turns).items():
                measures[name][index[first:last]] = values
            for row, points in zip(range(first, last), steady, strict=True):
                fixed[row] = _packed(points, centres[row], float(steps[row]))
    return FaceTrack(
        times_s=times_s, present=rows >= 0, bridged=_flags_at(index[bridged], count), cuts=tuple(cuts), score=score,
        prominence=prominence, rows=rows, fixed=fixed, centres=centres, steps_px=steps, **measures,
    )  # fmt: skip


_MEASURES = ("aperture", "width", "iod_px", "yaw_deg", "pitch_deg", "roll_deg")


def _measured(points: F64, turns: F64) -> dict[str, F64]:
    """Measure (m, 478, 3) points, with the head axes in the rows of (m, 3, 3) ``turns``, for `FaceTrack`."""
    across = points[:, [263, 362]].mean(axis=1) - points[:, [33, 133]].mean(axis=1)
    iod_px = np.linalg.norm(across, axis=1)
    away = turns[:, 2]
    return {
        "aperture": np.hypot(*(points[:, 14, :2] - points[:, 13, :2]).T) / iod_px,
        "width": np.linalg.norm(points[:, 291] - points[:, 61], axis=1) / iod_px,
        "iod_px": iod_px,
        "yaw_deg": np.degrees(np.arctan2(-away[:, 0], away[:, 2])),
        "pitch_deg": np.degrees(np.arctan2(-away[:, 1], np.hypot(away[:, 0], away[:, 2]))),
        "roll_deg": np.degrees(np.arctan2(turns[:, 0, 1], turns[:, 0, 0])),
    }


def _steady(raw: F64, sigma_frames: float) -> tuple[F64, F64]:
    """Return smoothed points and head axes of (m, 478, 3) raw points.

    Each frame is aligned to the mean head by its bone points, which removes detector jitter from the whole face. The
    head's position, bone and resting lips are then smoothed; moving lips and lids keep the shape of every frame.
    """
    mean = raw[len(raw) // 2]
    for _ in range(2):
        scales, rotations, origins = fit_similarity(raw[:, BONE], mean[list(BONE)])
        local = np.einsum("mij,mpj->mpi", rotations.transpose(0, 2, 1), raw - origins[:, None]) / scales[:, None, None]
        mean = local.mean(axis=0)
    head = HeadFrame.of(mean)
    if len(raw) > 1:
        scales, origins, local_smooth, rotations = (
            gaussian_filter1d(values, sigma_frames, axis=0, mode="nearest")
            for values in (scales, origins, local, rotations)
        )
        u, _, vt = np.linalg.svd(rotations)  # the rotation nearest to a mean of rotations
        rotations = u @ vt
        local += _smoothed_shares(local_smooth / head.iod_px, sigma_frames)[:, :, None] * (local_smooth - local)
    steady = np.einsum("mij,mpj->mpi", rotations, local) * scales[:, None, None] + origins[:, None]
    return steady, np.einsum("ki,mji->mkj", head.rotation, rotations)


def _smoothed_shares(local: F64, sigma_frames: float) -> F64:
    """Return (m, 478) shares of smoothing: 1 on skin and bone, 0 on lids, and up to 1 on lips at rest.

    ``local`` are the smooth points in the head's frame, IOD.
    """
    shares = np.ones(local.shape[:2])
    shares[:, _LIDS_AND_IRISES] = 0.0
    lips = local[:, _LIPS]
    moved = np.linalg.norm(np.gradient(lips, axis=0), axis=2)
    per_s = gaussian_filter1d(moved, 2 * sigma_frames, axis=0, mode="nearest") * sigma_frames / SMOOTHING_S
    shares[:, _LIPS] = 1.0 / (1.0 + (per_s / _STILL_PER_S) ** 2)
    return shares


def _bridged(
    frames: Sequence[RawFrame], times_s: F64, cuts: Sequence[int]
) -> tuple[NDArray[np.int32], Flags, NDArray[np.int16], F32, F32]:
    """Interpolate short gaps; return frame numbers, interpolation flags, points, centres and steps."""
    rows: list[tuple[RawFrame, bool]] = [(frames[0], False)]
    for before, after in pairwise(frames):
        gap_s = float(times_s[after.index] - times_s[before.index + 1])
        cut_between = any(before.index < cut <= after.index for cut in cuts)
        if after.index - before.index > 1 and gap_s <= MAX_BRIDGE_S and not cut_between:
            rows += [(_interpolated(before, after, k, times_s), True) for k in range(before.index + 1, after.index)]
        rows.append((after, False))
    return (
        np.array([frame.index for frame, _ in rows], dtype=np.int32),
        np.array([is_bridged for _, is_bridged in rows], dtype=np.bool_),
        np.stack([frame.fixed for frame, _ in rows]),
        np.array([frame.centre for frame, _ in rows], dtype=np.float32),
        np.array([frame.step_px for frame, _ in rows], dtype=np.float32),
    )


def _interpolated(before: RawFrame, after: RawFrame, index: int, times_s: F64) -> RawFrame:
    share = float((times_s[index] - times_s[before.index]) / (times_s[after.index] - times_s[before.index]))
    centre = tuple(a + share * (b - a) for a, b in zip(before.centre, after.centre, strict=True))
    return RawFrame(
        index=index,
        fixed=np.round(before.fixed + share * (after.fixed.astype(np.float64) - before.fixed)).astype(np.int16),
        centre=(centre[0], centre[1]),
        step_px=before.step_px + share * (after.step_px - before.step_px),
    )


def _unbroken_runs(
    index: NDArray[np.int32], fixed: NDArray[np.int16], centres: F32, steps: F32, cuts: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the row ranges in which the face moves without a break."""
    moved = np.hypot(*np.diff(centres, axis=0).T) / (steps[1:] * _STEPS_PER_IOD)
    broken = (np.diff(index) > 1) | (moved > _JUMP_IOD) | np.isin(index[1:], list(cuts))
    edges = [0, *(np.flatnonzero(broken) + 1).tolist(), len(fixed)]
    return list(pairwise(edges))


def _packed(points: F64, centre: F64 | F32, step_px: float) -> NDArray[np.int16]:
    offsets = points.copy()
    offsets[:, :2] -= centre
    return np.clip(np.round(offsets / step_px), -32768, 32767).astype(np.int16)


def _flags_at(index: NDArray[np.int32], count: int) -> Flags:
    flags = np.zeros(count, dtype=np.bool_)
    flags[index] = True
    return flags


def _spans_s(times_s: F64) -> F64:
    """Return the (n,) durations of frames; the last one gets the median."""
    spans = np.diff(times_s)
    return np.append(spans, np.median(spans) if len(spans) else 1.0 / 25.0)
