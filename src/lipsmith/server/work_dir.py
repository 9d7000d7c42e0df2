"""The folder in which one process renders. What a process left that was killed goes when the next one begins: it holds
faces and voices of people who may have had them deleted since."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from lipsmith.server import lock
from lipsmith.service.errors import DataFolderInUse


class WorkDir:
    """A folder of one process, beside those of others."""

    def __init__(self, parent: Path, name: str) -> None:
        self.folder = parent / name
        self._held = ExitStack()

    def open(self) -> None:
        """Makes it, and takes away those of processes that are no more."""
        self.folder.mkdir(mode=0o700, parents=True)
        with lock.exclusive(self.folder.parent, waits=True):  # nobody sees another's before it is held
            self._held.enter_context(lock.exclusive(self.folder))
            for other in self.folder.parent.iterdir():
                if other != self.folder and _is_left(other):
                    shutil.rmtree(other, ignore_errors=True)

    def close(self) -> None:
        """Takes it away with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._held.close()


def _is_left(folder: Path) -> bool:
    """Whether it was a process's, and no process holds it."""
    if not (folder / lock.NAME).is_file():
        return False
    try:
        with lock.exclusive(folder):
            return True
    except DataFolderInUse:
        return False
