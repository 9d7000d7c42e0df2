"""Extra [server]: the error where it is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lipsmith.errors import MissingDependency


@contextmanager
def server_extra() -> Iterator[None]:
    """Import the server's libraries inside the block. Raises MissingDependency with the command that installs them."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("lipsmith"):
            raise
        raise MissingDependency(
            f"The server needs {error.name}, which is not installed. Type: python -m pip install 'lipsmith[server]'"
        ) from error
