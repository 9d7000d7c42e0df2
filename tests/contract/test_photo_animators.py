"""Contract of the role `PhotoAnimator`, for every engine."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.engines import registry
from lipsmith.engines.contract import PhotoAnimator
from lipsmith.face.landmarks import Face
from lipsmith.media.clip import Image
from lipsmith.motion.track import MotionTrack

FRAMES = 5


@pytest.fixture(params=registry.names("photo_animator"), scope="module")
def animator(request: pytest.FixtureRequest) -> PhotoAnimator:
    return registry.create("photo_animator", request.param)


@pytest.fixture(scope="module")
def image(astronaut: NDArray[np.uint8]) -> Image:
    return Image(rgb=np.ascontiguousarray(astronaut[:320, 64:384]), grey=False)


@pytest.fixture(scope="module")
def face(image: Image) -> Face:
    return registry.create("face_finder").find(image)[0]


@pytest.mark.slow
def test_there_is_a_frame_of_the_image_for_each_of_the_motion(
    animator: PhotoAnimator, image: Image, face: Face
) -> None:
    before = image.rgb.copy()
    motion = MotionTrack.of(Fraction(25), FRAMES, aperture=np.linspace(0.0, 0.2, FRAMES))
    frames = [frame.copy() for frame in animator.frames(image, face, motion)]
    assert len(frames) == FRAMES
    assert {frame.shape for frame in frames} <= {(320, 320, 3), (480, 320)}
    assert all(frame.dtype == np.uint8 for frame in frames)
    assert (frames[0] != frames[-1]).any()
    assert (image.rgb == before).all()


@pytest.mark.slow
def test_equal_motion_gives_equal_frames(animator: PhotoAnimator, image: Image, face: Face) -> None:
    motion = MotionTrack.of(Fraction(25), 3, aperture=0.1, head_yaw=np.array([0.0, 2.0, 0.0]))
    first, second, third = (frame.copy() for frame in animator.frames(image, face, motion))
    assert (first == third).all()
    assert all((a == b).all() for a, b in zip((first, second), animator.frames(image, face, motion), strict=False))


def test_other_faces_keep_their_pixels(animator: PhotoAnimator, image: Image) -> None:
    pair = Image(rgb=np.hstack([image.rgb, image.rgb]), grey=False)
    left, right = sorted(registry.create("face_finder").find(pair), key=lambda face: face.box[0])
    motion = MotionTrack.of(Fraction(25), 2, aperture=np.array([0.0, 0.2]), head_yaw=np.array([0.0, 6.0]))
    still, moved = (frame.copy() for frame in animator.frames(pair, left, motion, others=[right]))
    x, y = right.points[:, :2].mean(axis=0).astype(int)
    assert (still[y - 20 : y + 20, x - 20 : x + 20] == moved[y - 20 : y + 20, x - 20 : x + 20]).all()
