"""Folder in which one process renders. The next process deletes the folders of killed ones, since they hold faces and
voices that their owners may have deleted."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from lipsmith.server import lock
from lipsmith.service.errors import DataFolderInUse


class WorkDir:
    """Folder of one process, beside those of others."""

    def __init__(self, parent: Path, name: str) -> None:
        self.folder = parent / name
        self._locks = ExitStack()

    def open(self) -> None:
        """Create the folder, and delete those of processes that have ended."""
        self.folder.mkdir(mode=0o700, parents=True)
        with lock.exclusive(self.folder.parent, wait=True):  # no process sees the folder before it is locked
            self._locks.enter_context(lock.exclusive(self.folder))
            for other in self.folder.parent.iterdir():
                if other != self.folder and _is_abandoned(other):
                    shutil.rmtree(other, ignore_errors=True)

    def close(self) -> None:
        """Delete the folder with everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._locks.close()


def _is_abandoned(folder: Path) -> bool:
    """Return whether ``folder`` belonged to a process that has ended."""
    if not (folder / lock.NAME).is_file():
        return False
    try:
        with lock.exclusive(folder):
            return True
    except DataFolderInUse:
        return False
