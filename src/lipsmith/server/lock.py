"""Exclusive folders of one process. The system releases the lock when the process ends, even by SIGKILL."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lipsmith.service.errors import DataFolderInUse

NAME = "lock"
"""File name of the lock in the folder."""


@contextmanager
def exclusive(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Lock ``folder``. If another process has it, wait for that, or raise DataFolderInUse."""
    handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            raise DataFolderInUse(
                f"Another server uses the data folder {folder}. Stop it first, or choose another with --data-dir."
            ) from error
        yield
    finally:
        os.close(handle)
