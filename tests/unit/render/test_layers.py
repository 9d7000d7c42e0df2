"""Person and background as two layers of a photo made by code: a red disc with a stray hair on striped green."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from render_helpers import motion

from lipsmith.face.landmarks import Face
from lipsmith.face.layout import FACE_OVAL
from lipsmith.media.clip import U8, Image
from lipsmith.render.layers import REACH_IOD, Layers, compose, has_clear_edge, split_layers
from lipsmith.render.matte import Matte
from lipsmith.render.portrait import Portrait

IOD_PX = 40.0
SIZE = (320, 280)
CENTRE, RADIUS = (160, 150), 70
GREEN, RED = (60, 140, 60), (190, 60, 50)
RECT = (0, 0, *SIZE)


def disc(soft_px: float) -> NDArray[np.float32]:
    """Opacity of the disc, 0-1."""
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    away = np.hypot(x - CENTRE[0], y - CENTRE[1]) - RADIUS
    return np.clip(0.5 - away / (2 * soft_px), 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def photo() -> U8:
    background = np.full((SIZE[1], SIZE[0], 3), GREEN, np.float32)
    background[:, ::16] *= 0.9
    share = disc(1.0)[..., None]
    rgb = np.round(share * np.array(RED, np.float32) + (1 - share) * background).astype(np.uint8)
    cv2.line(rgb, (CENTRE[0], CENTRE[1] - RADIUS), (CENTRE[0] + 2, CENTRE[1] - RADIUS - 3), RED, 1)
    return rgb


@pytest.fixture(scope="module")
def points() -> NDArray[np.float64]:
    """A mesh whose outline is a circle within the disc."""
    rng = np.random.default_rng(1)
    mesh = np.column_stack([rng.normal(CENTRE[0], 8, 478), rng.normal(CENTRE[1], 8, 478), np.zeros(478)])
    turn = np.linspace(0, 2 * np.pi, len(FACE_OVAL), endpoint=False)
    mesh[list(FACE_OVAL), :2] = np.array(CENTRE) + 45 * np.column_stack([np.cos(turn), np.sin(turn)])
    return mesh


def matte(soft_px: float) -> Matte:
    return Matte(values=disc(soft_px), rect=RECT)


@pytest.fixture(scope="module")
def layers(photo: U8, points: NDArray[np.float64]) -> Layers:
    return split_layers(photo, matte(4.0), points, RECT, IOD_PX)


def drawn(layers: Layers, shift_px: int) -> U8:
    """The photo with its person shifted to the right."""
    x, y = np.meshgrid(np.arange(SIZE[0]) - shift_px, np.arange(SIZE[1]))
    inside = np.clip(x, 0, SIZE[0] - 1)
    patch = np.ascontiguousarray(layers.foreground[y, inside])
    where = np.stack([x, y], axis=-1).astype(np.int16)
    compose(patch, RECT, where, layers, 1)
    return patch


def test_a_matte_with_a_narrow_edge_is_clear_and_a_blur_is_not(points: NDArray[np.float64]) -> None:
    assert has_clear_edge(matte(4.0), points, SIZE, IOD_PX)
    assert not has_clear_edge(matte(40.0), points, SIZE, IOD_PX)


def test_a_matte_that_misses_the_face_is_not_clear(points: NDArray[np.float64]) -> None:
    nobody = Matte(values=np.zeros((8, 8), np.float32), rect=RECT)
    assert not has_clear_edge(nobody, points, SIZE, IOD_PX)


def test_both_layers_together_are_the_photo(layers: Layers, photo: U8) -> None:
    off = np.abs(drawn(layers, 0).astype(int) - photo)
    assert off.mean() < 0.3
    assert np.percentile(off, 99) <= 12


def test_the_edge_is_as_sharp_as_in_the_photo_although_the_matte_is_soft(layers: Layers) -> None:
    row = layers.alpha[CENTRE[1], CENTRE[0] : CENTRE[0] + 100].astype(int)
    assert row[0] == 255 and row[-1] == 0
    assert ((row > 25) & (row < 230)).sum() <= 4
    assert abs(int((row > 127).sum()) - RADIUS) <= 1


def test_the_background_stays_where_the_person_was(layers: Layers, photo: U8) -> None:
    moved = drawn(layers, 10).astype(int)
    left = CENTRE[0] - RADIUS + 3
    np.testing.assert_allclose(moved[CENTRE[1], left : left + 5].mean(axis=0), GREEN, atol=14)
    beyond = slice(CENTRE[0] + RADIUS + 14, None)
    np.testing.assert_array_equal(moved[CENTRE[1], beyond], photo[CENTRE[1], beyond])
    assert moved[CENTRE[1], CENTRE[0] + RADIUS + 5].tolist() == pytest.approx(RED, abs=12)


def test_zones_are_certain_only_beyond_the_reach_of_the_edge(layers: Layers) -> None:
    reach = REACH_IOD * IOD_PX
    row = layers.zones[CENTRE[1]]
    assert row[CENTRE[0]] == 2
    assert row[round(CENTRE[0] + RADIUS - reach / 2)] == 1
    assert row[round(CENTRE[0] + RADIUS + reach / 2)] == 1
    assert row[round(CENTRE[0] + RADIUS + reach + 6)] == 0


def test_the_background_of_a_portrait_stays_while_the_head_moves(portrait: Portrait, image: Image, face: Face) -> None:
    still = portrait.draw_rgb(motion()).astype(int)
    turned = portrait.draw_rgb(motion(head_yaw=7.0, head_roll=4.0, head_x=0.06)).astype(int)
    x, y = face.points[10, :2]
    beside = round(x - 2.4 * face.iod_px)
    strip = (slice(round(y), round(y) + 20), slice(max(0, beside - 20), max(1, beside)))
    np.testing.assert_array_equal(still[strip], image.rgb[strip])
    np.testing.assert_array_equal(turned[strip], image.rgb[strip])
    assert np.abs(turned - still).max() > 60
