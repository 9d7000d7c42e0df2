"""Things before the mouth are found, and faces, whatever their light, are none."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.layout import I32
from lipsmith.media.clip import U8
from lipsmith.render.clip_shape import typical_mesh
from lipsmith.render.occlusion import MIN_FRAMES, OcclusionFinder

Filmed = dict[str, tuple[U8, F64]]
Change = Callable[[U8, F64], U8]

LOWER_LIP, LEFT_CHEEK, BROW = 17, 205, 9
FRAMES = ("shut", "parted", "open", "wide")


def lit(rgb: U8, light: float | F64) -> U8:
    return np.clip(rgb * light, 0, 255).astype(np.uint8)


def faces_of(filmed: Filmed, count: int) -> list[tuple[U8, F64]]:
    """Frames of a clip with noise and a light that is never quite the same."""
    rng = np.random.default_rng(1)
    faces = []
    for number in range(count):
        rgb, points = filmed[FRAMES[number % 4]]
        noisy = rgb * rng.uniform(0.95, 1.05) + rng.normal(0, 2, rgb.shape)
        faces.append((np.clip(noisy, 0, 255).astype(np.uint8), points))
    return faces


@pytest.fixture(scope="module")
def finder(filmed: Filmed, triangles: I32) -> OcclusionFinder:
    typical = typical_mesh(np.stack([points for _, points in filmed.values()]))
    return OcclusionFinder(typical, triangles, faces_of(filmed, 12))


def disc(rgb: U8, points: F64, *, at: int = LOWER_LIP, radius_iod: float = 0.3) -> U8:
    """A microphone's dark head."""
    out = rgb.copy()
    x, y = np.round(points[at, :2]).astype(int).tolist()
    cv2.circle(out, (x, y), round(radius_iod * HeadFrame.of(points).iod_px), (25, 25, 28), -1)
    return out


def hand(rgb: U8, points: F64) -> U8:
    """Four fingers in the shade, of the face's own skin, with dark lines between them."""
    out = rgb.copy()
    iod = HeadFrame.of(points).iod_px
    skin = np.median(
        rgb[np.round(points[[50, 280], 1]).astype(int), np.round(points[[50, 280], 0]).astype(int)], axis=0
    )
    x, y = points[LOWER_LIP, :2]
    for number, shade in enumerate((0.72, 0.66, 0.7, 0.62)):
        start = (round(x - 0.55 * iod), round(y + (0.17 * number - 0.3) * iod))
        end = (round(x + 0.45 * iod), start[1] - round(0.1 * iod))
        for colour, wide in ((0.35 * skin, 0.18), (shade * skin, 0.14)):
            cv2.line(out, start, end, colour.tolist(), round(wide * iod), cv2.LINE_AA)
    return out


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("thing", [disc, hand])
def test_a_thing_before_the_mouth_is_found_where_it_is(
    filmed: Filmed, finder: OcclusionFinder, name: str, thing: Change
) -> None:
    plain, points = filmed[name]
    rgb = thing(plain, points)
    occlusion = finder.occlusion(rgb, points)
    assert occlusion is not None and finder.is_occluded(rgb, points)
    assert occlusion.shape == rgb.shape[:2] and occlusion.dtype == np.float32
    assert occlusion.min() >= 0.0 and occlusion.max() <= 1.0
    there = cv2.dilate((rgb != plain).any(axis=2).astype(np.uint8), np.ones((35, 35), np.uint8)) > 0
    iod = HeadFrame.of(points).iod_px
    x, y = np.round(points[LOWER_LIP, :2]).astype(int)
    assert occlusion[y : y + round(0.12 * iod), x - round(0.1 * iod) : x + round(0.1 * iod)].min() > 0.9
    assert occlusion[~there].max() < 0.3


@pytest.mark.parametrize("name", FRAMES)
def test_a_plain_face_is_not_covered(filmed: Filmed, finder: OcclusionFinder, name: str) -> None:
    rgb, points = filmed[name]
    assert finder.occlusion(rgb, points) is None
    assert not finder.is_occluded(rgb, points)


@pytest.mark.parametrize("light", [0.5, 0.7, 1.2, 1.4, np.array([1.1, 0.95, 0.8])])
def test_other_light_is_no_thing(filmed: Filmed, finder: OcclusionFinder, light: float | F64) -> None:
    for rgb, points in filmed.values():
        assert not finder.is_occluded(lit(rgb, light), points)


def test_light_from_the_side_is_no_thing(filmed: Filmed, finder: OcclusionFinder) -> None:
    for rgb, points in filmed.values():
        side = np.linspace(0.75, 1.1, rgb.shape[1])[None, :, None]
        assert not finder.is_occluded(lit(rgb, side), points)


def test_a_thing_is_found_in_other_light_too(filmed: Filmed, finder: OcclusionFinder) -> None:
    rgb, points = filmed["open"]
    for light in (0.6, 1.3):
        assert finder.is_occluded(lit(hand(rgb, points), light), points)


def test_what_is_away_from_the_mouth_does_not_count(filmed: Filmed, finder: OcclusionFinder) -> None:
    rgb, points = filmed["open"]
    assert not finder.is_occluded(disc(rgb, points, at=LEFT_CHEEK, radius_iod=0.1), points)
    assert not finder.is_occluded(disc(rgb, points, at=BROW, radius_iod=0.3), points)


def test_a_mole_is_no_thing(filmed: Filmed, finder: OcclusionFinder) -> None:
    rgb, points = filmed["open"]
    assert not finder.is_occluded(disc(rgb, points, at=200, radius_iod=0.03), points)


def test_a_head_that_moves_and_turns_takes_its_cover_along(filmed: Filmed, finder: OcclusionFinder) -> None:
    rgb, points = filmed["open"]
    way = cv2.getRotationMatrix2D((260.0, 260.0), 14.0, 0.8)
    turned = points.copy()
    turned[:, :2] = points[:, :2] @ way[:, :2].T + way[:, 2]
    turned[:, 2] *= 0.8
    size = (rgb.shape[1], rgb.shape[0])
    for frame, is_occluded in ((rgb, False), (disc(rgb, points), True)):
        assert finder.is_occluded(cv2.warpAffine(frame, way, size), turned) is is_occluded


def test_a_thing_that_comes_for_a_while_does_not_make_itself_usual(filmed: Filmed, triangles: I32) -> None:
    faces = faces_of(filmed, 20)
    some = [
        (disc(rgb, points), points) if number % 4 == 0 else (rgb, points) for number, (rgb, points) in enumerate(faces)
    ]
    finder = OcclusionFinder(typical_mesh(np.stack([points for _, points in faces])), triangles, some)
    rgb, points = filmed["open"]
    assert finder.is_occluded(disc(rgb, points), points)
    assert not finder.is_occluded(rgb, points)


def test_a_beard_that_is_always_there_is_no_thing(filmed: Filmed, triangles: I32) -> None:
    def bearded(rgb: U8, points: F64) -> U8:
        return disc(rgb, points, at=200, radius_iod=0.35)

    faces = [(bearded(rgb, points), points) for rgb, points in faces_of(filmed, 12)]
    finder = OcclusionFinder(typical_mesh(np.stack([points for _, points in faces])), triangles, faces)
    for rgb, points in filmed.values():
        assert not finder.is_occluded(bearded(rgb, points), points)


def test_too_few_frames_tell_nothing(filmed: Filmed, triangles: I32) -> None:
    faces = faces_of(filmed, MIN_FRAMES - 1)
    finder = OcclusionFinder(typical_mesh(np.stack([points for _, points in faces])), triangles, faces)
    rgb, points = filmed["open"]
    assert finder.occlusion(disc(rgb, points), points) is None
