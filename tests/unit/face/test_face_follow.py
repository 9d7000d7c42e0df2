"""Faces are followed through clips made of a portrait by code, and through real ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lanes import amount
from lipsmith.engines import registry
from lipsmith.engines.mediapipe_face import MediapipeFaceFollower
from lipsmith.face.choice import ExpectedOpening, choose_face, lip_audio_agreement, parse_face_choice
from lipsmith.face.landmarks import Face
from lipsmith.face.track import FaceTrack
from lipsmith.media.decode import open_audio
from lipsmith.media.image import read_image
from lipsmith.media.reader import open_clip
from lipsmith.speech.visemes import HOP_S

U8 = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class ClipImage:
    planes: U8
    time_s: Fraction


@pytest.fixture(scope="module")
def follower() -> MediapipeFaceFollower:
    return MediapipeFaceFollower()


def clip(frames: Sequence[U8], fps: int = 25) -> Iterator[ClipImage]:
    for k, rgb in enumerate(frames):
        yield ClipImage(planes=np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420), np.uint8), time_s=Fraction(k, fps))


def placed(frame: U8, x: float, y: float, size: tuple[int, int] = (640, 480), zoom: float = 1.0) -> U8:
    """``frame`` on grey, its upper left corner at (x, y)."""
    to = np.array([[zoom, 0, x], [0, zoom, y]])
    shown = cv2.warpAffine(frame, to, size, flags=cv2.INTER_AREA, borderValue=(127, 127, 127))
    return np.asarray(shown, np.uint8)


@pytest.mark.slow
def test_a_moving_face_is_followed_to_the_pixel(follower: MediapipeFaceFollower, astronaut: U8, face: Face) -> None:
    lefts = 60 + 50 * np.sin(np.arange(50) / 9)
    (track,) = follower.follow(clip([placed(astronaut, x, -10) for x in lefts]))
    assert track.present.all() and not track.bridged.any() and track.cuts == ()
    bone = [151, 168, 6, 33, 263]
    for k in range(5, 45):
        where = track.points(k)[bone, :2] - face.points[bone, :2]
        np.testing.assert_allclose(where.mean(axis=0), [lefts[k], -10], atol=0.05 * face.iod_px)
    still = np.diff(np.array([track.points(k)[168, :2] for k in range(50)]) - np.stack([lefts, 0 * lefts], 1), axis=0)
    assert still.std() < 0.006 * face.iod_px


def test_wide_pixels_are_made_square(follower: MediapipeFaceFollower, astronaut: U8, face: Face) -> None:
    narrow = np.asarray(cv2.resize(astronaut, (384, 512), interpolation=cv2.INTER_AREA), np.uint8)
    (track,) = follower.follow(clip([narrow] * 3), pixel_aspect=Fraction(4, 3))
    np.testing.assert_allclose(track.points(1)[:, :2], face.points[:, :2], atol=0.06 * face.iod_px)


@pytest.mark.slow
def test_a_gap_is_bridged_and_a_cut_leads_back_to_the_same_person(
    follower: MediapipeFaceFollower, astronaut: U8
) -> None:
    at_home = [placed(astronaut, 40 + k, -20) for k in range(20)]
    hidden = [at_home[-1].copy() for _ in range(8)]  # 0.32 s
    for frame in hidden:
        frame[20:300, 150:400] = (40, 90, 60)
    room = np.random.default_rng(3).integers(0, 255, (12, 16, 3), np.uint8)
    elsewhere = np.asarray(cv2.resize(room, (640, 480), interpolation=cv2.INTER_LINEAR), np.uint8)
    closer = [np.hstack([placed(astronaut, -150, -90, (320, 480), 1.3), elsewhere[:, 320:]])] * 20
    (track,) = follower.follow(clip([*at_home, *hidden, *at_home[::-1], *[elsewhere] * 15, *closer]))
    assert track.bridged[20:28].all() and track.present[:48].all()
    assert set(track.cuts) >= {48} and not track.present[48:63].any()
    assert track.present[64:].all()


@pytest.mark.slow
def test_lips_that_leave_the_frame_make_the_face_absent(follower: MediapipeFaceFollower, astronaut: U8) -> None:
    (track,) = follower.follow(clip([placed(astronaut, 60, 18.0 * k) for k in range(40)]))
    assert track.present[:8].all() and not track.present[30:].any()


def test_nobody_is_found_where_nobody_is(follower: MediapipeFaceFollower) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    assert follower.follow(clip([noise] * 30)) == []
    assert follower.follow(clip([])) == []


@pytest.mark.slow
def test_two_people_are_reported_apart_from_left_to_right(
    follower: MediapipeFaceFollower, astronaut: U8, shared_media: Path
) -> None:
    man = read_image(shared_media / "photos" / "man_glasses_256.jpg").rgb
    man = np.asarray(cv2.resize(man, (480, 480)), np.uint8)
    woman = np.ascontiguousarray(astronaut[:480])
    left = np.hstack([man, woman])
    right = np.hstack([woman, man])
    him, her = follower.follow(clip([left] * 30 + [left] * 5))
    assert np.nanmean([him.points(k)[:, 0].mean() for k in (3, 20)]) < 480
    assert her.present.all() and him.present.all()
    first, second = follower.follow(clip([left] * 12 + [np.zeros_like(left)] * 12 + [right] * 30))
    for track in (first, second):  # each of them changes sides; identities are kept
        assert track.present[2] and track.present[50]
        assert (track.points(2)[0, 0] < 512) != (track.points(50)[0, 0] < 512)


CLIPS = {
    "video/man_beard_half_body_hevc.mp4": 1,
    "video/man_glasses_29.97fps_2s.mp4": 1,
    "video/man_glasses_nosound_6s_30fps.mp4": 1,
    "video/man_green_silent_3s.mp4": 1,
    "video/man_head_turns_25fps.mp4": 1,
    "video/man_map_25fps_5s.mp4": 1,
    "video/man_suit_22fps_6s.mp4": 1,
    "video/no_face_road_4k.mp4": 0,
    "video/vidtimit_woman_5s.mp4": 1,
    "video/woman_29.97fps_4.6s.mp4": 1,
    "video/woman_flag_25fps_8s.mp4": 1,
    "video/woman_seated_small_face_hevc.mp4": 1,
    "odd/anim.gif": 1,
    "odd/fps10.mp4": 1,
    "odd/fps60.mp4": 1,
    "odd/hevc_10bit.mp4": 1,
    "odd/mjpeg.avi": 1,
    "odd/one_frame.mp4": 1,
    "odd/prores_like.mov": 1,
    "odd/rotated_metadata.mp4": 1,
    "odd/tiny_128.mp4": 1,
    "odd/two_faces.mp4": 2,
    "odd/vfr.mp4": 1,
    "odd/vp9.webm": 1,
    "odd/wide_1920x1080.mp4": 1,
    "odd/yuv444_odd.mp4": 1,
}
"""Clips, and how many people are to be seen in all of their frames."""


FRAMES = amount("FRAMES", whole=24, release=100_000)
"""Frames of each clip in which its people are followed."""


def followed(path: Path, most: int | None = None) -> list[FaceTrack]:
    if not path.is_file():
        pytest.skip(f"{path.name} is not among the shared media")
    opened = open_clip(path)
    frames = islice(opened.frames(), most)
    return list(registry.create("face_follower").follow(frames, pixel_aspect=opened.info.pixel_aspect))


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIPS)
def test_real_faces_are_followed_without_a_gap(shared_media: Path, name: str) -> None:
    tracks = followed(shared_media / name, FRAMES)
    assert len(tracks) == CLIPS[name]
    for track in tracks:
        assert track.present.all() and track.cuts == ()
        assert float(track.aperture.max()) < 0.7


@pytest.mark.slow
def test_real_cuts_and_people(shared_media: Path) -> None:
    man, woman = followed(shared_media / "odd" / "cuts.mp4")
    assert woman.cuts == (50, 100, 125)
    assert np.flatnonzero(man.present).tolist() == list(range(50, 100))
    assert np.flatnonzero(woman.present).tolist() == [*range(50), *range(125, 175)]


@pytest.mark.slow
def test_of_two_real_people_the_one_who_speaks_is_chosen(shared_media: Path) -> None:
    path = shared_media / "odd" / "two_faces.mp4"
    her, him = followed(path)
    openness = registry.create("speech_reader").read(open_audio(path)).openness
    assert openness is not None
    expected_opening = ExpectedOpening(times_s=np.arange(len(openness)) * HOP_S, openness=openness.astype(np.float64))
    for choice in ("auto", "speaker"):
        assert choose_face([her, him], parse_face_choice(choice), expected=expected_opening) is her
    ours, theirs = (lip_audio_agreement(track, expected_opening) for track in (her, him))
    assert ours is not None and theirs is not None
    assert ours.r > theirs.r + 0.3


@pytest.mark.slow
def test_a_real_face_that_leaves_is_absent_from_then_on(shared_media: Path) -> None:
    (track,) = followed(shared_media / "odd" / "face_leaves.mp4")
    assert track.present[:55].all() and not track.present[90:].any()
    assert len(track.absences) == 1
