"""Bytes by key: the smallest contract that serves. Every home of bytes passes the same tests.

Nothing here knows accounts, jobs or vendors: who may write or read a key is somebody else's question.
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
"""How much is read or written at once."""
MAX_KEY_LENGTH = 255

_FOLDER = r"[a-z0-9_-]{1,64}/"
_KEY = re.compile(rf"(?:{_FOLDER})*[a-z0-9_-]{{1,64}}\.[a-z0-9]{{1,16}}", re.ASCII)
_PREFIX = re.compile(rf"(?:{_FOLDER})+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One key that holds bytes."""

    key: str
    size_bytes: int
    modified_s: float
    """Unix time of the last write."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """An address that works by itself, without any further proof of who asks."""

    url: str
    expires_at_s: int
    """Unix time from which on it is refused."""


class Upload(Protocol):
    """Bytes on their way in. Nobody sees any of them before `finish`."""

    def write(self, chunk: bytes) -> None:
        """Takes the next bytes. Raises FileTooLarge with the first byte over the limit, or StorageFailed."""
        ...

    def finish(self) -> int:
        """Makes the whole visible under its key, in place of what was there, and returns its size in bytes.

        Raises FileInUse when the key was sealed meanwhile, or StorageFailed; nothing has changed then.
        """
        ...

    def close(self) -> None:
        """Drops what is not finished. Harmless after `finish` and when repeated."""
        ...


class Storage(Protocol):
    """Holds bytes under keys such as ``uploads/k3f9/portrait.png``; see `check_key`."""

    def begin(self, key: str, *, max_bytes: int) -> Upload:
        """Starts to write ``key``. Close the upload whatever happens.

        Raises InvalidKey, FileInUse when the key is sealed, or StorageFailed.
        """
        ...

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop`` (excluded; the end when None), chunk by chunk.

        Raises InvalidKey or NotStored at once, not with the first chunk.
        """
        ...

    def size(self, key: str) -> int:
        """How many bytes ``key`` holds. Raises InvalidKey or NotStored."""
        ...

    def seal(self, key: str) -> int:
        """From now on ``key`` keeps these very bytes until it is deleted; returns how many.

        An upload that is not finished yet will not finish. Sealing again changes nothing. Raises InvalidKey, NotStored
        or StorageFailed.
        """
        ...

    def copy_to(self, key: str, path: Path) -> None:
        """Puts the bytes of ``key`` at ``path``, a new file that is for reading only: it may share its bytes with ours.

        Raises InvalidKey, NotStored or StorageFailed.
        """
        ...

    def delete(self, key: str) -> bool:
        """Forgets ``key``, sealed or not; whether there was anything to forget. Raises InvalidKey."""
        ...

    def delete_all(self, prefix: str) -> int:
        """Forgets every key below ``prefix``, which ends with a slash; how many there were. Raises InvalidKey."""
        ...

    def stored(self, prefix: str = "") -> Iterator[Stored]:
        """Every key below ``prefix``, in no particular order. Raises InvalidKey."""
        ...

    def drop_unfinished(self, *, before_s: float) -> int:
        """Drops unfinished uploads that have not moved since the Unix time ``before_s``; how many there were."""
        ...


class Links(Protocol):
    """Makes links that anybody may follow who has them, for a while."""

    def upload(self, key: str, *, max_bytes: int, lifetime_s: int) -> Link:
        """Where to PUT the bytes of ``key``."""
        ...

    def download(self, key: str, *, lifetime_s: int) -> Link:
        """Where to GET the bytes of ``key``; the last part of the path is the file's name."""
        ...


class Allowance:
    """Counts bytes on their way in, and stops them in the middle where they become too many."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.taken_bytes = 0

    def take(self, chunk: bytes) -> None:
        """Raises FileTooLarge when ``chunk`` would exceed the limit."""
        if self.taken_bytes + len(chunk) > self.max_bytes:
            raise FileTooLarge(
                f"The file is larger than the {self.max_bytes:,} bytes allowed here. Send a smaller one."
            )
        self.taken_bytes += len(chunk)


def check_key(key: str) -> str:
    """The key itself, when it is one: lower-case folders without a dot, and a name with an ending.

    So no key can climb out of a folder, hide, collide with another on a file system that ignores case, or be the
    folder of another. Raises InvalidKey.
    """
    if len(key) > MAX_KEY_LENGTH or not _KEY.fullmatch(key):
        raise InvalidKey(f"{key[:MAX_KEY_LENGTH]!r} is no key. A key looks like 'uploads/k3f9/portrait.png'.")
    return key


def check_prefix(prefix: str) -> str:
    """The prefix itself, when it is one: folders of a key, with the slash at the end. Raises InvalidKey."""
    if len(prefix) > MAX_KEY_LENGTH or not _PREFIX.fullmatch(prefix):
        raise InvalidKey(f"{prefix[:MAX_KEY_LENGTH]!r} is no folder of keys. One looks like 'uploads/k3f9/'.")
    return prefix


def put(storage: Storage, key: str, chunks: Iterable[bytes], *, max_bytes: int) -> int:
    """Writes all ``chunks`` under ``key``; the size in bytes.

    Raises InvalidKey, FileInUse, FileTooLarge or StorageFailed, and lets through what ``chunks`` raises; the key is as
    it was then.
    """
    with closing(storage.begin(key, max_bytes=max_bytes)) as upload:
        for chunk in chunks:
            upload.write(chunk)
        return upload.finish()


def put_file(storage: Storage, key: str, path: Path) -> int:
    """Writes the file at ``path`` under ``key``; the size in bytes. Raises as `put` does, and OSError."""
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
        return put(storage, key, chunks, max_bytes=path.stat().st_size)


def write_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Writes ``chunks`` to a new file. Raises StorageFailed and lets through what ``chunks`` raises; no file then."""
    try:
        with path.open("xb") as file:
            try:
                file.writelines(chunks)
            except BaseException:
                path.unlink()
                raise
    except OSError as error:
        raise StorageFailed(f"The file could not be copied to {str(path)!r}: {error.strerror}.") from error
