"""`lipsmith serve`: API, queue and rendering in one process tree, with one data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from lipsmith.cli.extra import server_extra

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Folder of the database and all files. [default: LIPSMITH_DATA_DIR, or the user's]",
    ),
]
Concurrency = Annotated[
    int | None, typer.Option("--concurrency", "--workers", metavar="N", help="Videos rendered at once.")
]
"""``--workers`` is the former name, accepted for one more release."""

KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "NUMBA_CACHE_DIR", "VIRTUAL_ENV")
"""Environment of rendering processes: nothing with a secret in it."""


def serve(
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", metavar="PORT", help="Port to listen on.")] = None,
    data_dir: DataDir = None,
    concurrency: Concurrency = None,
) -> None:
    """Serve the API and render videos until stopped.

    Every option is also a setting; docs/reference/settings.md lists all settings.
    """
    with server_extra():
        from lipsmith.server.run import serve as run

    run(settings(data_dir, host=host, port=port, concurrency=concurrency), child_environment(), typer.echo)


def settings(data_dir: Path | None, **options: Any) -> Any:
    """Read the settings. Options of the command line take precedence."""
    with server_extra():
        from pydantic import ValidationError

        from lipsmith.server.settings import Settings, default_data_dir, invalid_setting

    given = {name: value for name, value in options.items() if value is not None}
    folder = data_dir or os.environ.get("LIPSMITH_DATA_DIR") or default_data_dir()
    try:
        return Settings(data_dir=Path(folder).absolute(), **given)
    except ValidationError as error:
        raise invalid_setting(error) from None


def child_environment() -> dict[str, str]:
    """Return the environment of rendering processes."""
    return {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
