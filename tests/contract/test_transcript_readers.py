"""Contract of the role `TranscriptReader`, for every engine."""

from __future__ import annotations

import numpy as np
import pytest

from lipsmith.engines import registry
from lipsmith.engines.contract import TranscriptReader
from lipsmith.errors import EmptyText, MissingDependency, TranscriptNotUsed
from lipsmith.media.decode import MemoryAudio
from lipsmith.synthesis.espeak import EspeakVoice

SENTENCE = "Papa bought my baby a big map."


@pytest.fixture(params=registry.names("transcript_reader"))
def reader(request: pytest.FixtureRequest) -> TranscriptReader:
    return registry.create("transcript_reader", request.param)


def test_a_text_is_aligned_with_its_recording(reader: TranscriptReader) -> None:
    audio = EspeakVoice().speak(SENTENCE, voice="en-us+f3", rate=1.0).audio
    try:
        speech = reader.read(audio, SENTENCE)
    except MissingDependency as error:
        pytest.skip(error.message)
    rows = max(1, int(np.ceil(audio.duration_s / 0.02 - 1e-6)))
    assert speech.visemes.shape == (rows, 15)
    assert speech.duration_s == audio.duration_s
    assert speech.openness is None
    np.testing.assert_allclose(speech.visemes.sum(axis=1), 1.0, atol=1e-4)


def test_a_text_that_is_not_spoken_is_refused(reader: TranscriptReader) -> None:
    with pytest.raises((TranscriptNotUsed, MissingDependency)):
        reader.read(MemoryAudio(np.zeros((1, 48000), np.float32), 16000), SENTENCE)


def test_a_text_without_words_is_refused(reader: TranscriptReader) -> None:
    with pytest.raises(EmptyText):
        reader.read(MemoryAudio(np.zeros((1, 16000), np.float32), 16000), " … ")
