"""Decisions of the classic lip syncer before it draws: share of new lips, base width, and frames to learn from."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.engines.classic_lip_syncer import (
    FULL_YAW_DEG,
    LOST_YAW_DEG,
    MAX_SKIP_FRAMES,
    MOUTH_YAW_DEG,
    RUN_FRAMES,
    _mouth_indices,
    _read_spans,
    _spread_over,
    _widest_open,
    base_width,
    replaced_share,
)
from lipsmith.face.track import FaceTrack

F64 = NDArray[np.float64]
FPS = 25.0


def track_of(
    count: int,
    *,
    absent: range = range(0),
    cuts: tuple[int, ...] = (),
    yaw_deg: F64 | float = 0.0,
    aperture: F64 | float = 0.1,
    width: F64 | float = 0.8,
    iod_px: float = 60.0,
) -> FaceTrack:
    """A track of measures alone; no frame of it has points."""
    present = np.ones(count, np.bool_)
    present[list(absent)] = False

    def measured(values: F64 | float) -> NDArray[np.float32]:
        return np.where(present, values, np.nan).astype(np.float32)

    return FaceTrack(
        times_s=np.arange(count) / FPS,
        present=present,
        bridged=np.zeros(count, np.bool_),
        cuts=cuts,
        aperture=measured(aperture),
        width=measured(width),
        iod_px=measured(iod_px),
        yaw_deg=measured(yaw_deg),
        pitch_deg=measured(0.0),
        roll_deg=measured(0.0),
        score=0.9,
        prominence=50.0,
        rows=np.full(count, -1, np.int32),
        fixed=np.zeros((0, 478, 3), np.int16),
        centres=np.zeros((0, 2), np.float32),
        steps_px=np.zeros(0, np.float32),
    )


def seen_in(track: FaceTrack) -> NDArray[np.int64]:
    return np.flatnonzero(track.present)


def test_a_face_that_is_always_there_gets_new_lips_throughout() -> None:
    assert (replaced_share(track_of(50)) == 1.0).all()


def test_new_lips_fade_where_a_face_goes_and_comes() -> None:
    share = replaced_share(track_of(60, absent=range(20, 40)))
    assert (share[20:40] == 0.0).all()
    assert (share[:14] == 1.0).all() and (share[46:] == 1.0).all()
    assert (np.diff(share[:20]) <= 0).all() and (np.diff(share[40:]) >= 0).all()
    assert share[19] < 0.5 and share[40] < 0.5
    assert np.abs(np.diff(share)).max() < 0.6


def test_nothing_fades_over_a_cut() -> None:
    """The face is there up to the cut's very frame, or from it on."""
    share = replaced_share(track_of(60, absent=range(30, 60), cuts=(30,)))
    assert (share[:30] == 1.0).all() and (share[30:] == 0.0).all()
    share = replaced_share(track_of(60, absent=range(30), cuts=(30,)))
    assert (share[:30] == 0.0).all() and (share[30:] == 1.0).all()


def test_heads_that_look_away_get_less_and_then_nothing() -> None:
    for side in (-1.0, 1.0):
        turning = side * np.linspace(0, 70, 141)
        share = replaced_share(track_of(141, yaw_deg=turning))
        assert (share[np.abs(turning) > LOST_YAW_DEG] == 0.0).all()
        assert (share[np.abs(turning) < FULL_YAW_DEG - 4] == 1.0).all()
        assert (np.diff(share) <= 1e-9).all()


def test_the_mood_is_the_width_without_what_is_said() -> None:
    saying = 0.05 * np.sin(np.arange(250) * 2 * np.pi * 4 / FPS)
    smile = np.where(np.arange(250) < 125, 0.75, 0.95)
    mood = base_width(track_of(250, width=smile + saying))
    assert np.abs(mood[40:85] - 0.75).max() < 0.01
    assert np.abs(mood[165:210] - 0.95).max() < 0.01
    assert (np.diff(mood[100:150]) > 0).all()


def test_each_scene_has_its_own_mood() -> None:
    mood = base_width(track_of(100, width=np.where(np.arange(100) < 50, 0.7, 0.9), cuts=(50,)))
    np.testing.assert_allclose(mood, np.where(np.arange(100) < 50, 0.7, 0.9), atol=1e-6)


def test_the_mood_is_known_where_the_face_is_not() -> None:
    mood = base_width(track_of(100, absent=range(40, 60), width=np.linspace(0.7, 0.9, 100)))
    assert np.isfinite(mood).all()
    assert (np.diff(mood) >= 0).all()
    unseen_scene = base_width(track_of(100, absent=range(50, 100), width=0.77, cuts=(50,)))
    np.testing.assert_allclose(unseen_scene, 0.77, atol=1e-6)


def test_one_frame_has_a_mood_and_a_strength() -> None:
    one = track_of(1, width=0.8)
    assert base_width(one) == pytest.approx([0.8])
    assert replaced_share(one) == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("indices", "walks"),
    [
        ([], []),
        ([7], [(7, 8)]),
        ([0, 1, 2, 90], [(0, 91)]),
        ([3, 153, 304], [(3, 154), (304, 305)]),  # as far apart as is joined, and one further
    ],
)
def test_walks_hold_what_is_needed_and_jump_over_long_gaps(indices: list[int], walks: list[tuple[int, int]]) -> None:
    assert list(_read_spans(indices)) == walks


def test_every_frame_that_is_needed_lies_in_a_walk() -> None:
    indices = sorted(np.random.default_rng(6).choice(20_000, 60, replace=False).tolist())
    walks = list(_read_spans(indices))
    assert all(any(start <= index < end for start, end in walks) for index in indices)
    assert sum(end - start for start, end in walks) < 20_000
    assert all(later[0] - earlier[1] >= MAX_SKIP_FRAMES for earlier, later in pairwise(walks))


def test_a_short_clip_gives_every_frame_that_faces_the_camera() -> None:
    track = track_of(80, yaw_deg=np.where(np.arange(80) < 30, MOUTH_YAW_DEG + 1, 5.0))
    assert _mouth_indices(track, seen_in(track)) == list(range(30, 80))
    away = track_of(40, yaw_deg=-60.0)
    assert _mouth_indices(away, seen_in(away)) == []


def test_a_long_clip_gives_runs_from_all_of_it() -> None:
    """Memory is bounded; larger faces leave room for fewer frames."""
    large, small = (track_of(9000, iod_px=iod_px) for iod_px in (300.0, 120.0))
    rows = np.array(_mouth_indices(large, seen_in(large)))
    assert len(rows) < len(_mouth_indices(small, seen_in(small))) < 9000
    assert (np.diff(rows) > 0).all()
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    assert len(runs) >= 4 and all(len(run) >= RUN_FRAMES for run in runs)
    assert rows[0] == 0 and rows[-1] == 8999


def test_the_look_is_read_from_mouths_that_are_open_wide_and_far_apart() -> None:
    opening = 0.02 + 0.01 * np.random.default_rng(3).random(400)
    opening[[20, 21, 22, 120, 121, 220, 221, 320, 321, 380]] = 0.3
    track = track_of(400, aperture=opening)
    wide = _widest_open(track, seen_in(track))
    assert len(wide) == 5
    assert all(opening[index] >= np.sort(opening)[-50] for index in wide)
    assert max(wide) - min(wide) > 300
    few = track_of(3)
    assert _widest_open(few, seen_in(few)) == [0, 1, 2]


def test_faces_are_learnt_from_all_over_the_clip_and_only_where_they_are() -> None:
    track = track_of(300, absent=range(100, 200))
    spread = _spread_over(seen_in(track))
    assert spread[0] == 0 and spread[-1] == 299
    assert not set(spread) & set(range(100, 200))
    assert len(spread) == 40
