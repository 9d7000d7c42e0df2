from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from numpy.typing import NDArray

from factories import write_coded
from lipsmith.engines.net_reader import NetReader
from lipsmith.media.decode import MemoryAudio, open_audio
from lipsmith.motion.mouth import mouth_channels
from lipsmith.speech.visemes import VISEMES, Speech
from lipsmith.synthesis.espeak import EspeakVoice

RATE_HZ = 16000
SENTENCE = "Papa bought my baby a big map, a pipe and a top."
"""Twelve times p, b and m."""


def read(samples: NDArray[np.float32]) -> Speech:
    return NetReader().read(MemoryAudio(samples.astype(np.float32)[np.newaxis], RATE_HZ))


def mouth(speech: Speech, fps: int = 100) -> dict[str, NDArray[np.float64]]:
    return mouth_channels(speech, fps=Fraction(fps), frames=int(speech.duration_s * fps))


@pytest.fixture(scope="module")
def spoken() -> tuple[NDArray[np.float32], Speech]:
    """Return the samples of the sentence, and its speech from the synthesizer."""
    said = EspeakVoice().speak(SENTENCE, voice="en-us", rate=1.0)
    return np.concatenate([block[0] for block in said.audio.blocks(RATE_HZ, 1)]), said.speech


@pytest.fixture(scope="module")
def talk(shared_media: Path) -> NDArray[np.float32]:
    path = shared_media / "audio" / "ljspeech_LJ001-0007_8s.flac"
    return np.concatenate([block[0] for block in open_audio(path).blocks(RATE_HZ, 1)])


def test_it_hears_which_phones_are_made(spoken: tuple[NDArray[np.float32], Speech]) -> None:
    samples, known = spoken
    recognized = read(samples).visemes.argmax(axis=1)
    assert (recognized == known.visemes.argmax(axis=1)).mean() >= 0.65


def test_lips_are_shut_in_a_frame_of_every_p_b_and_m(spoken: tuple[NDArray[np.float32], Speech]) -> None:
    samples, known = spoken
    shut_s = np.flatnonzero(mouth(read(samples), 25)["aperture"] <= 0.02) / 25
    labial = np.concatenate([[0], known.visemes[:, VISEMES.index("PP")] > 0.5, [0]])
    edges = np.flatnonzero(np.diff(labial.astype(int))).reshape(-1, 2) * 0.02
    assert len(edges) == 12
    hits = sum(any(a - 0.06 <= t + 0.02 <= b + 0.06 for t in shut_s) for a, b in edges)
    assert hits >= 10


def test_lips_are_narrow_for_oo_and_wide_for_ee() -> None:
    said = EspeakVoice().speak("Beat a moose. Seed the food. See who needs two beads.", voice="en-us", rate=0.9)
    known = said.speech.visemes.argmax(axis=1)
    recognized = read(np.concatenate([block[0] for block in said.audio.blocks(RATE_HZ, 1)]))
    assert recognized.width is not None
    width = recognized.width[: len(known)]
    oo, ee = (width[known[: len(width)] == VISEMES.index(viseme)] for viseme in ("ou", "ih"))
    assert ee.mean() - oo.mean() >= 0.3


def test_noise_hum_and_beats_leave_the_mouth_shut() -> None:
    rng, time_s = np.random.default_rng(2), np.arange(5 * RATE_HZ) / RATE_HZ
    white = rng.standard_normal(len(time_s))
    spectrum = np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(len(time_s) // 2 + 1), 1.0))
    hum = sum(np.sin(2 * np.pi * 50 * k * time_s) / k for k in (1, 2, 3))
    notes = sum(np.sin(2 * np.pi * hz * np.exp2(np.floor(time_s * 2) % 5 / 12) * time_s) for hz in (220, 277, 330, 660))
    for name, wave in (("white", white), ("pink", np.fft.irfft(spectrum)), ("hum", hum), ("chords", notes)):
        for level_db in (-50, -20):
            samples = 10 ** (level_db / 20) * wave / wave.std()
            assert (mouth(read(samples), 25)["aperture"] > 0.02).mean() <= 0.02, (name, level_db)


def test_recorded_music_and_noise_leave_the_mouth_shut(shared_media: Path) -> None:
    for name in ("music_only_6s.wav", "noise_only_3s.wav"):
        opening = mouth(NetReader().read(open_audio(shared_media / "audio" / name)), 25)["aperture"]
        assert (opening > 0.02).mean() <= 0.02, name


@pytest.mark.parametrize("name", ["speech_over_music.wav", "speech_noisy_0dB.wav", "speech_quiet_-50LUFS.wav"])
def test_speech_in_poor_recordings_moves_the_mouth(shared_media: Path, name: str) -> None:
    opening = mouth(NetReader().read(open_audio(shared_media / "audio" / name)))["aperture"]
    assert np.percentile(opening, 95) > 0.12
    assert opening.std() > 0.03


def test_a_later_audio_gives_the_same_curve_later(talk: NDArray[np.float32]) -> None:
    ours = mouth(read(np.pad(talk, (RATE_HZ, 2 * RATE_HZ))))["aperture"]
    later = mouth(read(np.pad(talk, (RATE_HZ + RATE_HZ // 2, 2 * RATE_HZ - RATE_HZ // 2))))["aperture"]
    lags = np.arange(20, 81)
    match = [np.corrcoef(ours[: 900 - lag], later[lag:900])[0, 1] for lag in lags]
    assert abs(int(lags[np.argmax(match)]) - 50) <= 1  # 500 ms, in steps of 10
    assert max(match) >= 0.98


def test_a_quiet_recording_moves_the_mouth_as_far(talk: NDArray[np.float32]) -> None:
    loud, quiet = (mouth(read(gain * talk))["aperture"] for gain in (1.0, 0.1))
    assert np.corrcoef(loud, quiet)[0, 1] > 0.98
    assert np.percentile(quiet, 95) == pytest.approx(np.percentile(loud, 95), rel=0.03)


@pytest.mark.parametrize(
    ("suffix", "codec", "rate_hz"),
    [
        ("wav", "pcm_s16le", 44100),
        ("flac", "flac", 48000),
        ("mp3", "libmp3lame", 44100),
        ("m4a", "aac", 44100),
        ("ogg", "libopus", 24000),
        ("webm", "libopus", 48000),
    ],
)
def test_every_format_gives_the_same_curve(
    talk: NDArray[np.float32], tmp_path: Path, suffix: str, codec: str, rate_hz: int
) -> None:
    path = tmp_path / f"talk.{suffix}"
    write_coded(path, talk, RATE_HZ, codec, rate_hz)
    ours, theirs = mouth(read(talk))["aperture"], mouth(NetReader().read(open_audio(path)))["aperture"]
    count = min(len(ours), len(theirs)) - 20
    match = [np.corrcoef(ours[20 : count - 20], theirs[20 + lag : count - 20 + lag])[0, 1] for lag in range(-10, 11)]
    assert abs(int(np.argmax(match)) - 10) <= 1  # 10 ms
    assert max(match) >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "least", "least_width"), [("grid", 0.60, 0.40), ("wild", 0.45, 0.28)])
def test_it_follows_true_lips(shared_media: Path, folder: str, least: float, least_width: float) -> None:
    truth = shared_media.parent / "speech-truth" / folder
    if not truth.is_dir():
        pytest.skip("the recordings with true lip motion are not here")
    paths = [p for p in sorted(truth.iterdir()) if p.suffix in (".flac", ".wav")]
    scores = []
    for path in paths[:: 12 if folder == "grid" else 1]:
        table = np.genfromtxt(path.with_suffix(".csv"), delimiter=",", names=True)
        ours = mouth(NetReader().read(open_audio(path)), 50)
        time_s = np.arange(len(ours["aperture"])) / 50
        r = [
            np.corrcoef(np.interp(table["time_s"], time_s, ours[name]), table[name])[0, 1]
            for name in ("aperture", "width")
        ]
        scores.append((len(table), *r))
    lengths, aperture, width = np.transpose(scores)
    assert lengths @ aperture / lengths.sum() >= least
    assert lengths @ width / lengths.sum() >= least_width


@pytest.mark.slow
def test_a_minute_takes_less_than_a_second(talk: NDArray[np.float32]) -> None:
    from lipsmith.speech.features import measure
    from lipsmith.speech.net import visemes_and_lips

    mel = measure(MemoryAudio(np.resize(talk, 60 * RATE_HZ)[np.newaxis], RATE_HZ)).mel
    visemes_and_lips(mel[:100], np.zeros(50, np.float32))
    began = process_time()
    visemes_and_lips(mel, np.zeros(3000, np.float32))
    assert process_time() - began <= 1.0
