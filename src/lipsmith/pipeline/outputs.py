"""The files that are written, and the motion that is read or written beside a video. Draws nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from lipsmith.errors import EncodingFailed, InvalidMotion, InvalidOption, OutputExists
from lipsmith.pipeline.progress import StrPath

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.motion.track import MotionTrack
    from lipsmith.speech.visemes import Speech

NEED_SPEECH = (".cues.tsv", ".cues.json", ".srt", ".vtt")
"""Exports that tell what is said, and not only how the face moves."""


def check_outputs(out: StrPath, export: StrPath | None, overwrite: bool, inputs: Sequence[object]) -> None:
    """Finds out before the work what would only fail after it."""
    from lipsmith.media.encode import check_output

    check_output(Path(out), overwrite=overwrite)
    taken = {Path(path).resolve() for path in inputs if isinstance(path, str | os.PathLike)}
    for path in (Path(given) for given in (out, export) if given is not None):
        if path.resolve() in taken:
            raise InvalidOption(f"{path} is used twice, and writing it would destroy the other. Choose another name.")
        taken.add(path.resolve())
    if export is None:
        return
    if Path(export).is_dir() or not Path(export).parent.is_dir():
        raise InvalidOption(f"{export} cannot be written: it is a folder, or lies in one that does not exist.")
    if Path(export).exists() and not overwrite:
        raise OutputExists(f"{export} exists already. Choose another name or allow overwriting (--overwrite).")


def check_extension(export: StrPath | None, text: str | None) -> str:
    from lipsmith.motion.exports import EXTENSIONS, extension_of

    extension = extension_of(export) if export is not None else ".json"
    if EXTENSIONS[extension] == "captions" and text is None:
        raise InvalidOption(
            f"A {extension} file holds the words, and nobody tells what is said in a recording. Give a text to speak "
            "(--text), or choose another export."
        )
    return extension


def export_text_of(extension: str, track: MotionTrack, speech: Speech | None, text: str | None) -> str:
    from lipsmith.motion.exports import export_text

    return export_text(extension, track, speech, text)


def has_visemes_for(extension: str, given: MotionTrack) -> bool:
    """Whether the motion itself says what is said, as far as this export needs it."""
    from lipsmith.motion.exports import EXTENSIONS

    return EXTENSIONS[extension] == "cues" and given.visemes is not None


def load_track(given: StrPath | MotionTrack | None) -> MotionTrack | None:
    from lipsmith.motion.track import MotionTrack

    if given is None or isinstance(given, MotionTrack):
        return given
    try:
        return MotionTrack.from_json(Path(given).read_text(encoding="utf-8-sig"))  # some editors write a mark first
    except OSError as error:
        raise InvalidMotion(
            f"The motion file {given} cannot be read: {error.strerror}. Write one with --export."
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidMotion(f"{given} is no motion file: it is no text. Write one with --export.") from error


@contextmanager
def written_atomically(export: StrPath | None, content: Callable[[], str]) -> Iterator[None]:
    """Writes the content to a temporary name first, and gives it its own once the video stands."""
    if export is None:
        yield
        return
    path = Path(export)
    aside = path.with_name(f".lipsmith-{uuid4().hex}.part")
    try:
        try:
            aside.write_text(content(), encoding="utf-8", newline="\n")
        except OSError as error:
            raise EncodingFailed(f"The file {path} cannot be written: {error.strerror}.") from error
        yield
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
