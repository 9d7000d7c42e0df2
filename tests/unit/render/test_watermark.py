"""The mark is readable, stays in its corner, and is the same in both forms of a frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.render.watermark import Watermark, watermarked

GREY = 110


def luma(frame: NDArray[np.uint8], height: int) -> NDArray[np.float64]:
    """0–1, of either form."""
    if frame.ndim == 2:
        return (frame[:height].astype(float) - 16) / 219
    return frame.astype(float).mean(axis=2) / 255


@pytest.mark.parametrize(("width", "height"), [(576, 576), (320, 180), (64, 64), (66, 400)])
@pytest.mark.parametrize("planes", [True, False])
def test_it_lies_in_the_lower_right_corner_and_nowhere_else(width: int, height: int, planes: bool) -> None:
    plain = np.full((height * 3 // 2, width) if planes else (height, width, 3), GREY, np.uint8)
    before = plain.copy()
    [frame] = watermarked([plain], "lipsmith", width, height)
    assert (plain == before).all()
    changed = np.abs(luma(frame, height) - luma(plain, height)) > 0.02
    rows, columns = np.nonzero(changed)
    watermark = Watermark.of("lipsmith", width, height)
    assert rows.min() >= watermark.rows.start
    assert columns.min() >= watermark.columns.start
    if min(width, height) > 100:
        assert rows.min() > height * 0.8
        assert columns.max() > width * 0.85
    assert luma(frame, height).max() > luma(plain, height).max() + 0.2
    assert luma(frame, height).min() < luma(plain, height).min() - 0.1


def test_both_forms_look_the_same() -> None:
    rng = np.random.default_rng(7)
    rgb = cv2.GaussianBlur(rng.integers(60, 180, (240, 320, 3), dtype=np.uint8), (0, 0), 12)
    in_planes = Watermark.of("lipsmith", 320, 240).on(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420))
    back = cv2.cvtColor(in_planes, cv2.COLOR_YUV2RGB_I420)
    assert np.abs(back.astype(int) - Watermark.of("lipsmith", 320, 240).on(rgb)).mean() < 3
