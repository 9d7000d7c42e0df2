"""`lipsmith voices`: who can speak a text."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from lipsmith.errors import UnknownVoice


def voices(
    language: Annotated[
        str | None,
        typer.Option("--language", "-l", metavar="TAG", help="Only voices of this language, such as en or pt-BR."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the voices that can speak a text."""
    from lipsmith.engines.voices import all_voices

    found = all_voices()
    if language is not None:
        wish = language.lower()
        found = [v for v in found if f"{v.language.lower()}-".startswith(f"{wish}-")]
        if not found:
            raise UnknownVoice(
                f"No voice speaks {language!r}. `lipsmith voices` lists all of them with their language."
            )
    if as_json:
        typer.echo(json.dumps({"voices": [asdict(voice) for voice in found]}, ensure_ascii=False))
        return
    widths = [max(len(getattr(v, field)) for v in found) for field in ("name", "language", "gender")]
    for voice in found:
        columns = (voice.name, voice.language, voice.gender)
        padded = (text.ljust(width) for text, width in zip(columns, widths, strict=True))
        typer.echo("  ".join([*padded, voice.description]))
