"""Who in a clip says what: the record, and the file that holds several of them. Opens no media."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lipsmith.errors import InvalidOption
from lipsmith.pipeline.old_options import refuse_types, refuse_values, speaking_rules
from lipsmith.pipeline.progress import StrPath

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.face.choice import FaceChoice
    from lipsmith.speech.personal import PersonalStyle

FaceSelector = str | int | tuple[float, float] | tuple[float, float, float]
"""``auto``, ``speaker``, a number from the left, or where the face is seen: (x, y) or (x, y, seconds), or as a text."""

MAX_SPEAKERS = 6
_LARGEST_FILE_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """One face of a clip, and what it says."""

    face: FaceSelector = "auto"
    audio: StrPath | None = None
    """A recording, or a video with sound."""
    text: str | None = None
    """What to say; beside ``audio``: what is said there, in English."""
    voice: str | None = None
    """Who speaks a ``text`` that stands alone."""
    language: str | None = None
    """Its language, where no voice is named; None: as the text tells."""
    rate: float = 1.0
    """How fast that is, 0.5–2.0."""
    start_s: float | None = None
    end_s: float | None = None
    """The part of ``audio`` that is said, seconds."""
    at_s: float = 0.0
    """When it is said: seconds from the video's beginning."""
    style: StrPath | PersonalStyle | None = None
    """How this person moves the lips; None: as the clip teaches."""


_NAMES = tuple(field.name for field in fields(Speaker))
_PATHS = ("audio", "style")


def read_speakers(given: StrPath | Sequence[Speaker]) -> tuple[Speaker, ...]:
    """The speakers in a file, or as they are; all checked. Paths in a file start at the file's folder.

    Raises InvalidOption.
    """
    if isinstance(given, str | os.PathLike):
        return _from_file(Path(given))
    if not isinstance(given, list | tuple) or not all(isinstance(one, Speaker) for one in given):
        raise InvalidOption(f"speakers is {given!r}; it has to be a list of Speaker, or the path of a file of them.")
    return _checked(given, "speakers")


def check_speaker(speaker: Speaker, called: str = "") -> None:
    """Raises InvalidOption for what cannot be meant. ``called`` begins the message where there are several."""
    try:
        _check_types(speaker)
        refuse_values(
            *speaking_rules(
                speaker.text,
                speaker.audio,
                speaker.voice,
                speaker.language,
                speaker.rate,
                speaker.start_s,
                speaker.end_s,
            ),
            (
                math.isfinite(speaker.at_s) and speaker.at_s >= 0,
                f"What is said begins at {speaker.at_s} s; it has to be a number of seconds, 0 or more.",
            ),
        )
        face_choice(speaker.face)
    except InvalidOption as error:
        raise InvalidOption(called + error.message) from error


def face_choice(face: FaceSelector) -> FaceChoice:
    """What is meant by a face. Raises InvalidOption."""
    from lipsmith.face.choice import At, parse_face_choice

    if isinstance(face, str):
        return parse_face_choice(face)
    if isinstance(face, int) and not isinstance(face, bool) and face >= 1:
        return face
    if isinstance(face, tuple | list) and len(face) in (2, 3) and all(_is_number(value) for value in face):
        return At(x=float(face[0]), y=float(face[1]), time_s=float(face[2]) if len(face) == 3 else 0.0)
    raise InvalidOption(
        f"The face is {face!r}; say auto, speaker, a number from the left starting at 1, or a point (x, y) or "
        "(x, y, seconds)."
    )


def _check_types(speaker: Speaker) -> None:
    def path(value: object) -> bool:
        return value is None or isinstance(value, str | os.PathLike)

    def number(value: object) -> bool:
        return value is None or _is_number(value)

    refuse_types(
        (path(speaker.audio), "audio", speaker.audio, "the path of a recording"),
        (speaker.text is None or isinstance(speaker.text, str), "text", speaker.text, "a text"),
        (speaker.voice is None or isinstance(speaker.voice, str), "voice", speaker.voice, "the name of a voice"),
        (
            speaker.language is None or isinstance(speaker.language, str),
            "language",
            speaker.language,
            "a language tag such as pt-BR",
        ),
        (_is_number(speaker.rate), "rate", speaker.rate, "a number"),
        (number(speaker.start_s), "the start in the recording", speaker.start_s, "a number of seconds"),
        (number(speaker.end_s), "the end in the recording", speaker.end_s, "a number of seconds"),
        (_is_number(speaker.at_s), "at_s", speaker.at_s, "a number of seconds"),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _from_file(path: Path) -> tuple[Speaker, ...]:
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise InvalidOption(f"{path} is too large for a list of speakers.")
        data = json.loads(path.read_text(encoding="utf-8-sig"))  # some editors write a mark first
    except OSError as error:
        raise InvalidOption(f"The list of speakers {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidOption(f"{path} is no list of speakers: it is no JSON ({error}).") from error
    entries = data.get("speakers") if isinstance(data, Mapping) else None
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise InvalidOption(f'{path} is no list of speakers. It has to be like {{"speakers": [{{"face": 1, ...}}]}}.')
    return _checked([_of_entry(entry, path) for entry in entries], str(path))


def _of_entry(entry: Mapping[str, Any], path: Path) -> Speaker:
    if unknown := sorted(set(entry) - set(_NAMES)):
        raise InvalidOption(f"{path} says {unknown[0]!r} of a speaker, which is not known. Use {', '.join(_NAMES)}.")
    there = {name: path.parent / value for name in _PATHS if isinstance(value := entry.get(name), str)}
    return Speaker(**{**entry, **there})


def _checked(speakers: Sequence[Speaker], where: str) -> tuple[Speaker, ...]:
    if not 1 <= len(speakers) <= MAX_SPEAKERS:
        raise InvalidOption(f"{where} names {len(speakers)} speakers; there have to be 1 to {MAX_SPEAKERS}.")
    for number, speaker in enumerate(speakers, start=1):
        check_speaker(speaker, called=f"Speaker {number} of {len(speakers)}: ")
    return tuple(speakers)
