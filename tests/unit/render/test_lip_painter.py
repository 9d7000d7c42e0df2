"""Other lips on a filmed face: what is asked is what is seen, and nothing but the lower face changes."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from render_helpers import motion

from lipsmith.engines.mediapipe_face import MediapipeFaceFinder
from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.landmarks import aperture, mouth_width
from lipsmith.face.layout import I32, INNER_OUTLINE, INNER_UPPER, LIP_OUTLINE
from lipsmith.media.clip import U8, Image
from lipsmith.render.clip_look import read_clip_look
from lipsmith.render.clip_shape import typical_mesh
from lipsmith.render.lips import LipPainter, LipTargets, _sample_within_lips
from lipsmith.render.mouth_colours import CHEEKS, LOWER_CHEEKS, median_at
from lipsmith.render.outline import outline_mask

Filmed = dict[str, tuple[U8, F64]]
FRAMES = ("shut", "parted", "open", "wide")
NOSE_BASE, CHIN = 2, 152
BEYOND_CHIN_IOD, BESIDE_FACE_IOD = 0.40, 0.45


@pytest.fixture(scope="module")
def painter(filmed: Filmed, triangles: I32) -> LipPainter:
    shut = filmed["shut"][1]
    resting_lip: F64 = HeadFrame.of(shut).to_head(shut)[list(INNER_UPPER[3:8])].mean(axis=0)
    typical = typical_mesh(np.stack([points for _, points in filmed.values()]))
    return LipPainter(typical, triangles, read_clip_look(list(filmed.values())), resting_lip)


@pytest.fixture(scope="module")
def finder() -> MediapipeFaceFinder:
    return MediapipeFaceFinder()


def requested(gap: float, width: float = 0.85, **shape: float) -> LipTargets:
    return LipTargets(aperture=gap, width=width, lips=motion(**shape))


def found(finder: MediapipeFaceFinder, rgb: U8) -> F64:
    """The mesh of the face, looked for anew."""
    return finder.find(Image(rgb=rgb, grey=False))[0].points


def changed(a: U8, b: U8) -> NDArray[np.int64]:
    """(h, w) the largest difference of the three colours."""
    return np.abs(a.astype(np.int64) - b).max(axis=2)


def inside_of(rgb: U8, points: F64) -> NDArray[np.bool_]:
    return outline_mask(points[INNER_OUTLINE, :2], rgb.shape[:2], grow=0.8, soft_px=0.8) > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", FRAMES)
def test_who_looks_for_the_lips_again_finds_what_was_requested(
    filmed: Filmed, painter: LipPainter, finder: MediapipeFaceFinder, name: str
) -> None:
    """The finder sees gaps of this face smaller than they are; more is seen as more, and shut lips as shut."""
    rgb, points = filmed[name]
    gaps = [aperture(found(finder, painter.draw(rgb, points, requested(gap)))) for gap in (0.0, 0.07, 0.14, 0.24)]
    assert gaps[0] < 0.02
    assert all(after - before > 0.012 for before, after in pairwise(gaps))
    assert gaps[2] == pytest.approx(0.14, abs=0.04)


def test_the_same_is_seen_whatever_the_frame_s_own_lips_do(
    filmed: Filmed, painter: LipPainter, finder: MediapipeFaceFinder
) -> None:
    seen = [found(finder, painter.draw(*filmed[name], requested(0.12))) for name in FRAMES]
    assert np.ptp([aperture(points) for points in seen]) < 0.045
    assert np.ptp([mouth_width(points) for points in seen]) < 0.05


def test_wide_and_narrow_mouths_are_seen_as_such(
    filmed: Filmed, painter: LipPainter, finder: MediapipeFaceFinder
) -> None:
    rgb, points = filmed["open"]
    own = mouth_width(points)
    narrow, wide = (
        mouth_width(found(finder, painter.draw(rgb, points, requested(0.1, own + change)))) for change in (-0.15, 0.08)
    )
    assert narrow < own - 0.02
    assert wide > own + 0.02


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("name", FRAMES)
def test_nothing_changes_above_the_nose_s_base_beyond_the_chin_or_beside_the_face(
    filmed: Filmed, painter: LipPainter, name: str, fine: bool
) -> None:
    rgb, points = filmed[name]
    frame = HeadFrame.of(points)
    chin, base, left, right = (frame.to_head(points[[p]])[0] for p in (CHIN, NOSE_BASE, 234, 454))
    for wanted in (requested(0.0, 0.7), requested(0.3, 1.0, pucker=1.0)):
        rows, columns = np.nonzero(changed(painter.draw(rgb, points, wanted, fine=fine), rgb))
        assert rows.size > 1000
        at = np.column_stack([columns, rows, np.zeros(len(rows))])
        at[:, 2] = frame.origin[2]
        across, down = ((at - frame.origin) @ frame.rotation.T / frame.iod_px)[:, :2].T
        # The image has no depth: a head that looks down is seen a little shorter.
        assert down.min() > base[1] - 0.06
        assert down.max() < chin[1] + BEYOND_CHIN_IOD
        assert across.min() > left[0] - BESIDE_FACE_IOD and across.max() < right[0] + BESIDE_FACE_IOD


def test_lips_that_shall_do_what_they_do_change_little(filmed: Filmed, painter: LipPainter) -> None:
    rgb, points = filmed["shut"]
    difference = changed(painter.draw(rgb, points, requested(aperture(points), mouth_width(points))), rgb)
    assert (difference > 12).sum() < 60
    near = outline_mask(points[[61, 0, 291, 17], :2], rgb.shape[:2], grow=1.3, soft_px=1.0) > 0.5
    assert difference[near].mean() < 3
    assert difference[~near].mean() < 0.1


def white_at_the_lips(rgb: U8, points: F64) -> int:
    """Count pixels at the line of the upper lip that are bright and of less colour than skin and lips ever are."""
    frame = HeadFrame.of(points)
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    line = points[list(INNER_UPPER[2:-2]), :2]
    apart = np.min([np.hypot(columns - x, rows - y) for x, y in line], axis=0)
    near = rgb[apart < 0.08 * frame.iod_px].astype(np.float64)
    skin = median_at(rgb, points[list(CHEEKS), :2], 0.10 * frame.iod_px)
    return int(((near.min(axis=1) > 0.82 * near.max(axis=1)) & (near.mean(axis=1) > 0.6 * skin.mean())).sum())


@pytest.mark.parametrize("name", ["parted", "open", "wide"])
def test_lips_that_close_over_teeth_show_none(
    filmed: Filmed, painter: LipPainter, finder: MediapipeFaceFinder, name: str
) -> None:
    """No more white than lips that were shut have of their own gloss."""
    rgb, points = filmed[name]
    shut = painter.draw(rgb, points, requested(0.0, mouth_width(points)))
    after = white_at_the_lips(shut, found(finder, shut))
    assert after < 0.5 * white_at_the_lips(rgb, points)
    assert after <= white_at_the_lips(*filmed["shut"]) + 18


def sampled_edges(rgb: U8, points: F64, *, gap: float) -> F64:
    """Offsets of the sampling points of both lips, (478, 2) pixels."""
    frame = HeadFrame.of(points)
    values = np.zeros((len(points), 3), np.float32)
    skin = median_at(rgb, points[list(LOWER_CHEEKS), :2], 0.10 * frame.iod_px)
    _sample_within_lips(values, rgb, points, frame, gap, gap, skin)
    return values[:, :2].astype(np.float64)


def test_gloss_on_a_lip_is_no_tooth_but_a_tooth_is(filmed: Filmed) -> None:
    rgb, points = filmed["open"]
    iod_px = HeadFrame.of(points).iod_px
    plain = rgb.copy()
    columns, rows = np.round(points[[85, 16, 315], :2]).astype(int).T
    lip = np.median(rgb[rows, columns], axis=0)
    cv2.fillPoly(plain, [np.round(points[LIP_OUTLINE, :2]).astype(np.int32)], lip.tolist())
    cv2.fillPoly(plain, [np.round(points[INNER_OUTLINE, :2]).astype(np.int32)], (40, 20, 20))
    glossy, toothed = plain.copy(), plain.copy()
    x, y = points[14, :2]
    deeper = (round(x), round(y + 0.045 * iod_px))
    cv2.ellipse(glossy, deeper, (round(0.08 * iod_px), 1), 0, 0, 360, (250, 245, 240), -1)
    at_edge = (round(x), round(y))
    cv2.ellipse(toothed, at_edge, (round(0.08 * iod_px), round(0.035 * iod_px)), 0, 0, 360, (235, 230, 215), -1)
    usual, with_gloss, with_tooth = (
        sampled_edges(frame, points, gap=0.12)[14, 1] for frame in (plain, glossy, toothed)
    )
    assert with_gloss == pytest.approx(usual, abs=0.5)
    assert with_tooth > usual + 0.008 * iod_px


@pytest.mark.parametrize("name", ["open", "wide"])
def test_teeth_do_not_stick_to_closing_lips_where_their_points_lay_on_the_teeth(
    filmed: Filmed, painter: LipPainter, finder: MediapipeFaceFinder, name: str
) -> None:
    rgb, points = filmed[name]
    frame = HeadFrame.of(points)
    amiss = points.copy()
    amiss[list(INNER_UPPER[1:-1]), :2] += 0.04 * frame.iod_px * frame.rotation[1, :2]
    shut = painter.draw(rgb, amiss, requested(0.0, mouth_width(points)))
    assert white_at_the_lips(shut, found(finder, shut)) <= white_at_the_lips(*filmed["shut"]) + 12


def test_an_open_mouth_has_something_in_it(filmed: Filmed, painter: LipPainter, finder: MediapipeFaceFinder) -> None:
    """Teeth above and darkness below them, where shut lips were."""
    rgb, points = filmed["shut"]
    wide = painter.draw(rgb, points, requested(0.28))
    inside = wide[inside_of(wide, found(finder, wide))].astype(np.float64)
    skin = median_at(rgb, points[list(CHEEKS), :2], 8)
    assert inside.mean(axis=1).min() < 0.4 * skin.mean()
    assert np.ptp(inside.mean(axis=1)) > 60


def test_the_drawing_depends_on_nothing_but_what_is_given(filmed: Filmed, painter: LipPainter) -> None:
    first = painter.draw(*filmed["open"], requested(0.2))
    painter.draw(*filmed["shut"], requested(0.05, 0.7, pucker=1.0))
    kept = filmed["open"][0].copy()
    assert (painter.draw(*filmed["open"], requested(0.2)) == first).all()
    assert (filmed["open"][0] == kept).all()


@pytest.mark.parametrize("name", FRAMES)
def test_what_changes_lies_within_reach_and_that_piece_is_enough(
    filmed: Filmed, painter: LipPainter, name: str
) -> None:
    rgb, points = filmed[name]
    low, high = painter.reach(points)
    (left, top), (right, bottom) = np.floor(low).astype(int), np.ceil(high).astype(int) + 1
    here = np.s_[top:bottom, left:right]
    region = painter.draw(rgb[here].copy(), points - [left, top, 0.0], requested(0.3))
    whole = painter.draw(rgb, points, requested(0.3))
    assert changed(region, whole[here]).mean() < 0.1 * changed(whole, rgb)[here].mean()
    beyond = changed(whole, rgb)
    beyond[here] = 0
    assert beyond.max() <= 2


def test_a_dark_frame_gets_a_dark_mouth(filmed: Filmed, painter: LipPainter) -> None:
    rgb, points = filmed["open"]
    bright = painter.draw(rgb, points, requested(0.2))
    dark = painter.draw(np.asarray(rgb * 0.5, np.uint8), points, requested(0.2))
    inside = inside_of(rgb, points)
    assert dark[inside].mean() == pytest.approx(0.5 * bright[inside].mean(), rel=0.1)


@pytest.fixture(scope="module")
def turned(filmed: Filmed) -> tuple[U8, F64]:
    """A frame whose head leans over by a right angle, without any resampling."""
    rgb, points = filmed["open"]
    leaning = points.copy()
    leaning[:, 0], leaning[:, 1] = points[:, 1], rgb.shape[1] - 1 - points[:, 0]
    return np.ascontiguousarray(np.rot90(rgb)), leaning


def test_a_leaning_head_is_drawn_as_an_upright_one(filmed: Filmed, painter: LipPainter, turned: tuple[U8, F64]) -> None:
    upright = painter.draw(*filmed["open"], requested(0.05))
    leaning = np.rot90(painter.draw(*turned, requested(0.05)), -1)
    assert np.abs(upright.astype(int) - leaning).mean() < 0.15
    assert changed(upright, filmed["open"][0]).mean() > 5 * np.abs(upright.astype(int) - leaning).max(axis=2).mean()
