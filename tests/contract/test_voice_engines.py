"""Contract of every engine for the role `Voice`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lipsmith.engines import registry
from lipsmith.errors import EmptyText, InvalidOption, MissingDependency, UnknownVoice
from lipsmith.synthesis.contract import Voice
from lipsmith.synthesis.voice_store import FOLDER_VARIABLE, VoiceStore
from piper_voices import make_voice


@pytest.fixture(params=registry.names("voice"), scope="module")
def voice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Voice]:
    folder = tmp_path_factory.mktemp("voices")
    model = make_voice(folder)
    VoiceStore(folder / "store").add(model, Path(f"{model}.json"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder / "store"))
        engine = registry.create("voice", request.param)
        try:
            engine.speak("Hello", voice=engine.voices()[0].name, rate=1.0)
        except MissingDependency as error:
            pytest.skip(error.message)
        yield engine


def test_names_are_unique_and_facts_complete(voice: Voice) -> None:
    voices = voice.voices()
    assert voices
    assert len({v.name for v in voices}) == len(voices)
    assert {v.gender for v in voices} <= {"female", "male", "neutral"}
    assert all(v.language and v.description for v in voices)


def test_speech_and_sound_share_one_clock(voice: Voice) -> None:
    spoken = voice.speak("Hello, how are you? 1 2 3", voice=voice.voices()[0].name, rate=1.0)
    speech, audio = spoken.speech, spoken.audio
    assert speech.duration_s == pytest.approx(audio.duration_s)
    rows = int(np.ceil(audio.duration_s / 0.02 - 1e-6))
    assert speech.visemes.shape == (rows, 15)
    assert speech.loudness.shape == speech.pitch_hz.shape == (rows,)
    assert speech.visemes.dtype == speech.loudness.dtype == speech.pitch_hz.dtype == np.float32
    np.testing.assert_allclose(speech.visemes.sum(axis=1), 1.0, atol=1e-4)
    silent = speech.visemes[:, 0] > 0.99
    assert speech.loudness[silent].mean() < speech.loudness[~silent].mean() - 0.3


def test_phones_follow_one_another_within_the_sound(voice: Voice) -> None:
    spoken = voice.speak("Hello, how are you?", voice=voice.voices()[0].name, rate=1.0)
    if spoken.phones is None:
        pytest.skip("this voice does not tell when its sounds are made")
    assert spoken.phones[0].start_s >= 0
    assert spoken.phones[-1].end_s <= spoken.audio.duration_s
    assert all(one.start_s < one.end_s <= other.start_s + 1e-9 for one, other in pairwise(spoken.phones))


def test_a_faster_rate_is_shorter(voice: Voice) -> None:
    name = voice.voices()[0].name
    slow, usual, fast = (voice.speak("Hello, how are you?", voice=name, rate=r).audio.duration_s for r in (0.5, 1, 2))
    assert slow > 1.3 * usual > 1.3 * fast
    for rate in (0.49, 2.01, float("nan")):
        with pytest.raises(InvalidOption):
            voice.speak("Hello", voice=name, rate=rate)


def test_the_same_text_sounds_the_same(voice: Voice) -> None:
    name = voice.voices()[0].name
    first, again = (voice.speak("Good morning", voice=name, rate=1.0) for _ in range(2))
    np.testing.assert_array_equal(*(np.hstack(list(s.audio.blocks(16000, 1))) for s in (first, again)))
    np.testing.assert_array_equal(first.speech.visemes, again.speech.visemes)


def test_what_cannot_be_spoken_is_refused(voice: Voice) -> None:
    with pytest.raises(EmptyText):
        voice.speak(" ... ", voice=voice.voices()[0].name, rate=1.0)
    with pytest.raises(UnknownVoice):
        voice.speak("Hello", voice="no such voice", rate=1.0)
