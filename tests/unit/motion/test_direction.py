"""Requests of a prompt, and their effect on the motion: every act, every time, every degree."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion_helpers import speech_of
from numpy.typing import NDArray

from lipsmith.errors import InvalidOption
from lipsmith.motion.choreography import build_motion
from lipsmith.motion.direction import Act, Direction, apply_direction, direction_warnings, read_direction
from lipsmith.motion.gestures import GESTURES, LIMIT_DEG, MAX_GAZE_IOD, MAX_ZOOM, pauses
from lipsmith.motion.track import CHANNELS, MotionTrack
from lipsmith.motion.vocabulary import ACTS, INTENSITY, WHEN, ActName, When

FPS = Fraction(25)
FRAMES = 300
# 12 s: speech with pauses of 0.6 s from 3.2 s and of 0.4 s from 8.0 s; one of 0.2 s from 5.6 s is none.
SPEECH = speech_of(
    ("aa", 1.6), ("ou", 1.6), ("sil", 0.6), ("E", 1.8), ("sil", 0.2), ("ih", 2.2), ("sil", 0.4), ("aa", 3.6)
)  # fmt: skip
HEAD = ("head_pitch", "head_yaw", "head_roll", "head_x", "head_y")

Change = dict[str, NDArray[np.float64]]


@cache
def base(still: bool = False) -> MotionTrack:
    return build_motion(SPEECH, fps=FPS, frames=FRAMES, seed=3, still=still)


def directed(*acts: Act, seed: int = 0, track: MotionTrack | None = None) -> MotionTrack:
    return apply_direction(track or base(), Direction(acts=acts), SPEECH, seed=seed)


def change(*acts: Act, track: MotionTrack | None = None) -> Change:
    """Channel -> (frames,) what the acts added."""
    after, before = directed(*acts, track=track), track or base()
    return {name: after[name].astype(np.float64) - before[name] for name in CHANNELS}


# --- reading ---


def reported(direction: Direction) -> list[str]:
    """The acts, such as ``-nod 0.5 end``."""
    return [f"{'-' if act.negated else ''}{act.name} {act.intensity:g} {act.when}" for act in direction.acts]


@pytest.mark.parametrize(
    ("prompt", "acts", "unknown"),
    [
        ("Nod gently and smile warmly while speaking.", ["nod 0.6 whole", "smile 1 whole"], ()),
        (
            "The woman is nodding slightly during pauses, looking at the camera, without blinking.",
            ["nod 0.5 pauses", "look_camera 1 whole", "-blink 1 whole"],
            (),
        ),
        ("No head movement at all, but smile broadly at the end", ["-move_head 1 whole", "smile 1.5 end"], ()),
        (
            "At the beginning, look to the left, then right. Nod.",
            ["look_left 1 beginning", "look_right 1 beginning", "nod 1 whole"],
            (),
        ),
        ("Nod at the end and smile", ["nod 1 end", "smile 1 whole"], ()),
        ("no nodding, winking or blinking", ["-nod 1 whole", "-wink 1 whole", "-blink 1 whole"], ()),
        ("Don't nod, smile", ["-nod 1 whole", "smile 1 whole"], ()),
        ("smile and don't blink or nod, shake your head",
         ["smile 1 whole", "-blink 1 whole", "-nod 1 whole", "shake 1 whole"], ()),
        ("never stop smiling", ["smile 1 whole"], ()),
        ("Don’t smile too much", ["-smile 0.5 whole"], ()),
        ("not too energetic", ["energetic 0.5 whole"], ()),
        ("very slightly surprised", ["surprised 0.33 whole"], ()),
        ("very, very strongly nod", ["nod 2 whole"], ()),
        ("nod, very gently", ["nod 0.4 whole"], ()),
        ("slowly zoom in on her face, gentle sway", ["zoom_in 1 whole", "sway 0.6 whole"], ()),
        ("nod slowly", ["nod 1 whole"], ("slowly",)),
        ("Tilt your head slightly to the left and wink with your right eye",
         ["tilt_left 0.5 whole", "wink_right 1 whole"], ()),
        ("Keep your head still. Nod now and then.", ["still 1 whole", "nod 1 sometimes"], ()),
        ("still smiling", ["smile 1 whole"], ("still",)),
        ("look up and to the right", ["look_up 1 whole", "look_right 1 whole"], ()),
        ("A warm smile", ["smile 1 whole"], ()),
        ("nod at the beginning and at the end", ["nod 1 beginning"], ()),
        ("She waves her hands and walks through a forest", [], ("She waves her hands", "walks through a forest")),
        ("A man is speaking passionately with hand gestures", ["energetic 1 whole"], ("hand gestures",)),
        ("cut to a beach at sunset; then smile", ["smile 1 whole"], ("cut to a beach at sunset",)),
        ("move your hands", [], ("move your hands",)),
        ("don't be calm", [], ("don't be calm",)),
        ("don't smile less", [], ("don't smile less",)),
        ("eyes wide", [], ("eyes wide",)),
        ("talk softly", [], ("talk softly",)),
        ("gently", [], ("gently",)),
        ("don't", [], ("don't",)),
        ("lächle freundlich", [], ("lächle freundlich",)),
        ("点头，微笑", [], ("点头", "微笑")),
        ("wave, wave", [], ("wave",)),
        ("speak naturally, please", [], ()),
        ("?!", [], ()),
        ("", [], ()),
    ],
)  # fmt: skip
def test_prompts_are_read(prompt: str, acts: list[str], unknown: tuple[str, ...]) -> None:
    direction = read_direction(prompt)
    assert (reported(direction), direction.unknown) == (acts, unknown)


def test_an_act_knows_the_words_that_requested_for_it() -> None:
    assert [act.phrase for act in read_direction("Please,  nod\tgently. Then smile!").acts] == ["nod gently", "smile"]


def test_two_times_are_two_acts() -> None:
    assert reported(read_direction("smile at the beginning at the end")) == ["smile 1 beginning", "smile 1 end"]


def test_a_prompt_has_an_end() -> None:
    assert read_direction("n" * 2000).unknown == ("n" * 2000,)
    with pytest.raises(InvalidOption, match="2001 characters"):
        read_direction("n" * 2001)


@given(st.text(max_size=200))
def test_any_text_can_be_read(prompt: str) -> None:
    direction = read_direction(prompt)
    assert all(act.name in ACTS and 0.2 <= act.intensity <= 2.0 for act in direction.acts)
    assert all(phrase.strip() for phrase in direction.unknown)


@given(
    st.lists(
        st.sampled_from(
            [p for table in (ACTS, WHEN) for phrases in table.values() for p in phrases]
            + [*INTENSITY, "don't", "without", "and", "or", ",", ".", "waltz"]
        ),
        max_size=12,
    )
)
def test_no_strange_word_is_ever_dropped(words: list[str]) -> None:
    direction = read_direction(" ".join(words))
    assert ("waltz" in words) == any("waltz" in phrase for phrase in direction.unknown)


# --- doing ---

LATER = slice(15, None)  # the first half second shows the photo


def grows(name: str, by: float) -> Callable[[Change], bool]:
    return lambda added: float(added[name][LATER].min()) > by


def falls(name: str, by: float) -> Callable[[Change], bool]:
    return lambda added: float(added[name][LATER].max()) < -by


def peaks(name: str, by: float) -> Callable[[Change], bool]:
    return lambda added: float(np.abs(added[name]).max()) > by


def after(name: str) -> NDArray[np.float64]:
    return base()[name].astype(np.float64)


def spread(name: str, most: float = np.inf, least: float = 0.0) -> Callable[[Change], bool]:
    """Check the factor by which a channel's deviation grows."""
    return lambda added: least <= (after(name) + added[name])[LATER].std() / after(name)[LATER].std() < most


DONE: dict[ActName, list[Callable[[Change], bool]]] = {
    "nod": [peaks("head_pitch", 3.0), lambda added: added["head_pitch"].min() > -0.5],
    "shake": [lambda added: added["head_yaw"].max() > 2.5 and added["head_yaw"].min() < -2.5],
    "tilt": [peaks("head_roll", 4.0)],
    "tilt_left": [falls("head_roll", 3.0)],
    "tilt_right": [grows("head_roll", 3.0)],
    "turn_left": [falls("head_yaw", 3.0)],
    "turn_right": [grows("head_yaw", 3.0)],
    "head_up": [falls("head_pitch", 2.5)],
    "head_down": [grows("head_pitch", 2.5)],
    "look_left": [falls("gaze_x", 0.02), falls("head_yaw", 1.5)],
    "look_right": [grows("gaze_x", 0.02), grows("head_yaw", 1.5)],
    "look_up": [falls("gaze_y", 0.015), falls("head_pitch", 1.5)],
    "look_down": [grows("gaze_y", 0.015), grows("head_pitch", 1.5), peaks("blink_right", 0.2)],
    "look_away": [peaks("gaze_x", 0.04), peaks("head_yaw", 3.0)],
    "look_around": [lambda added: added["gaze_x"].std() > 0.015, peaks("head_yaw", 0.5)],
    "look_camera": [
        lambda added: bool(
            np.allclose(after("gaze_x") + added["gaze_x"], -0.002 * (after("head_yaw") + added["head_yaw"]), atol=0.004)
        )
    ],
    "smile": [
        lambda added: (after("smile") + added["smile"])[LATER].min() == 1.0,
        grows("width", 0.01),
        grows("corner", 0.005),
    ],
    "serious": [
        lambda added: (after("smile") + added["smile"])[LATER].max() == 0.0,
        falls("brow", 0.15),
        falls("corner", 0.004),
    ],
    "sad": [
        lambda added: (after("smile") + added["smile"])[LATER].max() == 0.0,
        grows("head_pitch", 1.5),
        grows("brow_inner", 0.4),
        falls("corner", 0.02),
    ],
    "tender": [grows("brow_inner", 0.2), grows("corner", 0.003), lambda added: np.abs(added["head_roll"]).max() > 1.5],
    "angry": [falls("brow", 0.2), falls("brow_inner", 0.2), falls("corner", 0.008), grows("head_pitch", 1.0)],
    "surprised": [lambda added: (after("brow") + added["brow"])[LATER].min() > 0.75, falls("head_pitch", 1.0)],
    "raise_brows": [lambda added: (after("brow") + added["brow"])[LATER].min() > 0.65],
    "frown": [lambda added: (after("brow") + added["brow"])[LATER].max() < -0.65],
    "blink": [lambda added: (after("blink_left") + added["blink_left"]).mean() > 1.5 * after("blink_left").mean()],
    "close_eyes": [lambda added: (after("blink_right") + added["blink_right"])[LATER].min() == 1.0],
    "wink": [lambda added: (added["blink_left"].max() > 0.9) != (added["blink_right"].max() > 0.9)],
    "wink_left": [peaks("blink_left", 0.9), lambda added: added["blink_right"].max() <= 0.0],
    "wink_right": [peaks("blink_right", 0.9), lambda added: added["blink_left"].max() <= 0.0],
    "calm": [spread(name, 0.6) for name in HEAD],
    "energetic": [spread(name, least=1.2) for name in HEAD],
    "move_head": [spread(name, least=1.2) for name in HEAD],
    "still": [spread(name, 0.01) for name in HEAD] + [spread("breath", 0.01)],
    "lean_in": [grows("zoom", 0.03)],
    "lean_back": [falls("zoom", 0.03)],
    "zoom_in": [lambda added: bool((np.diff(added["zoom"]) >= 0).all()) and added["zoom"][-1] > 0.055],
    "zoom_out": [lambda added: bool((np.diff(added["zoom"]) <= 0).all()) and added["zoom"][-1] < -0.055],
    "sway": [lambda added: added["head_x"].std() > 0.008 and added["head_roll"].std() > 0.6],
}  # fmt: skip

LEFT_OUT: dict[ActName, list[Callable[[Change], bool]]] = {
    "nod": [spread("head_pitch", 0.9)],
    "shake": [spread("head_yaw", 0.95)],
    "tilt": [spread("head_roll", 0.01)],
    "tilt_left": [lambda added: (after("head_roll") + added["head_roll"])[LATER].min() > -1e-4],
    "tilt_right": [lambda added: (after("head_roll") + added["head_roll"])[LATER].max() < 1e-4],
    "turn_left": [lambda added: (after("head_yaw") + added["head_yaw"])[LATER].min() > -1e-4],
    "turn_right": [lambda added: (after("head_yaw") + added["head_yaw"])[LATER].max() < 1e-4],
    "head_up": [lambda added: (after("head_pitch") + added["head_pitch"])[LATER].min() > -1e-4],
    "head_down": [lambda added: (after("head_pitch") + added["head_pitch"])[LATER].max() < 1e-4],
    "look_left": [lambda added: (after("head_yaw") + added["head_yaw"])[LATER].min() > -1e-4],
    "look_right": [lambda added: (after("head_yaw") + added["head_yaw"])[LATER].max() < 1e-4],
    "look_up": [lambda added: (after("head_pitch") + added["head_pitch"])[LATER].min() > -1e-4],
    "look_down": [lambda added: (after("head_pitch") + added["head_pitch"])[LATER].max() < 1e-4],
    "look_away": DONE["look_camera"],
    "look_around": DONE["look_camera"],
    "look_camera": DONE["look_away"],
    "smile": [lambda added: (after("smile") + added["smile"])[LATER].max() == 0.0],
    "serious": DONE["smile"],
    "raise_brows": [lambda added: (after("brow") + added["brow"])[LATER].max() < 1e-4],
    "frown": [lambda added: (after("brow") + added["brow"])[LATER].min() > -1e-4],
    "blink": [lambda added: (after("blink_left") + added["blink_left"])[LATER].max() == 0.0],
    "energetic": DONE["calm"],
    "move_head": [spread(name, 0.01) for name in HEAD],
    "sway": [spread("head_x", 0.01), spread("head_roll", 0.01)],
}
NEVER_BY_ITSELF = {
    "sad", "angry", "surprised", "tender",
    "close_eyes", "wink", "wink_left", "wink_right", "lean_in", "lean_back", "zoom_in",
    "zoom_out",
}  # fmt: skip
SAYS_NOTHING = {"calm", "still"}


@pytest.mark.parametrize("name", ACTS)
def test_every_act_does_what_it_says(name: ActName) -> None:
    added = change(Act(name=name))
    for check in DONE[name]:
        assert check(added)


@pytest.mark.parametrize("name", LEFT_OUT)
def test_every_forbidden_act_is_left_out(name: ActName) -> None:
    added = change(Act(name=name, negated=True))
    for check in LEFT_OUT[name]:
        assert check(added)


def test_all_negations_are_tested() -> None:
    assert set(LEFT_OUT) | NEVER_BY_ITSELF | SAYS_NOTHING == set(ACTS)
    assert {name for name in ACTS if GESTURES[name].undo is None} == SAYS_NOTHING
    for name in NEVER_BY_ITSELF:
        assert not any(added.any() for added in change(Act(name=name, negated=True)).values())  # type: ignore[arg-type]


def size(added: Change) -> float:
    """Total of all changes, each channel against its range."""
    return sum(float(np.abs(added[name]).sum()) / (CHANNELS[name][1] - CHANNELS[name][0]) for name in CHANNELS)


@pytest.mark.parametrize("name", [name for name in ACTS if name != "move_head"])
def test_more_intensity_is_more_of_it(name: ActName) -> None:
    little, usual = (size(change(Act(name=name, intensity=intensity))) for intensity in (0.5, 1.0))
    if "wink" in name:  # a lid is shut or it is not
        assert 0.0 < little <= usual
    else:
        assert 0.0 < little < 0.85 * usual


def test_a_subtle_head_movement_is_less_than_usual() -> None:
    assert directed(Act(name="move_head", intensity=0.5))["head_yaw"].std() < 0.7 * base()["head_yaw"].std()


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_less_takes_a_share(share: float) -> None:
    smile = directed(Act(name="smile", negated=True, intensity=share))["smile"]
    np.testing.assert_allclose(smile[LATER], (1 - share) * base()["smile"][LATER], atol=1e-4)


def test_fewer_blinks_are_whole_blinks() -> None:
    left = directed(Act(name="blink", negated=True, intensity=0.5), seed=1)["blink_left"]
    gone = (left == 0) & (base()["blink_left"] > 0)
    assert gone.any()
    np.testing.assert_array_equal(left[~gone], base()["blink_left"][~gone])


WINDOWS: dict[When, tuple[float, float]] = {  # seconds; outside of them nothing changes
    "whole": (0.0, 12.0), "beginning": (0.0, 2.0), "middle": (4.0, 8.0), "end": (10.0, 12.0),
}  # fmt: skip


def away(start_s: float, end_s: float) -> NDArray[np.bool_]:
    """(frames,) True before and after a stretch of the clip."""
    at_s = np.arange(FRAMES) / 25
    return (at_s < start_s) | (at_s > end_s)


@pytest.mark.parametrize("name", ["smile", "tilt_left", "look_up", "serious", "lean_in", "still", "sway", "energetic"])
@pytest.mark.parametrize("when", WINDOWS)
def test_acts_keep_to_their_time(name: ActName, when: When) -> None:
    start_s, end_s = WINDOWS[when]
    outside = away(start_s, end_s)
    added = change(Act(name=name, when=when))
    assert max(np.abs(values[outside]).max(initial=0.0) for values in added.values()) < 1e-4
    assert max(np.abs(values[~outside]).max() for values in added.values()) > 1e-3


@pytest.mark.parametrize("name", ["nod", "shake", "blink", "wink_left"])
@pytest.mark.parametrize("when", WINDOWS)
def test_short_acts_begin_within_their_time(name: ActName, when: When) -> None:
    start_s, end_s = WINDOWS[when]
    outside = away(start_s - 0.1, end_s + 1.3)
    added = change(Act(name=name, when=when))
    assert max(np.abs(values[outside]).max(initial=0.0) for values in added.values()) < 1e-4
    assert max(np.abs(values[~outside]).max() for values in added.values()) > 0.1


def test_pauses_are_those_of_a_third_of_a_second() -> None:
    assert pauses(SPEECH) == [(pytest.approx(3.2), pytest.approx(3.8)), (pytest.approx(8.0), pytest.approx(8.4))]


def test_an_act_in_pauses_happens_in_each_and_nowhere_else() -> None:
    brow = change(Act(name="raise_brows", when="pauses"))["brow"]
    assert not brow[away(3.2, 3.8) & away(8.0, 8.4)].any()
    assert brow[round(3.5 * 25)] > 0.6
    assert brow[round(8.2 * 25)] > 0.6
    nods = change(Act(name="nod", when="pauses"))["head_pitch"]
    assert not nods[away(3.0, 4.3) & away(7.8, 9.1)].any()
    assert min(nods[75:107].max(), nods[195:227].max()) > 2.5


def test_sometimes_is_now_and_then() -> None:
    smile = change(Act(name="smile", when="sometimes"))["width"] > 0.01
    starts = np.flatnonzero(smile & ~np.concatenate([[False], smile[:-1]]))
    assert 2 <= len(starts) <= 5
    assert 0.15 < smile.mean() < 0.6


@pytest.mark.parametrize("name", ACTS)
def test_the_first_frame_stays_the_image(name: ActName) -> None:
    first = directed(Act(name=name, intensity=2.0)).frame(0)
    assert first == {channel: pytest.approx(base()[channel][0], abs=1e-4) for channel in CHANNELS}


def test_what_forbids_comes_before_what_adds() -> None:
    track = directed(Act(name="nod", when="end"), Act(name="still"))
    assert not track["head_pitch"][10:240].any()
    assert track["head_pitch"][250:].max() > 2.5


def test_the_mouth_still_says_what_it_said() -> None:
    every = tuple(Act(name=name) for name in ACTS)
    track = directed(*every)
    for name in ("aperture", "pucker", "press", "tuck", "tongue", "upper_raise", "lower_drop"):
        np.testing.assert_array_equal(track[name], base()[name])


def test_the_eyes_stay_on_the_viewer_while_a_directed_head_turns() -> None:
    added = change(Act(name="shake"))
    np.testing.assert_allclose(added["gaze_x"], -0.002 * added["head_yaw"], atol=2e-5)


def test_no_act_is_no_change() -> None:
    assert directed() is base()


def test_the_same_seed_gives_the_same_track_and_another_seed_another() -> None:
    acts = (Act(name="nod"), Act(name="look_around"), Act(name="sway"))
    first, again, other = (directed(*acts, seed=seed) for seed in (7, 7, 8))
    for name in CHANNELS:
        np.testing.assert_array_equal(first[name], again[name])
    assert np.abs(first["head_pitch"] - other["head_pitch"]).max() > 0.5


def test_a_further_act_leaves_the_others_as_they_were() -> None:
    alone, with_smile = directed(Act(name="nod")), directed(Act(name="nod"), Act(name="smile"))
    np.testing.assert_array_equal(alone["head_pitch"], with_smile["head_pitch"])


REQUESTS = st.builds(
    Act,
    name=st.sampled_from(list(ACTS)),
    negated=st.booleans(),
    intensity=st.floats(0.2, 2.0),
    when=st.sampled_from(list(WHEN)),
)


@settings(deadline=None, max_examples=60)
@given(
    acts=st.lists(REQUESTS, max_size=6).map(tuple),
    frames=st.integers(1, 120),
    fps=st.sampled_from([Fraction(12), FPS, Fraction(30000, 1001), Fraction(60)]),
    seed=st.integers(0, 2**32),
)
def test_any_direction_gives_a_track_within_its_ranges(
    acts: tuple[Act, ...], frames: int, fps: Fraction, seed: int
) -> None:
    track = MotionTrack.of(fps, frames, head_yaw=5.0, brow=0.3, blink_left=0.5)
    track = apply_direction(track, Direction(acts=acts), SPEECH, seed=seed)
    assert (len(track), track.fps) == (frames, fps)
    for name, (low, high, _, _) in CHANNELS.items():
        assert np.isfinite(track[name]).all()
        assert low <= track[name].min() <= track[name].max() <= high
    for name, limit in LIMIT_DEG.items():
        assert np.abs(track[name]).max() <= limit
    for name, limit in MAX_GAZE_IOD.items():
        assert np.abs(track[name]).max() <= limit + 1e-6
    assert np.abs(track["zoom"]).max() <= MAX_ZOOM + 1e-6


# --- telling ---


def test_what_cannot_be_done_is_reported_by_name() -> None:
    direction = read_direction("Wave your hands, zoom in and look sad. Walk away.")
    assert direction_warnings(direction, SPEECH) == (
        'The prompt asks for "Wave your hands", which lipsmith cannot act on.',
        'The prompt asks for "Walk away", which lipsmith cannot act on.',
        'For "zoom in", the head comes up to 6 % nearer, and what is behind it stays as it is.',
    )


def test_speech_without_a_pause_is_reported() -> None:
    breathless = speech_of(("aa", 2.0))
    assert direction_warnings(read_direction("nod in the pauses"), breathless) == (
        'There is no pause in this speech, so "nod in the pauses" changes nothing.',
    )
    track = MotionTrack.of(FPS, 50)
    directed = apply_direction(track, read_direction("nod in the pauses"), breathless, seed=0)
    assert not directed["head_pitch"].any()


def test_a_prompt_without_a_request_is_reported() -> None:
    assert direction_warnings(read_direction("please"), SPEECH) == (
        "The prompt contains nothing that lipsmith can do.",
    )


def test_what_is_done_needs_no_words() -> None:
    assert direction_warnings(read_direction("nod and smile, without blinking"), SPEECH) == ()
