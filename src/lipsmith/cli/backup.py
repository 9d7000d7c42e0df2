"""Commands `lipsmith backup` and `lipsmith restore`: the data folder as one file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lipsmith.cli.admin import AsJson
from lipsmith.cli.extra import server_extra
from lipsmith.cli.serve import DataDir, settings


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write. It must not exist.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write a server's whole data folder into one file, while the server runs: database, files and its secret.

    The file gives access to everything: keep it where no one else can read it.
    """
    with server_extra():
        from lipsmith.server.backup import back_up

    made = back_up(settings(data_dir), file.absolute())
    if as_json:
        typer.echo(json.dumps(asdict(made)))
        return
    typer.echo(f"{made.path}: {made.accounts} accounts, {made.projects} projects, {made.files} files")
    if made.bucket is not None:
        typer.echo(f"The files are in the bucket {made.bucket} and not in the backup.")
    if not made.has_secret:
        typer.echo("The secret comes from LIPSMITH_SECRET_KEY and is not in the backup: keep both.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File that `lipsmith backup` wrote.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty data folder. Existing files are not overwritten."""
    with server_extra():
        from lipsmith.server.backup import restore as restore_backup

    made = restore_backup(file.absolute(), settings(data_dir).data_dir)
    if as_json:
        typer.echo(json.dumps(asdict(made)))
        return
    typer.echo(f"{made.path}: {made.accounts} accounts, {made.projects} projects, {made.files} files")
    typer.echo(f"lipsmith serve --data-dir {made.path}")
