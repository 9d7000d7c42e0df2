"""Filters against scipy, whose conventions they follow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import interpolate, ndimage

from lipsmith import filters

RANDOM = np.random.default_rng(3)
LENGTHS = (1, 2, 5, 40, 301)
MODES = ("reflect", "nearest", "constant")


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("mode", ["reflect", "nearest"])
@pytest.mark.parametrize("sigma", [0.1, 0.8, 2.0, 7.3])
def test_gaussians(length: int, mode: filters.Mode, sigma: float) -> None:
    for shape, axis in (((length,), -1), ((length, 4), 0), ((3, length), -1), ((length, 5, 3), 0)):
        values = RANDOM.normal(size=shape)
        expected = ndimage.gaussian_filter1d(values, sigma, axis=axis, mode=mode)
        np.testing.assert_allclose(filters.gaussian_filter1d(values, sigma, axis=axis, mode=mode), expected, atol=1e-12)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 2, 5, 8, 31])
def test_windows(length: int, mode: filters.Mode, size: int) -> None:
    values = RANDOM.normal(size=length)
    for name in ("uniform_filter1d", "minimum_filter1d", "maximum_filter1d"):
        expected = getattr(ndimage, name)(values, size, mode=mode)
        np.testing.assert_allclose(getattr(filters, name)(values, size, mode=mode), expected, atol=1e-12, err_msg=name)
    if size <= 4 * length:  # beyond that, scipy 1.17 reads memory that it did not write
        np.testing.assert_array_equal(
            filters.median_filter(values, size, mode=mode), ndimage.median_filter(values, size, mode=mode)
        )


@pytest.mark.parametrize("size", [4, 5, 21])
def test_windows_that_look_back_or_ahead(size: int) -> None:
    values = RANDOM.normal(size=60)
    for origin in (-(size // 2), 0, (size - 1) // 2):
        for name in ("minimum_filter1d", "maximum_filter1d"):
            expected = getattr(ndimage, name)(values, size, origin=origin, mode="nearest")
            found = getattr(filters, name)(values, size, origin=origin, mode="nearest")
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("size", [1, 3, 8])
def test_erosion_by_a_shape(length: int, size: int) -> None:
    values, shape = RANDOM.normal(size=length), RANDOM.normal(size=size)
    for mode in ("reflect", "nearest"):
        np.testing.assert_allclose(
            filters.grey_erosion(values, structure=shape, mode=mode),
            ndimage.grey_erosion(values, structure=shape, mode=mode),
        )


@pytest.mark.parametrize("size", [1, 4, 5])
def test_short_runs_are_removed(size: int) -> None:
    for share in (0.5, 0.8, 1.0):
        flags = RANDOM.random(80) < share
        np.testing.assert_array_equal(filters.opened(flags, size), ndimage.binary_opening(flags, np.ones(size)))
    assert not filters.opened(np.ones(3, bool), 4).any()


@pytest.mark.parametrize("count", [2, 3, 4, 5, 9, 30])
def test_splines(count: int) -> None:
    places = np.linspace(0, count - 1, 57)
    for values in (RANDOM.normal(size=count), RANDOM.normal(size=(count, 2)), np.eye(count)):
        expected = interpolate.CubicSpline(np.arange(count), values)(places)
        np.testing.assert_allclose(filters.cubic_spline(values, places), expected, atol=1e-10)


def test_the_type_is_kept() -> None:
    values = RANDOM.normal(size=30).astype(np.float32)
    for found in (filters.gaussian_filter1d(values, 2.0), filters.uniform_filter1d(values, 3)):
        assert found.dtype == np.float32
