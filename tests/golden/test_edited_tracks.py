"""A motion that was edited is drawn anew where it was edited, and nowhere else."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from benchmarks.subjects import Subject, sentence_track
from numpy.typing import NDArray

from lipsmith.engines.classic_animator import ClassicAnimator
from lipsmith.face.layout import LEFT_IRIS, RIGHT_IRIS
from lipsmith.media.clip import U8
from lipsmith.motion.track import CHANNELS, MotionTrack
from lipsmith.speech.visemes import VISEMES

FIRST, FRAMES = 30, 12
pytestmark = pytest.mark.slow
EDITED = range(4, 8)
EYES = (*LEFT_IRIS, *RIGHT_IRIS, 33, 133, 362, 263)
LIPS = (61, 291, 13, 14, 0, 17, 78, 308)
RING = {"left": (*LEFT_IRIS, 33, 133), "right": (*RIGHT_IRIS, 362, 263)}

EDITS: dict[str, float] = {
    "aperture": 0.2, "width": -0.15, "pucker": 0.8, "press": 0.6, "tuck": 0.9, "tongue": 1.0, "jaw": 0.08,
    "upper_raise": 0.05, "lower_drop": 0.05, "smile": 0.0, "corner": -0.06, "head_pitch": 4.0, "head_yaw": -6.0,
    "head_roll": 5.0, "head_x": 0.05, "head_y": 0.05, "zoom": 0.05, "breath": 0.9, "blink_left": 0.8,
    "blink_right": 1.0, "gaze_x": 0.06, "gaze_y": -0.05, "brow": 0.9,
    "brow_inner": -0.9, "cheek": 2.0,
}  # fmt: skip
"""A value for every channel, unlike what the sentence has in those frames."""


UNSEEN = {"tongue", "upper_raise"}
"""Seen in some frames only: a tongue between parted lips, and an upper lip that a smile has not raised already."""


@pytest.fixture(scope="module")
def track() -> MotionTrack:
    """Twelve frames out of a spoken sentence."""
    whole = sentence_track(25)
    return MotionTrack.of(whole.fps, FRAMES, **{name: whole[name][FIRST : FIRST + FRAMES] for name in CHANNELS})


def edited(track: MotionTrack, **values: float) -> MotionTrack:
    """As a person would: in the JSON text."""
    document = json.loads(track.to_json())
    for name, value in values.items():
        for n in EDITED:
            document["channels"][name][n] = value
    return MotionTrack.from_json(json.dumps(document))


def drawn(subject: Subject, track: MotionTrack) -> list[U8]:
    return list(ClassicAnimator().frames(subject.image, subject.face, track))


def changed(before: U8, after: U8) -> NDArray[np.bool_]:
    """(height, width) of the frame, from I420 planes: any difference in brightness or colour."""
    height, width = before.shape[0] * 2 // 3, before.shape[1]
    off = before != after
    bright, colour = off[:height], off[height:].reshape(2, height // 2, width // 2).any(axis=0)
    return bright | np.kron(colour, np.ones((2, 2), bool))


def near(subject: Subject, points: tuple[int, ...], reach_iod: float) -> NDArray[np.bool_]:
    """Pixels around points of the face in the image; the head moves by less than these reaches in the sentence."""
    mask = np.zeros(subject.image.rgb.shape[:2], np.uint8)
    for x, y in np.round(subject.face.points[list(points), :2]).astype(int).tolist():
        cv2.circle(mask, (x, y), round(reach_iod * subject.iod_px), 1, -1)
    return mask > 0


@pytest.fixture(scope="module")
def originals() -> dict[str, list[U8]]:
    return {}


def before(subject: Subject, track: MotionTrack, kept: dict[str, list[U8]]) -> list[U8]:
    if subject.name not in kept:
        kept[subject.name] = drawn(subject, track)
    return kept[subject.name]


def test_every_channel_is_edited() -> None:
    assert set(EDITS) == set(CHANNELS)


def test_a_track_that_went_through_a_file_draws_the_same(
    one_subject: Subject, track: MotionTrack, originals: dict[str, list[U8]]
) -> None:
    for old, new in zip(before(one_subject, track, originals), drawn(one_subject, edited(track)), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("channel", EDITS)
def test_only_edited_frames_change(
    one_subject: Subject, track: MotionTrack, originals: dict[str, list[U8]], channel: str
) -> None:
    old, new = before(one_subject, track, originals), drawn(one_subject, edited(track, **{channel: EDITS[channel]}))
    different = [n for n in range(FRAMES) if (old[n] != new[n]).any()]
    if channel in UNSEEN:
        assert set(different) <= set(EDITED)
    else:
        assert different == list(EDITED)


@pytest.mark.parametrize("channel", ["blink_left", "blink_right", "gaze_x", "gaze_y"])
def test_an_edited_eye_leaves_all_else_untouched(
    one_subject: Subject, track: MotionTrack, originals: dict[str, list[U8]], channel: str
) -> None:
    old, new = before(one_subject, track, originals), drawn(one_subject, edited(track, **{channel: EDITS[channel]}))
    side = channel.removeprefix("blink_")
    reach_iod = 0.5 if channel.startswith("gaze") else 0.8  # brow and cheek join a blink
    around = near(one_subject, RING.get(side, EYES), reach_iod)
    for n in EDITED:
        difference = changed(old[n], new[n])
        assert difference[around].any()
        assert not difference[~around].any()


@pytest.mark.parametrize(
    "channel", ["aperture", "width", "pucker", "press", "tuck", "tongue", "jaw", "smile", "corner"]
)
def test_an_edited_mouth_leaves_the_eyes_untouched(
    one_subject: Subject, track: MotionTrack, originals: dict[str, list[U8]], channel: str
) -> None:
    old, new = before(one_subject, track, originals), drawn(one_subject, edited(track, **{channel: EDITS[channel]}))
    eyes = near(one_subject, EYES, 0.15)
    lips = near(one_subject, LIPS, 0.2)
    for n in EDITED:
        difference = changed(old[n], new[n])
        assert difference[lips].any() or channel in UNSEEN
        assert not difference[eyes].any()


def test_an_edited_brow_leaves_the_mouth_untouched(
    one_subject: Subject, track: MotionTrack, originals: dict[str, list[U8]]
) -> None:
    old, new = before(one_subject, track, originals), drawn(one_subject, edited(track, brow=EDITS["brow"]))
    lips = near(one_subject, LIPS, 0.25)
    for n in EDITED:
        assert not changed(old[n], new[n])[lips].any()


@pytest.mark.parametrize("channel", ["head_pitch", "head_yaw", "head_roll", "head_x", "head_y", "zoom", "breath"])
def test_an_edited_head_leaves_the_background_untouched(
    one_subject: Subject, track: MotionTrack, originals: dict[str, list[U8]], channel: str
) -> None:
    old, new = before(one_subject, track, originals), drawn(one_subject, edited(track, **{channel: EDITS[channel]}))
    left, top, right, bottom = one_subject.portrait.rect
    outside = np.ones(one_subject.image.rgb.shape[:2], bool)
    outside[top:bottom, left:right] = False
    assert outside.any()
    for n in EDITED:
        assert not changed(old[n], new[n])[outside].any()


def test_edited_visemes_change_no_frame(
    one_subject: Subject, track: MotionTrack, originals: dict[str, list[U8]]
) -> None:
    visemes = np.zeros((FRAMES, len(VISEMES)))
    visemes[:, VISEMES.index("aa")] = 1.0
    said = MotionTrack.of(track.fps, FRAMES, visemes=visemes, **track.channels)
    for old, new in zip(before(one_subject, track, originals), drawn(one_subject, said), strict=True):
        np.testing.assert_array_equal(old, new)


def test_two_edits_in_different_frames_do_not_meet(
    one_subject: Subject, track: MotionTrack, originals: dict[str, list[U8]]
) -> None:
    """Edited twice, a frame looks as with its own edit alone."""
    wide = edited(track, aperture=0.25)
    both = dict(wide.channels)
    both["brow"] = both["brow"].copy()
    both["brow"][9] = 1.0
    new = drawn(one_subject, MotionTrack.of(track.fps, FRAMES, **both))
    alone = drawn(one_subject, wide)
    assert [n for n in range(FRAMES) if (new[n] != alone[n]).any()] == [9]
