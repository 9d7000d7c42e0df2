"""Rasterising, tracing back and sampling, each against a plain reference."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.face.landmarks import Face
from lipsmith.face.layout import FACE_OVAL, I32
from lipsmith.render.warp import (
    Grid,
    Skirt,
    Source,
    apply_shade,
    carry_forward,
    facing_triangles,
    fill_gaps,
    rasterise,
    signed_areas,
    warp,
)

F32, F64 = NDArray[np.float32], NDArray[np.float64]
STILL = Grid(x=0, y=0, pitch=64, width=8, height=8)


def by_hand(triangles: I32, points: F64, values: F64, grid: Grid) -> tuple[F64, NDArray[np.bool_]]:
    """Rasterise by solving for barycentric coordinates at every cell."""
    columns, rows = np.meshgrid(np.arange(grid.width), np.arange(grid.height))
    at = np.stack([columns * grid.pitch + grid.x, rows * grid.pitch + grid.y, np.ones_like(rows)], axis=-1)
    flow, filled = np.zeros((grid.height, grid.width, 3)), np.zeros((grid.height, grid.width), bool)
    for triangle in triangles:
        corners = np.column_stack([points[triangle], np.ones(3)])
        if np.linalg.det(corners) <= 0:
            continue
        shares = at @ np.linalg.inv(corners)
        inside = (shares >= 0).all(axis=-1)
        flow[inside] = shares[inside] @ values[triangle]
        filled |= inside
    return flow, filled


@pytest.mark.parametrize("pitch", [1.0, 2.5])
def test_triangles_are_filled_with_what_lies_between_their_corners(pitch: float) -> None:
    rng = np.random.default_rng(3)
    columns, rows = np.meshgrid(np.linspace(5.3, 60.7, 6), np.linspace(4.1, 50.9, 5))
    points = np.column_stack([columns.ravel(), rows.ravel()]) + rng.normal(0, 1.5, (30, 2))
    quads = [(r * 6 + c, r * 6 + c + 1, r * 6 + c + 6, r * 6 + c + 7) for r in range(4) for c in range(5)]
    triangles = np.array([t for a, b, c, d in quads for t in ((a, b, c), (b, d, c))], np.int32)
    values = rng.normal(0, 3, (30, 3))
    grid = Grid(x=-2.0, y=1.0, pitch=pitch, width=int(70 / pitch), height=int(60 / pitch))
    flow, filled = np.zeros((grid.height, grid.width, 3), np.float32), np.zeros((grid.height, grid.width), np.uint8)
    rasterise(triangles, points.astype(np.float32), values.astype(np.float32), 0.0, grid.place, flow, filled)
    expected, inside = by_hand(triangles, points, values, grid)
    assert inside.sum() > 200
    # On the outline itself rounding may decide either way.
    assert (filled.astype(bool) != inside).sum() <= 3
    both = filled.astype(bool) & inside
    # Right on an edge either of the two triangles may answer, a thousandth beyond its corners.
    np.testing.assert_allclose(flow[both], expected[both], atol=0.02)
    assert np.abs(flow[both] - expected[both]).mean() < 1e-4
    assert (flow[~filled.astype(bool)] == 0).all()


def test_triangles_seen_from_behind_are_left_out() -> None:
    points = np.array([[1, 1], [9, 1], [1, 9]], np.float32)
    values = np.ones((3, 3), np.float32)
    grid = Grid(x=0, y=0, pitch=1, width=12, height=12)
    for winding, seen in (((0, 1, 2), True), ((0, 2, 1), False)):
        flow, filled = np.zeros((12, 12, 3), np.float32), np.zeros((12, 12), np.uint8)
        rasterise(np.array([winding], np.int32), points, values, -0.5, grid.place, flow, filled)
        assert filled.any() == seen


def test_later_triangles_win() -> None:
    points = np.array([[0, 0], [10, 0], [0, 10], [0, 0], [10, 0], [0, 10]], np.float32)
    values = np.repeat([[1.0], [2.0]], 3, axis=0) * np.ones((6, 3))
    flow, filled = np.zeros((11, 11, 3), np.float32), np.zeros((11, 11), np.uint8)
    grid = Grid(x=0, y=0, pitch=1, width=11, height=11)
    rasterise(
        np.array([[0, 1, 2], [3, 4, 5]], np.int32), points, values.astype(np.float32), 0.0, grid.place, flow, filled
    )
    np.testing.assert_allclose(flow[filled > 0], 2.0, atol=1e-5)


def test_small_gaps_take_the_mean_of_their_neighbours_and_wide_ones_stay() -> None:
    flow, filled = np.full((9, 9, 3), 5.0, np.float32), np.ones((9, 9), np.uint8)
    flow[4, 4], filled[4, 4] = 0.0, 0
    fill_gaps(flow, filled, 1)
    np.testing.assert_allclose(flow[4, 4], 5.0)
    flow, filled = np.zeros((9, 9, 3), np.float32), np.zeros((9, 9), np.uint8)
    flow[0, 0], filled[0, 0] = 7.0, 1
    fill_gaps(flow, filled, 2)
    np.testing.assert_allclose(flow[2, 2], 7.0)
    assert (flow[3:] == 0).all()
    assert (flow[:, 3:] == 0).all()


def test_a_grid_covers_its_rectangle() -> None:
    grid = Grid.over(3.2, -1.0, 40.1, 17.7, 2.5)
    assert grid.x + (grid.width - 1) * grid.pitch >= 40.1
    assert grid.y + (grid.height - 1) * grid.pitch >= 17.7
    assert grid.x + (grid.width - 2) * grid.pitch < 40.1


def test_facing_triangles_all_face_the_viewer(face: Face, triangles: I32) -> None:
    facing = facing_triangles(triangles, face.points)
    assert (signed_areas(face.points[:, :2], facing) >= 0).all()
    assert (np.sort(facing, axis=1) == np.sort(triangles, axis=1)).all()
    swapped = facing[:, [0, 2, 1]]
    np.testing.assert_allclose(signed_areas(face.points[:, :2], swapped), -signed_areas(face.points[:, :2], facing))


def test_signed_area_of_a_known_triangle() -> None:
    points = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]])
    assert signed_areas(points, np.array([[0, 1, 2]])) == pytest.approx([6.0])


def test_the_skirt_fades_to_nothing(face: Face) -> None:
    skirt = Skirt(face.points)
    away = skirt.displacement(np.tile([3.0, -2.0], (478, 1))).reshape(-1, len(FACE_OVAL), 2)
    sizes = np.linalg.norm(away, axis=-1)
    assert (np.diff(sizes, axis=0) < 0).all()
    np.testing.assert_allclose(sizes[-1], 0)
    np.testing.assert_allclose(away[0] / sizes[0][:, None], np.array([3, -2]) / np.hypot(3, 2) + np.zeros((36, 2)))
    area = signed_areas(np.vstack([face.points[:, :2], skirt.points]), skirt.triangles)
    assert (area > 0).all() or (area < 0).all()


def smooth_image(height: int = 90, width: int = 120) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    return np.stack(
        [128 + 90 * np.sin(x / 9), 128 + 90 * np.cos(y / 8), 60 + x / 2 + y / 2], axis=-1
    ).round().astype(np.uint8)  # fmt: skip


def nothing() -> tuple[F32, F32]:
    """A head and a mesh that do not move."""
    flow = np.zeros((STILL.height, STILL.width, 3), np.float32)
    flow[..., 2] = 1.0
    return np.zeros((STILL.height, STILL.width, 2), np.float32), flow


def test_without_motion_the_image_is_shown() -> None:
    rgb = smooth_image()
    head, flow = nothing()
    rect = np.array([10, 8, 110, 82], np.int32)
    pixels, shade = warp(rect, head, STILL, flow, STILL, Source.of(rgb, 0, 0))
    assert np.abs(pixels.astype(int) - rgb[8:82, 10:110]).max() <= 4
    np.testing.assert_allclose(shade, 1.0)


@pytest.mark.parametrize("way", [(3.0, 0.0), (0.0, -2.5), (1.25, 4.0)])
def test_a_pixel_shows_what_stood_where_its_flow_points(way: tuple[float, float]) -> None:
    rgb = smooth_image()
    y, x = np.mgrid[20:60, 20:90].astype(np.float64)
    sx, sy = x + way[0], y + way[1]
    expected = np.stack([128 + 90 * np.sin(sx / 9), 128 + 90 * np.cos(sy / 8), 60 + sx / 2 + sy / 2], axis=-1)
    rect = np.array([20, 20, 90, 60], np.int32)
    source = Source.of(rgb[4:], 0, 4)
    for mover in ("head", "mesh"):
        head, flow = nothing()
        if mover == "head":
            head[...] = way
        else:
            flow[..., :2] = way
        pixels, _ = warp(rect, head, STILL, flow, STILL, source)
        assert np.abs(pixels - expected).mean() < 1.5
        assert np.abs(pixels - expected).max() < 6


def test_shade_is_carried_and_applied() -> None:
    head, flow = nothing()
    flow[..., 2] = 0.5
    rect = np.array([10, 10, 60, 50], np.int32)
    pixels, shade = warp(rect, head, STILL, flow, STILL, Source.of(smooth_image(), 0, 0))
    np.testing.assert_allclose(shade, 0.5)
    before = pixels.copy()
    apply_shade(pixels, shade)
    np.testing.assert_allclose(pixels, before * 0.5, atol=0.51)
    bright = np.full((2, 2, 3), 200, np.uint8)
    apply_shade(bright, np.full((2, 2), 1.5, np.float32))
    assert (bright == 255).all()


def test_what_is_drawn_beyond_the_mesh_s_grid_is_not_warped() -> None:
    head, _ = nothing()
    small = Grid(x=30, y=30, pitch=2, width=8, height=8)
    moved = np.full((8, 8, 3), 5.0, np.float32)
    rgb = smooth_image()
    rect = np.array([0, 0, 120, 90], np.int32)
    pixels, _ = warp(rect, head, STILL, moved, small, Source.of(rgb, 0, 0))
    assert np.abs(pixels[60:].astype(int) - rgb[60:]).max() <= 4
    assert np.abs(pixels[34:42, 34:42].astype(int) - rgb[34:42, 34:42]).mean() > 10


def test_positions_in_the_enlarged_source() -> None:
    source = Source.of(smooth_image(), 7, 5)
    # The middle of the first pixel lies in the middle of the pixels it became.
    np.testing.assert_allclose(source.place(np.array([[7.0, 5.0]])), [[(source.scale - 1) / 2] * 2])
    np.testing.assert_allclose(
        np.diff(source.place(np.array([[7.0, 5.0], [9.0, 6.0]])), axis=0), [[2 * source.scale, source.scale]]
    )
    assert source.pixels.shape == (90 * source.scale, 120 * source.scale, 3)


def test_forward_is_the_way_back_undone() -> None:
    grid = Grid(x=0, y=0, pitch=10, width=20, height=16)
    y, x = np.mgrid[: grid.height, : grid.width] * grid.pitch
    back = np.stack([4 * np.sin(y / 40), 3 * np.cos(x / 50)], axis=-1).astype(np.float32)
    start = np.array([[50.0, 60.0], [101.5, 33.2], [140.0, 120.0]], np.float32)
    out = carry_forward(start, back, grid.place)
    for before, after in zip(start, out, strict=True):
        at = np.array([np.interp(after[0], x[0], x[0]), np.interp(after[1], y[:, 0], y[:, 0])])
        way = [4 * np.sin(at[1] / 40), 3 * np.cos(at[0] / 50)]
        np.testing.assert_allclose(after + way, before, atol=0.05)
        assert np.abs(after - before).max() > 0.3
