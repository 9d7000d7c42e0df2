"""`lipsmith runner`: rendering on a further machine, for a server whose database is PostgreSQL."""

from __future__ import annotations

from typing import Annotated

import typer

from lipsmith.cli.extra import server_extra
from lipsmith.cli.serve import Concurrency, DataDir, child_environment, settings


def runner(
    database: Annotated[
        str | None, typer.Option("--database", metavar="URL", help="The server's database, postgresql://…")
    ] = None,
    data_dir: DataDir = None,
    concurrency: Concurrency = None,
) -> None:
    """Render jobs of a server on this machine too, until stopped.

    The server and all runners need the same files: one bucket, or a data folder that all of them can access.
    """
    with server_extra():
        from lipsmith.server.run import work

    work(settings(data_dir, database_url=database, concurrency=concurrency), child_environment(), typer.echo)
