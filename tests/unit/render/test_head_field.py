"""The head's own motion: signs, sizes, and everything it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from render_helpers import motion

from lipsmith.face.landmarks import Face
from lipsmith.media.clip import Image
from lipsmith.render.head import HeadField
from lipsmith.render.matte import Matte
from lipsmith.render.portrait import Portrait
from lipsmith.render.warp import carry_forward


@pytest.fixture(scope="module")
def field(portrait: Portrait, image: Image, face: Face, matte: Matte) -> HeadField:
    size = (image.width, image.height)
    return HeadField(face.points, portrait.triangles, portrait.shape.frame, matte, size, -1.0)


def moved(field: HeadField, face: Face, points: list[int], **given: float) -> NDArray[np.float64]:
    """Pixels that mesh points go by a motion of the head."""
    start = face.points[points, :2].astype(np.float32)
    return (carry_forward(start, field.backward_motion(motion(**given)), field.grid.place) - start).astype(np.float64)


NOSE_TIP, CHIN, FOREHEAD, LEFT_EYE, RIGHT_EYE = 1, 152, 10, 33, 263


@pytest.mark.slow
def test_at_rest_nothing_moves(field: HeadField) -> None:
    assert np.abs(field.backward_motion(motion(aperture=0.3, blink_left=1.0, gaze_x=0.05))).max() == 0


@pytest.mark.parametrize(
    ("channel", "amount", "axis"),
    [("head_yaw", 8.0, 0), ("head_pitch", 6.0, 1), ("head_x", 0.1, 0), ("head_y", 0.1, 1)],
)
def test_positive_goes_right_and_down(field: HeadField, face: Face, channel: str, amount: float, axis: int) -> None:
    way = moved(field, face, [NOSE_TIP], **{channel: amount})[0]
    back = moved(field, face, [NOSE_TIP], **{channel: -amount})[0]
    assert way[axis] > 1.0
    assert back[axis] < -1.0
    assert abs(way[1 - axis]) < 0.25 * way[axis]


def test_shifts_are_in_eye_distances(field: HeadField, face: Face) -> None:
    way = moved(field, face, [NOSE_TIP, LEFT_EYE, RIGHT_EYE], head_x=0.1, head_y=-0.05)
    expected = np.array([0.1, -0.05]) * face.iod_px
    np.testing.assert_allclose(way, np.tile(expected, (3, 1)), atol=0.03 * face.iod_px)


def test_zoom_makes_the_head_larger_about_its_middle(field: HeadField, face: Face) -> None:
    forehead, chin, left, right = moved(field, face, [FOREHEAD, CHIN, LEFT_EYE, RIGHT_EYE], zoom=0.06)
    eyes = face.points[[LEFT_EYE, RIGHT_EYE], :2]
    apart = np.linalg.norm(eyes[1] - eyes[0])
    assert np.linalg.norm(eyes[1] + right - eyes[0] - left) == pytest.approx(1.06 * apart, rel=0.01)
    assert forehead[1] < -1.0 < 1.0 < chin[1]
    smaller = moved(field, face, [CHIN], zoom=-0.06)[0]
    assert smaller[1] < -1.0


def test_the_near_nose_goes_further_than_the_far_temples(field: HeadField, face: Face) -> None:
    nose, left, right = moved(field, face, [NOSE_TIP, 234, 454], head_yaw=8.0)[:, 0]
    assert nose > 1.3 * max(left, right)
    assert min(left, right) > -0.02 * face.iod_px


def test_a_positive_roll_is_clockwise(field: HeadField, face: Face) -> None:
    left, right, top = moved(field, face, [LEFT_EYE, RIGHT_EYE, FOREHEAD], head_roll=6.0)
    assert left[1] < 0 < right[1]
    assert top[0] > 0
    assert right[1] - left[1] == pytest.approx(
        np.sin(np.radians(6)) * np.hypot(*(face.points[RIGHT_EYE, :2] - face.points[LEFT_EYE, :2])), rel=0.2
    )


def test_motions_add_up(field: HeadField) -> None:
    both = field.backward_motion(motion(head_x=0.02, head_y=0.03))
    one, other = field.backward_motion(motion(head_x=0.02)), field.backward_motion(motion(head_y=0.03))
    np.testing.assert_allclose(both, one + other, atol=0.12)


def test_background_and_distance_stay(field: HeadField, image: Image) -> None:
    way = np.abs(field.backward_motion(motion(head_yaw=10.0, head_pitch=8.0, head_roll=5.0, breath=1.0))).max(axis=-1)
    assert way.max() > 3
    left, top, right, bottom = field.moving_rectangle((image.width, image.height))
    for value in (left, top, right, bottom):
        assert value % 2 == 0
    grid = field.grid
    columns, rows = np.meshgrid(
        np.arange(grid.width) * grid.pitch + grid.x, np.arange(grid.height) * grid.pitch + grid.y
    )
    outside = (columns < left - grid.pitch) | (columns > right + grid.pitch) | (rows < top - grid.pitch)
    assert outside.any()
    assert way[outside].max() < 0.25


def test_breath_lifts_the_chest_and_not_the_face(field: HeadField, face: Face) -> None:
    way = field.backward_motion(motion(breath=1.0))
    assert way[..., 1].max() > 0.3  # the way back points down, so the chest goes up
    assert np.abs(moved(field, face, [NOSE_TIP, FOREHEAD, LEFT_EYE], breath=1.0)).max() < 0.02
