"""The moving mesh: what is asked is what the points do."""

from __future__ import annotations

import numpy as np
import pytest
from render_helpers import motion

from lipsmith.face.layout import (
    CHIN_LINE,
    INNER_LOWER,
    INNER_UPPER,
    LEFT_BROW,
    LEFT_CHEEK,
    LEFT_LID_FOLD,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_LIP_RINGS,
    MIRROR_PAIRS,
    RIGHT_BROW,
    RIGHT_LID_FOLD,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_LIP_RINGS,
)
from lipsmith.render.anchors import CORNER_ANCHORS, OPENING_ANCHORS, WIDENING_ANCHORS
from lipsmith.render.portrait import Portrait
from lipsmith.render.shape import FaceShape
from lipsmith.render.warp import signed_areas

SPEECH = [
    {"aperture": 0.0},
    {"aperture": 0.0, "press": 1.0},
    {"aperture": 0.0, "width": -0.2, "pucker": 1.0},
    {"aperture": 0.0, "tuck": 1.0, "upper_raise": 0.03},
    {"aperture": 0.06, "width": 0.1, "lower_drop": 0.03},
    {"aperture": 0.13, "upper_raise": 0.02, "smile": 0.5},
    {"aperture": 0.27, "smile": 0.75},
    {"aperture": 0.22, "width": -0.16, "pucker": 0.7, "smile": 0.0},
    {"aperture": 0.0, "press": 1.0, "jaw": 0.08, "smile": 0.45},
    {"aperture": 0.10, "jaw": -0.08, "corner": -0.06},
]


@pytest.fixture(params=["smile", "shut"])
def shape(request: pytest.FixtureRequest, shapes: dict[str, FaceShape]) -> FaceShape:
    return shapes[request.param]


def gaps(shape: FaceShape, channels: dict[str, float]) -> np.ndarray:
    """Height of the opening at the eleven columns, IOD, negative where the lips cross."""
    points = shape.rest + shape.displacement(channels)
    return points[list(INNER_LOWER), 1] - points[list(INNER_UPPER), 1]


@pytest.mark.parametrize("requested", SPEECH, ids=str)
def test_the_lips_are_apart_exactly_as_requested(shape: FaceShape, requested: dict[str, float]) -> None:
    channels = motion(**requested)
    found, wanted = gaps(shape, channels), shape.target_aperture(channels)
    assert found[5] == pytest.approx(wanted, abs=1e-9)
    inner = found[1:-1]
    assert (inner >= -1e-9).all()
    assert (inner <= wanted + 1e-9).all()
    if requested["aperture"] == 0.0:
        np.testing.assert_allclose(inner, 0, atol=1e-9)
    else:  # narrower towards the corners, and alike on both sides
        assert (np.diff(inner[:5]) > 0).all()
        np.testing.assert_allclose(inner, inner[::-1], atol=0.03 * wanted)


def test_more_is_wider_open(shape: FaceShape) -> None:
    middles = [gaps(shape, motion(aperture=a))[5] for a in (0.0, 0.1, 0.2, 0.3)]
    np.testing.assert_allclose(np.diff(middles), 0.1 * shape.scale, atol=1e-9)


def test_the_own_mouth_needs_no_motion(shapes: dict[str, FaceShape]) -> None:
    shape = shapes["smile"]
    moved = shape.displacement(motion(aperture=shape.aperture / shape.scale))
    assert np.abs(moved).max() < 0.03  # the profile of the opening may differ a little from column to column
    lips = {p for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS) for p in ring}
    elsewhere = [p for p in range(468) if p not in lips]
    assert np.abs(moved[elsewhere]).max() < 0.015


def test_the_mouth_gets_wider_and_narrower(shape: FaceShape) -> None:
    def width(**given: float) -> float:
        points = shape.rest + shape.displacement(motion(aperture=0.1, **given))
        return float(np.linalg.norm(points[291] - points[61]))

    assert width(width=-0.2) < width(width=-0.1) - 0.05 < width() - 0.1
    assert width(width=0.1) > width() + 0.05


def test_a_smile_that_relaxes_makes_a_wide_mouth_narrower(shapes: dict[str, FaceShape]) -> None:
    shape = shapes["smile"]
    kept, gone = (shape.rest + shape.displacement(motion(smile=smile)) for smile in (1.0, 0.0))
    assert np.linalg.norm(gone[291] - gone[61]) < np.linalg.norm(kept[291] - kept[61]) - 0.05


def test_the_chin_follows_the_lower_lip_and_the_nose_stays(shape: FaceShape) -> None:
    moved = shape.displacement(motion(aperture=0.3))[:, 1] - shape.displacement(motion(aperture=0.0))[:, 1]
    down = moved[list(CHIN_LINE)]
    assert (down > 0.08).all()
    assert down.max() <= 1.1 * moved[14]
    assert abs(moved[[1, 4, 6, 168, 10, 151]]).max() < 0.005
    assert moved[13] < 0  # the upper lip rises


def test_the_jaw_moves_the_chin_and_not_the_lips(shape: FaceShape) -> None:
    requested = {"aperture": 0.1, "smile": 0.45}
    low, high = (shape.displacement(motion(**requested, jaw=jaw))[:, 1] for jaw in (0.08, -0.08))
    assert ((low - high)[list(CHIN_LINE[1:])] > 0.03).all()
    np.testing.assert_allclose(low[[13, 14, 78, 308]], high[[13, 14, 78, 308]], atol=0.006)
    assert np.abs(low - high)[[1, 4, 6, 168, 10, 151]].max() < 0.005


@pytest.mark.parametrize("corner", [-0.06, 0.06])
def test_corners_rise_and_sink_as_requested_and_the_middle_stays(shape: FaceShape, corner: float) -> None:
    moved = shape.displacement(motion(corner=corner))[:, 1] - shape.displacement(motion())[:, 1]
    np.testing.assert_allclose(moved[[61, 291, 78, 308]], -corner, atol=0.006)
    assert np.abs(moved[[0, 13, 14, 17]]).max() < 0.006
    assert np.abs(moved[[1, 4, 168, 152, *LEFT_UPPER_LID]]).max() < 0.006


def test_the_corners_of_a_smile_come_down_as_it_is_undone(shapes: dict[str, FaceShape]) -> None:
    shape = shapes["smile"]

    def hang(smile: float) -> float:
        points = shape.rest + shape.displacement(motion(smile=smile))
        return float(points[[61, 291], 1].mean() - points[[13, 14], 1].mean())

    assert hang(1.0) + 0.01 < hang(0.5) < hang(0.0)


def test_rounded_lips_undo_a_smile(shapes: dict[str, FaceShape]) -> None:
    shape = shapes["smile"]

    def width(pucker: float) -> float:
        points = shape.rest + shape.displacement(motion(aperture=0.08, smile=0.45, pucker=pucker, width=-0.24 * pucker))
        return float(np.linalg.norm(points[291] - points[61]))

    assert width(1.0) < 0.65 * shape.width


def test_no_mouth_is_narrowed_without_end(shape: FaceShape) -> None:
    points = shape.rest + shape.displacement(motion(width=-0.4, pucker=1.0, smile=0.0))
    assert np.linalg.norm(points[291] - points[61]) > 0.4 * shape.width


def test_every_anchor_has_its_twin_and_no_twin_is_idle() -> None:
    named = {*OPENING_ANCHORS, *WIDENING_ANCHORS, *CORNER_ANCHORS}
    assert set(MIRROR_PAIRS) == named - set(CHIN_LINE)


def test_what_moves_is_found_by_its_name(shape: FaceShape) -> None:
    moved = shape.moved_by({"pucker": 0.5, "jaw": 0.02})
    np.testing.assert_allclose(moved, shape.moved_by({"pucker": 0.5}) + shape.moved_by({"jaw": 0.02}), atol=1e-12)
    assert not shape.moved_by({}).any()


def test_lips_and_head_keep_to_themselves(shape: FaceShape) -> None:
    moving_head = {"head_yaw": 8.0, "head_pitch": -5.0, "head_roll": 3.0, "head_x": 0.1, "breath": 1.0}
    np.testing.assert_array_equal(
        shape.displacement(motion(aperture=0.1)), shape.displacement(motion(aperture=0.1, **moving_head))
    )
    speaking = shape.displacement(motion(aperture=0.2)) - shape.displacement(motion())
    assert np.abs(speaking[list(LEFT_UPPER_LID + RIGHT_LOWER_LID + LEFT_BROW)]).max() < 1e-3


def test_a_blink_moves_the_skin_around_the_eye_a_little(shape: FaceShape) -> None:
    """The lid itself is painted."""
    for lids, channel in (
        ((LEFT_UPPER_LID, LEFT_LOWER_LID), "blink_left"),
        ((RIGHT_UPPER_LID, RIGHT_LOWER_LID), "blink_right"),
    ):
        opened = shape.rest + shape.displacement(motion())
        np.testing.assert_allclose(opened[list(lids[0])], shape.rest[list(lids[0])], atol=1e-3)
        moved = shape.displacement(motion(**{channel: 1.0})) - shape.displacement(motion())
        upper, lower = list(lids[0][1:-1]), list(lids[1][1:-1])
        gap = shape.rest[lower, 1] - shape.rest[upper, 1]
        np.testing.assert_allclose(moved[upper, 1], 0.20 * gap, atol=1e-9)
        np.testing.assert_allclose(moved[lower, 1], -0.10 * gap, atol=1e-9)
        # The mesh's other half stays.
        assert np.abs(moved[list(LEFT_BROW if channel == "blink_right" else RIGHT_BROW)]).max() == 0


def test_brow_and_cheek_join_a_blink(shape: FaceShape) -> None:
    moved = shape.displacement(motion(blink_left=1.0)) - shape.displacement(motion())
    assert 0.002 < moved[list(LEFT_BROW), 1].mean() < 0.02
    assert -0.02 < moved[list(LEFT_CHEEK), 1].mean() < -0.002


@pytest.mark.parametrize(("blink", "closure"), [(0.0, 0.0), (0.475, 0.5), (0.95, 1.0), (1.0, 1.0)])
def test_an_eye_is_shut_before_its_channel_ends(shape: FaceShape, blink: float, closure: float) -> None:
    assert shape.closure(blink) == pytest.approx(closure)


def test_one_eye_can_wink(shape: FaceShape) -> None:
    moved = shape.displacement(motion(blink_left=1.0)) - shape.displacement(motion())
    assert np.abs(moved[list(LEFT_UPPER_LID)]).max() > 0.015
    assert np.abs(moved[list(RIGHT_UPPER_LID)]).max() == 0


def test_a_blink_moves_nothing_above_the_eyes_behind_glasses(shapes: dict[str, FaceShape]) -> None:
    shape = shapes["shut"]
    shape.glasses = True
    try:
        blinking = shape.displacement(motion(blink_left=1.0, blink_right=1.0))
    finally:
        shape.glasses = False
    moved = blinking - shape.displacement(motion())
    above = [*LEFT_BROW, *RIGHT_BROW, *LEFT_LID_FOLD, *RIGHT_LID_FOLD, *LEFT_UPPER_LID[1:-1], *RIGHT_UPPER_LID[1:-1]]
    assert np.abs(moved[above]).max() == 0
    assert np.abs(moved[list(LEFT_LOWER_LID[1:-1])]).max() > 0.005


def test_eyes_that_may_not_shut_leave_the_mesh_alone(shapes: dict[str, FaceShape]) -> None:
    shape = shapes["shut"]
    shape.blink_amount = 0.0
    try:
        blinking = shape.displacement(motion(blink_left=1.0, blink_right=1.0))
    finally:
        shape.blink_amount = 1.0
    np.testing.assert_array_equal(blinking, shape.displacement(motion()))


def test_brows_can_be_held(shapes: dict[str, FaceShape]) -> None:
    shape = shapes["shut"]
    shape.holds_brows = True
    try:
        raised = shape.displacement(motion(brow=1.0))
    finally:
        shape.holds_brows = False
    np.testing.assert_array_equal(raised, shape.displacement(motion()))


def test_brows_rise_and_sink(shape: FaceShape) -> None:
    up = shape.displacement(motion(brow=1.0))[list(LEFT_BROW), 1].mean()
    down = shape.displacement(motion(brow=-1.0))[list(LEFT_BROW), 1].mean()
    assert up < -0.02 < 0.02 < down


@pytest.mark.parametrize("requested", SPEECH, ids=str)
def test_no_triangle_under_the_lower_lip_turns_over(portrait: Portrait, requested: dict[str, float]) -> None:
    chin = {p for ring in LOWER_LIP_RINGS for p in ring[2:-2]} | {*CHIN_LINE, 83, 313, 201, 421, 208, 428}
    under = portrait.triangles[np.isin(portrait.triangles, list(chin)).any(axis=1)]
    iod_px = portrait.shape.frame.iod_px
    before = signed_areas(portrait.target_points(motion(aperture=portrait.shape.aperture)), under) / iod_px**2
    after = signed_areas(portrait.target_points(motion(**requested)), under) / iod_px**2
    assert (after[before > 2e-4] > 0).all()


def test_the_test_of_folds_would_see_one(portrait: Portrait) -> None:
    points = portrait.target_points(motion())
    points[17] = points[13] - (points[17] - points[13])  # the lower lip's edge above the upper lip
    touching = portrait.triangles[(portrait.triangles == 17).any(axis=1)]
    assert (signed_areas(points, touching) < 0).any()
