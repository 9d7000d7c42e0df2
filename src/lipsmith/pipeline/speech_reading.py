"""Who says what: a recording is opened, a text is spoken, and what is said becomes visemes. Draws nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lipsmith.errors import InvalidOption, MissingDependency, TranscriptNotUsed
from lipsmith.pipeline.progress import StrPath
from lipsmith.speech.language import USUAL, LanguageGuess

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.media.clip import Audio
    from lipsmith.media.decode import FileAudio
    from lipsmith.speech.personal import PersonalStyle
    from lipsmith.speech.visemes import Speech
    from lipsmith.synthesis.contract import SynthesizedSpeech, VoiceInfo


def open_recording(audio: StrPath | None, start_s: float | None, end_s: float | None) -> FileAudio:
    from lipsmith.media.decode import open_audio

    assert audio is not None  # checked at the door: a text alone does not come here
    return open_audio(Path(audio), start_s=start_s, end_s=end_s)


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """A text that was spoken."""

    spoken: SynthesizedSpeech
    words: str
    """What is said, without markup."""
    voice: VoiceInfo
    warnings: tuple[str, ...]
    """How the voice was chosen, where nobody named it or its language."""


def say(text: str, *, voice: str | None, language: str | None, rate: float) -> Utterance:
    """Speaks ``text`` with the voice called ``voice``, else with one for ``language``, else for the text's own.

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
    return Utterance(spoken=long_text.synthesize(text, speaker, rate), words=words, voice=speaker, warnings=warnings)


def _guess_warnings(guess: LanguageGuess | None, speaker: VoiceInfo) -> tuple[str, ...]:
    if guess is None or (guess.sure and guess.tag == USUAL):
        return ()
    if guess.sure:
        return (f"The voice {speaker.name!r} was chosen by the text's language, which seems to be {guess.tag!r}.",)
    return (
        f"What language the text is in is not clear; it is read as {guess.tag!r}. Name its language or a voice if that "
        "is wrong.",
    )


def load_style(style: StrPath | PersonalStyle | None) -> PersonalStyle | None:
    """How a person speaks, from a file or as it is."""
    from lipsmith.speech.personal import PersonalStyle, read_personal_style

    if style is None or isinstance(style, PersonalStyle):
        return style
    if not isinstance(style, str | os.PathLike):
        raise InvalidOption(f"style is {style!r}; it has to be the path of a file that `learn_style` wrote.")
    return read_personal_style(Path(style))


def speech_of(spoken: SynthesizedSpeech) -> Speech:
    """Visemes of a synthesized text; recognized in its audio where the voice gives no times."""
    from lipsmith.engines import registry

    return spoken.speech or registry.create("speech_reader").read(spoken.audio)


def with_lip_range(style: PersonalStyle | None, speech: Speech) -> Speech:
    """What a voice says, with lips that open as far as this person's."""
    return speech if style is None else replace(speech, lip_range=style.range)


def read_speech(sound: Audio, text: str | None, style: PersonalStyle | None = None) -> tuple[Speech, Sequence[str]]:
    """What is said when, and what went otherwise than wished: a text that cannot be used is told, not fatal."""
    from lipsmith.engines import registry
    from lipsmith.speech.transcript import with_transcript

    if style is None:
        heard = registry.create("speech_reader").read(sound)
    else:
        heard = registry.create("personal_speech_reader").with_style(style).read(sound)
    if text is None:
        return heard, ()
    try:
        return with_transcript(heard, registry.create("transcript_reader").read(sound, text)), ()
    except (TranscriptNotUsed, MissingDependency) as error:
        return heard, (f"The lips follow what is heard, and not the text. {error.message}",)
