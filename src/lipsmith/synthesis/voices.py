"""All voices of all engines: which there are, who is meant by a name, and who speaks where none is named.

A voice of the first engine goes by its own name, such as ``en-us+f3``; one of any other by ``ENGINE:NAME``, and by its
own name alone where no other voice has it.
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
"""Engine name to ``module:Class``. The first one is the default."""

_FIRST_ENGINE = next(iter(BUILT_IN))

_USUAL_REGIONS = {"en": "en-US", "es": "es", "fr": "fr-FR", "pt": "pt-BR"}
"""Which of a language's kinds is meant where none is named and there are several."""


def all_voices() -> Sequence[VoiceInfo]:
    """Every voice that can speak here; those of the first engine come first.

    An engine whose libraries are not installed has none. Raises MissingDependency where that leaves nobody.
    """
    voices = [voice for engine in plugins.names("voice", BUILT_IN) for voice in _of_engine(engine)]
    if not voices:
        _engine(_FIRST_ENGINE).voices()  # says what to install
        raise MissingDependency("No voice is installed. Install one with: pip install 'lipsmith[voice]'")
    return voices


def find(name: str) -> VoiceInfo:
    """The voice that is meant by ``name``; upper and lower case do not matter.

    Raises UnknownVoice, whose message names what is near, and MissingDependency.
    """
    wish = name.strip().lower().removeprefix(f"{_FIRST_ENGINE}:")
    voices = all_voices()
    exact = [voice for voice in voices if voice.name.lower() == wish]
    meant = exact or [voice for voice in voices if own_name(voice).lower() == wish]
    if len(meant) == 1:
        return meant[0]
    if meant:
        names = ", ".join(voice.name for voice in meant)
        raise UnknownVoice(f"Several voices are called {name!r}. Say which one: {names}.")
    added = [voice.name for voice in voices if voice.engine != _FIRST_ENGINE]
    if near := difflib.get_close_matches(name, [*added, *(own.partition(":")[2] for own in added)], n=4, cutoff=0.75):
        raise UnknownVoice(f"There is no voice called {name!r}. Near: {', '.join(near)}. `lipsmith voices` lists all.")
    return _named(_espeak().find(wish), _FIRST_ENGINE)


def choose_voice(language: str | None = None, gender: str | None = None) -> VoiceInfo:
    """Who speaks a text whose voice was not named.

    ``language`` is a BCP 47 tag such as ``pt-BR``, English unless given; ``gender`` is ``female`` or ``male``.
    The language counts most, then the gender, then the region. Among equals an added voice goes first, since somebody
    wanted it. Raises UnknownVoice where nobody speaks the language.
    """
    wish = (language or DEFAULT_LANGUAGE).strip().replace("_", "-")
    voices = [voice for voice in all_voices() if same_language(voice.language, wish)]
    if not voices:
        raise UnknownVoice(f"No voice speaks {language!r}. `lipsmith voices` lists all of them with their language.")
    region = _USUAL_REGIONS.get(wish.lower(), wish).lower()

    def distance(voice: VoiceInfo) -> tuple[int, bool, bool]:
        by_gender = 0 if gender in (None, voice.gender) else 1 if voice.gender == "neutral" else 2
        first = voice.engine == _FIRST_ENGINE
        if "-" not in wish and not first:
            return by_gender, False, False  # of an added voice, any kind of the language will do
        return by_gender, voice.language.lower() != region, first

    return min(voices, key=distance)


def own_name(voice: VoiceInfo) -> str:
    """What its engine calls the voice."""
    return voice.name.removeprefix(f"{voice.engine}:")


def speak(text: str, voice: VoiceInfo, rate: float) -> SynthesizedSpeech:
    """Lets the voice's engine speak. Raises what `Voice.speak` raises."""
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
    """One for all: engines remember what their voices are."""
    return plugins.create("voice", name, BUILT_IN)


def _espeak() -> EspeakVoice:
    espeak = _engine(_FIRST_ENGINE)
    assert isinstance(espeak, EspeakVoice)  # a built-in name means a built-in engine
    return espeak
