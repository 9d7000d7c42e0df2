"""Folders that one process has for itself: a lock that goes with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lipsmith.service.errors import DataFolderInUse

NAME = "lock"
"""Of the file in the folder."""


@contextmanager
def exclusive(folder: Path, *, waits: bool = False) -> Iterator[None]:
    """Holds the folder. Where another process does, it waits for that, or raises DataFolderInUse."""
    handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except OSError as error:
            raise DataFolderInUse(
                f"Another server uses the data folder {folder}. Stop it first, or choose another with --data-dir."
            ) from error
        yield
    finally:
        os.close(handle)
