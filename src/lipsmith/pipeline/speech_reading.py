"""Speech of a request: open a recording or synthesize a text, and read visemes from it. Draws nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lipsmith.errors import InvalidOption, MissingDependency, TranscriptNotUsed
from lipsmith.pipeline.progress import StrPath
from lipsmith.pipeline.requests import SpeechInput
from lipsmith.speech.language import USUAL, LanguageGuess

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.media.clip import Audio
    from lipsmith.speech.personal import PersonalStyle
    from lipsmith.speech.visemes import Speech
    from lipsmith.synthesis.contract import SynthesizedSpeech, VoiceInfo


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """Synthesized text."""

    synthesized: SynthesizedSpeech
    text: str
    """Spoken words, without markup."""
    voice: VoiceInfo
    warnings: tuple[str, ...]
    """Reason for the voice, where neither it nor the language was named."""


@dataclass(frozen=True, kw_only=True)
class OpenedSpeech:
    """Audio of a request, and what is known about its words."""

    audio: Audio
    text: str | None
    """Words without markup; None for a recording alone."""
    synthesized: SynthesizedSpeech | None
    """Synthesized text; None for a recording."""
    warnings: tuple[str, ...]


def open_speech(speech: SpeechInput, start_s: float | None, end_s: float | None) -> OpenedSpeech:
    """Open the recording from ``start_s`` to ``end_s``, or synthesize the text. Raises what both raise."""
    from lipsmith.media.decode import open_audio

    if speech.audio is None:
        assert speech.text is not None  # a rule of the request
        said = synthesize(speech.text, voice=speech.voice, language=speech.language, rate=speech.rate)
        return OpenedSpeech(
            audio=said.synthesized.audio, text=said.text, synthesized=said.synthesized, warnings=said.warnings
        )
    audio = open_audio(Path(speech.audio), start_s=start_s, end_s=end_s)
    return OpenedSpeech(audio=audio, text=speech.text, synthesized=None, warnings=tuple(audio.warnings))


def synthesize(text: str, *, voice: str | None, language: str | None, rate: float) -> Utterance:
    """Speak ``text`` with the voice called ``voice``, else with one for ``language``, else for the text's own.

    Raises InvalidOption where voice and language do not fit, and what `Voice.speak` raises.
    """
    from lipsmith.speech.language import guess_language
    from lipsmith.speech.script import same_language
    from lipsmith.speech.ssml import plain_words
    from lipsmith.synthesis import long_text, voices

    words = plain_words(text)
    warnings: tuple[str, ...] = ()
    if voice is None:
        guess = None if language else guess_language(words)
        speaker = voices.choose_voice(guess.tag if guess else language)
        warnings = _guess_warnings(guess, speaker)
    else:
        speaker = voices.find(voice)
        if language is not None and not same_language(speaker.language, language):
            raise InvalidOption(
                f"The voice {speaker.name!r} speaks {speaker.language!r} and not {language!r}. Leave one of them out."
            )
    return Utterance(
        synthesized=long_text.synthesize(text, speaker, rate), text=words, voice=speaker, warnings=warnings
    )


def load_style(style: StrPath | PersonalStyle | None) -> PersonalStyle | None:
    """Read a personal style from its file; a style passes unchanged. Raises InvalidStyle."""
    from lipsmith.speech.personal import PersonalStyle, read_personal_style

    if style is None or isinstance(style, PersonalStyle):
        return style
    return read_personal_style(Path(style))


def read_speech(
    opened: OpenedSpeech, audio: Audio, style: PersonalStyle | None, engines: Mapping[str, str]
) -> tuple[Speech, Sequence[str]]:
    """Visemes of ``opened``, and warnings. ``audio`` is the part of its audio that is read.

    A transcript that does not fit the recording gives a warning, and the visemes are recognized instead.
    """
    if opened.synthesized is not None:
        speech = opened.synthesized.speech or _recognized(audio, None, engines)
        return (speech if style is None else replace(speech, lip_range=style.range)), ()
    recognized = _recognized(audio, style, engines)
    if opened.text is None:
        return recognized, ()
    from lipsmith.engines import registry
    from lipsmith.speech.transcript import with_transcript

    reader = registry.create("transcript_reader", engines.get("transcript_reader"))
    try:
        return with_transcript(recognized, reader.read(audio, opened.text)), ()
    except (TranscriptNotUsed, MissingDependency) as error:
        return recognized, (f"The lips follow the recording, not the text. {error.message}",)


def _recognized(audio: Audio, style: PersonalStyle | None, engines: Mapping[str, str]) -> Speech:
    from lipsmith.engines import registry

    if style is None:
        return registry.create("speech_reader", engines.get("speech_reader")).read(audio)
    reader = registry.create("personal_speech_reader", engines.get("personal_speech_reader"))
    return reader.with_style(style).read(audio)


def _guess_warnings(guess: LanguageGuess | None, speaker: VoiceInfo) -> tuple[str, ...]:
    if guess is None or (guess.sure and guess.tag == USUAL):
        return ()
    if guess.sure:
        return (f"The voice {speaker.name!r} was chosen by the text's language, which seems to be {guess.tag!r}.",)
    return (
        f"The language of the text is not clear; it is read as {guess.tag!r}. Name its language or a voice if that is "
        "wrong.",
    )
