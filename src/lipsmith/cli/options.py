"""Options that several commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result, or the error, as one JSON object.")]
AudioPath = Annotated[
    Path | None, typer.Argument(metavar="AUDIO", help="A recording of speech, or a video with sound.")
]
SpokenText = Annotated[
    str | None,
    typer.Option(
        "--text", metavar="TEXT", help="Speak this; beside AUDIO: what is said there, in English, for better lips."
    ),
]
VoiceName = Annotated[
    str | None,
    typer.Option("--voice", metavar="NAME", help="Who speaks --text; see `lipsmith voices`. [default: by language]"),
]
LanguageTag = Annotated[
    str | None,
    typer.Option(
        "--language", metavar="TAG", help="What the text is written in, such as de or pt-BR. [default: by the text]"
    ),
]
SpeakingRate = Annotated[float, typer.Option("--rate", metavar="R", help="How fast the text is spoken, 0.5-2.0.")]
