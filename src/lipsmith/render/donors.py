"""Selection of donor frames: frames of the clip whose own mouth fits the new words.

Works on numbers and thumbnails; `lipsmith.render.compositing` draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.filters import gaussian_filter1d, median_filter, minimum_filter1d
from lipsmith.media.clip import F32, U8

I64 = NDArray[np.int64]

THUMBNAIL = (32, 20)
"""Columns and rows of the thumbnail by which two mouths are compared."""
THUMBNAIL_REACH_IOD = (0.62, 0.40)
"""Half its width and height."""

APERTURE_STEP, WIDTH_STEP, TURN_STEP = 0.03, 0.05, 6.0
"""Differences that cost 1: IOD, IOD, degrees. Chosen in trials by how right the mouths looked."""
STEPS = (APERTURE_STEP, WIDTH_STEP, TURN_STEP, TURN_STEP)
STAY_COST, JUMP_COST, JUMP_LOOK, MAX_JUMP_COST = 0.1, 0.5, 8.0, 14.0
"""A step to the following frame is free; staying costs a little; a jump costs more the less the mouths look alike."""
SMOOTHNESS = 1.0
"""Weight of a jump against a mouth that fits."""
GOOD_COST, POOR_COST = 8.0, 16.0
"""A donor mouth below the first cost fits; above the second, the painted mouth is better."""
MIN_DONORS, MIN_RANGE_IOD = 40, 0.08
BRIEF_FRAMES = 9
CANDIDATES = {"standard": 24, "pro": 64}
"""Donor frames considered for each frame."""


@dataclass(frozen=True, kw_only=True)
class Donors:
    """Frames of the clip with a usable mouth. All arrays have one row per frame, in the clip's order."""

    frame: I64
    """(k,) index of the frame in the clip."""
    aperture: F32
    """(k,) IOD."""
    width: F32
    """(k,) IOD."""
    yaw_deg: F32
    pitch_deg: F32
    thumbnails: U8
    """(k, 20, 32) grey."""

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Donors of one new frame."""

    donors: tuple[tuple[int, float], ...]
    """Row in `Donors` and its share, one or two; the shares sum to 1."""
    share: float
    """0 (painted mouth) to 1 (donor mouth)."""


def thumbnail(rgb: U8, points: F64) -> U8:
    """Return the mouth in grey, upright and of one size, (20, 32); ``points``: (478, 3) pixels of ``rgb``."""
    frame = HeadFrame.of(points)
    middle = points[[61, 291], :2].mean(axis=0)
    columns, rows = THUMBNAIL
    across = frame.rotation[0, :2] * frame.iod_px * (2 * THUMBNAIL_REACH_IOD[0] / columns)
    down = frame.rotation[1, :2] * frame.iod_px * (2 * THUMBNAIL_REACH_IOD[1] / rows)
    start = middle - across * (columns - 1) / 2 - down * (rows - 1) / 2
    sigma = float(np.hypot(*across)) / 2
    soft = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), max(sigma, 0.3))
    path = np.array([[across[0], down[0], start[0]], [across[1], down[1], start[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(soft, path, THUMBNAIL, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def usable_donors(donors: Donors) -> bool:
    """Check that the clip shows this mouth for long enough and open far enough."""
    return len(donors) >= MIN_DONORS and float(np.percentile(donors.aperture, 95)) >= MIN_RANGE_IOD


def select_donors(
    donors: Donors, *, aperture: F64, width: F64, yaw_deg: F64, pitch_deg: F64, candidates: int
) -> list[Selection]:
    """Select donors for each of n frames: the cheapest path through the donors (Viterbi's algorithm).

    A donor costs the difference of its opening, width and head turn from the targets, all (n,); a change of donor costs
    the difference in looks of the two mouths.
    """
    targets = np.column_stack([aperture, width, yaw_deg, pitch_deg]) / STEPS
    differences = _differences(donors)
    chosen, cost = _cheapest_path(targets, donors, _jump_costs(donors, differences), candidates)
    return [
        Selection(donors=pair, share=float(share))
        for pair, share in zip(_mixed_donors(donors, chosen, differences), _shares(cost), strict=True)
    ]


def _differences(donors: Donors) -> F32:
    """Return the root mean square difference of all thumbnails, apart from their brightness, (k, k) grey levels."""
    flat = donors.thumbnails.reshape(len(donors), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    squares = (flat**2).sum(axis=1)
    apart = squares[:, None] + squares[None, :] - 2.0 * flat @ flat.T
    return np.sqrt(np.maximum(apart, 0.0) / flat.shape[1])


def _jump_costs(donors: Donors, differences: F32) -> F32:
    """Return the cost of a change from row to column, (k, k)."""
    cost = np.minimum(MAX_JUMP_COST, JUMP_COST + (differences / JUMP_LOOK) ** 2)
    rows = np.arange(len(donors))
    cost[rows, rows] = STAY_COST
    follows = np.flatnonzero(np.diff(donors.frame) == 1)
    cost[follows, follows + 1] = 0.0
    return SMOOTHNESS * cost


def _cheapest_path(targets: F64, donors: Donors, jumps: F32, candidates: int) -> tuple[I64, F64]:
    """Return the row of the donor for each row of ``targets``, (n, 4) in steps, and its cost, (n,) each.

    Considers only the best-fitting donors and those that follow the best paths so far, and keeps only the links back,
    so that memory stays small for long clips.
    """
    features = np.column_stack([donors.aperture, donors.width, donors.yaw_deg, donors.pitch_deg]) / STEPS
    count = min(candidates, len(donors))
    rows, total = np.zeros(0, np.int64), np.zeros(0)
    steps_back: list[tuple[NDArray[np.int32], NDArray[np.int32], F32]] = []
    for target in targets:
        costs = ((features - target) ** 2).sum(axis=1)
        now = np.argpartition(costs, count - 1)[:count]
        best = np.zeros(len(now), np.int64)
        if steps_back:
            leading = rows[np.argsort(total, kind="stable")[:count]] + 1
            now = np.unique(np.concatenate([now, leading[leading < len(donors)]]))
            path_costs = total[:, None] + jumps[np.ix_(rows, now)]
            best = path_costs.argmin(axis=0)
            total = path_costs[best, np.arange(len(now))] + costs[now]
        else:
            total = costs[now]
        rows = now
        steps_back.append((rows.astype(np.int32), best.astype(np.int32), costs[now].astype(np.float32)))
    at, path = int(total.argmin()), []
    for known, before, costs_now in reversed(steps_back):
        path.append((int(known[at]), float(costs_now[at])))
        at = int(before[at])
    chosen, cost = zip(*reversed(path), strict=True)
    return np.array(chosen), np.array(cost)


def _shares(cost: F64) -> F64:
    """Return the opacity of each frame's donor mouth: it fades out and in around frames where donors fit poorly.

    For a few frames a poor fit is better than teeth that change.
    """
    usual = median_filter(cost, BRIEF_FRAMES, mode="nearest")
    fits = 1.0 - np.clip((usual - GOOD_COST) / (POOR_COST - GOOD_COST), 0.0, 1.0)
    share: F64 = gaussian_filter1d(minimum_filter1d(fits, BRIEF_FRAMES, mode="nearest"), 2.0, mode="nearest")
    share[share < 0.05] = 0.0
    share[share > 0.95] = 1.0
    return share


def _mixed_donors(donors: Donors, chosen: I64, differences: F32) -> list[tuple[tuple[int, float], ...]]:
    """Return the donors of each frame. Where the mouth changes visibly, the old and the new donor are mixed."""
    pairs: list[tuple[tuple[int, float], ...]] = [((int(row), 1.0),) for row in chosen]
    for t in range(1, len(chosen)):
        before, after = int(chosen[t - 1]), int(chosen[t])
        if after in (before, before + 1) or differences[before, after] < JUMP_LOOK:
            continue
        runs_on = before + 1 < len(donors) and donors.frame[before + 1] == donors.frame[before] + 1
        onward = before + 1 if runs_on else before
        pairs[t] = ((after, 0.6), (onward, 0.4))
    return pairs
