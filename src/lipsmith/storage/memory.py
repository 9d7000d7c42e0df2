"""Storage in memory, for tests. Its content ends with the process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from lipsmith.storage.contract import CHUNK_BYTES, Allowance, Stored, check_key, check_prefix, write_file
from lipsmith.storage.errors import FileInUse, NotStored, StorageFailed


@dataclass(frozen=True, kw_only=True)
class _Held:
    content: bytes
    modified_s: float
    sealed: bool = False


class MemoryStorage:
    """Stores all files in a dictionary."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._held: dict[str, _Held] = {}
        self._uploads: dict[MemoryUpload, float] = {}
        self._lock = Lock()
        self._clock = clock

    def begin(self, key: str, *, max_bytes: int) -> MemoryUpload:
        with self._lock:
            self._refuse_sealed(check_key(key))
            upload = MemoryUpload(self, key, max_bytes)
            self._uploads[upload] = self._clock()
            return upload

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        content = self._get(key).content[start:stop]
        return (content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES))

    def size(self, key: str) -> int:
        return len(self._get(key).content)

    def seal(self, key: str) -> int:
        with self._lock:
            held = self._get(key)
            self._held[key] = _Held(content=held.content, modified_s=held.modified_s, sealed=True)
            return len(held.content)

    def copy_to(self, key: str, path: Path) -> None:
        write_file(path, [self._get(key).content])

    def delete(self, key: str) -> bool:
        return self._held.pop(check_key(key), None) is not None

    def delete_all(self, prefix: str) -> int:
        return sum(self.delete(found.key) for found in self.stored(check_prefix(prefix)))

    def stored(self, prefix: str = "") -> Iterator[Stored]:
        start = check_prefix(prefix) if prefix else ""
        with self._lock:
            held = [(key, one) for key, one in self._held.items() if key.startswith(start)]
        return (Stored(key=key, size_bytes=len(one.content), modified_s=one.modified_s) for key, one in held)

    def drop_unfinished(self, *, before_s: float) -> int:
        with self._lock:
            old = [upload for upload, began_s in self._uploads.items() if began_s < before_s]
            for upload in old:
                del self._uploads[upload]
            return len(old)

    def store(self, upload: MemoryUpload, key: str, content: bytes) -> None:
        """Store finished bytes under their key. Raises FileInUse, or StorageFailed if the upload was dropped."""
        with self._lock:
            self._refuse_sealed(key)
            if self._uploads.pop(upload, None) is None:
                raise StorageFailed("The upload made no progress for too long and was dropped. Start it again.")
            self._held[key] = _Held(content=content, modified_s=self._clock())

    def drop(self, upload: MemoryUpload) -> None:
        """Drop an unfinished upload."""
        with self._lock:
            self._uploads.pop(upload, None)

    def _refuse_sealed(self, key: str) -> None:
        if key in self._held and self._held[key].sealed:
            raise FileInUse(f"{key!r} is used by a job, so its content cannot change. Upload a new file instead.")

    def _get(self, key: str) -> _Held:
        try:
            return self._held[check_key(key)]
        except KeyError:
            raise NotStored(f"Nothing is stored under {key!r}.") from None


class MemoryUpload:
    """Upload to a `MemoryStorage`."""

    def __init__(self, storage: MemoryStorage, key: str, max_bytes: int) -> None:
        self._storage, self._key = storage, key
        self._allowance = Allowance(max_bytes)
        self._content = bytearray()

    def write(self, chunk: bytes) -> None:
        self._allowance.take(chunk)
        self._content += chunk

    def finish(self) -> int:
        self._storage.store(self, self._key, bytes(self._content))
        return self._allowance.taken_bytes

    def close(self) -> None:
        self._storage.drop(self)
