"""Command `lipsmith voices`: list, add and remove voices."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from lipsmith.cli.shared_options import AsJson, Overwrite
from lipsmith.errors import UnknownVoice

_Language = Annotated[
    str | None,
    typer.Option("--language", "-l", metavar="TAG", help="List voices of this language only, such as en or pt-BR."),
]


def voices(ctx: typer.Context, language: _Language = None, as_json: AsJson = False) -> None:
    """List the voices that speak a text: those of espeak-ng, and added ones."""
    if ctx.invoked_subcommand is None:
        list_voices(language, as_json)


def list_voices(language: _Language = None, as_json: AsJson = False) -> None:
    """List the voices that speak a text."""
    from lipsmith.synthesis.voices import all_voices

    found = all_voices()
    if language is not None:
        tag = language.lower()
        found = [v for v in found if f"{v.language.lower()}-".startswith(f"{tag}-")]
        if not found:
            raise UnknownVoice(
                f"No voice speaks {language!r}. `lipsmith voices` lists all of them with their language."
            )
    if as_json:
        typer.echo(json.dumps({"voices": [asdict(voice) for voice in found]}))
        return
    widths = [max(len(getattr(v, field)) for v in found) for field in ("name", "language", "gender")]
    for voice in found:
        columns = (voice.name, voice.language, voice.gender)
        padded = (text.ljust(width) for text, width in zip(columns, widths, strict=True))
        typer.echo("  ".join([*padded, voice.description]))


def add(
    model: Annotated[Path, typer.Argument(metavar="FILE.onnx", help="Voice made for Piper.")],
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE.json", help="Description of the voice. [default: FILE.onnx.json]"),
    ] = None,
    licence: Annotated[
        str, typer.Option("--licence", metavar="TEXT", help="Licence of the voice, to be recorded.")
    ] = "",
    gender: Annotated[
        Literal["female", "male", "neutral"], typer.Option("--gender", help="Gender of the voice.")
    ] = "neutral",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Add a voice: copy it to the folder of voices, and record its SHA-256, which is checked before each use.

    The folder is LIPSMITH_VOICES_DIR, or `voices` in lipsmith's data folder. Needs the extra `piper`.
    """
    from lipsmith.synthesis.piper import PiperVoice
    from lipsmith.synthesis.voice_store import VoiceStore, voices_folder

    described = config or model.with_name(f"{model.name}.json")
    PiperVoice().check(model, described)
    record = VoiceStore(voices_folder()).add(model, described, licence=licence, gender=gender, overwrite=overwrite)
    line = f"piper:{record.name} · licence: {record.licence or 'not recorded'} · SHA-256 {record.sha256}"
    typer.echo(json.dumps(asdict(record)) if as_json else line)


def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Added voice.")],
    as_json: AsJson = False,
) -> None:
    """Remove an added voice."""
    from lipsmith.synthesis.voice_store import VoiceStore, voices_folder

    record = VoiceStore(voices_folder()).remove(name.removeprefix("piper:"))
    typer.echo(json.dumps(asdict(record)) if as_json else f"piper:{record.name} is removed.")


def add_voices(app: typer.Typer) -> None:
    """Add the group to the command line. Without a subcommand it lists the voices."""
    group = typer.Typer(name="voices", invoke_without_command=True, rich_markup_mode=None)
    group.callback()(voices)
    group.command("list")(list_voices)
    group.command("add")(add)
    group.command("remove")(remove)
    app.add_typer(group)
