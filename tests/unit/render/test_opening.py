"""An opening keeps its two sides apart: red skin above, blue skin below, whatever lies between."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.render.opening import MovedFace, Opening, View
from lipsmith.render.warp import Grid, Source

SIZE = 200
RED, BLUE = np.array([220, 30, 30]), np.array([30, 30, 220])
COLUMNS = np.linspace(60, 140, 9)
IOD_PX = 100.0
STILL = Grid(x=0, y=0, pitch=50, width=5, height=5)


def mesh() -> tuple[NDArray[np.float64], NDArray[np.int32], list[int], list[int]]:
    """Points, triangles, upper and lower edge: two strips of skin that meet at y = 100; the corners are shared."""
    top, bottom = np.column_stack([COLUMNS, np.full(9, 70.0)]), np.column_stack([COLUMNS, np.full(9, 130.0)])
    line = np.column_stack([COLUMNS, np.full(9, 100.0)])
    points = np.concatenate([line, line[1:-1], top, bottom])
    upper, lower = list(range(9)), [0, *range(9, 16), 8]
    tops, bottoms = list(range(16, 25)), list(range(25, 34))
    triangles = []
    for k in range(8):
        triangles += [(tops[k], tops[k + 1], upper[k]), (tops[k + 1], upper[k + 1], upper[k])]
        triangles += [(lower[k], lower[k + 1], bottoms[k]), (lower[k + 1], bottoms[k + 1], bottoms[k])]
    return points, np.array(triangles, np.int32), upper, lower


def moved_face(target: NDArray[np.float64], values: NDArray[np.float64]) -> MovedFace:
    local = np.eye(2) * IOD_PX
    return MovedFace(
        target=target, values=values.astype(np.float32), local=local, iod_px=IOD_PX, pitch=1.0, min_area=-1.0
    )


def seen(gap_px: float, shade: tuple[float, float] = (1.0, 1.0), *, holds_edge: bool = False, line_px: int = 0) -> View:
    """The opening with its edges ``gap_px`` apart in the middle; ``line_px``: half the height of green between them."""
    points, triangles, upper, lower = mesh()
    rgb = np.zeros((SIZE, SIZE, 3), np.uint8)
    rgb[:100], rgb[100:] = RED, BLUE
    rgb[100 - line_px : 100 + line_px] = (0, 250, 0)
    target = points.copy()
    bend = np.sin(np.linspace(0, np.pi, 9)) * gap_px / 2
    target[upper, 1] -= bend
    target[lower, 1] += bend
    way = points - target
    way[upper, 1] -= 2 * line_px
    way[lower, 1] += 2 * line_px
    light = np.ones(len(points))
    light[upper], light[lower[1:-1]] = shade
    opening = Opening(
        upper, lower, triangles, upper_side=upper[1:-1], lower_side=lower[1:-1], margin_iod=0.2, holds_edge=holds_edge
    )
    view = opening.view(
        moved_face(target, np.column_stack([way, light])),
        head=np.zeros((5, 5, 2), np.float32),
        head_grid=STILL,
        source=Source.of(rgb, 0, 0),
        limits=(0, 0, SIZE, SIZE),
    )
    assert view is not None
    return view


@pytest.mark.parametrize("gap_px", [0.0, 6.0, 20.0])
def test_the_sides_never_mix(gap_px: float) -> None:
    view = seen(gap_px)
    left, top, _, _ = view.rect
    for column in range(80, 121, 5):
        edge = gap_px / 2 * np.sin((column - 60) / 80 * np.pi)
        above, below = int(np.floor(100 - edge - 2)) - top, int(np.ceil(100 + edge + 2)) - top
        strip = view.pixels[:, column - left].astype(int)
        # Up to the edges the skin has its own colour, undiluted by the other side; what lies between is painted later.
        assert np.abs(strip[: above + 1] - RED).max() < 25
        assert np.abs(strip[below:] - BLUE).max() < 25


def test_shut_sides_meet_in_one_line() -> None:
    view = seen(0.0)
    left, top, _, _ = view.rect
    is_red = view.pixels[:, 100 - left, 0].astype(int) > view.pixels[:, 100 - left, 2]
    assert top + int(np.argmin(is_red)) == pytest.approx(100, abs=1)
    assert (np.diff(is_red.astype(int)) != 0).sum() == 1


def test_edges_are_where_they_were_put() -> None:
    view = seen(20.0)
    edges = view.edges
    middle = float(np.interp(0.0, edges.u, edges.lower) - np.interp(0.0, edges.u, edges.upper))
    assert middle == pytest.approx(20 / IOD_PX, abs=1e-3)
    assert np.interp(-0.4, edges.u, edges.lower - edges.upper) == pytest.approx(0.0, abs=1e-3)
    np.testing.assert_allclose(seen(0.0).edges.upper, seen(0.0).edges.lower, atol=1e-6)
    # (u, v) = (0, 0) is the middle between the corners.
    at = edges.to_local @ np.array([100 - view.rect[0], 100 - view.rect[1], 1.0])
    np.testing.assert_allclose(at, 0, atol=1e-5)


def test_what_lies_behind_does_not_move_with_the_lips() -> None:
    view = seen(20.0)
    left, top = view.rect[:2]
    rows, columns = np.indices(view.own_positions.shape[:2])
    scale = Source.of(np.zeros((4, 4, 3), np.uint8), 0, 0).scale
    np.testing.assert_allclose(view.own_positions[..., 0], (columns + left + 0.5) * scale - 0.5, atol=1e-3)
    np.testing.assert_allclose(view.own_positions[..., 1], (rows + top + 0.5) * scale - 0.5, atol=1e-3)


def test_each_side_keeps_its_own_shade() -> None:
    view = seen(10.0, shade=(0.5, 1.0))
    left, top = view.rect[:2]
    above, below = view.pixels[93 - top, 100 - left], view.pixels[107 - top, 100 - left]
    assert above[0] < 0.8 * RED[0]
    assert below[2] > 0.9 * BLUE[2]


def test_an_opening_outside_the_image_is_not_drawn() -> None:
    points, triangles, upper, lower = mesh()
    opening = Opening(upper, lower, triangles, upper_side=upper[1:-1], lower_side=lower[1:-1], margin_iod=0.2)
    nothing = opening.view(
        moved_face(points + np.array([1000, 0]), np.zeros((len(points), 3))),
        head=np.zeros((5, 5, 2), np.float32),
        head_grid=STILL,
        source=Source.of(np.zeros((SIZE, SIZE, 3), np.uint8), 0, 0),
        limits=(0, 0, SIZE, SIZE),
    )
    assert nothing is None


def test_sides_that_hold_their_edge_show_nothing_of_what_lies_between_them_in_the_source() -> None:
    for holds_edge, least, most in ((False, 3, 99), (True, 0, 0)):
        view = seen(20.0, holds_edge=holds_edge, line_px=2)
        middle = view.pixels[:, 100 - view.rect[0]].astype(int)
        assert least <= (middle[:, 1] > 150).sum() <= most
