"""Progress bar on stderr; plain lines where stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from lipsmith.pipeline import Progress

WORDS = {
    "clip": "opening the clip",
    "picture": "reading the photo",
    "face": "looking for the face",
    "sound": "opening the audio",
    "speech": "reading the speech",
    "motion": "planning the motion",
    "video": "drawing the video",
}
"""Name of each stage for people."""


@contextmanager
def shown(quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """Function that shows each Progress; None with --quiet."""
    if quiet or sys.stderr is None:
        yield None
    elif not sys.stderr.isatty():
        yield _say_stage
    else:
        with _bar() as show:
            yield show


def _say_stage(progress: Progress) -> None:
    if progress.done == 0:
        typer.echo(f"lipsmith: {WORDS[progress.stage]}", err=True)


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[speed]}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, speed="")

        def show(progress: Progress) -> None:
            frames = progress.fps > 0
            bar.update(
                task,
                description=WORDS[progress.stage],
                completed=progress.done,
                total=progress.total if frames else None,
                speed=_speed(progress) if frames else "",
            )

        yield show


def _speed(progress: Progress) -> str:
    if progress.left_s is None:
        return ""
    minutes, seconds = divmod(round(progress.left_s), 60)
    return f"{progress.done}/{progress.total} frames, {progress.fps:.0f} fps, {minutes}:{seconds:02d} left"
