"""Spoken text: the steps from a text to an audio file, without a face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lipsmith.errors import UnknownVoice
from lipsmith.pipeline.facade import Facade
from lipsmith.pipeline.progress import ProgressReporter
from lipsmith.pipeline.requests import SpeakRequest, StandIn
from lipsmith.pipeline.speech_reading import synthesize


@dataclass(frozen=True, kw_only=True)
class SpokenResult:
    """Spoken text."""

    path: Path
    """Audio file."""
    duration_s: float
    voice: str
    """Name of the voice, as `lipsmith voices` lists it."""
    language: str
    """Language of the voice: a BCP 47 tag, such as ``en-GB``."""
    warnings: tuple[str, ...]
    """Reasons for the voice, where none was named."""


def make_speech(request: SpeakRequest) -> SpokenResult:
    """Speak ``text`` and write the audio to ``out``: .wav, .mp3, .m4a or .flac, at 48 kHz.

    The only stage is ``sound``.
    """
    from lipsmith.media.encode import AUDIO_EXTENSIONS, check_output, write_audio

    path = check_output(Path(request.out), overwrite=request.overwrite, extensions=AUDIO_EXTENSIONS)
    reporter = ProgressReporter(request.progress, request.cancelled)
    with reporter.stage("sound"):
        voice, notes = _installed_voice(request)
        said = synthesize(request.text, voice=voice, language=request.language, rate=request.rate)
        audio = said.synthesized.audio
        write_audio(path, reporter.cancellable(audio), overwrite=request.overwrite)
    return SpokenResult(
        path=path,
        duration_s=audio.duration_s,
        voice=said.voice.name,
        language=said.voice.language,
        warnings=(*notes, *said.warnings),
    )


speak_text = Facade("speak_text", SpeakRequest, make_speech)


def _installed_voice(request: SpeakRequest) -> tuple[str | None, tuple[str, ...]]:
    """Requested voice, or a stand-in for one that is not installed, with a warning."""
    from lipsmith.synthesis import voices

    if request.voice is None or request.stand_in is None:
        return request.voice, ()
    try:
        voices.find(request.voice)
    except UnknownVoice:
        name = _stand_in(request.stand_in, request.text)
        return name, (f"The voice {request.voice!r} is not installed. {name!r} speaks instead, and imitates no one.",)
    return request.voice, ()


def _stand_in(stand_in: StandIn, text: str) -> str:
    """Voice named as the stand-in where it speaks the text's language, else any that does."""
    from lipsmith.speech.script import language_of, same_language
    from lipsmith.speech.ssml import plain_words
    from lipsmith.synthesis import voices

    language = language_of(plain_words(text))
    if stand_in.voice is not None:
        named = voices.find(stand_in.voice)
        if language is None or same_language(named.language, language):
            return named.name
    return voices.choose_voice(language, stand_in.gender).name
