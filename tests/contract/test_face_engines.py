"""Contract of the roles `FaceFinder` and `FaceFollower`, for every engine."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from factories import write_clip_of
from lipsmith.engines import registry
from lipsmith.engines.contract import FaceFinder, FaceFollower
from lipsmith.media.clip import Image
from lipsmith.media.reader import open_clip

FRAMES = 6


@pytest.fixture(params=registry.names("face_finder"), scope="module")
def finder(request: pytest.FixtureRequest) -> FaceFinder:
    return registry.create("face_finder", request.param)


@pytest.fixture(params=registry.names("face_follower"), scope="module")
def follower(request: pytest.FixtureRequest) -> FaceFollower:
    return registry.create("face_follower", request.param)


def test_a_face_is_found_with_its_mesh(finder: FaceFinder, astronaut: NDArray[np.uint8]) -> None:
    before = astronaut.copy()
    [face] = finder.find(Image(rgb=astronaut, grey=False))
    assert face.points.shape == (478, 3)
    assert np.isfinite(face.points).all()
    assert 0 < face.iod_px < astronaut.shape[1]
    assert (astronaut == before).all()


@pytest.mark.slow
def test_no_face_is_found_in_grey(finder: FaceFinder) -> None:
    assert not finder.find(Image(rgb=np.full((128, 128, 3), 127, np.uint8), grey=True))


@pytest.mark.slow
def test_faces_are_followed_from_left_to_right(
    follower: FaceFollower, astronaut: NDArray[np.uint8], tmp_path: Path
) -> None:
    head = astronaut[:320, 64:384]
    write_clip_of(tmp_path / "two.mp4", np.hstack([head, head]), frames=FRAMES)
    clip = open_clip(tmp_path / "two.mp4")
    tracks = follower.follow(iter(clip.frames()), pixel_aspect=Fraction(1))
    assert len(tracks) == 2
    middles = [track.points(0)[:, 0].mean() for track in tracks]
    assert middles[0] < 320 < middles[1]
    for track in tracks:
        assert track.present.shape == track.times_s.shape == track.aperture.shape == (FRAMES,)
        assert track.present.all()


@pytest.mark.slow
def test_no_face_is_followed_in_grey(follower: FaceFollower, tmp_path: Path) -> None:
    write_clip_of(tmp_path / "grey.mp4", np.full((128, 128, 3), 127, np.uint8), frames=3)
    assert not follower.follow(open_clip(tmp_path / "grey.mp4").frames())
