"""Faces found in real images. The expected numbers count the people whose faces can be animated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.engines.mediapipe_face import MediapipeFaceFinder, person_matte
from lipsmith.face.landmarks import Face
from lipsmith.media.clip import Image
from lipsmith.media.image import read_image

FACES = {
    "cartoon_flat.png": 1,
    "drawing_woman.png": 1,
    "full_body_drawn.png": 1,
    "group_family_dark_skin.jpg": 3,
    "group_six.jpg": 6,
    "group_solvay_1927.jpg": 6,
    "half_face_cut.jpg": 1,
    "man_beard_dark.jpg": 1,
    "man_blue_shirt_256.jpg": 1,
    "man_dark_skin_sofa.jpg": 1,
    "man_glasses_256.jpg": 1,
    "man_glasses_beard.jpg": 1,
    "man_official_portrait.jpg": 1,
    "old_man_moustache_open_mouth.jpg": 1,
    "painting_madame_x_style.jpg": 1,
    "painting_mona_lisa.png": 1,
    "statue.jpg": 1,
    "two_men.jpg": 2,
    "woman_astronaut_512.png": 1,
    "woman_glasses_turned.jpg": 1,
    "woman_portrait_closed_mouth.png": 1,
    "woman_smile_small.jpg": 1,
    "woman_tilted_outdoor.jpg": 1,
}
"""Minimum number. Of the 29 at Solvay most are smaller than what can be animated; a better finder may see more."""
NOBODY = ("no_face_cat.png", "no_face_coffee.png")
YAW_DEG = {"man_glasses_beard.jpg": (-40, -20), "woman_glasses_turned.jpg": (10, 26), "statue.jpg": (-20, -5)}
"""Whose nose points where."""


@pytest.mark.parametrize("name", FACES)
def test_everybody_is_found(name: str, shared_media: Path, finder: MediapipeFaceFinder) -> None:
    image = read_image(shared_media / "photos" / name)
    faces = finder.find(image)
    assert len(faces) >= FACES[name]
    if FACES[name] == 1:
        assert len([face for face in faces if face.iod_px > 24]) == 1
    for face in faces:
        left, top, right, bottom = face.box
        assert 0 < right - left < image.width * 1.2
        assert left < image.width and right > 0 and top < image.height and bottom > 0
        assert face.points.shape == (478, 3)
        assert np.isfinite(face.points).all()
    low, high = YAW_DEG.get(name, (-60, 60))
    assert low < faces[0].yaw_deg < high


def test_every_photo_has_its_expectation(shared_media: Path) -> None:
    there = {path.name for path in (shared_media / "photos").iterdir()}
    assert there == {*FACES, *NOBODY}


@pytest.mark.slow
@pytest.mark.parametrize("name", NOBODY)
def test_animals_and_things_are_nobody(name: str, shared_media: Path, finder: MediapipeFaceFinder) -> None:
    assert finder.find(read_image(shared_media / "photos" / name)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cat", "coffee", "coins", "horse", "rocket"])
def test_nobody_in_images_that_everyone_has(name: str, finder: MediapipeFaceFinder) -> None:
    data = pytest.importorskip("skimage.data")
    rgb = getattr(data, "chelsea" if name == "cat" else name)()
    rgb = np.where(rgb, 255, 0).astype(np.uint8) if rgb.dtype == bool else rgb
    rgb = np.repeat(rgb[..., None], 3, axis=2) if rgb.ndim == 2 else rgb
    # A few pixels may look like a distant person: too small to be animated, and reported so.
    assert [found for found in finder.find(Image(rgb=np.ascontiguousarray(rgb), grey=False)) if found.iod_px > 12] == []


def test_the_astronaut(face: Face) -> None:
    assert 38 < face.iod_px < 46
    assert abs(face.yaw_deg) < 6
    np.testing.assert_allclose(face.points[[33, 133, 362, 263], :2].mean(axis=0), [225, 103], atol=3)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_lying_and_upside_down(
    turns: int, astronaut: NDArray[np.uint8], face: Face, finder: MediapipeFaceFinder
) -> None:
    rgb = np.ascontiguousarray(np.rot90(astronaut, turns))
    found = finder.find(Image(rgb=rgb, grey=False))
    assert len(found) == 1
    # Turning by quarters sends (x, y) of the 512 px square here:
    x, y = face.points[:, 0], face.points[:, 1]
    expected = {1: (y, 511 - x), 2: (511 - x, 511 - y), 3: (511 - y, x)}[turns]
    away = np.hypot(found[0].points[:, 0] - expected[0], found[0].points[:, 1] - expected[1])
    assert np.median(away) < 0.06 * face.iod_px


def test_a_mirrored_head_turns_the_other_way(shared_media: Path, finder: MediapipeFaceFinder) -> None:
    image = read_image(shared_media / "photos" / "woman_glasses_turned.jpg")
    mirrored = Image(rgb=np.ascontiguousarray(image.rgb[:, ::-1]), grey=False)
    there, back = finder.find(image)[0].yaw_deg, finder.find(mirrored)[0].yaw_deg
    assert there > 8 > -8 > back


def test_two_searches_agree(astronaut: NDArray[np.uint8], face: Face) -> None:
    again = MediapipeFaceFinder().find(Image(rgb=astronaut, grey=False))[0]
    np.testing.assert_array_equal(again.points, face.points)


def test_the_matte_is_high_on_the_person_and_low_beside(astronaut: NDArray[np.uint8], face: Face) -> None:
    matte = person_matte(astronaut, face)
    assert matte.values.shape == (256, 256) and matte.values.dtype == np.float32
    assert (matte.values.min(), matte.values.max()) == (pytest.approx(0, abs=0.05), pytest.approx(1, abs=0.05))
    whole = matte.within((0, 0, 512, 512), (512, 512))
    x, y = face.points[4, :2]
    assert whole[int(y), int(x)] > 0.9
    assert whole[4:40, 4:40].mean() < 0.2
