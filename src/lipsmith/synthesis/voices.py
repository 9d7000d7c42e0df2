"""Voices of all engines: listing, lookup by name, and the choice of a default voice.

Voices of the first engine have plain names, such as ``en-us+f3``; others are called ``ENGINE:NAME``, or by their plain
name alone if it is unique.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from lipsmith import plugins
from lipsmith.errors import MissingDependency, UnknownVoice
from lipsmith.speech.script import same_language
from lipsmith.synthesis.contract import SynthesizedSpeech, Voice, VoiceInfo
from lipsmith.synthesis.espeak import EspeakVoice

DEFAULT_LANGUAGE = "en"

BUILT_IN: Mapping[str, str] = {
    "espeak": "lipsmith.synthesis.espeak:EspeakVoice",
    "piper": "lipsmith.synthesis.piper:PiperVoice",
}
"""Engine name -> ``module:Class``. The first one is the default."""

_FIRST_ENGINE = next(iter(BUILT_IN))

_DEFAULT_REGIONS = {"en": "en-US", "es": "es", "fr": "fr-FR", "pt": "pt-BR"}
"""Default regional variant of a language."""


def all_voices() -> Sequence[VoiceInfo]:
    """Return every installed voice, starting with those of the first engine.

    Engines with missing libraries are skipped. Raises MissingDependency if that leaves no voice.
    """
    voices = [voice for engine in plugins.names("voice", BUILT_IN) for voice in _of_engine(engine)]
    if not voices:
        _engine(_FIRST_ENGINE).voices()  # raises the error that names the missing package
        raise MissingDependency("No voice is installed. Install one with: pip install 'lipsmith[voice]'")
    return voices


def find(name: str) -> VoiceInfo:
    """Find a voice by name, regardless of case.

    Raises UnknownVoice, with suggestions in its message, or MissingDependency.
    """
    key = name.strip().lower().removeprefix(f"{_FIRST_ENGINE}:")
    voices = all_voices()
    exact = [voice for voice in voices if voice.name.lower() == key]
    matches = exact or [voice for voice in voices if own_name(voice).lower() == key]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(voice.name for voice in matches)
        raise UnknownVoice(f"Several voices are called {name!r}. Choose one of {names}.")
    added = [voice.name for voice in voices if voice.engine != _FIRST_ENGINE]
    if near := difflib.get_close_matches(name, [*added, *(own.partition(":")[2] for own in added)], n=4, cutoff=0.75):
        raise UnknownVoice(
            f"There is no voice called {name!r}. Did you mean {', '.join(near)}? `lipsmith voices` lists all of them."
        )
    return _named(_espeak().find(key), _FIRST_ENGINE)


def choose_voice(language: str | None = None, gender: str | None = None) -> VoiceInfo:
    """Choose a voice by language, gender and region, in this order of importance.

    ``language`` is a BCP 47 tag such as ``pt-BR``, by default English; ``gender`` is ``female`` or ``male``. Among
    equals, voices that the user installed come first. Raises UnknownVoice if no voice speaks the language.
    """
    tag = (language or DEFAULT_LANGUAGE).strip().replace("_", "-")
    voices = [voice for voice in all_voices() if same_language(voice.language, tag)]
    if not voices:
        raise UnknownVoice(f"No voice speaks {language!r}. `lipsmith voices` lists all of them with their language.")
    region = _DEFAULT_REGIONS.get(tag.lower(), tag).lower()

    def distance(voice: VoiceInfo) -> tuple[int, bool, bool]:
        by_gender = 0 if gender in (None, voice.gender) else 1 if voice.gender == "neutral" else 2
        first = voice.engine == _FIRST_ENGINE
        if "-" not in tag and not first:
            return by_gender, False, False  # an installed voice may have any region
        return by_gender, voice.language.lower() != region, first

    return min(voices, key=distance)


def own_name(voice: VoiceInfo) -> str:
    """Return the name of the voice within its engine."""
    return voice.name.removeprefix(f"{voice.engine}:")


def speak(text: str, voice: VoiceInfo, rate: float) -> SynthesizedSpeech:
    """Synthesize with the voice's engine. Raises the errors of `Voice.speak`."""
    return _engine(voice.engine).speak(text, voice=own_name(voice), rate=rate)


def _of_engine(engine: str) -> Iterator[VoiceInfo]:
    try:
        voices = _engine(engine).voices()
    except MissingDependency:
        return
    for voice in voices:
        yield _named(voice, engine)


def _named(voice: VoiceInfo, engine: str) -> VoiceInfo:
    name = voice.name if engine == _FIRST_ENGINE else f"{engine}:{voice.name}"
    return replace(voice, name=name, engine=engine)


@cache
def _engine(name: str) -> Voice:
    """Return the shared engine, which caches its voices."""
    return plugins.create("voice", name, BUILT_IN)


def _espeak() -> EspeakVoice:
    espeak = _engine(_FIRST_ENGINE)
    assert isinstance(espeak, EspeakVoice)  # a built-in name means a built-in engine
    return espeak
