"""The search for faces, with networks that only pretend: where it looks, in which order, and what it keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from face_helpers import upright
from numpy.typing import NDArray

from lipsmith.face.detect import Box, face_at, find_faces, prominence
from lipsmith.face.landmarks import Face

U8, F64 = NDArray[np.uint8], NDArray[np.float64]


class MarkNetworks:
    """Takes bright squares for faces; sees only those that fill ``least`` of the longer side of what it is shown."""

    def __init__(self, least: float = 0.0, upright_only: bool = False) -> None:
        self.least = least
        self.upright_only = upright_only
        self.shown: list[tuple[int, int]] = []

    def boxes(self, rgb: U8) -> Sequence[Box]:
        self.shown.append(rgb.shape[:2])
        rows, columns = np.nonzero(rgb[..., 0] > 200)
        if not len(rows):
            return []
        side = max(np.ptp(rows), np.ptp(columns)) + 1
        if side < self.least * max(rgb.shape[:2]):
            return []
        if self.upright_only and rgb[rows.min(), columns.min() : columns.max() + 1, 1].mean() < 200:
            return []
        return [Box(x=float(columns.mean()), y=float(rows.mean()), side=float(side), score=0.9)]

    def mesh(self, rgb: U8) -> F64 | None:
        rows, columns = np.nonzero(rgb[..., 0] > 200)
        if not len(rows):
            return None
        points = upright(100.0)
        points[:, :2] -= points[:, :2].mean(axis=0)
        scale = (np.ptp(columns) + 1) / 200
        points = points * scale
        points[:, :2] += [columns.mean(), rows.mean()]
        return points


def image_with(squares: Sequence[tuple[int, int, int]], size: tuple[int, int] = (600, 400)) -> U8:
    """Dark image (width, height) with squares (centre x, centre y, side), their upper half yellow, the lower red."""
    rgb = np.full((size[1], size[0], 3), 40, np.uint8)
    for x, y, side in squares:
        half = side // 2
        rgb[y - half : y + half, x - half : x + half] = [255, 0, 0]
        rgb[y - half : y, x - half : x + half] = [255, 255, 0]
    return rgb


def test_a_large_face_is_found_where_it_is() -> None:
    faces = find_faces(image_with([(300, 180, 120)]), MarkNetworks())
    assert len(faces) == 1
    np.testing.assert_allclose(faces[0].points[:, :2].mean(axis=0), [300, 180], atol=2)
    assert faces[0].score == 0.9


def test_the_same_face_seen_in_several_tiles_counts_once() -> None:
    networks = MarkNetworks()
    assert len(find_faces(image_with([(300, 200, 100)]), networks)) == 1
    assert len(networks.shown) > 2  # the whole and its tiles


@pytest.mark.parametrize("place", [(30, 30), (970, 370), (30, 370), (500, 200), (333, 30), (666, 370)])
def test_a_small_face_is_found_by_the_tiles_wherever_it_is(place: tuple[int, int]) -> None:
    rgb = image_with([(*place, 40)], size=(1000, 400))
    networks = MarkNetworks(least=0.09)
    assert not networks.boxes(rgb)
    faces = find_faces(rgb, networks)
    assert len(faces) == 1
    np.testing.assert_allclose(faces[0].points[:, :2].mean(axis=0), place, atol=2)


def test_tiles_together_cover_the_image() -> None:
    class Watching(MarkNetworks):
        def __init__(self) -> None:
            super().__init__()
            self.tiles: list[U8] = []

        def boxes(self, rgb: U8) -> Sequence[Box]:
            self.tiles.append(rgb)
            return []

    rgb = np.zeros((300, 700, 3), np.uint8)
    for networks in [Watching()]:
        assert find_faces(rgb, networks) == []
        seen = np.zeros(rgb.shape[:2], int)
        for tile in networks.tiles:
            if tile.base is rgb:  # a view of the upright image: mark what it shows
                offset = tile.__array_interface__["data"][0] - rgb.__array_interface__["data"][0]
                top, left = divmod(offset // 3, 700)
                if tile.shape[:2] != rgb.shape[:2]:
                    seen[top : top + tile.shape[0], left : left + tile.shape[1]] += 1
        assert seen.min() >= 1


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_image_is_searched_too(turns: int) -> None:
    rgb = np.ascontiguousarray(np.rot90(image_with([(250, 180, 120)]), turns))
    faces = find_faces(rgb, MarkNetworks(upright_only=True))
    assert len(faces) == 1
    rows, columns = np.nonzero(rgb[..., 0] > 200)
    np.testing.assert_allclose(faces[0].points[:, :2].mean(axis=0), [columns.mean(), rows.mean()], atol=2)


def test_no_face_is_an_empty_list() -> None:
    assert find_faces(image_with([]), MarkNetworks()) == []


def at(x: float, y: float, iod_px: float, score: float = 0.9) -> Face:
    points = upright(iod_px)
    points[:, :2] += np.array([x, y]) - points[:, :2].mean(axis=0)
    return Face(points=points, score=score)


def test_larger_nearer_and_surer_is_more_prominent() -> None:
    base = prominence(at(300, 200, 50), 600, 400)
    assert prominence(at(300, 200, 60), 600, 400) > base
    assert prominence(at(100, 200, 50), 600, 400) < base
    assert prominence(at(300, 200, 50, score=0.5), 600, 400) < base


def test_the_face_at_a_point() -> None:
    left, right = at(150, 200, 50), at(450, 200, 50)
    assert face_at([left, right], 440, 210) is right
    assert face_at([left, right], 160, 190) is left
    assert face_at([left, right], 5, 395) is None
