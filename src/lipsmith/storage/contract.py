"""Contract of file storages: bytes by key. All implementations pass the same tests.

Accounts, jobs and permissions are the business of the callers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lipsmith.storage.errors import FileTooLarge, InvalidKey, StorageFailed

CHUNK_BYTES = 256 * 1024
"""Size of one read or write."""
MAX_KEY_LENGTH = 255

_FOLDER = r"[a-z0-9_-]{1,64}/"
_KEY = re.compile(rf"(?:{_FOLDER})*[a-z0-9_-]{{1,64}}\.[a-z0-9]{{1,16}}", re.ASCII)
_PREFIX = re.compile(rf"(?:{_FOLDER})+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One stored file."""

    key: str
    size_bytes: int
    modified_s: float
    """Unix time of the last write."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """URL that works without further authentication."""

    url: str
    expires_at_s: int
    """Unix time of expiry."""


class Upload(Protocol):
    """Upload in progress. Its content is not visible before `finish`."""

    def write(self, chunk: bytes) -> None:
        """Write the next bytes. Raises FileTooLarge at the first byte over the limit, or StorageFailed."""
        ...

    def finish(self) -> int:
        """Make the file visible under its key, replacing an earlier one. Return its size in bytes.

        Raises FileInUse if the key was sealed meanwhile, or StorageFailed. Nothing changes then.
        """
        ...

    def close(self) -> None:
        """Drop an unfinished upload. May follow `finish` and be repeated."""
        ...


class Storage(Protocol):
    """Stores bytes under keys such as ``uploads/k3f9/portrait.png``; see `check_key`."""

    def begin(self, key: str, *, max_bytes: int) -> Upload:
        """Start an upload to ``key``. Always close it.

        Raises InvalidKey, FileInUse if the key is sealed, or StorageFailed.
        """
        ...

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Return the bytes from ``start`` up to ``stop`` (exclusive; None for the end), in chunks.

        Raises InvalidKey or NotStored at the call, not at the first chunk.
        """
        ...

    def size(self, key: str) -> int:
        """Return the size of ``key`` in bytes. Raises InvalidKey or NotStored."""
        ...

    def seal(self, key: str) -> int:
        """Fix the content of ``key`` until it is deleted. Return its size in bytes.

        Unfinished uploads to it will fail. May be repeated. Raises InvalidKey, NotStored or StorageFailed.
        """
        ...

    def copy_to(self, key: str, path: Path) -> None:
        """Copy ``key`` to ``path``, a new read-only file: it may share its bytes with the storage.

        Raises InvalidKey, NotStored or StorageFailed.
        """
        ...

    def delete(self, key: str) -> bool:
        """Delete ``key``, sealed or not. Return False if it did not exist. Raises InvalidKey."""
        ...

    def delete_all(self, prefix: str) -> int:
        """Delete all keys below ``prefix``, which ends with a slash. Return their number. Raises InvalidKey."""
        ...

    def stored(self, prefix: str = "") -> Iterator[Stored]:
        """Return all keys below ``prefix``, in any order. Raises InvalidKey."""
        ...

    def drop_unfinished(self, *, before_s: float) -> int:
        """Drop unfinished uploads without progress since the Unix time ``before_s``. Return their number."""
        ...


class Links(Protocol):
    """Makes links that work for a limited time, without authentication."""

    def upload(self, key: str, *, max_bytes: int, lifetime_s: int) -> Link:
        """Return a link for PUT to ``key``."""
        ...

    def download(self, key: str, *, lifetime_s: int) -> Link:
        """Return a link for GET of ``key``. Its path ends with the name of the file."""
        ...


class Allowance:
    """Size limit of a transfer."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.taken_bytes = 0

    def take(self, chunk: bytes) -> None:
        """Count ``chunk``. Raises FileTooLarge if it exceeds the limit."""
        if self.taken_bytes + len(chunk) > self.max_bytes:
            raise FileTooLarge(
                f"The file is larger than the {self.max_bytes:,} bytes allowed here. Send a smaller one."
            )
        self.taken_bytes += len(chunk)


def check_key(key: str) -> str:
    """Return the key if it is valid: lower-case folders without a dot, and a name with an extension.

    No valid key leaves its folder, is hidden, collides with another where case is ignored, or is a folder of another.
    Raises InvalidKey.
    """
    if len(key) > MAX_KEY_LENGTH or not _KEY.fullmatch(key):
        raise InvalidKey(f"{key[:MAX_KEY_LENGTH]!r} is not a valid key. Use the form 'uploads/k3f9/portrait.png'.")
    return key


def check_prefix(prefix: str) -> str:
    """Return the prefix if it is valid: folders of a key, with a final slash. Raises InvalidKey."""
    if len(prefix) > MAX_KEY_LENGTH or not _PREFIX.fullmatch(prefix):
        raise InvalidKey(f"{prefix[:MAX_KEY_LENGTH]!r} is not a valid folder of keys. Use the form 'uploads/k3f9/'.")
    return prefix


def put(storage: Storage, key: str, chunks: Iterable[bytes], *, max_bytes: int) -> int:
    """Store ``chunks`` under ``key``. Return the size in bytes.

    Raises InvalidKey, FileInUse, FileTooLarge or StorageFailed, and errors of ``chunks``. The key is unchanged then.
    """
    with closing(storage.begin(key, max_bytes=max_bytes)) as upload:
        for chunk in chunks:
            upload.write(chunk)
        return upload.finish()


def put_file(storage: Storage, key: str, path: Path) -> int:
    """Store the file at ``path`` under ``key``. Return the size in bytes. Raises as `put` does, and OSError."""
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
        return put(storage, key, chunks, max_bytes=path.stat().st_size)


def write_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Write ``chunks`` to a new file. After StorageFailed or an error of ``chunks`` there is no file."""
    try:
        with path.open("xb") as file:
            try:
                file.writelines(chunks)
            except BaseException:
                path.unlink()
                raise
    except OSError as error:
        raise StorageFailed(f"The file could not be copied to {str(path)!r}: {error.strerror}.") from error
