"""Who says what: a recording is opened, a text is spoken, and what is said becomes visemes. Draws nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lipsmith.errors import InvalidOption, MissingDependency, TranscriptNotUsed
from lipsmith.pipeline.work import StrPath

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.engines.contract import Spoken
    from lipsmith.media.clip import Sound
    from lipsmith.media.decode import FileSound
    from lipsmith.speech.personal import PersonalStyle
    from lipsmith.speech.visemes import Speech

DEFAULT_VOICE = "en-us"


def open_recording(audio: StrPath | None, start_s: float | None, end_s: float | None) -> FileSound:
    from lipsmith.media.decode import open_sound

    assert audio is not None  # checked at the door: a text alone does not come here
    return open_sound(Path(audio), start_s=start_s, end_s=end_s)


def speaker_of(text: str | None) -> str:
    """The voice for a text whose voice was not chosen, by its script."""
    from lipsmith.speech.script import language_of

    return (text and language_of(text)) or DEFAULT_VOICE


def speak(text: str, voice: str, rate: float) -> Spoken:
    from lipsmith.engines import registry

    return registry.create("voice").speak(text, voice=voice, rate=rate)


def read_style(style: StrPath | PersonalStyle | None) -> PersonalStyle | None:
    """How a person speaks, from a file or as it is."""
    from lipsmith.speech.personal import PersonalStyle, read_personal_style

    if style is None or isinstance(style, PersonalStyle):
        return style
    if not isinstance(style, str | os.PathLike):
        raise InvalidOption(f"style is {style!r}; it has to be the path of a file that `learn_style` wrote.")
    return read_personal_style(Path(style))


def in_range_of(style: PersonalStyle | None, speech: Speech) -> Speech:
    """What a voice says, with lips that open as far as this person's."""
    return speech if style is None else replace(speech, lip_range=style.range)


def read_speech(sound: Sound, text: str | None, style: PersonalStyle | None = None) -> tuple[Speech, Sequence[str]]:
    """What is said when, and what went otherwise than wished: a text that cannot be used is told, not fatal."""
    from lipsmith.engines import registry
    from lipsmith.engines.transcript_reader import TranscriptReader, with_known_sounds

    if style is None:
        heard = registry.create("speech_reader").read(sound)
    else:
        from lipsmith.engines.net_reader import NetReader

        heard = NetReader().in_style(style).read(sound)
    if text is None:
        return heard, ()
    try:
        return with_known_sounds(heard, TranscriptReader().read(sound, text)), ()
    except (TranscriptNotUsed, MissingDependency) as error:
        return heard, (f"The lips follow what is heard, and not the text. {error.message}",)
