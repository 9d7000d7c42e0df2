"""Colours of a box: there as the standards say, back as differences only."""

from __future__ import annotations

import av
import numpy as np
import pytest
from clip_makers import planes_of

from lipsmith.media.clip import U8
from lipsmith.media.colour import Colour, put_patch, rgb_patch

BOX = (16, 8, 80, 48)
SHARES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def colour(matrix: int = 1, *, full_range: bool = False) -> Colour:
    return Colour(matrix=matrix, primaries=2, transfer=2, full_range=full_range)


def by_the_book(y: int, cb: int, cr: int, matrix: int, *, full_range: bool) -> list[float]:
    """RGB levels of one pixel; Rec. ITU-T H.273, 8.3."""
    kr, kb = SHARES[matrix]
    luma = y / 255 if full_range else (y - 16) / 219
    blue, red = ((c - 128) / (255 if full_range else 224) for c in (cb, cr))
    r, b = luma + 2 * (1 - kr) * red, luma + 2 * (1 - kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    return [255 * min(max(part, 0.0), 1.0) for part in (r, g, b)]


@pytest.mark.parametrize("matrix", SHARES)
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("levels", [(16, 128, 128), (235, 128, 128), (81, 90, 240), (145, 54, 34), (200, 140, 110)])
def test_flat_colours(matrix: int, full_range: bool, levels: tuple[int, int, int]) -> None:
    planes = np.concatenate([np.full(n, level) for n, level in zip((96 * 64, 48 * 32, 48 * 32), levels, strict=True)])
    rgb = rgb_patch(planes.astype(np.uint8).reshape(96, 96), BOX, colour(matrix, full_range=full_range))
    assert rgb.shape == (40, 64, 3)
    assert (
        np.abs(rgb - np.array(by_the_book(*levels, matrix, full_range=full_range))).max() <= 0.75
    )  # rounding, and tables of 8 bits


def test_a_frame_looks_as_ffmpeg_shows_it(astronaut: U8) -> None:
    frame = av.VideoFrame.from_ndarray(astronaut, format="rgb24").reformat(
        format="yuv420p", dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG"
    )
    rgb = rgb_patch(frame.to_ndarray(), (0, 0, 512, 512), colour(1))
    difference = np.abs(rgb.astype(int) - astronaut)
    assert np.median(difference) <= 2
    assert abs((rgb.astype(int) - astronaut).mean()) < 0.5


def test_an_unnamed_matrix_is_the_guessed_one() -> None:
    planes = planes_of(3)
    unnamed = Colour(matrix=2, primaries=2, transfer=2, full_range=False, guessed_matrix=6)
    assert (rgb_patch(planes, BOX, unnamed) == rgb_patch(planes, BOX, colour(6))).all()


@pytest.mark.parametrize("matrix", SHARES)
@pytest.mark.parametrize("full_range", [False, True])
def test_without_a_difference_no_byte_changes(matrix: int, full_range: bool) -> None:
    planes = np.random.default_rng(7).integers(0, 256, (96, 96), dtype=np.uint8)
    before = planes.copy()
    rgb = rgb_patch(planes, BOX, colour(matrix, full_range=full_range))
    put_patch(planes, BOX, rgb, rgb, np.ones(rgb.shape[:2], bool), colour(matrix, full_range=full_range))
    assert (planes == before).all()


def test_only_changed_pixels_and_their_blocks_move() -> None:
    planes = planes_of(5)
    before = planes.copy()
    rgb = rgb_patch(planes, BOX, colour())
    drawn = np.clip(rgb.astype(int) + np.array([60, -20, 10]), 0, 255).astype(np.uint8)
    changed = np.zeros(rgb.shape[:2], bool)
    changed[11:20, 31:40] = True
    put_patch(planes, BOX, rgb, drawn, changed, colour())
    luma_may = np.zeros((64, 96), bool)
    luma_may[8:48, 16:80] = changed
    chroma_may = luma_may.reshape(32, 2, 48, 2).any(axis=(1, 3))
    moved = planes != before
    assert (moved[:64] == luma_may).all()
    chroma = moved[64:].reshape(2, 32, 48)
    assert not (chroma & ~chroma_may).any()
    assert chroma[:, 10:13, 24:27].all()


@pytest.mark.parametrize("matrix", SHARES)
@pytest.mark.parametrize("full_range", [False, True])
def test_what_was_drawn_is_what_is_seen(matrix: int, full_range: bool) -> None:
    meaning = colour(matrix, full_range=full_range)
    planes = np.full((96, 96), 128, np.uint8)
    planes[:64] = planes_of(2)[:64] // 2 + 60
    rgb = rgb_patch(planes, BOX, meaning)
    warmer = np.linspace(-30, 30, 64)[None, :, None] * np.array([1.0, 0.4, -0.7])
    drawn = np.clip(rgb + warmer, 0, 255).astype(np.uint8)
    put_patch(planes, BOX, rgb, drawn, np.ones(rgb.shape[:2], bool), meaning)
    seen = rgb_patch(planes, BOX, meaning)
    assert np.abs(seen.astype(int) - drawn)[2:-2, 2:-2].max() <= 3
    assert abs((seen.astype(float) - drawn).mean()) < 0.3


def test_levels_stay_within_a_byte() -> None:
    planes = np.full((96, 96), 250, np.uint8)
    before = np.zeros((40, 64, 3), np.uint8)
    put_patch(planes, BOX, before, before + 255, np.ones((40, 64), bool), colour(full_range=True))
    assert (planes[8:48, 16:80] == 255).all()


@pytest.mark.parametrize("box", [(1, 0, 9, 8), (0, 0, 98, 8), (0, 8, 8, 8), (0, -2, 8, 8), (0, 0, 8, 66)])
def test_boxes_that_do_not_fit(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="not even, or not inside 96 x 64"):
        rgb_patch(planes_of(0), box, colour())
