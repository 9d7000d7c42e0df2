"""Contract of the roles `SpeechReader` and `PersonalSpeechReader`, for every engine."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.engines import registry
from lipsmith.engines.contract import PersonalSpeechReader, SpeechReader
from lipsmith.errors import InvalidStyle
from lipsmith.media.decode import MemoryAudio
from lipsmith.speech.personal import FEATURES, PersonalStyle
from lipsmith.speech.visemes import LipRange


@pytest.fixture(params=registry.names("speech_reader"), scope="module")
def reader(request: pytest.FixtureRequest) -> SpeechReader:
    return registry.create("speech_reader", request.param)


@pytest.fixture(params=registry.names("personal_speech_reader"), scope="module")
def personal_reader(request: pytest.FixtureRequest) -> PersonalSpeechReader:
    return registry.create("personal_speech_reader", request.param)


def humming(seconds: float, rate_hz: int, channels: int = 1) -> MemoryAudio:
    """A gliding, pulsing tone: something to read, whatever the reader makes of it."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch_hz = 140 + 30 * np.sin(2 * np.pi * 0.9 * time_s)
    tone = np.sign(np.sin(2 * np.pi * np.cumsum(pitch_hz) / rate_hz)) * np.clip(np.sin(2 * np.pi * 4 * time_s), 0, 1)
    return MemoryAudio(np.repeat(0.1 * tone[np.newaxis], channels, axis=0).astype(np.float32), rate_hz)


@pytest.mark.parametrize(("seconds", "rate_hz", "channels"), [(0.01, 8000, 1), (0.5, 44100, 2), (3.013, 48000, 2)])
def test_rows_cover_the_sound(reader: SpeechReader, seconds: float, rate_hz: int, channels: int) -> None:
    audio = humming(seconds, rate_hz, channels)
    speech = reader.read(audio)
    rows = max(1, int(np.ceil(audio.duration_s / 0.02 - 1e-6)))
    assert speech.duration_s == audio.duration_s
    assert speech.visemes.shape == (rows, 15)
    curves: list[NDArray[np.float32]] = [speech.loudness, speech.pitch_hz]
    curves += [] if speech.openness is None else [speech.openness]
    for curve in curves:
        assert curve.shape == (rows,)
        assert curve.dtype == np.float32
        assert np.isfinite(curve).all()
    np.testing.assert_allclose(speech.visemes.sum(axis=1), 1.0, atol=1e-4)


def test_silence_is_silence(reader: SpeechReader) -> None:
    speech = reader.read(MemoryAudio(np.zeros((1, 32000), np.float32), 16000))
    assert (speech.visemes[:, 0] > 0.9).all()
    assert not speech.loudness.any()
    assert speech.openness is None or not speech.openness.any()


@pytest.mark.parametrize("db", [-60, -40, -20])
def test_noise_is_silence(reader: SpeechReader, db: float) -> None:
    noise = 10 ** (db / 20) * np.random.default_rng(9).standard_normal((1, 80000))
    speech = reader.read(MemoryAudio(noise.astype(np.float32), 16000))
    assert (speech.visemes[:, 0] < 0.5).mean() <= 0.05
    assert speech.openness is None or (speech.openness > 0.25).mean() <= 0.05


def test_the_same_sound_reads_the_same(reader: SpeechReader) -> None:
    audio = humming(2.0, 22050)
    first, again = reader.read(audio), reader.read(audio)
    np.testing.assert_array_equal(first.visemes, again.visemes)
    np.testing.assert_array_equal(first.loudness, again.loudness)


def test_a_reading_is_that_of_the_plain_reader(personal_reader: PersonalSpeechReader) -> None:
    audio = humming(1.5, 16000)
    speech, reading = personal_reader.read(audio), personal_reader.reading(audio)
    assert speech.openness is not None
    np.testing.assert_array_equal(reading.loudness, speech.loudness)
    np.testing.assert_array_equal(reading.lips.aperture, speech.openness)
    assert len(reading.net.visemes) == len(reading.net.hidden) == len(speech.loudness)


def test_a_style_changes_the_lips_and_keeps_the_visemes(personal_reader: PersonalSpeechReader) -> None:
    audio = humming(1.5, 16000)
    plain, personal = personal_reader.read(audio), personal_reader.with_style(style(personal_reader.fingerprint))
    speech, again = personal.read(audio), personal_reader.read(audio)
    np.testing.assert_array_equal(speech.visemes, plain.visemes)
    assert speech.lip_range == RANGE and speech.openness is not None
    assert np.isfinite(speech.openness).all()
    assert again.lip_range != RANGE


def test_a_style_of_another_reader_is_refused(personal_reader: PersonalSpeechReader) -> None:
    with pytest.raises(InvalidStyle):
        personal_reader.with_style(style("0" * 16))


RANGE = LipRange(rest_iod=0.02, rest_share=0.1, low_iod=0.01, high_iod=0.3, width_iod=0.2)


def style(fingerprint: str) -> PersonalStyle:
    weights = np.full((FEATURES, 2), 0.01)
    return PersonalStyle(range=RANGE, weights=weights, bias=np.zeros(2), net=fingerprint, seconds=20.0, quiet_s=2.0)
