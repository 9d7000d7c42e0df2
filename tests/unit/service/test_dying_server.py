"""The points at which tests let a server die exist."""

from __future__ import annotations

import pytest

from dying_server import POINTS, Point, dies_at


@pytest.mark.parametrize("point", POINTS)
def test_each_point_is_a_method(point: Point) -> None:
    with dies_at(point, lambda: None):
        pass
