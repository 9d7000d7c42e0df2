"""Painted teeth: the same for one seed, different for another, smaller for a child."""

from __future__ import annotations

import numpy as np
import pytest

from lipsmith.render.mouth_kernels import ARCH_DEPTH, BEHIND_LIP_IOD, _facing, _on_arch
from lipsmith.render.tooth_arch import ARCH_CELLS, tooth_rows, tooth_size

MIDDLE = ARCH_CELLS // 2


def test_one_seed_gives_the_same_teeth_and_another_gives_others() -> None:
    first, again, other = (tooth_rows(seed=seed, size=1.0, blur_iod=0.0) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.upper, again.upper)
    np.testing.assert_array_equal(first.lower, again.lower)
    assert np.abs(first.upper - other.upper).max() > 0.01


def test_left_and_right_differ_a_little() -> None:
    upper = tooth_rows(seed=3, size=1.0, blur_iod=0.01).upper
    apart = np.abs(upper - upper[::-1])[:, 0]
    assert 0.001 < apart.max() < 0.03


def test_front_teeth_are_the_brightest_and_end_the_lowest() -> None:
    upper = tooth_rows(seed=5, size=1.0, blur_iod=0.01).upper
    front, side = upper[MIDDLE - 40 : MIDDLE + 40], upper[20:60]
    assert front[:, 1].mean() > side[:, 1].mean() + 0.05
    assert front[:, 0].mean() > side[:, 0].mean()


def test_a_soft_image_has_soft_teeth() -> None:
    sharp, soft = (tooth_rows(seed=5, size=1.0, blur_iod=blur).upper[:, 1] for blur in (0.0, 0.03))
    assert np.abs(np.diff(soft)).max() < 0.3 * np.abs(np.diff(sharp)).max()


@pytest.mark.parametrize(("lower_face", "size"), [(0.60, 0.72), (0.835, 0.86), (1.10, 1.0)])
def test_a_short_lower_face_has_small_teeth(lower_face: float, size: float) -> None:
    assert tooth_size(lower_face) == pytest.approx(size, abs=0.005)
    adult, here = (tooth_rows(seed=1, size=s, blur_iod=0.0).upper[:, 2].max() for s in (1.0, tooth_size(lower_face)))
    assert here == pytest.approx(size * adult, rel=1e-3)


def test_the_far_side_of_a_turned_head_is_narrow_and_its_near_side_wide() -> None:
    turn = float(np.tan(np.radians(25.0)))  # nose to the right of the image: the right side is far

    def seen_at(across: float) -> float:
        return across - turn * (BEHIND_LIP_IOD + ARCH_DEPTH * across**2)

    for across in (-0.3, -0.1, 0.0, 0.1, 0.25):
        assert _on_arch(seen_at(across), turn, BEHIND_LIP_IOD) == pytest.approx(across, abs=1e-6)
    near, far = seen_at(-0.1) - seen_at(-0.2), seen_at(0.2) - seen_at(0.1)
    assert near == pytest.approx(0.122, abs=0.002)
    assert far == pytest.approx(0.078, abs=0.002)
    assert _facing(0.3, turn) < _facing(0.0, turn) < _facing(-0.2, turn)


def test_nothing_is_seen_beyond_the_arch() -> None:
    assert _on_arch(0.8, 0.9, BEHIND_LIP_IOD) > 1.0
    assert _on_arch(0.2, 0.0, BEHIND_LIP_IOD) == pytest.approx(0.2)
