"""RGB to the encoder's planes, against the formula of the standard."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.render.blend import put_patch, to_i420

KR, KB = 0.2126, 0.0722
"""ITU-R BT.709-6, item 3.2."""


def by_formula(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Y, Cb, Cr in limited range, unrounded; chroma is the mean over 2 x 2 pixels."""
    r, g, b = (rgb[..., c] / 255.0 for c in range(3))
    luma = KR * r + (1 - KR - KB) * g + KB * b
    cb, cr = (b - luma) / (2 * (1 - KB)), (r - luma) / (2 * (1 - KR))

    def halved(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        return (plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]) / 4

    return 16 + 219 * luma, 128 + 224 * halved(cb), 128 + 224 * halved(cr)


def planes_of(i420: NDArray[np.uint8], height: int, width: int) -> tuple[NDArray[np.uint8], ...]:
    flat = i420.reshape(-1)
    quarter = (height // 2) * (width // 2)
    chroma = flat[height * width :].reshape(2, height // 2, width // 2)
    assert flat.size == height * width + 2 * quarter
    return flat[: height * width].reshape(height, width), chroma[0], chroma[1]


@pytest.mark.parametrize("size", [(2, 2), (6, 10), (34, 50)])
def test_planes_follow_the_standard(size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    i420 = to_i420(rgb)
    assert i420.shape == (size[0] * 3 // 2, size[1])
    for plane, exact in zip(planes_of(i420, *size), by_formula(rgb), strict=True):
        assert np.abs(plane - exact).max() <= 0.55


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (63, 102, 240)),
        ((0, 255, 0), (173, 42, 26)),
        ((0, 0, 255), (32, 240, 118)),
    ],
)
def test_known_colours(colour: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    rgb = np.full((4, 4, 3), colour, np.uint8)
    for plane, value in zip(planes_of(to_i420(rgb), 4, 4), expected, strict=True):
        assert (plane == value).all()


def test_grey_has_no_colour() -> None:
    rgb = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    _, cb, cr = planes_of(to_i420(rgb), 16, 16)
    assert (cb == 128).all()
    assert (cr == 128).all()


def test_a_patch_changes_its_place_and_nothing_else() -> None:
    rng = np.random.default_rng(2)
    rgb, patch = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8), rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    planes = to_i420(rgb)
    put_patch(planes, patch, 10, 4)
    rgb[4:10, 10:18] = patch
    np.testing.assert_array_equal(planes, to_i420(rgb))
