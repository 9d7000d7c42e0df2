"""All voices of all engines in one list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from lipsmith.engines import registry
from lipsmith.errors import MissingDependency, UnknownVoice
from lipsmith.media.decode import MemoryAudio
from lipsmith.speech.visemes import Phone
from lipsmith.synthesis import voices
from lipsmith.synthesis.contract import SynthesizedSpeech, VoiceInfo


class Choir:
    """Plugged-in engine that hums."""

    def voices(self) -> Sequence[VoiceInfo]:
        names = {"Alto": ("de-AT", "female"), "tenor": ("en-GB", "neutral"), "cs": ("cs", "male"), "Xo": ("xh", "male")}
        return [VoiceInfo(name=n, language=tag, gender=g, description="hums") for n, (tag, g) in names.items()]

    def speak(self, text: str, *, voice: str, rate: float) -> SynthesizedSpeech:
        hum = np.sin(np.arange(16000) / 16000 * 2 * np.pi * 220).astype(np.float32)[np.newaxis] / 4
        return SynthesizedSpeech(audio=MemoryAudio(hum, 16000), phones=[Phone(symbol=voice, start_s=0.25, end_s=0.75)])


class Mute:
    """An engine whose library is missing."""

    def voices(self) -> Sequence[VoiceInfo]:
        raise MissingDependency("no voice here")

    def speak(self, text: str, *, voice: str, rate: float) -> SynthesizedSpeech:
        raise MissingDependency("no voice here")


@pytest.fixture
def choir(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    pytest.importorskip("espeakng_loader", reason="the extra lipsmith[voice] brings the synthesizer")
    here = {"espeak": registry.BUILT_IN["voice"]["espeak"], "choir": f"{__name__}:Choir", "mute": f"{__name__}:Mute"}
    monkeypatch.setattr(voices, "BUILT_IN", here)
    voices._engine.cache_clear()
    yield
    voices._engine.cache_clear()


def test_the_list_holds_every_engine_under_names_that_are_unique(choir: None) -> None:
    listed = voices.all_voices()
    assert listed[0].engine == "espeak"
    assert [v.name for v in listed if v.engine == "choir"] == ["choir:Alto", "choir:tenor", "choir:cs", "choir:Xo"]
    assert len({v.name for v in listed}) == len(listed)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("choir:Alto", "choir:Alto"),
        ("alto", "choir:Alto"),
        (" CHOIR:cs ", "choir:cs"),
        ("cs", "cs"),
        ("espeak:cs", "cs"),
        ("EN_US+f3", "en-us+f3"),
        ("fr", "fr-fr"),
        ("zh", "cmn"),
    ],
)
def test_a_voice_is_found_by_its_name(choir: None, name: str, found: str) -> None:
    assert voices.find(name).name == found


@pytest.mark.parametrize(
    ("name", "near"),
    [("klingon-9", "lipsmith voices"), ("tenorr", "tenor"), ("mute:x", "lipsmith voices"), ("", "called")],
)
def test_an_unknown_name_is_refused(choir: None, name: str, near: str) -> None:
    with pytest.raises(UnknownVoice, match=near):
        voices.find(name)


@pytest.mark.parametrize(
    ("language", "gender", "name"),
    [
        (None, None, "choir:tenor"),
        (None, "female", "en-us+f2"),
        ("en-US", None, "en-us"),
        ("en-GB", None, "choir:tenor"),
        ("en", "male", "en-us"),
        ("de", None, "choir:Alto"),
        ("de-DE", "male", "de"),
        ("DE_at", "female", "choir:Alto"),
        ("xh", "female", "choir:Xo"),
        ("fr", None, "fr-fr"),
        ("fr-CH", "female", "fr-ch+f2"),
        ("pt", None, "pt-br"),
        ("pt-PT", None, "pt"),
        ("zh-CN", None, "cmn"),
    ],
)
def test_who_speaks_where_nobody_is_named(choir: None, language: str | None, gender: str | None, name: str) -> None:
    assert voices.choose_voice(language, gender).name == name


def test_a_language_that_nobody_speaks_is_refused(choir: None) -> None:
    with pytest.raises(UnknownVoice, match="'zu'"):
        voices.choose_voice("zu")


def test_the_engine_speaks_under_its_own_name_for_the_voice(choir: None) -> None:
    spoken = voices.speak("Hello", voices.find("alto"), 1.0)
    assert spoken.phones == [Phone(symbol="Alto", start_s=0.25, end_s=0.75)]
    assert spoken.speech.duration_s == 1.0
    assert spoken.speech.visemes.shape == (50, 15)


def test_where_nobody_can_speak_the_line_to_type_is_reported(choir: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices.plugins, "names", lambda role, built_in: ("mute",))
    with pytest.raises(MissingDependency, match="pip install"):
        voices.all_voices()


@pytest.mark.slow
def test_without_phones_there_are_no_visemes() -> None:
    hum = np.sin(np.arange(16000) / 16000 * 2 * np.pi * 220).astype(np.float32)[np.newaxis] / 4
    assert SynthesizedSpeech(audio=MemoryAudio(hum, 16000), phones=None).speech is None
