"""The clip's own audio beneath a new one: level, place and length."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clip_makers import Played, planes_of, samples_of, save_planes
from media_makers import tone

from lipsmith.errors import InvalidOption
from lipsmith.media.background import BackgroundMix, open_own_audio, own_audio_delay_s
from lipsmith.media.clip import F32
from lipsmith.media.reader import open_clip


def clicks(*at: int, length: int = 48_000) -> F32:
    samples = np.zeros((1, length), np.float32)
    samples[0, list(at)] = 0.5
    return samples


def test_the_level_is_the_requested_one() -> None:
    mixed = BackgroundMix(Played(clicks(100)), Played(clicks(300)), gain_db=-20, duration_s=1.0)
    samples = samples_of(mixed)
    assert samples.shape == (1, 48_000)
    assert samples[0, 100] == pytest.approx(0.5)
    assert samples[0, 300] == pytest.approx(0.05)
    assert np.count_nonzero(samples) == 2


@pytest.mark.parametrize(("front_s", "behind_s"), [(0.2, 2.0), (2.0, 0.2), (0.1, 0.1), (2.0, 2.0)])
def test_the_length_is_the_frames(front_s: float, behind_s: float) -> None:
    mixed = BackgroundMix(
        Played(tone(front_s, rate_hz=48_000)), Played(tone(behind_s, rate_hz=48_000)), gain_db=-12, duration_s=1.3
    )
    samples = samples_of(mixed)[0]
    assert len(samples) == round(1.3 * 48_000)
    assert mixed.duration_s == pytest.approx(1.3)
    assert (samples[round(max(front_s, behind_s) * 48_000) :] == 0).all()


def test_it_repeats_with_the_frames() -> None:
    period = Fraction(1001 * 10, 30000)
    mixed = BackgroundMix(
        Played(clicks()), Played(clicks(5, length=20_000)), gain_db=0, duration_s=1.5, repeat_s=period
    )
    begins = [round(n * period * 48_000) for n in range(5)]
    assert np.flatnonzero(samples_of(mixed)[0]).tolist() == [begin + 5 for begin in begins if begin + 5 < 72_000]


def test_it_may_begin_late() -> None:
    mixed = BackgroundMix(Played(clicks()), Played(clicks(5)), gain_db=0, duration_s=1.0, delay_s=0.25)
    assert np.flatnonzero(samples_of(mixed)[0]).tolist() == [12_005]


def test_two_channels_where_either_has_two() -> None:
    stereo = np.concatenate([clicks(10), clicks(20)])
    mixed = BackgroundMix(Played(clicks(30)), Played(stereo), gain_db=0, duration_s=1.0)
    assert mixed.channels == 2
    samples = samples_of(mixed, channels=2)
    assert np.flatnonzero(samples[0]).tolist() == [10, 30]
    assert np.flatnonzero(samples[1]).tolist() == [20, 30]


@pytest.mark.parametrize("gain_db", [-61, 1, float("nan")])
def test_levels_that_cannot_be(gain_db: float) -> None:
    with pytest.raises(InvalidOption, match="out of range"):
        BackgroundMix(Played(clicks()), Played(clicks()), gain_db=gain_db, duration_s=1.0)


def test_the_own_audio_of_a_window(tmp_path: Path) -> None:
    samples = tone(2.0, rate_hz=48_000, pitch_hz=300) * np.linspace(0, 1, 96_000, dtype=np.float32)
    path = save_planes(tmp_path / "clip.mp4", [planes_of(n) for n in range(50)], audio=samples)
    clip = open_clip(path, start_s=0.5, end_s=1.1)
    assert clip.info.has_audio
    own = open_own_audio(clip)
    assert own is not None
    played = samples_of(own)[0]
    start, end = (round(float(clip.info.window_start_s) * 48_000), 48_000 * 11 // 10 - 48_000 * 5 // 10)
    assert len(played) == pytest.approx(end, abs=1920)  # whole frames
    assert np.abs(played - samples[0, start : start + len(played)]).max() < 0.05


def test_audio_stays_with_frames_that_come_late(tmp_path: Path) -> None:
    ticks = [6400 + 512 * n for n in range(25)]  # half a second after the audio
    path = save_planes(
        tmp_path / "clip.mkv",
        [planes_of(n) for n in range(25)],
        ticks=ticks,
        audio=tone(1.5, rate_hz=48_000) * np.linspace(0, 1, 72_000, dtype=np.float32),
    )
    clip = open_clip(path)
    assert float(clip.info.window_start_s) == pytest.approx(0.5, abs=0.025)
    assert own_audio_delay_s(clip.info) == 0
    own = open_own_audio(clip)
    assert own is not None
    assert np.abs(samples_of(own)[0, :4800]).max() == pytest.approx(0.3 * 0.35, abs=0.02)


@pytest.mark.parametrize("audio", [None, np.zeros((1, 48_000), np.float32)])
def test_a_clip_in_which_nothing_is_audible(tmp_path: Path, audio: F32 | None) -> None:
    clip = open_clip(save_planes(tmp_path / "clip.mp4", [planes_of(n) for n in range(25)], audio=audio))
    assert open_own_audio(clip) is None


def test_a_window_after_the_audio_has_ended(tmp_path: Path) -> None:
    path = save_planes(tmp_path / "clip.mp4", [planes_of(n) for n in range(50)], audio=tone(0.5, rate_hz=48_000))
    assert open_own_audio(open_clip(path, start_s=1.0)) is None
    own = open_own_audio(open_clip(path))
    assert own is not None
    assert own.duration_s == pytest.approx(0.5, abs=0.03)
