from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from factories import write_coded
from lipsmith.engines.rule_reader import RuleReader
from lipsmith.media.decode import MemoryAudio, open_audio
from lipsmith.motion.choreography import build_motion
from lipsmith.speech.visemes import VISEMES, Speech

RATE_HZ = 16000


def samples_of(path: Path) -> NDArray[np.float32]:
    return np.concatenate([block[0] for block in open_audio(path).blocks(RATE_HZ, 1)])


def read(samples: NDArray[np.float32]) -> Speech:
    return RuleReader().read(MemoryAudio(samples.astype(np.float32)[np.newaxis], RATE_HZ))


def aperture(speech: Speech, fps: int = 100) -> NDArray[np.float32]:
    return build_motion(speech, fps=Fraction(fps), frames=int(speech.duration_s * fps))["aperture"]


@pytest.fixture(scope="module")
def talk(shared_media: Path) -> NDArray[np.float32]:
    return samples_of(shared_media / "audio" / "ljspeech_LJ001-0007_8s.flac")


@pytest.mark.parametrize("name", ["music_only_6s.wav", "noise_only_3s.wav"])
def test_recorded_music_and_noise_leave_the_mouth_shut(shared_media: Path, name: str) -> None:
    opening = aperture(RuleReader().read(open_audio(shared_media / "audio" / name)))
    assert (opening > 0.02).mean() <= 0.05


@pytest.mark.parametrize("name", ["speech_over_music.wav", "speech_noisy_0dB.wav", "speech_quiet_-50LUFS.wav"])
def test_speech_in_poor_recordings_moves_the_mouth(shared_media: Path, name: str) -> None:
    opening = aperture(RuleReader().read(open_audio(shared_media / "audio" / name)))
    assert np.percentile(opening, 95) > 0.15
    assert opening.std() > 0.04


def test_a_later_audio_gives_the_same_curve_later(talk: NDArray[np.float32]) -> None:
    ours = aperture(read(np.pad(talk, (RATE_HZ, 2 * RATE_HZ))))
    later = aperture(read(np.pad(talk, (RATE_HZ + RATE_HZ // 2, 2 * RATE_HZ - RATE_HZ // 2))))
    lags = np.arange(20, 81)
    match = [np.corrcoef(ours[: 900 - lag], later[lag:900])[0, 1] for lag in lags]
    assert abs(int(lags[np.argmax(match)]) - 50) <= 1  # 500 ms, in steps of 10
    assert max(match) >= 0.98


def test_a_quiet_recording_moves_the_mouth_as_far(talk: NDArray[np.float32]) -> None:
    loud, quiet = aperture(read(talk)), aperture(read(0.1 * talk))
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
    ours, theirs = aperture(read(talk)), aperture(RuleReader().read(open_audio(path)))
    count = min(len(ours), len(theirs)) - 20
    match = [np.corrcoef(ours[20 : count - 20], theirs[20 + lag : count - 20 + lag])[0, 1] for lag in range(-10, 11)]
    assert abs(int(np.argmax(match)) - 10) <= 1  # 10 ms
    assert max(match) >= 0.98


def test_shares_and_curves_are_in_range(talk: NDArray[np.float32]) -> None:
    speech = read(talk)
    np.testing.assert_allclose(speech.visemes.sum(axis=1), 1.0, atol=1e-4)
    assert speech.visemes.min() >= 0.0
    assert speech.openness is not None
    assert speech.openness.min() >= 0.0 and speech.openness.max() <= 1.3
    assert {v for v, share in zip(VISEMES, speech.visemes.mean(axis=0), strict=True) if share > 0.01} >= {
        "sil", "PP", "DD", "nn", "aa", "E", "ih", "oh",
    }  # fmt: skip


def test_lips_shut_now_and_then_but_seldom_for_long(talk: NDArray[np.float32]) -> None:
    shut = aperture(read(talk)) <= 0.02
    assert 0.02 < shut.mean() < 0.5


def truth(folder: Path, pattern: str, frame_lead_s: float) -> list[tuple[float, float]]:
    """Correlation with the true lips, and length, for every recording whose lips were measured."""
    scores = []
    for path in sorted(folder.glob(pattern)):
        table = np.genfromtxt(path.with_suffix(".csv"), delimiter=",", names=True)
        speech = RuleReader().read(open_audio(path))
        curve = aperture(speech, 50)
        ours = np.interp(table["time_s"] - frame_lead_s, np.arange(len(curve)) / 50, curve)
        scores.append((float(np.corrcoef(ours, table["aperture"])[0, 1]), float(len(table))))
    return scores


@pytest.mark.slow
@pytest.mark.parametrize(("pattern", "frame_lead_s", "least"), [("*.wav", 0.02, 0.55), ("wild/*.wav", 0.0, 0.40)])
def test_it_follows_true_lips(shared_media: Path, pattern: str, frame_lead_s: float, least: float) -> None:
    folder = shared_media.parent / "speech-truth"
    if not folder.is_dir():
        pytest.skip("the recordings with true lip motion are not here")
    scores = truth(folder, pattern, frame_lead_s)
    assert sum(r * length for r, length in scores) / sum(length for _, length in scores) >= least


def test_a_blip_is_long_enough() -> None:
    blip = 0.1 * np.sin(2 * np.pi * 300 * np.arange(80) / RATE_HZ)
    assert len(read(blip.astype(np.float32)).visemes) == 1
