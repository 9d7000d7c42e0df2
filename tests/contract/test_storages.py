"""Contract of every storage."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lipsmith.storage.contract import CHUNK_BYTES, Storage, put, put_file
from lipsmith.storage.errors import FileInUse, FileTooLarge, InvalidKey, NotStored, StorageFailed
from lipsmith.storage.local import LocalStorage
from lipsmith.storage.memory import MemoryStorage
from lipsmith.storage.s3 import PART_BYTES, S3Storage

KEY = "api-assets/k3f9/portrait.png"
OTHER = "api-assets/k3f9/voice.wav"
FAR = "outputs/w7/clip.mp4"
CONTENT = bytes(range(256)) * 7 + b"tail"


def bucket(request: pytest.FixtureRequest) -> S3Storage:
    client = request.getfixturevalue("s3_client")
    name = f"bytes-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name)
    return S3Storage(client, name, folder="lipsmith/")


@pytest.fixture(params=["local", "memory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return LocalStorage(tmp_path / "bytes")
    return MemoryStorage() if request.param == "memory" else bucket(request)


def content(storage: Storage, key: str) -> bytes:
    return b"".join(storage.read(key))


def test_what_was_put_can_be_read(storage: Storage) -> None:
    assert put(storage, KEY, [CONTENT[:1000], b"", CONTENT[1000:]], max_bytes=len(CONTENT)) == 1796
    assert content(storage, KEY) == CONTENT
    assert storage.size(KEY) == 1796


def test_an_empty_file_is_a_file(storage: Storage) -> None:
    assert put(storage, KEY, [], max_bytes=0) == 0
    assert content(storage, KEY) == b""
    assert storage.size(KEY) == 0


def test_more_than_one_chunk_comes_whole(storage: Storage) -> None:
    large = b"abcdefg" * (CHUNK_BYTES // 3)
    put(storage, KEY, [large], max_bytes=len(large))
    assert content(storage, KEY) == large
    assert b"".join(storage.read(KEY, start=5, stop=CHUNK_BYTES + 11)) == large[5 : CHUNK_BYTES + 11]


@pytest.mark.parametrize(
    ("start", "stop", "part"),
    [(0, 4, CONTENT[:4]), (1790, None, CONTENT[1790:]), (7, 7, b""), (1796, None, b""), (1795, 5000, b"l")],
)
def test_a_part_can_be_read(storage: Storage, start: int, stop: int | None, part: bytes) -> None:
    put(storage, KEY, [CONTENT], max_bytes=5000)
    assert b"".join(storage.read(KEY, start=start, stop=stop)) == part


def test_the_byte_over_the_limit_stops_the_upload(storage: Storage) -> None:
    put(storage, KEY, [b"before"], max_bytes=6)
    given = iter([b"abcd", b"efgh", b"never asked for"])
    with pytest.raises(FileTooLarge, match="7 bytes"):
        put(storage, KEY, given, max_bytes=7)
    assert next(given) == b"never asked for"
    assert content(storage, KEY) == b"before"


def test_nothing_is_seen_before_the_end(storage: Storage) -> None:
    with closing(storage.begin(KEY, max_bytes=9)) as upload:
        upload.write(b"half")
        with pytest.raises(NotStored):
            storage.size(KEY)
        assert list(storage.stored()) == []
    with pytest.raises(NotStored):
        storage.read(KEY)


def test_a_source_that_fails_leaves_the_key_as_it_was(storage: Storage) -> None:
    def breaks() -> Iterator[bytes]:
        yield b"new"
        raise ConnectionResetError

    put(storage, KEY, [b"old"], max_bytes=3)
    with pytest.raises(ConnectionResetError):
        put(storage, KEY, breaks(), max_bytes=3)
    assert content(storage, KEY) == b"old"


def test_an_upload_may_be_repeated(storage: Storage) -> None:
    put(storage, KEY, [b"a longer first one"], max_bytes=99)
    assert put(storage, KEY, [b"second"], max_bytes=99) == 6
    assert content(storage, KEY) == b"second"
    assert [found.key for found in storage.stored()] == [KEY]


def test_closing_after_the_end_changes_nothing(storage: Storage) -> None:
    upload = storage.begin(KEY, max_bytes=4)
    upload.write(b"kept")
    assert upload.finish() == 4
    upload.close()
    upload.close()
    assert content(storage, KEY) == b"kept"


def test_a_sealed_key_keeps_its_bytes(storage: Storage) -> None:
    put(storage, KEY, [b"first"], max_bytes=5)
    assert storage.seal(KEY) == 5
    assert storage.seal(KEY) == 5
    with pytest.raises(FileInUse):
        storage.begin(KEY, max_bytes=5)
    assert content(storage, KEY) == b"first"
    assert storage.size(KEY) == 5
    assert [(found.key, found.size_bytes) for found in storage.stored()] == [(KEY, 5)]


def test_an_upload_that_was_under_way_does_not_break_a_seal(storage: Storage) -> None:
    put(storage, KEY, [b"first"], max_bytes=5)
    with closing(storage.begin(KEY, max_bytes=5)) as late:
        late.write(b"later")
        storage.seal(KEY)
        with pytest.raises(FileInUse):
            late.finish()
    assert content(storage, KEY) == b"first"


def test_a_deleted_key_can_be_written_again(storage: Storage) -> None:
    put(storage, KEY, [b"first"], max_bytes=5)
    storage.seal(KEY)
    assert storage.delete(KEY)
    assert not storage.delete(KEY)
    with pytest.raises(NotStored):
        storage.seal(KEY)
    put(storage, KEY, [b"again"], max_bytes=5)
    assert content(storage, KEY) == b"again"


def test_a_folder_of_keys_can_be_deleted(storage: Storage) -> None:
    for key in (KEY, OTHER, FAR, "api-assets/k3f99/neighbour.png"):
        put(storage, key, [b"x"], max_bytes=1)
    storage.seal(OTHER)
    assert storage.delete_all("api-assets/k3f9/") == 2
    assert storage.delete_all("api-assets/k3f9/") == 0
    assert {found.key for found in storage.stored()} == {FAR, "api-assets/k3f99/neighbour.png"}


def test_the_list_says_size_and_time(storage: Storage) -> None:
    put(storage, KEY, [b"four"], max_bytes=4)
    put(storage, FAR, [b"seven.."], max_bytes=7)
    assert {(found.key, found.size_bytes) for found in storage.stored()} == {(KEY, 4), (FAR, 7)}
    assert [found.key for found in storage.stored("outputs/")] == [FAR]
    assert list(storage.stored("nothing/here/")) == []
    first, second = sorted(storage.stored(), key=lambda found: found.modified_s)
    assert 0 <= second.modified_s - first.modified_s < 3600


def test_bytes_become_a_file_of_their_own(storage: Storage, tmp_path: Path) -> None:
    put(storage, KEY, [CONTENT], max_bytes=len(CONTENT))
    storage.seal(KEY)
    storage.copy_to(KEY, tmp_path / "portrait.png")
    storage.delete(KEY)
    assert (tmp_path / "portrait.png").read_bytes() == CONTENT


def test_copying_over_a_file_or_without_one_is_refused(storage: Storage, tmp_path: Path) -> None:
    put(storage, KEY, [b"x"], max_bytes=1)
    (tmp_path / "there.png").write_bytes(b"mine")
    with pytest.raises(StorageFailed):
        storage.copy_to(KEY, tmp_path / "there.png")
    with pytest.raises(StorageFailed):
        storage.copy_to(KEY, tmp_path / "no folder" / "portrait.png")
    with pytest.raises(NotStored):
        storage.copy_to(OTHER, tmp_path / "voice.wav")
    assert (tmp_path / "there.png").read_bytes() == b"mine"


def test_a_file_is_put_whole(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(CONTENT)
    assert put_file(storage, FAR, tmp_path / "clip.mp4") == len(CONTENT)
    assert content(storage, FAR) == CONTENT


def test_what_was_never_finished_can_be_dropped(storage: Storage) -> None:
    put(storage, KEY, [b"done"], max_bytes=4)
    with closing(storage.begin(OTHER, max_bytes=2 * PART_BYTES)) as upload:
        upload.write(bytes(PART_BYTES + 1))  # a smaller beginning does not reach a storage service yet
        assert storage.drop_unfinished(before_s=0.0) == 0
        assert storage.drop_unfinished(before_s=4e9) == 1
        assert storage.drop_unfinished(before_s=4e9) == 0
        with pytest.raises(StorageFailed):
            upload.finish()
    assert [found.key for found in storage.stored()] == [KEY]


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "..", "../x.png", "a/../b.png", "a/./b.png", "/etc/passwd", "/a.png", "a//b.png", "a/", "a/b.png/"),
        *("a", "a/b", ".png", "a/.png", "a.b/c.png", "a.tar.gz", "A.png", "a.PNG", "a b.png", "a\\b.png", "a%2fb.png"),
        *(
            "a.png\n",
            "a\n.png",
            "a\0.png",
            "é.png",
            "٣.png",
            "a.png?x",
            "s3://a.png",
            f"{'a' * 65}.png",
            "a/" * 200 + "b.c",
        ),
    ],
)
def test_what_is_no_key_is_refused_everywhere(storage: Storage, key: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidKey):
        storage.begin(key, max_bytes=1)
    for ask in (storage.read, storage.size, storage.seal, storage.delete):
        with pytest.raises(InvalidKey):
            ask(key)
    with pytest.raises(InvalidKey):
        storage.copy_to(key, tmp_path / "copy")


@pytest.mark.parametrize(
    "prefix", ["/", "..", "../", "a", "a//", "a/../", "./", "A/", "a.b/", "/a/", "a/\n", "a/" * 200]
)
def test_what_is_no_folder_of_keys_is_refused(storage: Storage, prefix: str) -> None:
    with pytest.raises(InvalidKey):
        storage.delete_all(prefix)
    with pytest.raises(InvalidKey):
        storage.stored(prefix)


def test_everything_is_never_deleted_at_once(storage: Storage) -> None:
    with pytest.raises(InvalidKey):
        storage.delete_all("")
