"""Bytes in a bucket of an S3-compatible storage service. Needs the extra `s3`.

    <folder>open/<key>       finished, may be replaced
    <folder>sealed/<key>     finished for good; what lies here wins over `open`

A link to the service works without us: it knows no limit of size, wants a Content-Length, and can still write to `open`
when the key is sealed, where nobody reads it. Let uploads come in through `links.SignedLinks` and `begin` where that
matters.
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
"""What an upload holds in memory at most. A part has at least 5 MiB, and a file at most 10,000 parts: 80 GB."""
MAX_COPY_BYTES = 5 * 1024**3
"""What the service copies in one step."""

_MISSING = ("404", "NoSuchKey", "NotFound")
_BEYOND_THE_END = "InvalidRange"
_EXISTS = "PreconditionFailed"


def connect(
    *, region: str, endpoint_url: str | None = None, access_key: str | None = None, secret_key: str | None = None
) -> Any:
    """A client of the storage service at ``endpoint_url``, or of AWS.

    Without keys, boto3 looks for them where it is used to: its environment variables, its files, the machine's role.
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
            # Other services than AWS do not know the checksums that boto3 adds on its own.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class S3Storage:
    """Keeps each key in an object of ``bucket``, below ``folder``, which is empty or ends with a slash."""

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
                with _failures_told():
                    return _chunks(
                        self.client.get_object(Bucket=self.bucket, Key=area + check_key(key), **span)["Body"]
                    )
            except NotStored:
                continue
            except _BeyondTheEnd:
                return iter(())
        raise NotStored(f"Nothing is stored under {key!r}.")

    def size(self, key: str) -> int:
        return self._facts(self.place(key))["ContentLength"]

    def place(self, key: str) -> str:
        """The name of the object that holds the key's bytes. Raises InvalidKey, NotStored or StorageFailed."""
        for area in (self._sealed, self._open):
            with suppress(NotStored):
                self._facts(area + check_key(key))
                return area + key
        raise NotStored(f"Nothing is stored under {key!r}.")

    def open_place(self, key: str) -> str:
        """The name of the object where the key's bytes are put. Raises InvalidKey."""
        return self._open + check_key(key)

    def seal(self, key: str) -> int:
        place = self.place(key)
        if place.startswith(self._open):
            with suppress(NotStored):  # sealed or deleted since the look
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
        # Both come in the order of their keys; where a key is in both, the sealed one is first.
        found = merge(self._listed(self._sealed, below), self._listed(self._open, below), key=lambda one: one.key)
        return (next(same) for _, same in groupby(found, key=lambda one: one.key))

    def drop_unfinished(self, *, before_s: float) -> int:
        dropped = 0
        with _failures_told():
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
        """Raises FileInUse when the key is sealed."""
        with suppress(NotStored):
            self._facts(self._sealed + check_key(key))
            raise FileInUse(f"{key!r} is used by a job and keeps its content. Upload a new file instead.")

    def _facts(self, place: str) -> Mapping[str, Any]:
        with _failures_told():
            return self.client.head_object(Bucket=self.bucket, Key=place)

    def _copy_once(self, source: str, target: str) -> None:
        """Copies, but never over what is there. Raises NotStored or StorageFailed."""
        origin = {"Bucket": self.bucket, "Key": source}
        with _failures_told(), suppress(_Exists):  # sealed by somebody else at the same moment
            if self._facts(source)["ContentLength"] > MAX_COPY_BYTES:
                self.client.copy(origin, self.bucket, target)  # in parts, which know no such condition
            else:
                self.client.copy_object(CopySource=origin, Bucket=self.bucket, Key=target, IfNoneMatch="*")

    def _remove(self, place: str) -> bool:
        try:
            self._facts(place)
        except NotStored:
            return False
        with _failures_told():
            self.client.delete_object(Bucket=self.bucket, Key=place)
        return True

    def _listed(self, area: str, below: str) -> Iterator[Stored]:
        with _failures_told():
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=area + below):
                for found in page.get("Contents", ()):
                    yield Stored(
                        key=found["Key"].removeprefix(area),
                        size_bytes=found["Size"],
                        modified_s=found["LastModified"].timestamp(),
                    )


class S3Upload:
    """One file on its way into an `S3Storage`: in parts, or at once when there is but one."""

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
        with _failures_told():
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
        self._storage.refuse_sealed(self._key)  # since the question above
        return self._allowance.taken_bytes

    def close(self) -> None:
        if self._upload_id is not None:
            with suppress(NotStored, StorageFailed), _failures_told():  # else `drop_unfinished` will
                self._storage.client.abort_multipart_upload(**self._object, UploadId=self._upload_id)
            self._upload_id = None

    def _send_part(self, part: bytes) -> None:
        client = self._storage.client
        with _failures_told():
            if self._upload_id is None:
                self._upload_id = client.create_multipart_upload(**self._object)["UploadId"]
            number = len(self._parts) + 1
            sent = client.upload_part(**self._object, UploadId=self._upload_id, PartNumber=number, Body=part)
            self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})


class S3Links:
    """Makes links that lead to the storage service itself.

    ``outside`` is a client of the same service by the name that callers reach it at, where that is another one.
    """

    def __init__(self, storage: S3Storage, *, outside: Any = None, clock: Callable[[], float] = time.time) -> None:
        self._storage, self._clock = storage, clock
        self._signer = storage.client if outside is None else outside

    def upload(self, key: str, *, max_bytes: int, lifetime_s: int) -> Link:
        """Where to PUT the bytes. The service does not know ``max_bytes``: look at what `Storage.seal` answers."""
        self._storage.refuse_sealed(key)
        return self._link("put_object", self._storage.open_place(key), lifetime_s)

    def download(self, key: str, *, lifetime_s: int) -> Link:
        """Where to GET the bytes, which browsers keep as a file. Raises NotStored when there are none."""
        return self._link("get_object", self._storage.place(key), lifetime_s, ResponseContentDisposition="attachment")

    def _link(self, operation: str, place: str, lifetime_s: int, **more: str) -> Link:
        expires_at_s = int(self._clock()) + lifetime_s
        url = self._signer.generate_presigned_url(
            operation, Params={"Bucket": self._storage.bucket, "Key": place, **more}, ExpiresIn=lifetime_s
        )
        return Link(url=url, expires_at_s=expires_at_s)


class _Exists(StorageFailed):
    """There is something already."""


class _BeyondTheEnd(StorageFailed):
    """No byte lies there."""


@contextmanager
def _failures_told() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING:
            raise NotStored from error
        kind = {_EXISTS: _Exists, _BEYOND_THE_END: _BeyondTheEnd}.get(code, StorageFailed)
        raise kind(f"The storage service refused: {code}. See to its settings and keys.") from error
    except (BotoCoreError, OSError) as error:
        raise StorageFailed(f"The storage service could not be used: {error}.") from error


def _chunks(body: Any) -> Iterator[bytes]:
    with _failures_told(), body:
        yield from body.iter_chunks(CHUNK_BYTES)
