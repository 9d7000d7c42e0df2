"""Storage in a folder of this machine.

    <root>/open/<key>        finished, may be replaced
    <root>/sealed/<key>      finished and sealed; has precedence over `open`
    <root>/unfinished/<id>   upload in progress

Several processes may share the folder without locks: a file is renamed or linked into place, which is atomic, and files
in `sealed` are never replaced.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lipsmith.storage.contract import CHUNK_BYTES, Allowance, Stored, check_key, check_prefix
from lipsmith.storage.errors import FileInUse, NotStored, StorageFailed

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TRIES = 5  # another process may remove an empty folder before a file is moved into it


class LocalStorage:
    """Stores each key in a file below ``root``, which is created if missing, readable by its owner only."""

    def __init__(self, root: str | Path, *, clock: Callable[[], float] = time.time) -> None:
        self._open, self._sealed, self._unfinished = (Path(root) / area for area in ("open", "sealed", "unfinished"))
        self._clock = clock
        with _storage_errors():
            for area in (self._open, self._sealed, self._unfinished):
                area.mkdir(mode=0o700, parents=True, exist_ok=True)

    def begin(self, key: str, *, max_bytes: int) -> LocalUpload:
        self.refuse_sealed(key)
        with _storage_errors():
            return LocalUpload(self, key, self._unfinished / uuid.uuid4().hex, max_bytes)

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        return _chunks(self._opened(key), start, stop)

    def size(self, key: str) -> int:
        with self._opened(key) as file:
            return os.fstat(file.fileno()).st_size

    def path(self, key: str) -> Path:
        """Return the path of the key's file. Raises InvalidKey or NotStored."""
        for area in (self._sealed, self._open):
            if (path := area / check_key(key)).is_file():
                return path
        raise NotStored(f"Nothing is stored under {key!r}.")

    def seal(self, key: str) -> int:
        source, target = self._open / check_key(key), self._sealed / key
        with _storage_errors():
            with suppress(FileExistsError):
                if not source.is_file():
                    return self.size(key)
                _into_place(os.link, source, self._sealed, key)
                target.chmod(0o400)
            if target.is_file():
                _remove(source)
        return self.size(key)

    def copy_to(self, key: str, path: Path) -> None:
        with _storage_errors():
            for _ in range(_TRIES):
                source = self.path(key)
                with suppress(FileNotFoundError):  # sealed or deleted meanwhile
                    return _link_or_copy(source, path)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))

    def delete(self, key: str) -> bool:
        check_key(key)
        gone = [_remove(area / key) for area in (self._open, self._sealed)]
        for area in (self._open, self._sealed):
            _remove_empty_folders((area / key).parent, area)
        return any(gone)

    def delete_all(self, prefix: str) -> int:
        return sum(self.delete(found.key) for found in list(self.stored(check_prefix(prefix))))

    def stored(self, prefix: str = "") -> Iterator[Stored]:
        folder = check_prefix(prefix) if prefix else ""
        return self._listed(folder)

    def drop_unfinished(self, *, before_s: float) -> int:
        old = [file for file in self._unfinished.iterdir() if _modified_s(file) < before_s]
        return sum(_remove(file) for file in old)

    def refuse_sealed(self, key: str, *, but: os.stat_result | None = None) -> None:
        """Raise FileInUse if the key is sealed, unless with the file ``but``."""
        with suppress(FileNotFoundError):
            sealed = os.stat(self._sealed / check_key(key))
            if but is None or not os.path.samestat(sealed, but):
                raise FileInUse(f"{key!r} is used by a job, so its content cannot change. Upload a new file instead.")

    def store(self, key: str, file: BinaryIO, path: Path) -> None:
        """Move the finished file at ``path``, open as ``file``, to its key. Raises FileInUse or StorageFailed."""
        with _storage_errors():
            file.flush()
            now_s = self._clock()
            os.utime(file.fileno(), (now_s, now_s))
            os.fsync(file.fileno())
            self.refuse_sealed(key)
            _into_place(os.replace, path, self._open, key)
        try:
            # The key may have been sealed between the check and the move, with our bytes or with others.
            self.refuse_sealed(key, but=os.fstat(file.fileno()))
        except FileInUse:
            _remove(self._open / key)
            raise

    def _opened(self, key: str) -> BinaryIO:
        for _ in range(_TRIES):  # sealing may move the file meanwhile
            with suppress(FileNotFoundError):
                return self.path(key).open("rb")
        raise NotStored(f"Nothing is stored under {key!r}.")

    def _listed(self, folder: str) -> Iterator[Stored]:
        for area in (self._sealed, self._open):
            for parent, _, names in os.walk(area / folder):
                for name in names:
                    key = (Path(parent) / name).relative_to(area).as_posix()
                    if area is self._open and (self._sealed / key).is_file():
                        continue
                    with suppress(FileNotFoundError):  # deleted meanwhile
                        info = os.stat(area / key)
                        yield Stored(key=key, size_bytes=info.st_size, modified_s=info.st_mtime)


class LocalUpload:
    """One file upload in progressto a `LocalStorage`."""

    def __init__(self, storage: LocalStorage, key: str, path: Path, max_bytes: int) -> None:
        self._storage, self._key, self._path = storage, key, path
        self._allowance = Allowance(max_bytes)
        self._file: BinaryIO = path.open("xb")

    def write(self, chunk: bytes) -> None:
        self._allowance.take(chunk)
        with _storage_errors():
            self._file.write(chunk)

    def finish(self) -> int:
        self._storage.store(self._key, self._file, self._path)
        self.close()
        return self._allowance.taken_bytes

    def close(self) -> None:
        _remove(self._path)
        with suppress(OSError):  # a full disk refuses the last buffered bytes of a dropped upload
            self._file.close()


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise StorageFailed(
                "The file could not be stored: no space left. Free some space and try again."
            ) from error
        raise StorageFailed(f"The file could not be stored: {error.strerror}. Check the data folder.") from error


def _into_place(move: Callable[[Path, Path], None], source: Path, area: Path, key: str) -> None:
    """Rename or link ``source`` to ``key`` in ``area``, and sync the folders against a power failure."""
    target = area / key
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):  # the folder is missing, or was removed meanwhile
            move(source, target)
            break
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        move(source, target)
    folder = target.parent
    while folder.is_relative_to(area):
        _sync_folder(folder)
        folder = folder.parent


def _link_or_copy(source: Path, path: Path) -> None:
    try:
        os.link(source, path)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copyfile(source, path)  # another file system, or one without links


def _sync_folder(folder: Path) -> None:
    with suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _remove_empty_folders(folder: Path, area: Path) -> None:
    """Remove empty folders from here up to ``area``."""
    while folder != area:
        try:
            folder.rmdir()
        except OSError:  # not empty, or gone
            return
        folder = folder.parent


def _modified_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _chunks(file: BinaryIO, start: int, stop: int | None) -> Iterator[bytes]:
    with file:
        file.seek(start)
        left = float("inf") if stop is None else stop - start
        while left > 0 and (chunk := file.read(int(min(CHUNK_BYTES, left)))):
            left -= len(chunk)
            yield chunk
