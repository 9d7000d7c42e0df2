"""Colours of teeth follow the image, and statues have none."""

from __future__ import annotations

import numpy as np
import pytest

from lipsmith.render.mouth_colours import from_lab, is_carved, to_lab, tooth_colour

SKIN, LIP, WHITE = np.array([220.0, 175.0, 150.0]), np.array([180.0, 110.0, 105.0]), np.array([200.0, 195.0, 190.0])
PAPER = np.array([250.0, 250.0, 250.0])


def rgb_of(*colours: tuple[float, float, float]) -> np.ndarray:
    """An image of vertical stripes."""
    return np.repeat(np.array(colours, np.uint8)[None], 64, axis=0).repeat(16, axis=1)


def test_colours_survive_the_way_to_lab_and_back() -> None:
    colours = np.array([[10.0, 200.0, 90.0], [128.0, 128.0, 128.0]])
    np.testing.assert_allclose(from_lab(to_lab(colours)), colours, atol=0.5)
    np.testing.assert_allclose(to_lab(np.array([119.0, 119.0, 119.0])), [50.0, 0.0, 0.0], atol=0.5)


def test_teeth_are_lighter_and_plainer_than_skin() -> None:
    tooth, skin = to_lab(tooth_colour(SKIN, WHITE, PAPER)), to_lab(SKIN)
    assert skin[0] + 3.0 < tooth[0] <= 93.0
    assert np.hypot(*tooth[1:]) < 0.6 * np.hypot(*skin[1:])


def test_half_the_light_gives_darker_teeth() -> None:
    bright, dim = (to_lab(tooth_colour(k * SKIN, k * WHITE, k * PAPER))[0] for k in (1.0, 0.5))
    assert dim < bright - 25.0


def test_varnish_and_faded_prints_tint_and_limit_the_teeth() -> None:
    varnish = np.array([1.0, 0.86, 0.55])
    neutral, warm = (to_lab(tooth_colour(SKIN * tint, WHITE * tint, PAPER)) for tint in (np.ones(3), varnish))
    assert warm[2] > neutral[2] + 15.0
    faded = to_lab(tooth_colour(SKIN, WHITE, np.array([205.0, 200.0, 195.0])))
    assert faded[0] < 80.0 < neutral[0]


@pytest.mark.parametrize(
    ("skin", "lip", "white", "carved"),
    [
        ((150, 148, 147), (90, 89, 88), (140, 138, 137), True),  # marble
        ((170, 110, 80), (119, 77, 56), (153, 99, 72), True),  # terracotta
        ((220, 175, 150), (180, 110, 105), (200, 195, 190), False),
        ((110, 75, 60), (105, 62, 58), (150, 140, 130), False),
    ],
)
def test_a_face_of_one_material_is_carved(
    skin: tuple[int, int, int], lip: tuple[int, int, int], white: tuple[int, int, int], carved: bool
) -> None:
    rgb = rgb_of(skin, lip, (90, 140, 220), (60, 120, 60))
    assert is_carved(rgb, np.array(skin, float), np.array(lip, float), np.array(white, float)) is carved


def test_a_toned_print_is_no_evidence_of_stone() -> None:
    shades = [tuple(np.array([1.0, 0.96, 0.9]) * light) for light in (60, 120, 180, 240)]
    skin, lip, white = (np.array(shades[k]) for k in (2, 1, 3))
    assert not is_carved(rgb_of(*shades), skin, lip, white)
