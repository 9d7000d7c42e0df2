"""`lipsmith style learn`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lipsmith.cli.interrupt import Interrupt
from lipsmith.cli.options import AsJson, Overwrite, Quiet
from lipsmith.cli.progress import shown
from lipsmith.pipeline import StyleResult, learn_style


def learn(
    ctx: typer.Context,
    clips: Annotated[list[Path], typer.Argument(metavar="CLIP...", help="Videos in which one person speaks.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="ME.style", help="The file to write.")] = Path("me.style"),
    face: Annotated[
        str,
        typer.Option(
            "--face",
            metavar="auto|speaker|N|X,Y@S",
            help="Who it is: whose lips move with the sound, the N-th from the left, or the one at X,Y at S seconds.",
        ),
    ] = "auto",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Learn how a person moves the lips, from CLIPs in which they speak: 15 s or more together, with sound.

    `lipsmith talk --style ME.style` then speaks as they do. The clip's own offset of sound and picture is removed.
    """
    interrupt: Interrupt = ctx.obj
    with shown(quiet) as progress:
        result = learn_style(
            clips, out, face=face, overwrite=overwrite, progress=progress, cancelled=lambda: interrupt.seen
        )
    typer.echo(style_as_json(result) if as_json else style_as_line(result))


def style_as_json(result: StyleResult) -> str:
    """One JSON object on one line."""
    return json.dumps(asdict(result) | {"path": str(result.path)})


def style_as_line(result: StyleResult) -> str:
    """The same for people."""
    warnings = " ".join(result.warnings)
    return " · ".join(
        [
            str(result.path),
            f"learnt from {result.seconds:.1f} s",
            f"opens to {result.opening_iod:.2f} of the eye distance",
            f"lips followed with r {result.r_before:.2f} before, {result.r_after:.2f} now",
            f"warnings: {warnings}" if warnings else "no warnings",
        ]
    )


def add_style(app: typer.Typer) -> None:
    """Puts the group into the command line."""
    group = typer.Typer(
        name="style", help="How one person moves the lips.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command("learn")(learn)
    app.add_typer(group)
