"""The mesh of a filmed face: whatever its lips do in a frame, they end where they are asked to be."""

from __future__ import annotations

import numpy as np
import pytest
from render_helpers import motion

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.landmarks import Face
from lipsmith.face.layout import I32, INNER_LOWER, INNER_UPPER, LEFT_IRIS, RIGHT_IRIS
from lipsmith.media.clip import U8
from lipsmith.render.clip_shape import ClipShape, typical_mesh, upper_lip_rise
from lipsmith.render.shape import GAP_PROFILE, UPPER_LIP_RISE

Filmed = dict[str, tuple[U8, F64]]
FRAMES = ("shut", "parted", "open", "wide")
STARTS = pytest.mark.parametrize("name", FRAMES)


@pytest.fixture(scope="module")
def shape(filmed: Filmed, triangles: I32) -> ClipShape:
    return ClipShape(typical_mesh(np.stack([points for _, points in filmed.values()])), triangles)


def head_of(filmed: Filmed, name: str) -> F64:
    points = filmed[name][1]
    return HeadFrame.of(points).to_head(points)


def mouth_width(mesh: F64) -> float:
    return float(np.linalg.norm(mesh[291] - mesh[61]))


@STARTS
@pytest.mark.parametrize("aperture", [0.0, 0.04, 0.13, 0.26])
def test_the_requested_gap_is_met_at_every_column(filmed: Filmed, shape: ClipShape, name: str, aperture: float) -> None:
    now = head_of(filmed, name)
    after = now + shape.displacement(now, motion(), aperture=aperture, width=mouth_width(now))
    gaps = (after[list(INNER_LOWER)] - after[list(INNER_UPPER)])[:, 1]
    np.testing.assert_allclose(gaps[1:-1], (aperture * GAP_PROFILE)[1:-1], atol=0.004)


@STARTS
@pytest.mark.parametrize("change", [-0.15, -0.05, 0.08])
def test_the_mouth_becomes_wider_and_narrower_by_what_is_requested(
    filmed: Filmed, shape: ClipShape, name: str, change: float
) -> None:
    now = head_of(filmed, name)
    gap = float(np.hypot(*(now[14, :2] - now[13, :2])))
    after = now + shape.displacement(now, motion(), aperture=gap, width=mouth_width(now) + change)
    assert mouth_width(after) - mouth_width(now) == pytest.approx(change, abs=0.03)


def test_whatever_the_lips_do_in_a_frame_they_end_alike(filmed: Filmed, shape: ClipShape) -> None:
    ends = []
    for name in FRAMES:
        now = head_of(filmed, name)
        ends.append(now + shape.displacement(now, motion(), aperture=0.1, width=0.85))
    assert np.ptp([end[14, 1] - end[13, 1] for end in ends]) < 0.005
    assert np.ptp([mouth_width(end) for end in ends]) < 0.03


def test_what_a_frame_has_already_moves_hardly_anything(filmed: Filmed, shape: ClipShape) -> None:
    now = head_of(filmed, "shut")
    gap = float(np.hypot(*(now[14, :2] - now[13, :2])))
    moved = shape.displacement(now, motion(), aperture=gap, width=mouth_width(now))
    assert np.abs(moved).max() < 0.02


def test_opening_takes_the_chin_along_and_leaves_eyes_and_nose(filmed: Filmed, shape: ClipShape) -> None:
    now = head_of(filmed, "shut")
    moved = shape.displacement(now, motion(), aperture=0.2, width=mouth_width(now))
    assert 0.07 < moved[152, 1] < 0.15
    still = [33, 133, 362, 263, 168, 6, 4, 2, *LEFT_IRIS, *RIGHT_IRIS]
    assert np.abs(moved[still]).max() < 0.01


@pytest.mark.parametrize("channel", ["pucker", "press", "upper_raise", "lower_drop", "corner", "jaw"])
def test_the_shape_of_the_lips_counts_beside_their_gap(filmed: Filmed, shape: ClipShape, channel: str) -> None:
    now = head_of(filmed, "open")
    amount = {"upper_raise": 0.03, "lower_drop": 0.03, "corner": 0.05, "jaw": 0.05}.get(channel, 1.0)
    plain, shaped = (
        shape.displacement(now, channels, aperture=0.1, width=0.85)
        for channels in (motion(), motion(**{channel: amount}))
    )
    assert np.abs(shaped - plain).max() > 0.005
    gaps = (now + shaped)[[14], 1] - (now + shaped)[[13], 1]
    assert gaps == pytest.approx(0.1, abs=0.004)


def test_a_typical_mesh_forgets_place_size_turn_and_what_is_rare(face: Face) -> None:
    rng = np.random.default_rng(8)
    meshes = []
    for number in range(9):
        angle = np.radians(rng.uniform(-20, 20))
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        mesh = face.points.copy()
        if number % 4 == 0:
            mesh[14, 1] += 9.0  # three of nine open their mouth
        meshes.append(mesh @ turn.T * (0.8 + 0.05 * number) + [*rng.uniform(-200, 200, 2), 0.0])
    typical = typical_mesh(np.stack(meshes))
    iod_px = HeadFrame.of(face.points).iod_px
    assert HeadFrame.of(typical).iod_px == pytest.approx(iod_px, rel=1e-6)  # the middle one's size is 1
    expected = HeadFrame.of(face.points).to_head(face.points)
    np.testing.assert_allclose(HeadFrame.of(typical).to_head(typical), expected, atol=1e-6)


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_the_rise_of_the_upper_lip_is_learnt_from_the_clip(filmed: Filmed, share: float) -> None:
    shut = filmed["shut"][1]
    frame = HeadFrame.of(shut)
    rest = frame.to_head(shut)
    meshes = []
    for gap in np.linspace(0.0, 0.25, 20):
        moved = np.zeros_like(rest)
        moved[list(INNER_UPPER), 1] = -share * gap
        moved[list(INNER_LOWER), 1] = (1.0 - share) * gap
        meshes.append(shut + moved @ frame.rotation * frame.iod_px)
    assert upper_lip_rise(np.stack(meshes), rest) == pytest.approx(share, abs=0.03)


def test_a_mouth_that_does_not_move_has_the_usual_rise(filmed: Filmed) -> None:
    shut = filmed["shut"][1]
    rest = HeadFrame.of(shut).to_head(shut)
    assert upper_lip_rise(np.stack([shut] * 5), rest) == UPPER_LIP_RISE


def test_an_upper_lip_that_rises_in_the_clip_rises_when_drawn(filmed: Filmed, triangles: I32) -> None:
    now, typical = head_of(filmed, "shut"), typical_mesh(np.stack([points for _, points in filmed.values()]))
    low, high = (
        ClipShape(typical, triangles, rise).displacement(now, motion(), aperture=0.2, width=mouth_width(now))[13, 1]
        for rise in (0.1, 0.4)
    )
    assert low - high == pytest.approx(0.3 * 0.2, abs=0.02)
