"""Fine detail of drawn lips: as much as the clip shows, and no halo."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.landmarks import aperture
from lipsmith.face.layout import LIP_OUTLINE
from lipsmith.media.clip import U8
from lipsmith.render.lip_detail import LIPS_SCALE, LipDetail, _detail, learn_detail
from lipsmith.render.outline import outline_mask

Filmed = dict[str, tuple[U8, F64]]


@pytest.fixture(scope="module")
def detail(filmed: Filmed) -> LipDetail:
    learnt = learn_detail(filmed.values())
    assert learnt is not None
    return learnt


def found(rgb: U8, points: F64) -> float:
    iod_px = HeadFrame.of(points).iod_px
    mask = outline_mask(points[LIP_OUTLINE, :2], rgb.shape[:2], grow=LIPS_SCALE, soft_px=0.02 * iod_px)
    return _detail(rgb, mask, iod_px)


def matched(detail: LipDetail, rgb: U8, points: F64, sharpness: float = 1.0) -> U8:
    out = rgb.copy()
    detail.match(out, points, points[:, :2], aperture(points), sharpness)
    return out


def test_lips_as_sharp_as_usual_stay_as_they_are(detail: LipDetail, filmed: Filmed) -> None:
    rgb, points = filmed["open"]
    assert (matched(detail, rgb, points) == rgb).mean() > 0.99


def test_blurred_lips_get_sharper_and_sharp_ones_softer(detail: LipDetail, filmed: Filmed) -> None:
    rgb, points = filmed["open"]
    blurred = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 1.5), np.uint8)
    sharp = np.asarray(cv2.addWeighted(rgb, 2.5, cv2.GaussianBlur(rgb, (0, 0), 1.5), -1.5, 0.0), np.uint8)
    usual = found(rgb, points)
    assert found(blurred, points) < found(matched(detail, blurred, points), points) < 1.05 * usual
    assert 0.9 * usual < found(matched(detail, sharp, points), points) < 0.9 * found(sharp, points)


def test_no_pixel_leaves_the_range_of_its_neighbours(detail: LipDetail, filmed: Filmed) -> None:
    rgb, points = filmed["wide"]
    blurred = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 2.0), np.uint8)
    out = matched(detail, blurred, points)
    near = np.ones((3, 3), np.uint8)
    assert (out <= cv2.dilate(blurred, near)).all() and (out >= cv2.erode(blurred, near)).all()


def test_a_blurred_frame_is_found_and_its_lips_stay_blurred(detail: LipDetail, filmed: Filmed) -> None:
    rgb, points = filmed["open"]
    blurred = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 1.5), np.uint8)
    assert detail.sharpness(blurred, points) < 0.75 < 0.85 < detail.sharpness(rgb, points) < 1.15
    calm = matched(detail, rgb, points, detail.sharpness(blurred, points))
    assert found(calm, points) < 0.9 * found(rgb, points)


def test_lips_outside_the_frame_change_nothing(detail: LipDetail, filmed: Filmed) -> None:
    rgb, points = filmed["open"]
    away = points + np.array([0.0, 3.0 * rgb.shape[0], 0.0])
    assert (matched(detail, rgb, away) == rgb).all()


def test_without_frames_nothing_is_learnt() -> None:
    assert learn_detail([]) is None


def test_plain_lips_get_softer_edges_than_crisp_ones() -> None:
    plain, usual, crisp = (LipDetail(lips=np.full((8, 2), level), skin=1.0).edge_softness for level in (1.0, 3.5, 9.0))
    assert plain == pytest.approx(2.3) and crisp == pytest.approx(1.2)
    assert crisp < usual < plain
