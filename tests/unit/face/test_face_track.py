"""A track out of raw points: what is bridged, what is smoothed, what is measured, and how little it keeps."""

from __future__ import annotations

import numpy as np
import pytest
from face_helpers import F64, turned

from lipsmith.face.geometry import HeadFrame
from lipsmith.face.landmarks import Face, aperture
from lipsmith.face.track import FaceTrack, RawFrame, steady_track

FPS = 25.0


def track_of(meshes: dict[int, F64], count: int, cuts: tuple[int, ...] = ()) -> FaceTrack:
    frames = [RawFrame.of(index, points) for index, points in meshes.items()]
    return steady_track(frames, np.arange(count) / FPS, cuts, score=0.9, prominence=50.0)


def opened(points: F64, gap_px: float) -> F64:
    """The mesh with its inner lips so far apart, straight along the face's own down."""
    moved = points.copy()
    down = points[152] - points[10]
    moved[14] = moved[13] + down / np.linalg.norm(down) * gap_px
    return moved


def test_points_come_back_and_measures_agree_with_those_of_a_still(face: Face) -> None:
    track = track_of({0: face.points}, 1)
    np.testing.assert_allclose(track.points(0), face.points, atol=face.iod_px / 8000)
    assert track.aperture[0] == pytest.approx(aperture(face.points), abs=1e-3)
    assert track.yaw_deg[0] == pytest.approx(face.yaw_deg, abs=0.5)


def test_a_frame_costs_about_three_kilobytes(face: Face) -> None:
    track = track_of(dict.fromkeys(range(200), face.points), 200)
    assert sum(getattr(track, name).nbytes for name in track.__dataclass_fields__ if name not in _INFO) < 200 * 3000


_INFO = ("cuts", "score", "prominence")


def test_a_short_gap_is_bridged_evenly_and_a_long_one_is_not(face: Face) -> None:
    moving = {k: face.points + np.array([2.0 * k, 0, 0]) for k in [*range(20), *range(27, 40), *range(60, 80)]}
    track = track_of(moving, 80)
    assert np.flatnonzero(track.bridged).tolist() == list(range(20, 27))
    np.testing.assert_allclose(track.points(23)[:, 0], face.points[:, 0] + 46.0, atol=0.2)
    assert track.absences == ((40 / FPS, 60 / FPS),)
    assert np.isnan(track.aperture[50]) and not track.present[50]
    with pytest.raises(ValueError, match="absent in frame 50"):
        track.points(50)


def test_nothing_is_bridged_or_smoothed_over_a_cut(face: Face) -> None:
    meshes = {k: face.points + np.array([0.0 if k < 10 else 30.0, 0, 0]) for k in [*range(8), *range(10, 20)]}
    track = track_of(meshes, 20, cuts=(10,))
    assert not track.present[8:10].any()
    np.testing.assert_allclose(track.points(10)[:, 0] - face.points[:, 0], 30.0, atol=0.1)


def test_trembling_goes_and_the_lips_keep_their_own_shape_in_every_frame(face: Face) -> None:
    rng = np.random.default_rng(7)
    gaps_px = face.iod_px * 0.1 * (1 + np.sin(np.arange(60) * 1.3))
    shaken = {
        k: opened(face.points, gap) + np.append(rng.normal(0, 1.0, 2), 0) + rng.normal(0, 0.4, (478, 3))
        for k, gap in enumerate(gaps_px)
    }
    track = track_of(shaken, 60)
    brow = np.array([track.points(k)[151, :2] for k in range(60)])
    raw = np.array([shaken[k][151, :2] for k in range(60)])
    assert np.diff(brow, axis=0).std() < 0.4 * np.diff(raw, axis=0).std()
    own = np.array([aperture(mesh) for mesh in shaken.values()])
    assert np.corrcoef(track.aperture, own)[0, 1] > 0.99
    assert track.aperture.std() == pytest.approx(own.std(), rel=0.05)


def test_lips_that_rest_are_steadied_too(face: Face) -> None:
    rng = np.random.default_rng(8)
    shaken = {k: face.points + rng.normal(0, 0.002 * face.iod_px, (478, 3)) for k in range(60)}
    track = track_of(shaken, 60)
    lips = [61, 0, 291, 17, 13, 14]
    steady, raw = (np.array([mesh[lips, :2] for mesh in meshes]) for meshes in (
        [track.points(k) for k in range(60)], shaken.values()
    ))  # fmt: skip
    assert np.diff(steady, axis=0).std() < 0.6 * np.diff(raw, axis=0).std()


def test_a_turning_head_keeps_its_turn(face: Face) -> None:
    yaws = 20 * np.sin(np.arange(50) / 8)
    meshes = {k: turned(face.points, yaw=yaw, roll=0.5 * yaw) for k, yaw in enumerate(yaws)}
    track = track_of(meshes, 50)
    straight = track_of({0: face.points}, 1)
    np.testing.assert_allclose(track.iod_px, straight.iod_px[0], rtol=0.01)
    frames = [HeadFrame.of(mesh) for mesh in meshes.values()]
    for name in ("yaw_deg", "pitch_deg", "roll_deg"):
        np.testing.assert_allclose(getattr(track, name), [getattr(f, name) for f in frames], atol=1.0)
