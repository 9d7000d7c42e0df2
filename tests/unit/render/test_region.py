"""Regions of frames: their place, and unchanged bytes of pixels that are not drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.face.geometry import F64
from lipsmith.media.clip import U8
from lipsmith.media.colour import Colour, cut_planes
from lipsmith.render.region import Region

COLOUR = Colour(matrix=1, primaries=1, transfer=1, full_range=False)
WIDTH, HEIGHT = 96, 74
SQUARE, WIDE, TALL = 1.0, 16 / 11, 0.75
ASPECTS = pytest.mark.parametrize("aspect", [SQUARE, WIDE, TALL])


def noisy_planes() -> U8:
    """Levels that stay inside what RGB can say, so that a step of a few levels is never cut off."""
    rng = np.random.default_rng(5)
    planes = rng.integers(70, 160, (HEIGHT * 3 // 2, WIDTH), dtype=np.uint8)
    planes[HEIGHT:] = rng.integers(120, 137, (HEIGHT // 2, WIDTH), dtype=np.uint8)
    return planes


def piece_of(low: tuple[float, float], high: tuple[float, float], aspect: float) -> Region:
    return Region.of(np.array(low), np.array(high), aspect=aspect, frame=(WIDTH, HEIGHT))


def changed_luma(before: U8, after: U8) -> NDArray[np.bool_]:
    return before[:HEIGHT] != after[:HEIGHT]


@ASPECTS
@pytest.mark.parametrize(
    ("low", "high"),
    [((10.3, 7.7), (41.2, 39.9)), ((20.0, 20.0), (40.0, 40.0)), ((-30.0, -4.0), (33.3, 500.0)), ((13.0, 9.0), (14, 9))],
)
def test_a_box_is_even_and_the_smallest_that_holds_what_lies_in_the_frame(
    aspect: float, low: tuple[float, float], high: tuple[float, float]
) -> None:
    left, top, right, bottom = piece_of(low, high, aspect).box
    assert all(edge % 2 == 0 for edge in (left, top, right, bottom))
    assert 0 <= left <= right <= WIDTH and 0 <= top <= bottom <= HEIGHT
    first, last = np.clip(np.array([low, high]) / [aspect, 1.0], 0, [WIDTH, HEIGHT])
    assert left <= first[0] < left + 2 and top <= first[1] < top + 2
    assert right - 2 < last[0] <= right and bottom - 2 < last[1] <= bottom


def test_pixels_are_as_wide_as_they_are_high() -> None:
    assert piece_of((0, 0), (64, 40), SQUARE).size == (64, 40)
    assert piece_of((0, 0), (64, 40), WIDE).size == (64, 40)
    assert piece_of((0, 0), (36, 40), TALL).size == (36, 40)


def test_what_lies_outside_the_frame_is_of_no_use() -> None:
    assert piece_of((WIDTH + 5.0, 10.0), (WIDTH + 60.0, 60.0), SQUARE).is_too_small
    assert piece_of((-90.0, 10.0), (-3.0, 60.0), SQUARE).is_too_small
    assert piece_of((10.0, 10.0), (60.0, 15.0), SQUARE).is_too_small
    assert not piece_of((10.0, 10.0), (60.0, 60.0), SQUARE).is_too_small


@ASPECTS
def test_points_of_the_frame_are_found_again_in_the_piece(aspect: float) -> None:
    spot: F64 = np.array([47.0, 33.0])  # of the planes
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    planes[:HEIGHT] = 40 + 150 * np.exp(-((columns - spot[0]) ** 2 + (rows - spot[1]) ** 2) / 18)
    point = np.array([[spot[0] * aspect, spot[1], 2.0]])
    region = piece_of((18.3 * aspect, 9.0), (70.9 * aspect, 61.0), aspect)
    seen = np.maximum(region.read(planes, COLOUR)[..., 1].astype(np.float64) - 60, 0)
    assert seen.shape == region.size[::-1]
    middle = [(seen.sum(axis=axis) @ np.arange(seen.shape[1 - axis])) / seen.sum() for axis in (0, 1)]
    # Pixels are counted from their middles, which lie up to a quarter of a wide pixel off.
    np.testing.assert_allclose(region.inside(point)[0], [*middle, 2.0], atol=0.35)


@ASPECTS
@pytest.mark.parametrize("share", [1.0, 0.4])
def test_a_piece_in_which_nothing_was_drawn_keeps_every_byte(aspect: float, share: float) -> None:
    planes = noisy_planes()
    before = planes.copy()
    region = piece_of((9.0, 9.0), (60.0, 60.0), aspect)
    rgb = region.read(planes, COLOUR)
    region.write(planes, rgb, rgb.copy(), share=share, colour=COLOUR)
    assert (planes == before).all()


@ASPECTS
def test_only_what_was_drawn_changes(aspect: float) -> None:
    planes = noisy_planes()
    before = planes.copy()
    region = piece_of((8.0, 8.0), (66.0, 60.0), aspect)
    rgb = region.read(planes, COLOUR)
    drawn = rgb.copy()
    drawn[20:30, 12:24] = cv2.add(drawn[20:30, 12:24], (30.0, 30.0, 30.0, 0.0))
    region.write(planes, rgb, drawn, share=1.0, colour=COLOUR)
    changed = changed_luma(before, planes)
    left, top = region.box[:2]
    start, end = left + int(12 / aspect) - 1, left + int(np.ceil(24 / aspect)) + 1
    inside = np.zeros_like(changed)
    inside[top + 20 : top + 30, start:end] = True
    assert not (changed & ~inside).any()
    assert changed[top + 20 : top + 30, start + 3 : end - 3].all()
    # Grey was added: hardly any colour.
    assert np.abs(planes[HEIGHT:].astype(int) - before[HEIGHT:]).max() <= 1


@ASPECTS
def test_what_was_drawn_is_read_again(aspect: float) -> None:
    planes = noisy_planes()
    region = piece_of((8.0, 8.0), (66.0, 60.0), aspect)
    rgb = region.read(planes, COLOUR)
    drawn = np.clip(rgb + np.array([24.0, 12.0, -12.0]), 0, 255).astype(np.uint8)
    region.write(planes, rgb, drawn, share=1.0, colour=COLOUR)
    moved = region.read(planes, COLOUR).astype(int) - rgb
    np.testing.assert_allclose(moved[8:-8, 8:-8].mean(axis=(0, 1)), [24, 12, -12], atol=1.5)


@ASPECTS
def test_a_share_of_what_was_drawn_changes_by_that_share(aspect: float) -> None:
    moved = {}
    for share in (0.5, 1.0):
        planes = noisy_planes()
        before = planes[:HEIGHT].astype(int)
        region = piece_of((8.0, 8.0), (66.0, 60.0), aspect)
        rgb = region.read(planes, COLOUR)
        region.write(planes, rgb, cv2.add(rgb, (64.0, 64.0, 64.0, 0.0)), share=share, colour=COLOUR)
        moved[share] = float((planes[:HEIGHT] - before).sum())
    assert moved[0.5] == pytest.approx(0.5 * moved[1.0], rel=0.05)


@ASPECTS
def test_a_piece_kept_alone_reads_as_in_its_frame(aspect: float) -> None:
    planes = noisy_planes()
    region = piece_of((14.0, 21.0), (61.0, 57.0), aspect)
    alone = cut_planes(planes, region.box)
    assert (region.read_own(alone, COLOUR) == region.read(planes, COLOUR)).all()
