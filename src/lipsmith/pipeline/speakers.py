"""Speakers of a clip: one from the options, or several from a list or a file. Opens no media."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lipsmith.errors import InvalidOption
from lipsmith.pipeline.options import current_names, is_number
from lipsmith.pipeline.progress import StrPath
from lipsmith.pipeline.requests import FaceSelector, Speaker, SyncRequest

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.face.choice import FaceChoice

MAX_SPEAKERS = 6
MAX_FILE_BYTES = 1_000_000
_PATHS = ("audio", "style", "speaking_style")


def requested_speakers(request: SyncRequest) -> Sequence[Speaker]:
    """Speakers of a request. Raises InvalidOption."""
    if request.speakers is None:
        return [request.single_speaker()]
    speakers = read_speakers(request.speakers)
    if len(speakers) > 1 and (request.export is not None or request.motion_track is not None):
        raise InvalidOption(
            "A motion track holds the lips of one face, and several speak here. Leave --export and --motion-track out."
        )
    return speakers


def read_speakers(given: StrPath | Sequence[Speaker]) -> tuple[Speaker, ...]:
    """Speakers from a list, or from a JSON file whose paths are relative to its folder. Raises InvalidOption."""
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        speakers, source = _from_file(path), str(path)
    else:
        if not isinstance(given, list | tuple) or not all(isinstance(one, Speaker) for one in given):
            raise InvalidOption(f"speakers is {given!r}. Give a list of Speaker, or the path of a JSON file.")
        speakers, source = tuple(given), "speakers"
    if not 1 <= len(speakers) <= MAX_SPEAKERS:
        raise InvalidOption(f"{source} has {len(speakers)} speakers. Give 1 to {MAX_SPEAKERS}.")
    for speaker in speakers:
        face_choice(speaker.face)
    return speakers


def face_choice(face: FaceSelector) -> FaceChoice:
    """Choice of a face from its short form. Raises InvalidOption.

    >>> face_choice("2"), face_choice("auto")
    (2, 'auto')
    """
    from lipsmith.face.choice import At, parse_face_choice

    if isinstance(face, str):
        return parse_face_choice(face)
    if isinstance(face, int) and not isinstance(face, bool) and face >= 1:
        return face
    if isinstance(face, tuple | list) and len(face) in (2, 3) and all(map(is_number, face)):
        return At(x=float(face[0]), y=float(face[1]), time_s=float(face[2]) if len(face) == 3 else 0.0)
    raise InvalidOption(
        f"The face is {face!r}. Give auto, speaker, a number from the left starting at 1, or a point (x, y) or "
        "(x, y, seconds)."
    )


def faces_in_window(speakers: Sequence[Speaker], start_s: float | None, end_s: float | None) -> list[FaceChoice]:
    """Faces of the speakers; the time of a place is counted from the start of the clip's window.

    Raises InvalidOption for a time outside the window.
    """
    return [_in_window(face_choice(speaker.face), start_s, end_s) for speaker in speakers]


def _in_window(choice: FaceChoice, start_s: float | None, end_s: float | None) -> FaceChoice:
    from lipsmith.face.choice import At

    if not isinstance(choice, At) or choice.time_s == 0.0:
        return choice
    time_s = choice.time_s - (start_s or 0.0)
    if time_s < 0 or (end_s is not None and choice.time_s > end_s):
        raise InvalidOption(
            f"The face is at {choice.time_s:g} s, outside the part of the clip that is used. Give a time inside it."
        )
    return replace(choice, time_s=time_s)


def _from_file(path: Path) -> tuple[Speaker, ...]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InvalidOption(f"{path} is too large for a list of speakers.")
        data = json.loads(path.read_text(encoding="utf-8-sig"))  # some editors write a byte order mark
    except OSError as error:
        raise InvalidOption(f"The list of speakers {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidOption(f"{path} is not a list of speakers: it is not JSON ({error}).") from error
    entries = data.get("speakers") if isinstance(data, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidOption(f'{path} is not a list of speakers. Write it as {{"speakers": [{{"face": 1, ...}}]}}.')
    return tuple(_from_entry(entry, path, f"speaker {n} of {len(entries)}") for n, entry in enumerate(entries, start=1))


def _from_entry(entry: Mapping[str, Any], path: Path, place: str) -> Speaker:
    paths = {name: path.parent / value for name in _PATHS if isinstance(value := entry.get(name), str)}
    try:
        return Speaker(**current_names(Speaker, {**entry, **paths}, stacklevel=0))
    except InvalidOption as error:
        raise InvalidOption(f"{path}, {place}: {error.message}") from error
