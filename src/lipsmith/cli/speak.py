"""`lipsmith speak`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lipsmith.cli.interrupt import Interrupt
from lipsmith.cli.options import AsJson, LanguageTag, Overwrite, Quiet, SpeakingRate
from lipsmith.cli.progress import shown
from lipsmith.pipeline import SpokenResult, speak_text


def speak(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The sound to write: .wav, .mp3, .m4a or .flac.")
    ] = Path("speech.wav"),
    voice: Annotated[
        str | None,
        typer.Option("--voice", metavar="NAME", help="Who speaks; see `lipsmith voices`. [default: by language]"),
    ] = None,
    language: LanguageTag = None,
    rate: SpeakingRate = 1.0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Speak TEXT to a sound file, without a face."""
    interrupt: Interrupt = ctx.obj
    with shown(quiet) as progress:
        result = speak_text(
            text,
            out,
            voice=voice,
            language=language,
            rate=rate,
            overwrite=overwrite,
            progress=progress,
            cancelled=lambda: interrupt.seen,
        )
    typer.echo(_as_json(result) if as_json else _as_line(result))


def _as_json(result: SpokenResult) -> str:
    return json.dumps(asdict(result) | {"path": str(result.path)})


def _as_line(result: SpokenResult) -> str:
    warnings = " ".join(result.warnings)
    return " · ".join(
        [
            str(result.path),
            f"{result.duration_s:.2f} s",
            f"voice {result.voice}",
            result.language,
            f"warnings: {warnings}" if warnings else "no warnings",
        ]
    )
