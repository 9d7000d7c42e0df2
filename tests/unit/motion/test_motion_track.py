from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from motion_helpers import speech_of

from lipsmith.errors import InvalidMotion
from lipsmith.motion.choreography import build_motion
from lipsmith.motion.direction import apply_direction, read_direction
from lipsmith.motion.intensity import scale_intensity
from lipsmith.motion.track import CHANNELS, MotionTrack
from lipsmith.speech.visemes import VISEMES

FPS = Fraction(25)
SPEECH = speech_of(("sil", 0.3), ("PP", 0.1), ("aa", 0.3), ("ou", 0.3), ("sil", 0.5))
SAID = build_motion(SPEECH, fps=FPS, frames=38)


def visemes_of(track: MotionTrack) -> np.ndarray:
    assert track.visemes is not None
    return track.visemes


def test_every_frame_holds_what_is_said_in_it() -> None:
    visemes = visemes_of(SAID)
    assert visemes.shape == (38, 15) and visemes.dtype == np.float32
    np.testing.assert_allclose(visemes.sum(axis=1), 1.0, atol=1e-4)
    for time_s, name in ((0.1, "sil"), (0.36, "PP"), (0.56, "aa"), (0.84, "ou"), (1.4, "sil")):
        assert visemes[round(time_s * 25), VISEMES.index(name)] == pytest.approx(1.0, abs=1e-4)


def test_a_short_phone_is_in_the_visemes_at_any_rate() -> None:
    clipped = speech_of(("aa", 0.4), ("PP", 0.04), ("aa", 0.4))
    for fps in (10, 24, 60):
        track = build_motion(clipped, fps=Fraction(fps), frames=round(0.84 * fps))
        assert visemes_of(track)[:, VISEMES.index("PP")].sum() / fps == pytest.approx(0.04, abs=1e-3)


def test_visemes_survive_a_file_an_edit_a_prompt_and_an_intensity() -> None:
    again = MotionTrack.from_json(SAID.to_json())
    np.testing.assert_array_equal(visemes_of(again), visemes_of(SAID))
    for track in (
        SAID.edited(aperture=0.1),
        scale_intensity(SAID, 1.5),
        apply_direction(SAID, read_direction("nod"), SPEECH, seed=0),
    ):
        np.testing.assert_array_equal(visemes_of(track), visemes_of(SAID))


def test_a_file_without_visemes_and_newer_channels_still_loads() -> None:
    document = json.loads(SAID.to_json())
    del document["visemes"], document["channels"]["jaw"], document["channels"]["corner"]
    track = MotionTrack.from_json(json.dumps(document))
    assert track.visemes is None
    assert not track["jaw"].any() and not track["corner"].any()
    np.testing.assert_array_equal(track["aperture"], SAID["aperture"])


def test_a_viseme_that_is_left_out_is_never_said() -> None:
    document = json.loads(SAID.to_json())
    document["visemes"] = {"ou": [1.0] * 38}
    visemes = visemes_of(MotionTrack.from_json(json.dumps(document)))
    assert visemes[:, VISEMES.index("ou")].min() == visemes.sum(axis=1).max() == 1.0


@pytest.mark.parametrize(
    ("visemes", "named"),
    [({"aah": [1.0] * 38}, "'aah'"), ({"ou": [1.0] * 37}, "'ou'"), ({"ou": ["x"] * 38}, "'ou'"), ([1.0], '"visemes"')],
)
def test_broken_visemes_are_reported(visemes: object, named: str) -> None:
    document = json.loads(SAID.to_json())
    document["visemes"] = visemes
    with pytest.raises(InvalidMotion, match=named):
        MotionTrack.from_json(json.dumps(document))


def test_visemes_need_a_column_each() -> None:
    with pytest.raises(InvalidMotion, match="15 columns"):
        MotionTrack.of(FPS, 3, visemes=np.zeros((3, 14)))


def test_an_edit_changes_what_it_names_within_its_range() -> None:
    edited = SAID.edited(aperture=9.0)
    assert (edited["aperture"] == np.float32(CHANNELS["aperture"][1])).all()
    for name in set(CHANNELS) - {"aperture"}:
        np.testing.assert_array_equal(edited[name], SAID[name])
    with pytest.raises(InvalidMotion, match="ears"):
        SAID.edited(ears=1.0)


@pytest.mark.parametrize("frames", [5, 38, 50])
def test_another_length_cuts_or_holds(frames: int) -> None:
    track = SAID.of_length(frames)
    assert len(track) == len(visemes_of(track)) == frames
    rows = np.minimum(np.arange(frames), 37)
    np.testing.assert_array_equal(track["aperture"], SAID["aperture"][rows])
    np.testing.assert_array_equal(visemes_of(track), visemes_of(SAID)[rows])
