"""The person's own mouth from other frames of the clip: which frames lend it, and for how long.

Knows numbers and thumbnails only; `lipsmith.render.compositing` does the drawing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter, minimum_filter1d

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.media.clip import F32, U8

I64 = NDArray[np.int64]

THUMBNAIL = (32, 20)
"""Columns and rows of the picture of a mouth by which two of them are compared."""
THUMBNAIL_REACH_IOD = (0.62, 0.40)
"""Half its width and height."""

APERTURE_STEP, WIDTH_STEP, TURN_STEP = 0.03, 0.05, 6.0
"""Differences that cost 1: IOD, IOD, degrees. From the trials in which mouths looked right."""
STEPS = (APERTURE_STEP, WIDTH_STEP, TURN_STEP, TURN_STEP)
STAY_COST, JUMP_COST, JUMP_LOOK, MOST_JUMP_COST = 0.1, 0.5, 8.0, 14.0
"""A step to the following frame is free; staying costs a little; a jump by how different the two mouths look."""
SMOOTHNESS = 1.0
"""How much a jump weighs against a mouth that fits."""
GOOD_COST, POOR_COST = 8.0, 16.0
"""Up to the first a lent mouth fits; from the second on it does not, and the made one is better."""
LEAST_DONORS, LEAST_RANGE_IOD = 40, 0.08
BRIEF_FRAMES = 9
CANDIDATES = {"standard": 24, "pro": 64}
"""Frames looked at for each frame that is drawn."""


@dataclass(frozen=True, kw_only=True)
class Donors:
    """Frames of the clip that can lend their mouth; all arrays have a row for each, in the clip's order."""

    frame: I64
    """(k,) number of the frame in the clip."""
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
    """What one drawn frame borrows."""

    donors: tuple[tuple[int, float], ...]
    """Row in `Donors` and its share, one or two; the shares sum to 1."""
    share: float
    """0 (made mouth) to 1 (borrowed mouth)."""


def thumbnail(rgb: U8, points: F64) -> U8:
    """(20, 32) grey: the mouth, upright and of one size; ``points``: (478, 3) pixels of ``rgb``."""
    frame = HeadFrame.of(points)
    middle = points[[61, 291], :2].mean(axis=0)
    columns, rows = THUMBNAIL
    across = frame.rotation[0, :2] * frame.iod_px * (2 * THUMBNAIL_REACH_IOD[0] / columns)
    down = frame.rotation[1, :2] * frame.iod_px * (2 * THUMBNAIL_REACH_IOD[1] / rows)
    start = middle - across * (columns - 1) / 2 - down * (rows - 1) / 2
    sigma = float(np.hypot(*across)) / 2
    soft = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), max(sigma, 0.3))
    way = np.array([[across[0], down[0], start[0]], [across[1], down[1], start[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(soft, way, THUMBNAIL, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def usable_donors(donors: Donors) -> bool:
    """Whether the clip shows this mouth for long enough and open far enough; which frames fit is decided one by one."""
    return len(donors) >= LEAST_DONORS and float(np.percentile(donors.aperture, 95)) >= LEAST_RANGE_IOD


def select_donors(
    donors: Donors, *, aperture: F64, width: F64, yaw_deg: F64, pitch_deg: F64, candidates: int
) -> list[Selection]:
    """Who lends a mouth to each of n frames: the cheapest way through the donors (Viterbi's algorithm).

    A donor costs what its opening, width and the head's turn differ from what is asked, all (n,); a change of donor
    what the two mouths differ in looks.
    """
    asked = np.column_stack([aperture, width, yaw_deg, pitch_deg]) / STEPS
    looks = _looks(donors)
    chosen, cost = _cheapest_way(asked, donors, _jump_costs(donors, looks), candidates)
    return [
        Selection(donors=pair, share=float(share))
        for pair, share in zip(_mixed(donors, chosen, looks), _shares(cost), strict=True)
    ]


def _looks(donors: Donors) -> F32:
    """(k, k) root mean square difference of the thumbnails, grey levels, apart from their brightness."""
    flat = donors.thumbnails.reshape(len(donors), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    squares = (flat**2).sum(axis=1)
    apart = squares[:, None] + squares[None, :] - 2.0 * flat @ flat.T
    return np.sqrt(np.maximum(apart, 0.0) / flat.shape[1])


def _jump_costs(donors: Donors, looks: F32) -> F32:
    """(k, k) from row to column."""
    cost = np.minimum(MOST_JUMP_COST, JUMP_COST + (looks / JUMP_LOOK) ** 2)
    rows = np.arange(len(donors))
    cost[rows, rows] = STAY_COST
    follows = np.flatnonzero(np.diff(donors.frame) == 1)
    cost[follows, follows + 1] = 0.0
    return SMOOTHNESS * cost


def _cheapest_way(asked: F64, donors: Donors, jumps: F32, candidates: int) -> tuple[I64, F64]:
    """(n,) row of the donor for each row of ``asked``, (n, 4) in steps, and (n,) how badly it fits.

    Only the donors that fit best, and those that follow the best ways so far, are looked at, and no more of them is
    kept than the way back needs: clips may be long.
    """
    offered = np.column_stack([donors.aperture, donors.width, donors.yaw_deg, donors.pitch_deg]) / STEPS
    most = min(candidates, len(donors))
    rows, total = np.zeros(0, np.int64), np.zeros(0)
    seen: list[tuple[NDArray[np.int32], NDArray[np.int32], F32]] = []
    for wish in asked:
        costs = ((offered - wish) ** 2).sum(axis=1)
        now = np.argpartition(costs, most - 1)[:most]
        best = np.zeros(len(now), np.int64)
        if seen:
            leading = rows[np.argsort(total, kind="stable")[:most]] + 1
            now = np.unique(np.concatenate([now, leading[leading < len(donors)]]))
            steps = total[:, None] + jumps[np.ix_(rows, now)]
            best = steps.argmin(axis=0)
            total = steps[best, np.arange(len(now))] + costs[now]
        else:
            total = costs[now]
        rows = now
        seen.append((rows.astype(np.int32), best.astype(np.int32), costs[now].astype(np.float32)))
    at, way = int(total.argmin()), []
    for known, before, costs_now in reversed(seen):
        way.append((int(known[at]), float(costs_now[at])))
        at = int(before[at])
    chosen, cost = zip(*reversed(way), strict=True)
    return np.array(chosen), np.array(cost)


def _shares(cost: F64) -> F64:
    """How far each frame's mouth is borrowed: one that fits poorly for a while fades out and in again.

    For a few frames a poor fit is better than teeth that change.
    """
    usual = median_filter(cost, BRIEF_FRAMES, mode="nearest")
    fits = 1.0 - np.clip((usual - GOOD_COST) / (POOR_COST - GOOD_COST), 0.0, 1.0)
    share: F64 = gaussian_filter1d(minimum_filter1d(fits, BRIEF_FRAMES, mode="nearest"), 2.0, mode="nearest")
    share[share < 0.05] = 0.0
    share[share > 0.95] = 1.0
    return share


def _mixed(donors: Donors, chosen: I64, looks: F32) -> list[tuple[tuple[int, float], ...]]:
    """Where the mouth changes visibly from one donor to the next, both are mixed for a frame on either side."""
    pairs: list[tuple[tuple[int, float], ...]] = [((int(row), 1.0),) for row in chosen]
    for t in range(1, len(chosen)):
        before, after = int(chosen[t - 1]), int(chosen[t])
        if after in (before, before + 1) or looks[before, after] < JUMP_LOOK:
            continue
        runs_on = before + 1 < len(donors) and donors.frame[before + 1] == donors.frame[before] + 1
        onward = before + 1 if runs_on else before
        pairs[t] = ((after, 0.6), (onward, 0.4))
    return pairs
