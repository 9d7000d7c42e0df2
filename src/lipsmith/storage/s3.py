"""Storage in a bucket of an S3-compatible service. Needs the extra `s3`.

    <folder>open/<key>       finished, may be replaced
    <folder>sealed/<key>     finished and sealed; has precedence over `open`

A link leads to the service itself. It has no size limit, needs a Content-Length, and can still write to `open` when the
key is sealed, without effect. Use `links.SignedLinks` and `begin` for uploads where that matters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from heapq import merge
from itertools import groupby
from pathlib import Path
from typing import Any

from lipsmith.errors import MissingDependency
from lipsmith.storage.contract import CHUNK_BYTES, Allowance, Link, Stored, check_key, check_prefix, write_file
from lipsmith.storage.errors import FileInUse, NotStored, StorageFailed

PART_BYTES = 8 * 1024 * 1024
"""Most that an upload holds in memory. S3 allows 10,000 parts of at least 5 MiB: with these, 80 GB."""
MAX_COPY_BYTES = 5 * 1024**3
"""Largest object that the service copies in one step."""

_MISSING = ("404", "NoSuchKey", "NotFound")
_BEYOND_THE_END = "InvalidRange"
_EXISTS = "PreconditionFailed"


def connect(
    *, region: str, endpoint_url: str | None = None, access_key: str | None = None, secret_key: str | None = None
) -> Any:
    """Return a client of the service at ``endpoint_url``, or of AWS.

    Without keys, boto3's default credential chain is used.
    Raises MissingDependency without the extra `s3`.
    """
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise MissingDependency(
            "Storage in a bucket needs the extra s3: python -m pip install 'lipsmith[s3]'"
        ) from error
    return boto3.client(
        "s3",
        region_name=region,
        endpoint_url=endpoint_url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            signature_version="s3v4",
            retries={"mode": "standard", "max_attempts": 4},
            # Services other than AWS reject the checksums that boto3 adds by default.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class S3Storage:
    """Stores each key in an object of ``bucket``, below ``folder``, which is empty or ends with a slash."""

    def __init__(self, client: Any, bucket: str, *, folder: str = "") -> None:
        self.client, self.bucket = client, bucket
        self._open, self._sealed = (f"{check_prefix(folder) if folder else ''}{area}/" for area in ("open", "sealed"))

    def begin(self, key: str, *, max_bytes: int) -> S3Upload:
        self.refuse_sealed(key)
        return S3Upload(self, key, self.open_place(key), max_bytes)

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        if stop is not None and stop <= start:
            self.size(key)
            return iter(())
        span = {} if (start, stop) == (0, None) else {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
        for area in (self._sealed, self._open):
            try:
                with _storage_errors():
                    return _chunks(
                        self.client.get_object(Bucket=self.bucket, Key=area + check_key(key), **span)["Body"]
                    )
            except NotStored:
                continue
            except _BeyondTheEnd:
                return iter(())
        raise NotStored(f"Nothing is stored under {key!r}.")

    def size(self, key: str) -> int:
        return self._head(self.place(key))["ContentLength"]

    def place(self, key: str) -> str:
        """Return the name of the key's object. Raises InvalidKey, NotStored or StorageFailed."""
        for area in (self._sealed, self._open):
            with suppress(NotStored):
                self._head(area + check_key(key))
                return area + key
        raise NotStored(f"Nothing is stored under {key!r}.")

    def open_place(self, key: str) -> str:
        """Return the name of the object that uploads write to. Raises InvalidKey."""
        return self._open + check_key(key)

    def seal(self, key: str) -> int:
        place = self.place(key)
        if place.startswith(self._open):
            with suppress(NotStored):  # sealed or deleted meanwhile
                self._copy_once(place, self._sealed + key)
                self._remove(place)
        return self.size(key)

    def copy_to(self, key: str, path: Path) -> None:
        write_file(path, self.read(key))

    def delete(self, key: str) -> bool:
        check_key(key)
        gone = [self._remove(area + key) for area in (self._open, self._sealed)]
        return any(gone)

    def delete_all(self, prefix: str) -> int:
        return sum(self.delete(found.key) for found in list(self.stored(check_prefix(prefix))))

    def stored(self, prefix: str = "") -> Iterator[Stored]:
        below = check_prefix(prefix) if prefix else ""
        # Both are sorted by key. For a key in both, the sealed object comes first.
        found = merge(self._listed(self._sealed, below), self._listed(self._open, below), key=lambda one: one.key)
        return (next(same) for _, same in groupby(found, key=lambda one: one.key))

    def drop_unfinished(self, *, before_s: float) -> int:
        dropped = 0
        with _storage_errors():
            for page in self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.bucket, Prefix=self._open
            ):
                for upload in page.get("Uploads", ()):
                    if upload["Initiated"].timestamp() < before_s:
                        self.client.abort_multipart_upload(
                            Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                        )
                        dropped += 1
        return dropped

    def refuse_sealed(self, key: str) -> None:
        """Raise FileInUse if the key is sealed."""
        with suppress(NotStored):
            self._head(self._sealed + check_key(key))
            raise FileInUse(f"{key!r} is used by a job, so its content cannot change. Upload a new file instead.")

    def _head(self, place: str) -> Mapping[str, Any]:
        with _storage_errors():
            return self.client.head_object(Bucket=self.bucket, Key=place)

    def _copy_once(self, source: str, target: str) -> None:
        """Copy unless the target exists. Raises NotStored or StorageFailed."""
        origin = {"Bucket": self.bucket, "Key": source}
        with _storage_errors(), suppress(_Exists):  # sealed by another process meanwhile
            if self._head(source)["ContentLength"] > MAX_COPY_BYTES:
                self.client.copy(origin, self.bucket, target)  # in parts, which do not support the condition
            else:
                self.client.copy_object(CopySource=origin, Bucket=self.bucket, Key=target, IfNoneMatch="*")

    def _remove(self, place: str) -> bool:
        try:
            self._head(place)
        except NotStored:
            return False
        with _storage_errors():
            self.client.delete_object(Bucket=self.bucket, Key=place)
        return True

    def _listed(self, area: str, below: str) -> Iterator[Stored]:
        with _storage_errors():
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=area + below):
                for found in page.get("Contents", ()):
                    yield Stored(
                        key=found["Key"].removeprefix(area),
                        size_bytes=found["Size"],
                        modified_s=found["LastModified"].timestamp(),
                    )


class S3Upload:
    """Upload to an `S3Storage`: in parts, or in one step if it fits into one."""

    def __init__(self, storage: S3Storage, key: str, place: str, max_bytes: int) -> None:
        self._storage, self._key = storage, key
        self._object = {"Bucket": storage.bucket, "Key": place}
        self._allowance = Allowance(max_bytes)
        self._held = bytearray()
        self._parts: list[dict[str, Any]] = []
        self._upload_id: str | None = None

    def write(self, chunk: bytes) -> None:
        self._allowance.take(chunk)
        self._held += chunk
        while len(self._held) >= PART_BYTES:
            self._send_part(bytes(self._held[:PART_BYTES]))
            del self._held[:PART_BYTES]

    def finish(self) -> int:
        self._storage.refuse_sealed(self._key)
        with _storage_errors():
            if self._upload_id is None:
                self._storage.client.put_object(**self._object, Body=bytes(self._held))
            else:
                if self._held:
                    self._send_part(bytes(self._held))
                self._storage.client.complete_multipart_upload(
                    **self._object, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
                )
                self._upload_id = None
        self._held.clear()
        self._storage.refuse_sealed(self._key)  # it may have been sealed since the check above
        return self._allowance.taken_bytes

    def close(self) -> None:
        if self._upload_id is not None:
            with suppress(NotStored, StorageFailed), _storage_errors():  # else `drop_unfinished` does
                self._storage.client.abort_multipart_upload(**self._object, UploadId=self._upload_id)
            self._upload_id = None

    def _send_part(self, part: bytes) -> None:
        client = self._storage.client
        with _storage_errors():
            if self._upload_id is None:
                self._upload_id = client.create_multipart_upload(**self._object)["UploadId"]
            number = len(self._parts) + 1
            sent = client.upload_part(**self._object, UploadId=self._upload_id, PartNumber=number, Body=part)
            self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})


class S3Links:
    """Makes links that lead to the storage service itself.

    ``outside`` is a client for the public address of the service, if clients reach it under another one.
    """

    def __init__(self, storage: S3Storage, *, outside: Any = None, clock: Callable[[], float] = time.time) -> None:
        self._storage, self._clock = storage, clock
        self._signer = storage.client if outside is None else outside

    def upload(self, key: str, *, max_bytes: int, lifetime_s: int) -> Link:
        """Return a link for PUT. The service does not enforce ``max_bytes``; check the result of `Storage.seal`."""
        self._storage.refuse_sealed(key)
        return self._link("put_object", self._storage.open_place(key), lifetime_s)

    def download(self, key: str, *, lifetime_s: int) -> Link:
        """Return a link for GET, which browsers save as a file. Raises NotStored."""
        return self._link("get_object", self._storage.place(key), lifetime_s, ResponseContentDisposition="attachment")

    def _link(self, operation: str, place: str, lifetime_s: int, **more: str) -> Link:
        expires_at_s = int(self._clock()) + lifetime_s
        url = self._signer.generate_presigned_url(
            operation, Params={"Bucket": self._storage.bucket, "Key": place, **more}, ExpiresIn=lifetime_s
        )
        return Link(url=url, expires_at_s=expires_at_s)


class _Exists(StorageFailed):
    """The object exists already."""


class _BeyondTheEnd(StorageFailed):
    """The range starts after the end of the object."""


@contextmanager
def _storage_errors() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING:
            raise NotStored from error
        kind = {_EXISTS: _Exists, _BEYOND_THE_END: _BeyondTheEnd}.get(code, StorageFailed)
        raise kind(f"The storage service refused: {code}. Check its settings and keys.") from error
    except (BotoCoreError, OSError) as error:
        raise StorageFailed(f"The storage service could not be used: {error}.") from error


def _chunks(body: Any) -> Iterator[bytes]:
    with _storage_errors(), body:
        yield from body.iter_chunks(CHUNK_BYTES)
