"""Equal input gives equal frames: in two runs, in any order, in any number of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
from benchmarks.subjects import Subject, astronaut, at_rest, finder, look, spoken

from lipsmith.engines.classic_animator import ClassicAnimator
from lipsmith.media.clip import U8
from lipsmith.motion.choreography import build_motion
from lipsmith.motion.track import MotionTrack
from lipsmith.render.blend import to_i420
from lipsmith.synthesis.espeak import EspeakVoice

FRAMES = 12


def rendered(seed: int) -> list[U8]:
    """Everything from the photo and the text on, done again."""
    image = astronaut()
    face = finder().find(image)[0]
    spoken_now = EspeakVoice().speak("Papa moves.", voice="en-us", rate=1.0)
    track = build_motion(spoken_now.speech, fps=Fraction(25), frames=FRAMES, seed=seed)
    return list(ClassicAnimator().frames(image, face, track))


def test_two_runs_with_the_same_seed_are_identical() -> None:
    first, second = rendered(7), rendered(7)
    assert len(first) == FRAMES
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_seed_gives_other_frames() -> None:
    assert any((a != b).any() for a, b in zip(rendered(7), rendered(8), strict=True))


def test_frames_do_not_depend_on_order_or_threads(one_subject: Subject) -> None:
    _, speech = spoken()
    track = build_motion(speech, fps=Fraction(25), frames=FRAMES, seed=3)
    portrait = one_subject.portrait
    in_order = [portrait.draw_i420(track.frame(n)) for n in range(FRAMES)]
    backwards = [portrait.draw_i420(track.frame(n)) for n in reversed(range(FRAMES))][::-1]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(portrait.draw_i420, [track.frame(n) for n in range(FRAMES)]))
    for n in range(FRAMES):
        np.testing.assert_array_equal(in_order[n], backwards[n])
        np.testing.assert_array_equal(in_order[n], together[n])
    assert (in_order[0] != in_order[-1]).any()


def test_threads_of_the_animator_change_nothing(one_subject: Subject) -> None:
    track = MotionTrack.of(Fraction(25), 5, aperture=np.linspace(0, 0.3, 5), head_yaw=np.linspace(-3, 3, 5))
    runs = [list(ClassicAnimator(threads).frames(one_subject.image, one_subject.face, track)) for threads in (1, 3)]
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_both_kinds_of_frame_show_the_same(one_subject: Subject) -> None:
    for channels in (at_rest(), look("aa"), look("turned")):
        portrait = one_subject.portrait
        np.testing.assert_array_equal(portrait.draw_i420(channels), to_i420(portrait.draw_rgb(channels)))


def test_a_shut_image_at_rest_is_the_image(one_subject: Subject) -> None:
    shape = one_subject.portrait.shape
    frame = one_subject.portrait.draw_rgb(at_rest(aperture=shape.aperture / shape.scale))
    change = np.abs(frame.astype(int) - one_subject.image.rgb)
    assert change.mean() < 0.5
    left, top, right, bottom = one_subject.portrait.rect
    outside = np.ones(change.shape[:2], bool)
    outside[top:bottom, left:right] = False
    assert outside.any()
    assert change[outside].max() == 0
