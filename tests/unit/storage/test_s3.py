"""Particulars of a bucket: parts, links to the service, and refusals."""

from __future__ import annotations

import sys
import uuid
from contextlib import closing
from typing import Any

import httpx
import pytest

from lipsmith.errors import MissingDependency
from lipsmith.storage import s3
from lipsmith.storage.contract import put
from lipsmith.storage.errors import FileInUse, NotStored, StorageFailed
from lipsmith.storage.s3 import PART_BYTES, S3Links, S3Storage, connect

KEY = "api-assets/k3f9/portrait.png"


@pytest.fixture
def storage(s3_client: Any) -> S3Storage:
    name = f"bytes-{uuid.uuid4().hex}"
    s3_client.create_bucket(Bucket=name)
    return S3Storage(s3_client, name)


@pytest.fixture
def links(storage: S3Storage) -> S3Links:
    return S3Links(storage, clock=lambda: 1_790_000_000.5)


def content(storage: S3Storage, key: str) -> bytes:
    return b"".join(storage.read(key))


def unfinished(storage: S3Storage) -> list[dict[str, Any]]:
    return storage.client.list_multipart_uploads(Bucket=storage.bucket).get("Uploads", [])


def test_a_large_file_goes_in_parts(storage: S3Storage) -> None:
    large = bytes(range(251)) * (2 * PART_BYTES // 251 + 999)
    split_text = [large[at : at + 1_000_003] for at in range(0, len(large), 1_000_003)]
    assert put(storage, KEY, split_text, max_bytes=len(large)) == len(large)
    assert content(storage, KEY) == large
    assert unfinished(storage) == []


def test_a_file_of_whole_parts_has_no_empty_one(storage: S3Storage) -> None:
    assert put(storage, KEY, [bytes(PART_BYTES)], max_bytes=PART_BYTES) == PART_BYTES
    assert storage.size(KEY) == PART_BYTES


def test_parts_that_will_not_be_used_are_dropped(storage: S3Storage) -> None:
    upload = storage.begin(KEY, max_bytes=2 * PART_BYTES)
    upload.write(bytes(PART_BYTES))
    assert len(unfinished(storage)) == 1
    upload.close()
    upload.close()
    assert unfinished(storage) == []


def test_files_too_large_for_one_step_are_sealed_in_parts(storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "MAX_COPY_BYTES", 4)
    put(storage, KEY, [b"first"], max_bytes=5)
    assert storage.seal(KEY) == 5
    assert content(storage, KEY) == b"first"


def test_a_link_lets_anybody_upload(storage: S3Storage, links: S3Links) -> None:
    link = links.upload(KEY, max_bytes=99, lifetime_s=600)
    assert link.expires_at_s == 1_790_000_600
    assert httpx.put(link.url, content=b"from outside").status_code == 200
    assert content(storage, KEY) == b"from outside"


def test_a_link_lets_anybody_download_a_file_of_that_name(storage: S3Storage, links: S3Links) -> None:
    put(storage, KEY, [b"0123456789"], max_bytes=10)
    for _ in range(2):
        url = links.download(KEY, lifetime_s=600).url
        assert httpx.URL(url).path.endswith("/portrait.png")
        assert httpx.get(url).content == b"0123456789"
        answer = httpx.get(url, headers={"Range": "bytes=2-4"})
        assert (answer.status_code, answer.content) == (206, b"234")
        assert answer.headers["content-disposition"] == "attachment"
        storage.seal(KEY)


def test_a_late_upload_by_link_does_not_change_what_is_sealed(storage: S3Storage, links: S3Links) -> None:
    url = links.upload(KEY, max_bytes=99, lifetime_s=600).url
    httpx.put(url, content=b"first")
    storage.seal(KEY)
    httpx.put(url, content=b"something later")
    assert content(storage, KEY) == b"first"
    assert [(found.key, found.size_bytes) for found in storage.stored()] == [(KEY, 5)]
    assert storage.seal(KEY) == 5
    with pytest.raises(FileInUse):
        links.upload(KEY, max_bytes=99, lifetime_s=600)
    storage.delete(KEY)
    with pytest.raises(NotStored):
        links.download(KEY, lifetime_s=600)


class SealedJustThen(S3Storage):
    """A job uses the file right after an upload was told that none does."""

    armed = False

    def refuse_sealed(self, key: str) -> None:
        super().refuse_sealed(key)
        if self.armed:
            self.seal(key)


def test_a_seal_at_the_worst_moment_holds(storage: S3Storage) -> None:
    raced = SealedJustThen(storage.client, storage.bucket)
    put(raced, KEY, [b"first"], max_bytes=5)
    with closing(raced.begin(KEY, max_bytes=5)) as upload:
        upload.write(b"later")
        raced.armed = True
        with pytest.raises(FileInUse):
            upload.finish()
    assert content(storage, KEY) == b"first"


@pytest.mark.slow
def test_the_list_names_each_key_once_in_order(storage: S3Storage, links: S3Links) -> None:
    keys = [f"many/{number:02}.png" for number in range(12)]
    late = [links.upload(key, max_bytes=9, lifetime_s=600).url for key in (keys[3], keys[11])]
    for key in keys:
        put(storage, key, [b"x"], max_bytes=1)
    for key in keys[3::4]:
        storage.seal(key)
    for url in late:
        httpx.put(url, content=b"late")
    assert [(found.key, found.size_bytes) for found in storage.stored()] == [(key, 1) for key in keys]


def test_a_folder_of_the_bucket_stands_for_itself(storage: S3Storage) -> None:
    inner = S3Storage(storage.client, storage.bucket, folder="inner/")
    put(inner, KEY, [b"inner"], max_bytes=5)
    assert [found.key for found in inner.stored()] == [KEY]
    assert list(storage.stored()) == []
    assert storage.client.list_objects_v2(Bucket=storage.bucket)["Contents"][0]["Key"] == f"inner/open/{KEY}"


def test_a_bucket_that_is_not_there_is_told(storage: S3Storage) -> None:
    nowhere = S3Storage(storage.client, "no-such-bucket")
    with pytest.raises(StorageFailed, match="NoSuchBucket"):
        put(nowhere, KEY, [b"x"], max_bytes=1)
    with pytest.raises(StorageFailed, match="NoSuchBucket"):
        list(nowhere.stored())


def test_a_service_that_is_not_there_is_told() -> None:
    client = connect(region="us-east-1", endpoint_url="http://127.0.0.1:9", access_key="k", secret_key="s")
    with pytest.raises(StorageFailed):
        S3Storage(client, "bytes").size(KEY)


def test_without_the_extra_the_line_to_type_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingDependency, match=r"lipsmith\[s3\]"):
        connect(region="us-east-1")
