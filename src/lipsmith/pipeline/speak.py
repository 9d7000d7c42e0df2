"""A text becomes a sound file: the story without a face."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lipsmith.pipeline.old_options import rate_rule, refuse_types, refuse_values
from lipsmith.pipeline.progress import Progress, ProgressReporter, StrPath
from lipsmith.pipeline.speech_reading import say


@dataclass(frozen=True, kw_only=True)
class SpokenResult:
    """A spoken text."""

    path: Path
    """The sound."""
    duration_s: float
    voice: str
    """Who speaks, by the name that `lipsmith voices` lists."""
    language: str
    """What that voice speaks: a BCP 47 tag, such as ``en-GB``."""
    warnings: tuple[str, ...]
    """What was chosen that nobody asked for."""


def speak_text(
    text: str,
    out: StrPath,
    *,
    voice: str | None = None,
    language: str | None = None,
    rate: float = 1.0,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> SpokenResult:
    """Speaks ``text`` and writes the sound to ``out``: .wav, .mp3, .m4a or .flac, at 48 kHz.

    - ``voice``: who speaks; `lipsmith voices` lists the names. Without it, one that speaks the language.
    - ``language``: a BCP 47 tag such as ``de`` or ``pt-BR``. Without it, the text's own decides.
    - ``rate``: 0.5 to 2.0; 1.0 is the voice's normal speed.
    - ``overwrite``: replaces ``out`` where it exists.
    - ``progress``, ``cancelled``: as for `talking_photo`; the only stage is ``audio``.

    Whatever error is raised, nothing is written. All of them are LipsmithErrors: InputError where the caller can mend
    it, MissingDependency, VoiceFailed, EncodingFailed or Cancelled where not.
    """
    from lipsmith.media.encode import AUDIO_EXTENSIONS, check_output, write_audio

    refuse_types(
        (isinstance(text, str), "text", text, "a text"),
        (isinstance(out, str | os.PathLike), "out", out, "the path of the sound to write"),
        (voice is None or isinstance(voice, str), "voice", voice, "the name of a voice"),
        (language is None or isinstance(language, str), "language", language, "a language tag such as pt-BR"),
    )
    refuse_values(rate_rule(rate))
    path = check_output(Path(out), overwrite=overwrite, extensions=AUDIO_EXTENSIONS)
    work = ProgressReporter(progress, cancelled)
    with work.stage("sound"):
        said = say(text, voice=voice, language=language, rate=rate)
        write_audio(path, work.cancellable(said.spoken.audio), overwrite=overwrite)
    return SpokenResult(
        path=path,
        duration_s=said.spoken.audio.duration_s,
        voice=said.voice.name,
        language=said.voice.language,
        warnings=said.warnings,
    )
