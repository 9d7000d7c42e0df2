from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.errors import InvalidOption
from lipsmith.motion.accents import accents
from lipsmith.motion.choreography import build_motion
from lipsmith.motion.head_motion import HEAD_MOTIONS
from lipsmith.motion.track import CHANNELS, MotionTrack
from lipsmith.speech.visemes import Phone, Speech, viseme_rows

FPS = Fraction(25)
HEAD = ("head_pitch", "head_yaw", "head_roll")


def talk(seconds: float, seed: int = 3) -> Speech:
    """Phrases of syllables of random length, loudness and pitch, with pauses between them."""
    rng = np.random.default_rng(seed)
    phones, loud, now_s = [], [], 0.3
    while now_s < seconds - 1.0:
        for _ in range(int(rng.integers(6, 14))):
            for symbol in (rng.choice(list("ptkmnsl")), rng.choice(list("aeiou"))):
                length_s = rng.uniform(0.06, 0.16)
                phones.append(Phone(symbol=str(symbol), start_s=now_s, end_s=now_s + length_s))
                loud.append((now_s, rng.uniform(0.4, 1.0) if symbol in "aeiou" else 0.4, rng.uniform(100, 160)))
                now_s += length_s
        now_s += rng.uniform(0.25, 0.9)
    rows = viseme_rows(phones, seconds)
    times_s = np.arange(len(rows)) * 0.02
    since_s, levels, pitches = np.array(loud).T
    speaking = rows[:, 0] < 0.5
    return Speech(
        visemes=rows,
        openness=None,
        loudness=np.where(speaking, np.interp(times_s, since_s, levels), 0.0).astype(np.float32),
        pitch_hz=np.where(speaking, np.interp(times_s, since_s, pitches), 0.0).astype(np.float32),
        duration_s=seconds,
    )


def perform(seconds: float, **options: object) -> MotionTrack:
    return build_motion(talk(seconds), fps=FPS, frames=round(seconds * 25), **options)  # type: ignore[arg-type]


LIDS = ("blink_left", "blink_right")


def blink_starts(lid: NDArray[np.float32]) -> NDArray[np.int64]:
    shut = lid > 0.4
    return np.flatnonzero(shut & ~np.concatenate([[False], shut[:-1]]))


def test_the_same_seed_gives_the_same_track_and_another_seed_another() -> None:
    first, again, other = perform(6, seed=7), perform(6, seed=7), perform(6, seed=8)
    for name in CHANNELS:
        np.testing.assert_array_equal(first[name], again[name])
    np.testing.assert_array_equal(first["aperture"], other["aperture"])
    assert np.abs(first["head_yaw"] - other["head_yaw"]).max() > 0.5


@pytest.mark.parametrize("seed", range(5))
def test_the_first_frame_is_the_image(seed: int) -> None:
    first = perform(4, seed=seed).frame(0)
    assert first == {name: pytest.approx(rest, abs=1e-6) for name, (_, _, rest, _) in CHANNELS.items()}


@pytest.mark.parametrize("style", list(HEAD_MOTIONS))
@pytest.mark.parametrize("seed", range(3))
def test_the_head_stays_within_its_style(style: str, seed: int) -> None:
    track = perform(60, head_motion=style, seed=seed)
    for name, limit_deg in zip(HEAD, HEAD_MOTIONS[style].limit_deg, strict=True):  # type: ignore[index]
        assert 0.15 * limit_deg < np.abs(track[name]).max() <= limit_deg


@pytest.mark.slow
def test_livelier_styles_move_more() -> None:
    spread = [
        np.mean([perform(30, head_motion=s, seed=k)[n].std() for n in HEAD for k in range(3)]) for s in HEAD_MOTIONS
    ]
    assert list(HEAD_MOTIONS) == ["calm", "natural", "lively"]
    assert spread[0] < 0.7 * spread[1] < spread[1] < 0.75 * spread[2]


@pytest.mark.parametrize("seed", range(6))
def test_the_head_is_no_metronome(seed: int) -> None:
    track = perform(90, seed=seed)
    for name in HEAD:
        values = track[name] - track[name].mean()
        full = np.correlate(values, values, "full")[len(values) - 1 :]
        lags = np.arange(25, 25 * 30)  # 1 s to 30 s; what is left at longer ones is too short to tell
        fair = full[lags] / (len(values) - lags) / (full[0] / len(values))
        peaks = fair[1:-1][(fair[1:-1] > fair[:-2]) & (fair[1:-1] >= fair[2:])]
        assert peaks.max(initial=0.0) < 0.5, name


def test_the_head_moves_smoothly() -> None:
    track = perform(60)
    for name in HEAD:
        assert np.abs(np.diff(track[name])).max() * 25 < 40.0  # degrees a second
        assert np.abs(np.diff(track[name], 2)).max() < 1.2


def test_nods_fall_on_accents() -> None:
    speech = talk(60)
    track = build_motion(speech, fps=FPS, frames=1500, seed=2)
    quick = track["head_pitch"] - np.convolve(np.pad(track["head_pitch"], 12, mode="edge"), np.ones(25) / 25, "valid")
    near = np.zeros(1500, bool)
    for accent in accents(speech):
        near[max(round(accent.time_s * 25) - 3, 0) : round(accent.time_s * 25) + 4] = True
    assert np.abs(quick[near]).mean() > 2.0 * np.abs(quick[~near]).mean()


def test_accents_keep_half_a_second_apart_and_lie_in_speech() -> None:
    speech = talk(60)
    found = accents(speech)
    times_s = np.array([accent.time_s for accent in found])
    assert len(found) >= 15
    assert np.diff(times_s).min() >= 0.5
    assert all(speech.loudness[round(time_s * 50)] > 0.3 for time_s in times_s)
    assert all(0.0 < accent.strength <= 1.0 for accent in found)


def test_silence_has_no_accents() -> None:
    nothing = np.zeros(200, np.float32)
    rows = np.eye(15, dtype=np.float32)[np.zeros(200, int)]
    silence = Speech(visemes=rows, openness=None, loudness=nothing, pitch_hz=nothing, duration_s=4.0)
    assert accents(silence) == []
    assert not build_motion(silence, fps=FPS, frames=100)["aperture"].any()


def test_still_holds_head_and_breath_but_not_the_lids() -> None:
    track = perform(30, still=True)
    for name in (*HEAD, "head_x", "head_y", "breath"):
        assert not track[name].any(), name
    assert track["blink_left"].max() > 0.9
    assert track["aperture"].max() > 0.1


@pytest.mark.slow
def test_blinks_come_at_a_calm_speakers_rate() -> None:
    counts = [len(blink_starts(perform(60, seed=seed)["blink_left"])) for seed in range(12)]
    assert 12 <= np.mean(counts) <= 20
    assert min(counts) >= 9 and max(counts) <= 24


@pytest.mark.parametrize("seed", range(8))
def test_most_blinks_shut_both_eyes_and_never_at_the_start(seed: int) -> None:
    track = perform(40, seed=seed)
    assert not track["blink_left"][:11].any()  # 0.4 s
    starts = blink_starts(track["blink_left"])
    assert np.diff(starts).min() >= 25
    heights = np.array([[track[name][s : s + 4].max() for name in LIDS] for s in starts])
    whole = heights.max(axis=1) == 1.0
    assert whole.mean() >= 0.5
    assert heights[whole].min() >= 0.95
    assert ((heights[~whole] > 0.4) & (heights[~whole] < 0.76)).all()


@pytest.mark.slow
def test_some_blinks_go_only_part_of_the_way() -> None:
    lids = [perform(60, seed=seed)["blink_left"] for seed in range(12)]
    heights = np.array([lid[s : s + 4].max() for lid in lids for s in blink_starts(lid)])
    assert 0.05 < (heights < 0.8).mean() < 0.3


def test_eyes_are_not_shut_alike() -> None:
    """One eye follows the other by up to 12 ms: at 100 frames per second that is about one frame."""
    track = build_motion(talk(60), fps=Fraction(100), frames=6000, seed=2)
    left, right = track["blink_left"], track["blink_right"]
    assert 0.02 < np.abs(left - right).max() < 0.3
    leads = [np.sign((left - right)[s - 6 : s].sum()) for s in blink_starts(left)]
    assert {-1.0, 1.0} <= set(leads)


def test_a_blink_closes_in_a_tenth_of_a_second_and_opens_more_slowly() -> None:
    lid = build_motion(talk(60), fps=Fraction(500), frames=30_000, seed=2)["blink_left"].astype(np.float64)
    moving = np.flatnonzero(np.diff((lid > 0.02).astype(np.int8)))
    for start, stop in moving.reshape(-1, 2):
        blink = lid[start:stop]
        top = np.flatnonzero(blink > 0.98 * blink.max())
        assert 0.055 < top[0] / 500 < 0.105
        assert 0.12 < (len(blink) - top[-1]) / 500 < 0.26


def test_a_lid_takes_more_than_one_frame_to_close_at_25_frames_per_second() -> None:
    lid = perform(60, seed=3)["blink_left"]
    assert np.diff(lid).max() < 0.75


@pytest.mark.slow
def test_gaps_between_blinks_vary() -> None:
    gaps = np.concatenate([np.diff(blink_starts(perform(60, seed=seed)["blink_left"])) for seed in range(6)]) / 25
    assert gaps.std() > 0.25 * gaps.mean()


@pytest.mark.slow
def test_blinks_prefer_the_ends_of_phrases() -> None:
    speech = talk(60)
    silent = speech.visemes[:, 0] > 0.5
    hits, total = 0, 0
    for seed in range(6):
        starts = blink_starts(build_motion(speech, fps=FPS, frames=1500, seed=seed)["blink_left"]) * 2
        hits += sum(bool(silent[max(start - 2, 0) : start + 5].any()) for start in starts)
        total += len(starts)
    assert hits / total > 1.5 * silent.mean()


@pytest.mark.parametrize("fps", [Fraction(12), Fraction(30000, 1001), Fraction(60)])
def test_blinks_and_head_do_not_depend_on_the_frame_rate(fps: Fraction) -> None:
    speech = talk(20)
    ours = build_motion(speech, fps=FPS, frames=500, seed=4)
    other = build_motion(speech, fps=fps, frames=int(20 * fps), seed=4)
    times_s = np.arange(len(other)) / float(fps)
    same = np.interp(times_s, np.arange(500) / 25, ours["head_yaw"])
    np.testing.assert_allclose(other["head_yaw"][: -int(fps)], same[: -int(fps)], atol=0.05)
    assert other["blink_left"].max() >= 0.95


def test_gaze_is_small_and_holds_still_between_jumps() -> None:
    track = perform(60, still=True)
    steps = np.hypot(np.diff(track["gaze_x"]), np.diff(track["gaze_y"]))
    assert np.abs(track["gaze_x"]).max() <= 0.031
    assert 0.6 < (steps < 1e-5).mean() < 0.99


def test_eyes_stay_on_the_viewer_while_the_head_turns() -> None:
    track = perform(90, seed=5)
    still = perform(90, seed=5, still=True)
    np.testing.assert_allclose(track["gaze_x"] - still["gaze_x"], -0.002 * track["head_yaw"], atol=2e-5)


def test_an_unknown_style_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidOption, match="calm, natural, lively"):
        perform(2, head_motion="wild")


def test_one_frame_is_enough() -> None:
    assert len(build_motion(talk(3), fps=FPS, frames=1)) == 1
