"""The folder of bytes: what lies on the disk, and what happens when others do something at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from lipsmith.storage.contract import Stored, put
from lipsmith.storage.errors import FileInUse, NotStored, StorageFailed
from lipsmith.storage.local import LocalStorage

KEY = "api-assets/k3f9/portrait.png"


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "bytes", clock=lambda: 1_790_000_123.0)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def content(storage: LocalStorage, key: str) -> bytes:
    return b"".join(storage.read(key))


def test_keys_are_files_in_folders_that_nobody_else_may_read(storage: LocalStorage, tmp_path: Path) -> None:
    put(storage, KEY, [b"one"], max_bytes=3)
    put(storage, "clip.mp4", [b"three"], max_bytes=5)
    storage.seal("clip.mp4")
    assert storage.path(KEY).read_bytes() == b"one"
    assert [path for path in files(tmp_path / "bytes") if "." in path] == [f"open/{KEY}", "sealed/clip.mp4"]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "bytes").iterdir()} == {0o700}
    assert storage.path("clip.mp4").stat().st_mode & 0o777 == 0o400


def test_nothing_is_left_when_all_is_deleted(storage: LocalStorage, tmp_path: Path) -> None:
    with closing(storage.begin(KEY, max_bytes=9)) as upload:
        upload.write(b"dropped")
    put(storage, KEY, [b"one"], max_bytes=3)
    put(storage, "api-assets/other.png", [b"two"], max_bytes=3)
    storage.seal(KEY)
    storage.delete(KEY)
    assert files(tmp_path / "bytes") == [
        *("open", "open/api-assets", "open/api-assets/other.png", "sealed", "unfinished")
    ]
    storage.delete_all("api-assets/")
    assert files(tmp_path / "bytes") == ["open", "sealed", "unfinished"]


def test_sealing_what_is_not_there_makes_no_folders(storage: LocalStorage, tmp_path: Path) -> None:
    with pytest.raises(NotStored):
        storage.seal(KEY)
    assert files(tmp_path / "bytes") == ["open", "sealed", "unfinished"]


def test_the_clock_that_was_handed_in_dates_the_files(storage: LocalStorage) -> None:
    put(storage, KEY, [b"one"], max_bytes=3)
    storage.seal(KEY)
    assert list(storage.stored()) == [Stored(key=KEY, size_bytes=3, modified_s=1_790_000_123.0)]


def test_another_process_finds_the_same(storage: LocalStorage, tmp_path: Path) -> None:
    put(storage, KEY, [b"one"], max_bytes=3)
    storage.seal(KEY)
    other = LocalStorage(tmp_path / "bytes")
    assert content(other, KEY) == b"one"
    with pytest.raises(FileInUse):
        other.begin(KEY, max_bytes=3)


def test_a_copy_on_another_file_system_is_a_real_one(storage: LocalStorage, tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not os.access(other, os.W_OK) or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    put(storage, KEY, [b"one"], max_bytes=3)
    target = other / f"lipsmith-test-{os.getpid()}.png"
    try:
        storage.copy_to(KEY, target)
        assert target.read_bytes() == b"one"
    finally:
        target.unlink(missing_ok=True)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed):
        LocalStorage(tmp_path / "file" / "bytes")


FULL = """
import resource, sys
from lipsmith.storage.errors import StorageFailed
from lipsmith.storage.contract import put
from lipsmith.storage.local import LocalStorage

storage = LocalStorage(sys.argv[1])
put(storage, "a.png", [b"old"], max_bytes=3)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    put(storage, "a.png", (b"x" * 1000 for _ in range(int(sys.argv[2]))), max_bytes=10**9)
except StorageFailed as error:
    print(error.message)
"""


@pytest.mark.parametrize("thousands", [101, 200], ids=["seen at the end", "seen on the way"])
def test_when_there_is_no_space_nothing_has_changed(thousands: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FULL, tmp_path / "bytes", str(thousands)], capture_output=True, text=True
    )
    assert "no space left" in done.stdout, done.stderr
    assert [path for path in files(tmp_path / "bytes") if "/" in path] == ["open/a.png"]
    assert content(LocalStorage(tmp_path / "bytes"), "a.png") == b"old"


KILLED = """
import sys
from lipsmith.storage.local import LocalStorage

upload = LocalStorage(sys.argv[1]).begin("a.png", max_bytes=10**9)
upload.write(b"x" * 100_000)
print("half", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_leaves_is_unseen_and_can_be_dropped(storage: LocalStorage, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, tmp_path / "bytes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
    assert list(storage.stored()) == []
    assert len(files(tmp_path / "bytes" / "unfinished")) == 1
    assert storage.drop_unfinished(before_s=4e9) == 1
    assert files(tmp_path / "bytes" / "unfinished") == []


class SealedJustThen(LocalStorage):
    """A job uses the file right after an upload was told that none does."""

    armed = False

    def refuse_sealed(self, key: str, *, but: os.stat_result | None = None) -> None:
        super().refuse_sealed(key, but=but)
        if self.armed and but is None:
            self.seal(key)


def test_a_seal_at_the_worst_moment_holds(tmp_path: Path) -> None:
    storage = SealedJustThen(tmp_path / "bytes")
    put(storage, KEY, [b"first"], max_bytes=5)
    with closing(storage.begin(KEY, max_bytes=5)) as upload:
        upload.write(b"later")
        storage.armed = True
        with pytest.raises(FileInUse):
            upload.finish()
    assert content(storage, KEY) == b"first"
    assert [path for path in files(tmp_path / "bytes") if path.endswith(".png")] == [f"sealed/{KEY}"]


def test_what_is_sealed_wins_over_what_a_crash_left_open(storage: LocalStorage, tmp_path: Path) -> None:
    put(storage, KEY, [b"first"], max_bytes=5)
    storage.seal(KEY)
    (tmp_path / "bytes" / "open" / KEY).write_bytes(b"something else")
    assert content(storage, KEY) == b"first"
    assert [found.size_bytes for found in storage.stored()] == [5]
    assert storage.delete(KEY)
    assert list(storage.stored()) == []


def together(*tasks: Callable[[], object]) -> list[object]:
    """Results of the tasks, or their errors, when all start at once."""
    barrier = Barrier(len(tasks))

    def run(task: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return task()
        except (FileInUse, NotStored, StorageFailed) as error:
            return error

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


@pytest.mark.slow
def test_a_seal_holds_whoever_writes_at_the_same_moment(storage: LocalStorage) -> None:
    for turn in range(100):
        key = f"turn/{turn}.png"
        put(storage, key, [b"first"], max_bytes=5)

        def seal(key: str = key) -> bytes:
            storage.seal(key)
            return content(storage, key)

        uploads = [storage.begin(key, max_bytes=9) for _ in range(3)]
        for number, upload in enumerate(uploads):
            upload.write(b"writer %d" % number)
        kept, *ends = together(seal, *(upload.finish for upload in uploads))
        for upload in uploads:
            upload.close()
        assert content(storage, key) == kept
        assert kept in {b"first", b"writer 0", b"writer 1", b"writer 2"}
        assert all(end == 8 or isinstance(end, FileInUse) for end in ends)
        if isinstance(kept, bytes) and kept.startswith(b"writer"):
            assert ends[int(kept[-1:])] == 8
        assert storage.seal(key) == len(kept)


@pytest.mark.slow
def test_a_folder_that_is_tidied_away_at_the_same_moment_is_made_again(storage: LocalStorage) -> None:
    for _ in range(100):
        put(storage, "same/old.png", [b"x"], max_bytes=1)
        upload = storage.begin("same/new.png", max_bytes=3)
        upload.write(b"new")
        deleted, size = together(lambda: storage.delete("same/old.png"), upload.finish)
        assert (deleted, size) == (True, 3)
        assert content(storage, "same/new.png") == b"new"
        storage.delete("same/new.png")


def test_readers_see_the_old_or_the_new_whole(storage: LocalStorage) -> None:
    put(storage, KEY, [b"a" * 300_000], max_bytes=300_000)

    def write() -> None:
        for letter in (b"b", b"c", b"d"):
            put(storage, KEY, [letter * 300_000], max_bytes=300_000)
        storage.seal(KEY)

    def read() -> list[bytes]:
        return [content(storage, KEY) for _ in range(30)]

    _, *seen = together(write, read, read)
    for contents in seen:
        assert isinstance(contents, list)
        assert {len(one) for one in contents} == {300_000}
        assert all(len(set(one)) == 1 for one in contents)
