"""`lipsmith worker`: more rendering for a server whose database is PostgreSQL."""

from __future__ import annotations

from typing import Annotated

import typer

from lipsmith.cli.extra import server_extra
from lipsmith.cli.serve import DataDir, child_environment, settings


def worker(
    database: Annotated[
        str | None, typer.Option("--database", metavar="URL", help="The server's database, postgresql://…")
    ] = None,
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option("--workers", metavar="N", help="Videos rendered at once.")] = None,
) -> None:
    """Render what a server was asked for, on this machine too, until it is stopped.

    Server and workers need the same files: one bucket, or a data folder that all of them see.
    """
    with server_extra():
        from lipsmith.server.run import work

    work(settings(data_dir, database_url=database, workers=workers), child_environment(), typer.echo)
