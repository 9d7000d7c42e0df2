"""Robust means of many samples, and registration."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsmith.render.fusion import moved, registered_offset, spread_outwards, trimmed_mean


def test_samples_that_differ_from_most_do_not_count() -> None:
    samples = np.full((9, 4, 5, 3), (120, 80, 60), np.uint8)
    samples[0], samples[1] = (0, 255, 0), (255, 255, 255)
    fused, total = trimmed_mean(samples, np.full((9, 4, 5), 255, np.uint8), 1 / 3, 2 / 3)
    assert (fused == (120, 80, 60)).all()
    assert (total == 9 * 255).all()


def test_noise_is_averaged_away() -> None:
    rng = np.random.default_rng(1)
    noisy = np.clip(rng.normal(100, 12, (60, 16, 16, 3)), 0, 255).astype(np.uint8)
    fused, _ = trimmed_mean(noisy, np.full((60, 16, 16), 255, np.uint8), 1 / 3, 2 / 3)
    assert fused.mean() == pytest.approx(100, abs=1.5)
    assert fused.std() < 4


def test_whole_colours_are_ordered_by_brightness_from_dark_to_bright() -> None:
    """A mean of single channels would be a colour that no sample has."""
    samples = np.array([(200, 0, 0), (0, 90, 0), (0, 0, 255)], np.uint8).reshape(3, 1, 1, 3)
    weights = np.full((3, 1, 1), 255, np.uint8)
    thirds = [trimmed_mean(samples, weights, k / 3, (k + 1) / 3)[0][0, 0].tolist() for k in range(3)]
    assert thirds == [[0, 0, 255], [200, 0, 0], [0, 90, 0]]


def test_weights_decide_and_pixels_without_any_are_black() -> None:
    samples = np.stack([np.full((2, 2, 3), 50, np.uint8), np.full((2, 2, 3), 200, np.uint8)])
    weights = np.array([[[255, 10], [0, 0]], [[10, 255], [0, 40]]], np.uint8)
    fused, total = trimmed_mean(samples, weights, 1 / 3, 2 / 3)
    assert fused[..., 0].tolist() == [[50, 200], [0, 200]]
    assert total.tolist() == [[265, 265], [0, 40]]


@pytest.mark.parametrize("offset", [(0.0, 0.0), (1.3, -0.8), (-2.1, 1.6)])
def test_an_offset_is_found_to_a_tenth_of_a_pixel_in_other_light(offset: tuple[float, float]) -> None:
    rng = np.random.default_rng(2)
    reference = cv2.GaussianBlur((255 * rng.random((60, 80))).astype(np.float32), (0, 0), 3.0)
    texture = 0.7 * np.asarray(moved(reference, -np.array(offset)), np.float32)
    found = registered_offset(texture, reference, np.ones((60, 80), np.float32), 4.0)
    assert found is not None
    np.testing.assert_allclose(found, offset, atol=0.1)


def test_an_offset_beyond_the_limit_is_none() -> None:
    rng = np.random.default_rng(3)
    reference = cv2.GaussianBlur((255 * rng.random((60, 80))).astype(np.float32), (0, 0), 3.0)
    texture = np.asarray(moved(reference, np.array([2.5, 0.0])), np.float32)
    assert registered_offset(texture, reference, np.ones((60, 80), np.float32), 1.0) is None


def test_unknown_pixels_take_the_colour_of_their_side() -> None:
    texture = np.zeros((40, 60, 3), np.uint8)
    texture[:, :10], texture[:, 50:] = (200, 0, 0), (0, 0, 200)
    known = np.zeros((40, 60), np.bool_)
    known[:, :10] = known[:, 50:] = True
    filled = spread_outwards(texture, known)
    assert (filled[known] == texture[known]).all()
    assert filled[20, 14, 0] > 190 and filled[20, 45, 2] > 190
    assert (spread_outwards(texture, np.zeros((40, 60), np.bool_)) == texture).all()
