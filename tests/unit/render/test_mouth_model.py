"""The inside of a mouth, fused from frames made by code: what is drawn, and what it does not depend on."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from render_helpers import motion

from lipsmith.face.geometry import F64, HeadFrame, SkullFrame
from lipsmith.face.landmarks import aperture
from lipsmith.face.layout import I32, INNER_OUTLINE, INNER_UPPER
from lipsmith.media.clip import U8
from lipsmith.render.clip_look import read_clip_look
from lipsmith.render.clip_shape import ClipShape, typical_mesh
from lipsmith.render.lips import LipPainter, LipTargets
from lipsmith.render.mouth_model import MIN_GAP_IOD, NODE_FRAMES, NODES, MouthModel, choose_frames, learn_mouth

Filmed = dict[str, tuple[U8, F64]]
TOOTH, DARK, SKIN = (225, 220, 205), (50, 20, 20), (190, 140, 115)
IOD_PX = 84.0
TOOTH_END_IOD = 0.05


@pytest.fixture(scope="module")
def rest(filmed: Filmed) -> F64:
    typical = typical_mesh(np.stack([points for _, points in filmed.values()]))
    return HeadFrame.of(typical).to_head(typical)


@pytest.fixture(scope="module")
def skull(filmed: Filmed) -> F64:
    shut = filmed["shut"][1]
    middle: F64 = HeadFrame.of(shut).to_head(shut)[list(INNER_UPPER[3:8])].mean(axis=0)
    return middle


def frame_with(points: F64, rest: F64, skull: F64, shape: tuple[int, ...]) -> U8:
    """Skin, and in the mouth two teeth with a gap between them, fixed to the skull, over darkness."""
    rgb = np.full(shape, SKIN, np.uint8)
    plane = SkullFrame.of(points, rest).plane_to_image(skull)
    inside = rgb.copy()
    inside[:] = DARK
    for left, right in ((-0.2, -0.01), (0.01, 0.2)):
        corners = np.array([(left, -0.3), (right, -0.3), (right, TOOTH_END_IOD), (left, TOOTH_END_IOD)])
        quad = corners @ plane[:, :2].T + plane[:, 2]
        cv2.fillPoly(inside, [np.round(quad * 16).astype(np.int32)], TOOTH, cv2.LINE_AA, 4)
    hole = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(hole, [np.round(points[INNER_OUTLINE, :2] * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    share = (hole / 255.0)[..., None]
    return np.asarray(rgb + share * (inside.astype(np.float64) - rgb), np.uint8)


def speaking(filmed: Filmed, triangles: I32) -> list[F64]:
    """Meshes of a mouth that opens and closes, the head moving a little."""
    shut = filmed["shut"][1]
    shape = ClipShape(typical_mesh(np.stack([points for _, points in filmed.values()])), triangles)
    frame, meshes = HeadFrame.of(shut), []
    now = frame.to_head(shut)
    for k in range(40):
        gap = 0.28 * abs(np.sin(0.4 * k))
        away = shape.displacement(now, motion(), aperture=gap, width=0.8)
        mesh = shut + away @ frame.rotation * frame.iod_px
        meshes.append(mesh + np.array([2.3 * np.sin(k), 1.7 * np.cos(k), 0.0]))
    return meshes


@pytest.fixture(scope="module")
def clip(filmed: Filmed, triangles: I32, rest: F64, skull: F64) -> list[tuple[U8, F64]]:
    shape = filmed["shut"][0].shape
    frames = [(frame_with(mesh, rest, skull, shape), mesh) for mesh in speaking(filmed, triangles)]
    for k in (5, 12, 19):
        frames[k][0][:] = (0, 255, 0)
    return [(np.asarray(rgb * (0.8 + 0.2 * (k % 2)), np.uint8), mesh) for k, (rgb, mesh) in enumerate(frames)]


@pytest.fixture(scope="module")
def model(clip: list[tuple[U8, F64]], rest: F64, skull: F64) -> MouthModel:
    learnt = learn_mouth(clip, rest, skull, iod_px=IOD_PX)
    assert learnt is not None
    return learnt


@pytest.fixture(scope="module")
def painter(filmed: Filmed, triangles: I32, skull: F64, model: MouthModel) -> LipPainter:
    typical = typical_mesh(np.stack([points for _, points in filmed.values()]))
    return LipPainter(typical, triangles, read_clip_look(list(filmed.values())), skull, model)


def asked(gap: float, **shape: float) -> LipTargets:
    return LipTargets(aperture=gap, width=0.8, lips=motion(**shape))


def pale(rgb: U8) -> NDArray[np.bool_]:
    return np.asarray(rgb.min(axis=2) > 150)


def test_two_teeth_with_their_gap_are_drawn_into_lips_that_were_shut(
    filmed: Filmed, painter: LipPainter, rest: F64, skull: F64
) -> None:
    rgb, points = filmed["shut"]
    drawn = painter.draw(rgb, points, asked(0.24))
    plane = SkullFrame.of(points, rest).plane_to_image(skull)
    across = [(u, 0.03) @ plane[:, :2].T + plane[:, 2] for u in (-0.08, 0.0, 0.08)]
    left, gap, right = (drawn[round(y), round(x)].astype(int).mean() for x, y in across)
    assert left > gap + 25 and right > gap + 25
    x, y = (0.0, 0.14) @ plane[:, :2].T + plane[:, 2]
    assert drawn[round(y), round(x)].mean() < 0.5 * left


def test_frames_that_show_something_else_leave_no_trace(filmed: Filmed, painter: LipPainter) -> None:
    drawn = painter.draw(*filmed["shut"], asked(0.24)).astype(int)
    assert (drawn[..., 1] - drawn[..., [0, 2]].max(axis=2)).max() < 40


@pytest.mark.slow
def test_the_picture_is_a_continuous_function_of_the_opening(filmed: Filmed, painter: LipPainter) -> None:
    rgb, points = filmed["shut"]
    gaps = np.arange(0.02, 0.3, 0.004)
    drawn = [painter.draw(rgb, points, asked(float(gap))).astype(int) for gap in gaps]
    steps = [np.abs(after - before).mean() for before, after in pairwise(drawn)]
    assert max(steps) < 3 * np.median(steps) + 0.05


def test_upper_teeth_stay_with_the_skull_while_the_mouth_opens(filmed: Filmed, painter: LipPainter) -> None:
    rgb, points = filmed["shut"]
    frame = HeadFrame.of(points)
    ends = []
    for gap in (0.16, 0.22, 0.28):
        rows, _ = np.nonzero(pale(painter.draw(rgb, points, asked(gap))) & ~pale(rgb))
        ends.append(np.percentile(rows, 95))
    assert np.ptp(ends) < 0.03 * frame.iod_px


def test_a_frame_in_half_the_light_gets_half_the_light(filmed: Filmed, painter: LipPainter) -> None:
    rgb, points = filmed["open"]
    bright = painter.draw(rgb, points, asked(0.2))
    dark = painter.draw(np.asarray(rgb * 0.5, np.uint8), points, asked(0.2))
    teeth = pale(bright) & ~pale(rgb)
    assert teeth.sum() > 50
    assert dark[teeth].mean() == pytest.approx(0.5 * bright[teeth].mean(), rel=0.1)


def test_a_raised_tongue_shows_between_the_teeth_for_th_and_behind_them_for_l(
    filmed: Filmed, painter: LipPainter
) -> None:
    rgb, points = filmed["shut"]
    without, behind, between = (painter.draw(rgb, points, asked(0.12, tongue=up)) for up in (0.0, 0.55, 0.9))
    teeth = pale(without) & ~pale(rgb)
    assert pale(behind)[teeth].mean() > 0.8
    assert pale(between)[teeth].mean() < pale(behind)[teeth].mean()
    assert (behind != without).any()


def test_lips_that_never_part_teach_nothing(filmed: Filmed, rest: F64, skull: F64) -> None:
    assert aperture(filmed["shut"][1]) < MIN_GAP_IOD
    assert learn_mouth([filmed["shut"]] * 30, rest, skull, iod_px=IOD_PX) is None
    assert learn_mouth([filmed["wide"]] * 5, rest, skull, iod_px=IOD_PX) is None


def test_memory_is_bounded_and_every_opening_is_covered() -> None:
    gaps = np.abs(np.random.default_rng(5).normal(0.0, 0.12, 20_000))
    rows = choose_frames(gaps, fine=False)
    assert (np.diff(rows) > 0).all()
    assert len(rows) <= len(NODES) * NODE_FRAMES < len(choose_frames(gaps, fine=True))
    assert (gaps[rows] >= MIN_GAP_IOD).all()
    assert all((np.abs(gaps[rows] - node) < 0.01).sum() >= 10 for node in NODES)
    assert not len(choose_frames(np.zeros(100), fine=False))


def test_a_mouth_without_teeth_gets_none(filmed: Filmed, triangles: I32, rest: F64, skull: F64) -> None:
    dark = []
    for mesh in speaking(filmed, triangles):
        rgb = np.full(filmed["shut"][0].shape, SKIN, np.uint8)
        cv2.fillPoly(rgb, [np.round(mesh[INNER_OUTLINE, :2]).astype(np.int32)], DARK)
        dark.append((rgb, mesh))
    model = learn_mouth(dark, rest, skull, iod_px=IOD_PX)
    assert model is not None and not model.tooth_alpha.any()
