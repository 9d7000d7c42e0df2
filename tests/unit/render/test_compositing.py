"""Donor mouths: place, light, and pixels that stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.layout import I32, INNER_LOWER, INNER_UPPER, LIP_OUTLINE
from lipsmith.media.clip import U8
from lipsmith.render.compositing import Mouth, composite_mouth, hole_triangles, inverse_of, outline_mask
from lipsmith.render.warp import Source, facing_triangles, signed_areas

Filmed = dict[str, tuple[U8, F64]]


@pytest.fixture(scope="module")
def donor_triangles(filmed: Filmed, triangles: I32) -> I32:
    points = filmed["open"][1]
    return np.concatenate([hole_triangles(), facing_triangles(triangles, HeadFrame.of(points).to_head(points))])


def mouth_of(rgb: U8, points: F64, *neighbours: Mouth) -> Mouth:
    return Mouth(source=Source.unscaled(rgb), points=points[:, :2], neighbours=neighbours)


def grafted(base: U8, mouth: Mouth, points: F64, triangles: I32, share: float = 1.0) -> U8:
    """``base`` with the mouth at ``points``."""
    frame = HeadFrame.of(points)
    out = base.copy()
    composite_mouth(
        out,
        mouth,
        target=points[:, :2],
        triangles=triangles,
        local=frame.rotation[:2, :2] * frame.iod_px,
        iod_px=frame.iod_px,
        pitch=2.0,
        share=np.full(base.shape[:2], share, np.float32),
    )
    return out


def lips_in(rgb: U8, points: F64) -> NDArray[np.bool_]:
    return outline_mask(points[LIP_OUTLINE, :2], rgb.shape[:2], grow=1.0, soft_px=0.8) > 0.5


def apart(a: U8, b: U8) -> F64:
    return np.abs(a.astype(np.float64) - b).mean(axis=2)


def test_a_mouth_that_is_donor_to_its_own_frame_changes_nothing_to_speak_of(
    filmed: Filmed, donor_triangles: I32
) -> None:
    rgb, points = filmed["wide"]
    assert apart(grafted(rgb, mouth_of(rgb, points), points, donor_triangles), rgb).max() <= 1.0


def test_another_mouth_takes_the_place_of_the_own(filmed: Filmed, donor_triangles: I32) -> None:
    wide, there = filmed["wide"]
    shut = filmed["shut"][0]
    out = grafted(shut, mouth_of(wide, there), there, donor_triangles)
    lips = lips_in(shut, there)
    assert apart(out, wide)[lips].mean() < 0.3 * apart(shut, wide)[lips].mean()


def test_a_mouth_follows_the_lips_that_are_requested(filmed: Filmed, donor_triangles: I32) -> None:
    """The inside of the donor's mouth lies between the target's lips."""
    wide, points = filmed["wide"]
    green = wide.copy()
    inside = [*INNER_UPPER, *INNER_LOWER[-2:0:-1]]
    cv2.fillPoly(green, [np.round(points[inside, :2]).astype(np.int32)], (0, 250, 0))
    moved = points.copy()
    moved[:, 0] += 9.0
    moved[:, 1] += 4.0
    out = grafted(wide, mouth_of(green, points), moved, donor_triangles).astype(int)
    rows, columns = np.nonzero(out[..., 1] - out[..., 0] > 120)
    middle = moved[inside, :2].mean(axis=0)
    np.testing.assert_allclose([columns.mean(), rows.mean()], middle, atol=2.5)


def test_a_donor_in_the_dark_takes_the_light_of_its_place(filmed: Filmed, donor_triangles: I32) -> None:
    rgb, points = filmed["wide"]
    dark = np.asarray(rgb * 0.8, np.uint8)
    out = grafted(rgb, mouth_of(dark, points), points, donor_triangles)
    lips = lips_in(rgb, points)
    assert np.abs((dark[lips].astype(float) - rgb[lips]).mean(axis=0)).min() > 25
    assert np.abs((out[lips].astype(float) - rgb[lips]).mean(axis=0)).max() < 8


def test_no_share_changes_nothing_and_half_of_it_half(filmed: Filmed, donor_triangles: I32) -> None:
    wide, points = filmed["wide"]
    shut = filmed["shut"][0]
    none, half, whole = (
        grafted(shut, mouth_of(wide, points), points, donor_triangles, share).astype(float) for share in (0.0, 0.5, 1.0)
    )
    assert (none == shut).all()
    within = (whole > 0) & (whole < 255)  # beyond, the whole is cut off
    np.testing.assert_allclose(half[within], ((whole + shut) / 2)[within], atol=1.0)


def test_only_the_lips_and_what_is_near_changes(filmed: Filmed, donor_triangles: I32) -> None:
    wide, points = filmed["wide"]
    shut = filmed["shut"][0]
    rows, columns = np.nonzero((grafted(shut, mouth_of(wide, points), points, donor_triangles) != shut).any(axis=2))
    frame = HeadFrame.of(points)
    outline = points[LIP_OUTLINE, :2]
    reach = 0.27 * frame.iod_px
    assert rows.min() > outline[:, 1].min() - reach and rows.max() < outline[:, 1].max() + reach
    assert columns.min() > outline[:, 0].min() - reach and columns.max() < outline[:, 0].max() + reach


def test_neighbours_laid_over_one_another_have_less_noise(filmed: Filmed, donor_triangles: I32) -> None:
    rgb, points = filmed["wide"]
    rng = np.random.default_rng(4)
    one, before, after = (
        mouth_of(np.clip(rgb + rng.normal(0, 8, rgb.shape), 0, 255).astype(np.uint8), points) for _ in range(3)
    )
    joined = mouth_of(one.source.pixels, points, before, after)
    smooth = cv2.GaussianBlur(rgb, (0, 0), 2.5)
    lips = lips_in(rgb, points)
    alone, together = (apart(grafted(smooth, m, points, donor_triangles), rgb)[lips].mean() for m in (one, joined))
    assert together < 0.85 * alone


def test_a_mouth_outside_the_frame_is_left_out(filmed: Filmed, donor_triangles: I32) -> None:
    rgb, points = filmed["wide"]
    away = points + np.array([0.0, 2.0 * rgb.shape[0], 0.0])
    assert (grafted(rgb, mouth_of(rgb, points), away, donor_triangles) == rgb).all()


def test_the_hole_between_the_lips_is_filled_without_overlap(filmed: Filmed) -> None:
    points = filmed["wide"][1][:, :2]
    inside = points[[*INNER_UPPER, *INNER_LOWER[-2:0:-1]]]
    areas = signed_areas(points, hole_triangles())
    assert (areas >= -0.5).all()
    assert areas.sum() == pytest.approx(cv2.contourArea(inside.astype(np.float32)), rel=0.02)


def test_an_inverse_undoes_its_matrix() -> None:
    local = np.array([[80.0, 12.0], [-9.0, 61.0]])
    np.testing.assert_allclose(inverse_of(local) @ local, np.eye(2), atol=1e-12)


def test_an_outline_is_full_inside_and_empty_outside() -> None:
    square = np.array([[20.0, 20.0], [60.0, 20.0], [60.0, 60.0], [20.0, 60.0]])
    mask = outline_mask(square, (80, 80), grow=1.0, soft_px=2.0)
    assert mask[40, 40] == 1.0 and mask[5, 5] == 0.0 and 0.3 < mask[20, 40] < 0.7
    assert outline_mask(square, (80, 80), grow=1.5, soft_px=2.0).sum() == pytest.approx(60**2, rel=0.05)
