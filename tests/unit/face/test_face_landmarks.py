"""Point layout, and what is measured on it."""

from __future__ import annotations

import numpy as np
import pytest
from face_helpers import turned, upright

from lipsmith.engines.mediapipe_face import mesh_triangles
from lipsmith.face import layout
from lipsmith.face.landmarks import Face, aperture, eye_openings, mouth_width


def test_measures_are_in_eye_distances() -> None:
    points = upright(80.0)
    points[13], points[14] = [310, 300, 0], [310, 316, 0]
    points[61], points[291] = [280, 305, 0], [340, 305, 0]
    points[159], points[145] = [270, 196, 0], [270, 204, 0]
    points[386], points[374] = [350, 194, 0], [350, 206, 0]
    assert aperture(points) == pytest.approx(16 / 80)
    assert mouth_width(points) == pytest.approx(60 / 80)
    assert eye_openings(points) == pytest.approx((8 / 80, 12 / 80))
    assert Face(points=points, score=1.0).iod_px == pytest.approx(80)


def test_a_turned_head_keeps_its_mouth_width() -> None:
    points = upright(80.0)
    points[61], points[291] = [280, 305, 0], [340, 305, 0]
    assert mouth_width(turned(points, yaw=35)) == pytest.approx(60 / 80)


def test_box_and_yaw_of_a_face() -> None:
    points = np.full((478, 3), 50.0)
    points[0, :2], points[1, :2] = [10.4, 20.9], [99.2, 120.1]
    assert Face(points=points, score=1.0).box == (10, 20, 100, 121)
    assert Face(points=turned(upright(), yaw=12), score=1.0).yaw_deg == pytest.approx(12)


def test_rings_of_the_lips_run_from_corner_to_corner() -> None:
    for upper, lower in zip(layout.UPPER_LIP_RINGS, layout.LOWER_LIP_RINGS, strict=True):
        assert len(upper) == len(lower) == 11
        assert (upper[0], upper[-1]) == (lower[0], lower[-1])
        assert not set(upper[1:-1]) & set(lower[1:-1])
    everything = [point for ring in (*layout.UPPER_LIP_RINGS, *layout.LOWER_LIP_RINGS) for point in ring]
    assert len(set(everything)) == 4 * (11 + 9)


def test_lids_share_their_corners() -> None:
    for upper, lower in (
        (layout.LEFT_UPPER_LID, layout.LEFT_LOWER_LID),
        (layout.RIGHT_UPPER_LID, layout.RIGHT_LOWER_LID),
    ):
        assert (upper[0], upper[-1]) == (lower[0], lower[-1])
        assert not set(upper[1:-1]) & set(lower[1:-1])


def test_the_mesh_leaves_mouth_and_eyes_open() -> None:
    triangles = mesh_triangles()
    assert triangles.shape == (854, 3)
    sides = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    pairs, count = np.unique(sides, axis=0, return_counts=True)
    edge_points = set(pairs[count == 1].ravel().tolist())
    for hole in (
        layout.INNER_UPPER,
        layout.INNER_LOWER,
        layout.LEFT_UPPER_LID,
        layout.RIGHT_LOWER_LID,
        layout.FACE_OVAL,
    ):
        assert set(hole) <= edge_points
    assert 1 not in edge_points  # the tip of the nose lies amid triangles


def test_twins_lie_on_opposite_sides(face: Face) -> None:
    middle = face.points[168, 0]
    for left, right in layout.MIRROR_PAIRS.items():
        if left != right:
            assert face.points[left, 0] < middle < face.points[right, 0], (left, right)
