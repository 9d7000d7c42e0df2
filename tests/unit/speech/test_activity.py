from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import sawtooth

from lipsmith.media.decode import MemoryAudio, open_audio
from lipsmith.speech.activity import speech_activity
from lipsmith.speech.features import measure, relative_loudness

RATE_HZ = 16000
LENGTH_S = 8
TIME_S = np.arange(LENGTH_S * RATE_HZ) / RATE_HZ


def level(samples: NDArray[np.float64], db: float) -> NDArray[np.float64]:
    return samples * 10 ** (db / 20) / np.sqrt(np.mean(np.square(samples)))


def coloured(seed: int, slope: float) -> NDArray[np.float64]:
    """Noise whose power falls with frequency to the power of ``slope``: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(len(TIME_S)))
    return np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 160) ** (slope / 2), len(TIME_S))


def hum() -> NDArray[np.float64]:
    return sum(np.sin(2 * np.pi * 50 * k * TIME_S + k) / k for k in range(1, 12))


def chords(seed: int, notes_a_second: float) -> NDArray[np.float64]:
    """Plucked chords of three tones from a major scale."""
    rng = np.random.default_rng(seed)
    music = np.zeros(len(TIME_S))
    for start_s in np.arange(0, LENGTH_S, 1 / notes_a_second):
        since_s = TIME_S - start_s
        envelope = np.where(since_s >= 0, np.exp(-3.0 * np.maximum(since_s, 0.0)), 0.0)
        for semitone in rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 16], 3, replace=False):
            music += envelope * sawtooth(2 * np.pi * 130.8 * 2 ** (semitone / 12) * TIME_S, 0.5)
    return music


def spoken_share(samples: NDArray[np.float64]) -> float:
    features = measure(MemoryAudio(samples.astype(np.float32)[np.newaxis], RATE_HZ))
    return float((speech_activity(features) > 0.5).mean())


@pytest.mark.parametrize("db", [-60, -30, -10])
@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_is_no_speech(slope: float, db: float) -> None:
    assert spoken_share(level(coloured(11, slope), db)) <= 0.05


@pytest.mark.parametrize("db", [-40, -15])
def test_hum_is_no_speech(db: float) -> None:
    assert spoken_share(level(hum() + 0.02 * coloured(12, 0.0), db)) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("notes_a_second", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("seed", [21, 22, 23])
def test_chords_are_no_speech(seed: int, notes_a_second: float) -> None:
    assert spoken_share(level(chords(seed, notes_a_second), -20)) <= 0.05


def test_clicks_are_no_speech() -> None:
    rng = np.random.default_rng(31)
    clicks = 1e-3 * rng.standard_normal(len(TIME_S))
    for start in rng.integers(0, len(TIME_S) - 400, 25):
        clicks[start : start + 400] += 0.3 * rng.standard_normal(400) * np.exp(-np.arange(400) / 60)
    assert spoken_share(clicks) <= 0.05


def test_digital_silence_is_no_speech() -> None:
    assert spoken_share(np.zeros(len(TIME_S))) == 0.0


@pytest.mark.parametrize("name", ["music_only_6s.wav", "noise_only_3s.wav"])
def test_recorded_music_and_noise_are_no_speech(shared_media: Path, name: str) -> None:
    assert (speech_activity(measure(open_audio(shared_media / "audio" / name))) > 0.5).mean() <= 0.05


@pytest.mark.parametrize(
    "name",
    [
        "jfk_en_11s.flac",
        "ljspeech_LJ001-0007_8s.flac",
        "de_5s_48k.wav",
        "ja_5s_48k.flac",
        "zh_news_6s_48k.wav",
        "radio_man_8s_16k.wav",
        "8k_mono.wav",
        "speech_noisy_0dB.wav",
        "speech_over_music.wav",
        "speech_quiet_-50LUFS.wav",
    ],
)
def test_recorded_speech_is_speech(shared_media: Path, name: str) -> None:
    features = measure(open_audio(shared_media / "audio" / name))
    loud = relative_loudness(features) > 0.5
    assert (speech_activity(features)[loud] > 0.5).mean() >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("below_db", [10, 5, 0])
@pytest.mark.parametrize("kind", ["white", "pink", "chords"])
def test_a_voice_is_actual_over_noise_and_music(shared_media: Path, kind: str, below_db: float) -> None:
    audio = open_audio(shared_media / "audio" / "ljspeech_LJ001-0007_8s.flac")
    voice = np.concatenate([block[0] for block in audio.blocks(RATE_HZ, 1)])[: len(TIME_S)].astype(np.float64)
    other = {"white": coloured(41, 0.0), "pink": coloured(42, 1.0), "chords": chords(43, 2.0)}[kind][: len(voice)]
    voice_db = 10 * np.log10(np.mean(np.square(voice)))
    assert spoken_share(voice + level(other, voice_db - below_db)) >= 0.9
