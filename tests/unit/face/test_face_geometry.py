"""The head's frame, its angles and signs, and the way back from a turned frame."""

from __future__ import annotations

import numpy as np
import pytest
from face_helpers import turned, upright

from lipsmith.face.geometry import HeadFrame, SkullFrame, rotate_points_back, smoothstep


@pytest.mark.parametrize("degrees", [-30.0, -8.0, 0.0, 5.0, 25.0])
def test_each_angle_is_read_with_its_sign(degrees: float) -> None:
    assert HeadFrame.of(turned(upright(), yaw=degrees)).yaw_deg == pytest.approx(degrees, abs=1e-6)
    assert HeadFrame.of(turned(upright(), pitch=degrees)).pitch_deg == pytest.approx(degrees, abs=1e-6)
    assert HeadFrame.of(turned(upright(), roll=degrees)).roll_deg == pytest.approx(degrees, abs=1e-6)


def test_a_nose_to_the_right_is_a_positive_yaw() -> None:
    points = upright()
    points[1] = points[168] + [0, 60, -50]  # tip of the nose, nearer to the camera
    moved = turned(points, yaw=20)
    assert moved[1, 0] > points[1, 0]
    assert HeadFrame.of(moved).yaw_deg > 0


def test_turning_does_not_shrink_the_unit() -> None:
    for yaw in (0, 20, 40):
        assert HeadFrame.of(turned(upright(90.0), yaw=yaw)).iod_px == pytest.approx(90.0)


def test_to_the_head_and_back() -> None:
    points = turned(upright(), yaw=17, pitch=-6, roll=11)
    frame = HeadFrame.of(points)
    head = frame.to_head(points)
    np.testing.assert_allclose(frame.to_image(head), points[:, :2], atol=1e-9)
    np.testing.assert_allclose(head[168], 0, atol=1e-12)
    offsets = np.random.default_rng(1).normal(0, 0.1, (478, 3))
    np.testing.assert_allclose(
        frame.to_image(head + offsets) - points[:, :2], frame.offsets_to_image(offsets), atol=1e-9
    )


def test_axes_are_orthonormal_and_right_handed() -> None:
    rotation = HeadFrame.of(turned(upright(), yaw=25, pitch=10, roll=-20)).rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_points_of_a_turned_frame_come_back(turns: int) -> None:
    image = np.zeros((7, 11), int)
    marks = [(2, 1), (10, 6), (0, 3)]  # x, y
    for number, (x, y) in enumerate(marks, start=1):
        image[y, x] = number
    rotated = np.rot90(image, turns)
    found = []
    for number in range(1, len(marks) + 1):
        y, x = np.argwhere(rotated == number)[0]
        found.append([x, y, 5.0 * number])
    back = rotate_points_back(np.array(found, float), turns, width=11, height=7)
    np.testing.assert_array_equal(back[:, :2], marks)
    np.testing.assert_array_equal(back[:, 2], [5, 10, 15])


def test_smoothstep() -> None:
    values = smoothstep(np.array([-1.0, 2.0, 3.0, 4.0, 9.0]), 2.0, 4.0)
    np.testing.assert_allclose(values, [0, 0, 0.5, 1, 1])
    assert (np.diff(smoothstep(np.linspace(2, 4, 50), 2.0, 4.0)) > 0).all()


def test_a_skull_keeps_its_axes_while_the_jaw_opens() -> None:
    closed = turned(upright(), yaw=12.0, roll=-7.0)
    rest = HeadFrame.of(upright()).to_head(upright())
    open_ = closed.copy()
    open_[152] += [35.0, 20.0, 0.0]  # the chin, on which the head's frame hangs
    assert np.abs(HeadFrame.of(open_).rotation - HeadFrame.of(closed).rotation).max() > 0.02
    np.testing.assert_allclose(SkullFrame.of(open_, rest).axes, SkullFrame.of(closed, rest).axes, atol=1e-9)


def test_points_of_a_skull_come_back_through_pixels() -> None:
    points = turned(upright(), yaw=-20.0, pitch=9.0)
    rest = HeadFrame.of(upright()).to_head(upright())
    skull = SkullFrame.of(points, rest)
    np.testing.assert_allclose(skull.to_skull(points), rest, atol=1e-9)
    anchor = rest[10]
    plane = skull.plane_to_image(anchor)
    right_and_down = plane @ np.array([0.2, -0.1, 1.0])
    same = (anchor + np.array([0.2, -0.1, 0.0])) @ skull.axes + skull.origin
    np.testing.assert_allclose(right_and_down, same[:2], atol=1e-9)
