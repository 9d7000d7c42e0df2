"""Lips at the times of a clip's frames, even or not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from motion_helpers import speech_of

from lipsmith.motion.lips import SHUT_IOD, UNEVEN_HZ, lips_at_frames
from lipsmith.motion.mouth import mouth_channels
from lipsmith.motion.track import MotionTrack
from lipsmith.speech.visemes import Speech

SPEECH = speech_of(("sil", 0.3), ("aa", 0.3), ("PP", 0.1), ("aa", 0.3), ("E", 0.2), ("sil", 0.8))


def at(times_s: list[Fraction], *, speech: Speech = SPEECH, reach: float = 1.0) -> MotionTrack:
    """At variable_rate times."""
    return lips_at_frames(speech, times_s=times_s, fps=Fraction(25), variable_rate=True, reach=reach)


def even(fps: Fraction, count: int) -> list[Fraction]:
    return [n / fps for n in range(count)]


def test_an_even_clip_has_the_lips_of_a_talking_photo() -> None:
    fps = Fraction(30000, 1001)
    motion = lips_at_frames(SPEECH, times_s=even(fps, 60), fps=fps, variable_rate=False)
    assert (len(motion), motion.fps) == (60, fps)
    for name, curve in mouth_channels(SPEECH, fps=fps, frames=60).items():
        np.testing.assert_allclose(motion[name], curve, atol=2e-5)


def test_uneven_times_are_where_an_even_clip_would_be() -> None:
    """Every frame of a clip with gaps shows what the same frame of the clip without gaps shows."""
    fps = Fraction(UNEVEN_HZ)
    whole = lips_at_frames(SPEECH, times_s=even(fps, 110), fps=fps, variable_rate=False)
    kept = [n for n in range(110) if n % 7 not in (2, 3, 5)]
    some = at([n / fps for n in kept])
    for name in ("aperture", "width", "pucker", "lower_drop"):
        free = whole["aperture"][kept] > 2 * SHUT_IOD if name == "aperture" else slice(None)
        np.testing.assert_allclose(some[name][free], whole[name][kept][free], atol=2e-5)


def test_a_frame_that_stays_long_shows_the_closure_it_would_hide() -> None:
    """The lips meet between 0.6 and 0.7 s; the frame that is shown then begins before."""
    times_s = [Fraction(n, 20) for n in range(11)] + [Fraction(59, 100), Fraction(17, 20), Fraction(9, 10)]
    motion = at(times_s)
    assert motion["aperture"][9] > 0.05
    assert motion["aperture"][11] < SHUT_IOD
    assert motion["aperture"][12] > 0.05


def test_a_frame_that_stays_very_long_is_as_it_begins() -> None:
    motion = at([Fraction(0), Fraction(45, 100), Fraction(2)])
    assert motion["aperture"][1] > 0.05


@pytest.mark.parametrize("variable_rate", [False, True])
def test_reach_is_how_far_a_mouth_opens_and_shut_stays_shut(variable_rate: bool) -> None:
    times_s = even(Fraction(25), 50)
    tracks = [
        lips_at_frames(SPEECH, times_s=times_s, fps=Fraction(25), variable_rate=variable_rate, reach=reach)
        for reach in (1.0, 0.7)
    ]
    np.testing.assert_allclose(tracks[1]["aperture"], 0.7 * tracks[0]["aperture"], atol=2e-5)
    assert tracks[1]["aperture"][16] < SHUT_IOD  # 0.64 s: p
    np.testing.assert_array_equal(tracks[1]["width"], tracks[0]["width"])


@pytest.mark.parametrize("variable_rate", [False, True])
def test_after_the_last_word_the_lips_rest(variable_rate: bool) -> None:
    times_s = even(Fraction(25), 200)  # 8 s, of which the speech has 2
    motion = lips_at_frames(SPEECH, times_s=times_s, fps=Fraction(25), variable_rate=variable_rate)
    assert motion["aperture"][60:].max() < SHUT_IOD


def test_a_single_frame() -> None:
    assert len(at([Fraction(0)])) == 1


def test_times_that_are_far_apart() -> None:
    motion = at([Fraction(0), Fraction(45, 100), Fraction(300)])
    assert motion["aperture"][1] > 0.05
    assert motion["aperture"][2] < SHUT_IOD
