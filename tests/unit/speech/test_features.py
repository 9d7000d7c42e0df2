from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.media.decode import MemoryAudio
from lipsmith.speech.features import measure, relative_loudness, steady_pitch, syllable_level_db
from lipsmith.speech.waveform import windows

RATE_HZ = 16000


def audio_of(samples: NDArray[np.float64]) -> MemoryAudio:
    return MemoryAudio(samples.astype(np.float32)[np.newaxis], RATE_HZ)


def vowel(f0_hz: float, f1_hz: float, f2_hz: float, seconds: float = 1.0) -> NDArray[np.float64]:
    """A pulse train through two resonators: an independent way to make a vowel whose resonances are known."""
    from scipy.signal import lfilter

    pulses = np.zeros(int(seconds * RATE_HZ))
    pulses[(np.arange(0, seconds, 1 / f0_hz) * RATE_HZ).astype(int)] = 1.0
    for centre_hz, width_hz in ((f1_hz, 70.0), (f2_hz, 90.0), (2700.0, 150.0), (3600.0, 200.0)):
        radius = np.exp(-np.pi * width_hz / RATE_HZ)
        pulses = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * centre_hz / RATE_HZ), radius**2], pulses)
    return 0.3 * pulses / np.abs(pulses).max()


@pytest.mark.parametrize("seconds", [0.003, 0.5, 9.99, 10.0, 10.01, 25.0])
def test_there_is_one_window_for_every_hop_inside_the_audio(seconds: float) -> None:
    count = round(seconds * RATE_HZ)
    audio = audio_of(np.sin(np.arange(count)))
    assert sum(len(batch) for batch in windows(audio)) == -(-count // 160)


def test_windows_are_centred_on_their_hop() -> None:
    samples = np.zeros(12 * RATE_HZ)
    samples[[1600, 160 * 1000]] = 0.5
    found = np.concatenate([batch.copy() for batch in windows(audio_of(samples))])
    assert found[10, 200] == found[1000, 200] == np.float32(0.5)


@pytest.mark.parametrize("f0_hz", [80.0, 120.0, 210.0, 330.0])
def test_pitch_of_a_vowel(f0_hz: float) -> None:
    features = measure(audio_of(vowel(f0_hz, 650.0, 1500.0)))
    assert np.median(steady_pitch(features)[10:90]) == pytest.approx(f0_hz, rel=0.01)


def test_noise_has_no_pitch() -> None:
    features = measure(audio_of(0.1 * np.random.default_rng(4).standard_normal(3 * RATE_HZ)))
    assert (steady_pitch(features) > 0).mean() < 0.01


@pytest.mark.parametrize(("f1_hz", "f2_hz"), [(300.0, 2200.0), (550.0, 1750.0), (720.0, 1200.0), (330.0, 900.0)])
def test_resonances_of_a_vowel(f1_hz: float, f2_hz: float) -> None:
    features = measure(audio_of(vowel(110.0, f1_hz, f2_hz)))
    assert np.median(features.f1_hz[10:90]) == pytest.approx(f1_hz, abs=80.0)  # pre-emphasis lifts a low one
    assert np.median(features.f2_hz[10:90]) == pytest.approx(f2_hz, rel=0.08)


def test_hiss_lies_high_and_hum_lies_low() -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    noise = np.random.default_rng(5).standard_normal(RATE_HZ)
    hiss = measure(audio_of(0.1 * np.diff(noise, prepend=0.0)))
    hum = measure(audio_of(0.1 * np.sin(2 * np.pi * 120 * time_s)))
    assert hiss.high_share[10:90].min() > 0.8
    assert hum.low_share[10:90].min() > 0.95


def test_loudness_does_not_depend_on_the_recording_level() -> None:
    loud = vowel(120.0, 700.0, 1200.0, 2.0) * np.clip(np.sin(2 * np.pi * 2 * np.arange(2 * RATE_HZ) / RATE_HZ), 0, 1)
    loud = loud + 1e-4 * np.random.default_rng(6).standard_normal(len(loud))
    ours, quiet = (relative_loudness(measure(audio_of(gain * loud))) for gain in (1.0, 0.1))
    np.testing.assert_allclose(ours, quiet, atol=0.02)
    assert ours.max() == 1.0


def test_loudness_of_nothing_is_nothing() -> None:
    assert not relative_loudness(measure(audio_of(np.zeros(RATE_HZ)))).any()


def test_steady_noise_below_a_voice_counts_as_nothing() -> None:
    voice = vowel(120.0, 700.0, 1200.0, 4.0)
    voice[: 2 * RATE_HZ] = 0.0
    noisy = voice + 0.01 * np.random.default_rng(7).standard_normal(len(voice))
    loudness = relative_loudness(measure(audio_of(noisy)))
    assert loudness[20:180].mean() < 0.15
    assert loudness[220:380].mean() > 0.8


def test_the_syllable_level_is_in_decibels() -> None:
    noise = 0.01 * np.random.default_rng(8).standard_normal(RATE_HZ)
    quiet, loud = (syllable_level_db(measure(audio_of(gain * noise)))[5:95].mean() for gain in (1.0, 10.0))
    assert loud - quiet == pytest.approx(20.0, abs=0.1)
