"""Output files, and the motion track that is read or written beside a video. Draws nothing."""

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
"""Exports of the words or visemes, which motion alone does not give."""


def check_outputs(out: StrPath, export: StrPath | None, overwrite: bool, inputs: Sequence[object]) -> None:
    """Check before the work that ``out`` and ``export`` can be written and are no inputs.

    Raises InvalidOption or OutputExists.
    """
    from lipsmith.media.encode import check_output

    check_output(Path(out), overwrite=overwrite)
    check_not_an_input((out, export), inputs)
    if export is not None:
        check_text_output(Path(export), overwrite)


def check_not_an_input(outputs: Sequence[StrPath | None], inputs: Sequence[object]) -> None:
    """Check that all paths differ. Raises InvalidOption."""
    taken = {Path(path).resolve() for path in inputs if isinstance(path, str | os.PathLike)}
    for path in (Path(output) for output in outputs if output is not None):
        if path.resolve() in taken:
            raise InvalidOption(f"{path} is named twice, and writing it would destroy the other. Choose another name.")
        taken.add(path.resolve())


def check_text_output(path: Path, overwrite: bool) -> None:
    """Check that a text file can be written. Raises InvalidOption or OutputExists."""
    if path.is_dir() or not path.parent.is_dir():
        raise InvalidOption(f"{path} cannot be written: it is a folder, or its folder does not exist.")
    if path.exists() and not overwrite:
        raise OutputExists(f"{path} exists already. Choose another name or allow overwriting (--overwrite).")


def check_extension(export: StrPath | None, text: str | None) -> str:
    """Extension of the export. Raises InvalidOption where it is not known, or needs a text and there is none."""
    from lipsmith.motion.exports import EXTENSIONS, extension_of

    extension = extension_of(export) if export is not None else ".json"
    if EXTENSIONS[extension] == "captions" and text is None:
        raise InvalidOption(
            f"A {extension} file holds the words, and the words of a recording are not known. Give a text (--text), or "
            "choose another export."
        )
    return extension


def export_text_of(extension: str, track: MotionTrack, visemes: Speech | None, text: str | None) -> str:
    """Content of an export."""
    from lipsmith.motion.exports import export_text

    return export_text(extension, track, visemes, text)


def has_visemes_for(extension: str, track: MotionTrack) -> bool:
    """Test whether ``track`` holds the visemes that this export needs."""
    from lipsmith.motion.exports import EXTENSIONS

    return EXTENSIONS[extension] == "cues" and track.visemes is not None


def load_track(track: StrPath | MotionTrack | None) -> MotionTrack | None:
    """Read a motion track from its file; a track passes unchanged. Raises InvalidMotion."""
    from lipsmith.motion.track import MotionTrack

    if track is None or isinstance(track, MotionTrack):
        return track
    try:
        return MotionTrack.from_json(Path(track).read_text(encoding="utf-8-sig"))  # some editors write a mark first
    except OSError as error:
        raise InvalidMotion(
            f"The motion track {track} cannot be read: {error.strerror}. Write one with --export."
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidMotion(
            f"{track} is not a motion track: it is not a text file. Write one with --export."
        ) from error


@contextmanager
def written_atomically(path: StrPath | None, content: Callable[[], str]) -> Iterator[None]:
    """Write ``content`` to a temporary file, which becomes ``path`` when the block ends without an error."""
    if path is None:
        yield
        return
    final = Path(path)
    temporary = final.with_name(f".lipsmith-{uuid4().hex}.part")
    try:
        try:
            temporary.write_text(content(), encoding="utf-8", newline="\n")
        except OSError as error:
            raise EncodingFailed(f"The file {final} cannot be written: {error.strerror}.") from error
        yield
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)
