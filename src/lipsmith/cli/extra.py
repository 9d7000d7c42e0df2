"""The extra [server]: one place that says what to type where it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lipsmith.errors import MissingDependency


@contextmanager
def server_extra() -> Iterator[None]:
    """Around the imports that need it. Raises MissingDependency with the line to type."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("lipsmith"):
            raise
        raise MissingDependency(
            f"The server needs {error.name}, which is not installed. Type: python -m pip install 'lipsmith[server]'"
        ) from error
