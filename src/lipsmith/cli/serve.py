"""`lipsmith serve`: API, queue and rendering in one process tree, with one data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from lipsmith.cli.extra import server_extra
from lipsmith.errors import InvalidOption

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Folder of everything. [default: LIPSMITH_DATA_DIR, or the user's]"),
]

KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "NUMBA_CACHE_DIR", "VIRTUAL_ENV")
"""What rendering processes may know of ours: nothing with a secret in it."""


def serve(
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", metavar="PORT", help="Port to listen on.")] = None,
    data_dir: DataDir = None,
    workers: Annotated[int | None, typer.Option("--workers", metavar="N", help="Videos rendered at once.")] = None,
) -> None:
    """Serve the API and render what it is asked for, until it is stopped.

    Every option is also a setting, and there are more: see the reference.
    """
    with server_extra():
        from lipsmith.server.run import serve as run

    run(settings(data_dir, host=host, port=port, workers=workers), child_environment(), typer.echo)


def settings(data_dir: Path | None, **options: Any) -> Any:
    """The settings, with what was given on the command line put first."""
    with server_extra():
        from pydantic import ValidationError

        from lipsmith.server.settings import Settings, default_data_dir

    given = {name: value for name, value in options.items() if value is not None}
    folder = data_dir or os.environ.get("LIPSMITH_DATA_DIR") or default_data_dir()
    try:
        return Settings(data_dir=Path(folder).absolute(), **given)
    except ValidationError as error:
        faults = (f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors())
        raise InvalidOption(
            f"A setting cannot be used. {'; '.join(faults)}. The settings' reference tells more."
        ) from None


def child_environment() -> dict[str, str]:
    """What rendering processes are given."""
    return {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
