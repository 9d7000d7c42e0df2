"""Command `lipsmith style learn`."""

from __future__ import annotations

import typer

from lipsmith.cli.request_command import request_command, result_line
from lipsmith.pipeline import StyleRequest, StyleResult, learn_style


def style_line(result: StyleResult) -> str:
    """Result for people."""
    parts = [
        str(result.path),
        f"learnt from {result.seconds:.1f} s",
        f"opens to {result.opening_iod:.2f} of the eye distance",
        f"lips followed with r {result.r_before:.2f} before, {result.r_after:.2f} now",
    ]
    return result_line(parts, result.warnings)


learn = request_command(
    "learn",
    StyleRequest,
    learn_style,
    style_line,
    help="""Learn how a person moves the lips, from CLIPs in which they speak: 15 s or more together, with audio.

    `lipsmith talk --speaking-style ME.style` then moves the lips in the same way. A delay between audio and frames of
    a clip is found and removed.
    """,
)


def add_style(app: typer.Typer) -> None:
    """Add the group `style` to the command line."""
    group = typer.Typer(
        name="style", help="Personal style: how one person moves the lips.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command("learn")(learn)
    app.add_typer(group)
