"""Frames of both kinds get smaller, and look as before."""

from __future__ import annotations

import cv2
import numpy as np

from lipsmith.render.downscale import downscaled


def test_colours_and_planes_get_smaller_alike() -> None:
    rgb = np.zeros((120, 160, 3), np.uint8)
    rgb[40:80, 48:96] = (250, 120, 30)
    planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    small, small_planes = downscaled([rgb, np.asarray(planes)], 40, 30)
    assert (small.shape, small_planes.shape) == ((30, 40, 3), (45, 40))
    assert small[15, 18].tolist() == [250, 120, 30]
    assert small[2, 2].tolist() == [0, 0, 0]
    back = cv2.cvtColor(small_planes, cv2.COLOR_YUV2RGB_I420).astype(int)
    assert np.abs(back - small).max() <= 12  # what I420 itself costs


def test_a_fine_pattern_becomes_its_mean() -> None:
    [small] = downscaled([np.tile(np.array([[0, 255]], np.uint8).T[..., None], (16, 32, 3))], 8, 8)
    assert (np.abs(small.astype(int) - 127) <= 1).all()
