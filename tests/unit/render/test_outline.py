"""Soft masks of outlines."""

from __future__ import annotations

import numpy as np
import pytest

from lipsmith.render.outline import outline_mask


def test_an_outline_is_full_inside_and_empty_outside() -> None:
    square = np.array([[20.0, 20.0], [60.0, 20.0], [60.0, 60.0], [20.0, 60.0]])
    mask = outline_mask(square, (80, 80), grow=1.0, soft_px=2.0)
    assert mask[40, 40] == 1.0 and mask[5, 5] == 0.0 and 0.3 < mask[20, 40] < 0.7
    assert outline_mask(square, (80, 80), grow=1.5, soft_px=2.0).sum() == pytest.approx(60**2, rel=0.05)
