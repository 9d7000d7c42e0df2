from __future__ import annotations

import numpy as np
import pytest

from lipsmith.render.lid_plates import connected_depth, filled, is_eye


def test_holes_are_filled_from_around() -> None:
    image = np.tile(np.linspace(100, 200, 64, dtype=np.float32)[None, :, None], (64, 1, 3))
    keep = np.ones((64, 64), bool)
    keep[20:44, 20:44] = False
    broken = image.copy()
    broken[~keep] = 0
    result = filled(broken, keep)
    np.testing.assert_allclose(result[keep], image[keep], atol=1)
    np.testing.assert_allclose(result[~keep], image[~keep], atol=20)


def test_an_image_without_anything_to_keep_is_left_alone() -> None:
    image = np.full((8, 8, 3), 50, np.float32)
    np.testing.assert_array_equal(filled(image, np.zeros((8, 8), bool)), image)


@pytest.mark.parametrize(
    ("marked", "reach"),
    [([0, 0, 0, 0], 0.0), ([1, 1, 0, 1], 0.01), ([0, 1, 1, 0], 0.0), ([1, 1, 1, 1], 0.0)],
    ids=["none", "two", "not from the start", "endless"],
)
def test_depth_counts_without_a_gap(marked: list[int], reach: float) -> None:
    column = np.array(marked, bool)[:, None]
    assert connected_depth(column, np.array([0.0, 0.01, 0.02, 0.03]), 0.025)[0] == pytest.approx(reach)


@pytest.mark.parametrize(
    ("colour", "expected"),
    [((236, 232, 230), True), ((190, 188, 186), True), ((205, 155, 128), False), ((150, 105, 85), False)],
    ids=["white", "shaded white", "skin", "shaded skin"],
)
def test_white_is_told_from_skin(colour: tuple[int, int, int], expected: bool) -> None:
    assert is_eye(np.array([colour], np.float64), np.array([[205.0, 155.0, 128.0]]))[0] == expected
