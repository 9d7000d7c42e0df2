"""Closed lids: skin where the eye was, with a lash line at its edge, and no blink where it would look wrong."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn_eyes import DARK, SKIN, DrawnEyes
from numpy.typing import NDArray

from lipsmith.render.lids import Lid, read_lids


def lids_of(eyes: DrawnEyes, *, grey: bool = False) -> tuple[Lid, Lid]:
    return read_lids(eyes.rgb, eyes.points, eyes.frame, grey=grey)


def away_from_skin(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the difference of each pixel to the skin, CIE76."""
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    skin = cv2.cvtColor(np.array([[SKIN]], np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.linalg.norm(lab.astype(np.float64) - skin, axis=2)


@pytest.mark.parametrize("iod_px", [40, 100, 240])
@pytest.mark.parametrize("left", [True, False])
def test_a_shut_lid_is_skin(iod_px: int, left: bool) -> None:
    eyes = DrawnEyes(iod_px, lashes=True)
    lid = lids_of(eyes)[0 if left else 1]
    inside = eyes.inside(left=left)
    before, after = away_from_skin(eyes.rgb)[inside], away_from_skin(eyes.with_lid(lid, 1.0, left=left))[inside]
    assert np.median(before) > 25
    assert after.mean() < 8
    assert np.percentile(after, 99) < 20


def test_a_lid_half_way_covers_half_of_the_eye() -> None:
    eyes = DrawnEyes()
    half = away_from_skin(eyes.with_lid(lids_of(eyes)[0], 0.5))
    assert half[eyes.inside(first=0.05, last=0.35)].mean() < 8
    assert half[eyes.inside(first=0.75, last=0.95)].mean() > 20


def test_a_lid_that_hardly_moves_hardly_changes_the_image() -> None:
    eyes = DrawnEyes(lashes=True)
    change = np.abs(eyes.with_lid(lids_of(eyes)[0], 0.004).astype(int) - eyes.rgb)
    assert change.max() <= 6
    assert np.abs(eyes.with_lid(lids_of(eyes)[0], 0.3).astype(int) - eyes.rgb).max() > 50


def test_no_lashes_stay_above_the_lid() -> None:
    eyes = DrawnEyes(lashes=True)
    lid = lids_of(eyes)[0]
    dark = [(rgb.mean(axis=2) < 110)[eyes.above()].mean() for rgb in (eyes.rgb, eyes.with_lid(lid, 1.0))]
    assert dark[0] > 0.05
    assert dark[1] < 0.005


def test_the_lash_line_lies_on_the_lower_margin() -> None:
    eyes = DrawnEyes()
    shut = eyes.with_lid(lids_of(eyes)[0], 1.0)
    for column in (85, 100, 115):
        x = (column - 100) / 24
        expected = 100 + 100 * (0.05 * (1 - x * x) + 0.011)
        assert np.argmin(shut[80:125, column].mean(axis=1)) + 80 == pytest.approx(expected, abs=2)


def test_lashes_hang_below_a_shut_lid() -> None:
    eyes = DrawnEyes(lashes=True)
    lid = lids_of(eyes)[0]
    line = eyes.with_lid(lid, 1.0)[80:125, 88:113].mean(axis=2)
    edge = int(np.argmin(line.mean(axis=1)))
    below, above = line[edge + 2 : edge + 6].min(axis=0), line[edge - 6 : edge - 2].min(axis=0)
    assert np.ptp(below) > 2 * np.ptp(above)


def test_only_the_eye_s_surroundings_change() -> None:
    eyes = DrawnEyes(lashes=True)
    change = np.abs(eyes.with_lid(lids_of(eyes)[0], 1.0).astype(int) - eyes.rgb).max(axis=2)
    rows, columns = np.nonzero(change > 12)
    assert rows.min() > 100 - 28 and rows.max() < 100 + 12
    assert columns.min() > 100 - 36 and columns.max() < 100 + 36


def test_a_lid_has_the_grain_of_the_skin() -> None:
    eyes = DrawnEyes(seed=3)
    inside = eyes.inside(first=0.25, last=0.7)
    light = eyes.with_lid(lids_of(eyes)[0], 1.0).mean(axis=2)
    fine = light - cv2.GaussianBlur(light, (0, 0), 2)
    assert 0.5 < fine[inside].std() < 3


def test_make_up_on_the_lid_stays_on_it() -> None:
    plain, made_up = DrawnEyes(), DrawnEyes()
    blue = np.array([150, 140, 170])
    rows, columns = np.indices(made_up.size)
    x = (columns - 100) / 24
    height = -(rows - 100) / 100 - 0.09 * (1 - x * x)
    made_up.rgb[(np.abs(x) < 1) & (height > 0.02) & (height < 0.08)] = blue
    shades = []
    for eyes in (plain, made_up):
        lid = eyes.with_lid(lids_of(eyes)[0], 1.0)[eyes.inside(first=0.1, last=0.6)].mean(axis=0)
        shades.append(lid[2] - lid[0])
    assert shades[1] > shades[0] + 10


def test_reading_is_deterministic() -> None:
    eyes = DrawnEyes(lashes=True)
    first, again = lids_of(eyes)[0].tables, lids_of(eyes)[0].tables
    for name, table, other in zip(first._fields, first, again, strict=True):
        np.testing.assert_array_equal(table, other, err_msg=name)


def test_a_grey_image_gets_grey_lids() -> None:
    eyes = DrawnEyes(lashes=True)
    eyes.rgb = np.repeat(cv2.cvtColor(eyes.rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    lid = lids_of(eyes, grey=True)[0]
    for way in (0.2, 1.0):
        assert np.ptp(eyes.with_lid(lid, way).astype(int), axis=2).max() <= 1


def test_living_eyes_shut() -> None:
    assert [lid.amount for lid in lids_of(DrawnEyes())] == [1.0, 1.0]


def test_eyes_of_stone_do_not_blink() -> None:
    assert [lid.amount for lid in lids_of(DrawnEyes(iris=False))] == [0.0, 0.0]


def test_tiny_eyes_blink_half_way() -> None:
    assert [lid.amount for lid in lids_of(DrawnEyes(20))] == [0.5, 0.5]


def test_hair_across_one_eye_halves_the_blink_of_both() -> None:
    eyes = DrawnEyes()
    cv2.line(eyes.rgb, (80, 60), (105, 140), DARK, 16)
    assert [lid.amount for lid in lids_of(eyes)] == [0.5, 0.5]


def test_glasses_are_found_by_their_bridge() -> None:
    eyes = DrawnEyes()
    assert not lids_of(eyes)[0].glasses
    cv2.rectangle(eyes.rgb, (60, 70), (140, 150), DARK, 2)
    cv2.rectangle(eyes.rgb, (160, 70), (240, 150), DARK, 2)
    cv2.line(eyes.rgb, (140, 95), (160, 95), DARK, 4)
    assert [lid.glasses for lid in lids_of(eyes)] == [True, True]


def test_a_rim_above_the_eye_stays_in_a_blink() -> None:
    eyes = DrawnEyes()
    cv2.rectangle(eyes.rgb, (60, 80), (140, 150), DARK, 2)
    cv2.line(eyes.rgb, (140, 95), (160, 95), DARK, 4)
    shut = eyes.with_lid(lids_of(eyes)[0], 1.0)
    np.testing.assert_allclose(shut[79:82, 70:131].mean(), eyes.rgb[79:82, 70:131].mean(), atol=3)


def test_the_edge_lies_lower_where_white_shows_below_the_mesh() -> None:
    plain, wide = DrawnEyes(), DrawnEyes()
    columns = np.arange(80, 121)
    for column in columns:
        low = round(100 + 5 * (1 - ((column - 100) / 24) ** 2))
        wide.rgb[low : low + 4, column] = (236, 232, 230)
    drops = [lids_of(eyes)[0].tables.curves[40:56, 0].mean() for eyes in (plain, wide)]
    assert drops[0] == pytest.approx(0.011, abs=0.006)
    assert drops[1] > drops[0] + 0.02
