"""Refusals of a backup: loss of data, and files that it did not write."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from lipsmith.errors import InvalidOption, OutputExists
from lipsmith.server import backup
from lipsmith.server.context import Context
from lipsmith.server.settings import Settings
from lipsmith.service.errors import InvalidBackup
from lipsmith.storage.errors import StorageFailed


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a data folder with one account, one file and a link's secret."""
    settings = Settings(data_dir=tmp_path / "data")
    context = Context(settings)
    context.prepare_tables()
    context.accounts.create("business")
    upload = context.storage.begin("api-assets/one/photo.png", max_bytes=100)
    upload.write(b"bytes")
    upload.finish()
    context.storage.seal("api-assets/one/photo.png")
    context.close()
    return settings


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rewritten(source: Path, target: Path, **changes: bytes | None) -> Path:
    """Copy of an archive with parts changed, added or left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        kept = {name: old.read(name) for name in old.namelist()}
        for name, content in (kept | changes).items():
            if content is not None:
                new.writestr(name, content)
    return target


def test_all_comes_back(settings: Settings, tmp_path: Path) -> None:
    file, folder = tmp_path / "one.backup", tmp_path / "other"
    made = backup.back_up(settings, file)
    assert (made.accounts, made.projects, made.files, made.has_secret, made.bucket) == (1, 0, 1, True, None)
    assert file.stat().st_mode & 0o777 == 0o600
    assert backup.restore(file, folder).files == 1
    for part in ("secret", "files/sealed/api-assets/one/photo.png"):
        assert (folder / part).read_bytes() == (settings.data_dir / part).read_bytes()
        assert (folder / part).stat().st_mode & 0o777 == (settings.data_dir / part).stat().st_mode & 0o777
    assert entries(folder) == ["files", "lipsmith.db", "lock", "secret"]


def test_a_secret_from_outside_and_files_elsewhere_are_told_of(settings: Settings, tmp_path: Path) -> None:
    elsewhere = settings.model_copy(update={"s3_bucket": "films"})
    made = backup.back_up(elsewhere, tmp_path / "a")
    assert (made.files, made.bucket) == (0, "films")
    given = Settings(data_dir=settings.data_dir, secret_key="x" * 32)  # type: ignore[arg-type]
    assert not backup.back_up(given, tmp_path / "b").has_secret
    with zipfile.ZipFile(tmp_path / "b") as parts:
        assert "secret" not in parts.namelist()


def test_nothing_is_overwritten(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "one.backup"
    backup.back_up(settings, file)
    before = file.read_bytes()
    with pytest.raises(OutputExists):
        backup.back_up(settings, file)
    assert file.read_bytes() == before
    with pytest.raises(OutputExists, match="not empty"):
        backup.restore(file, settings.data_dir)
    assert entries(tmp_path) == ["data", "one.backup"]


def test_a_backup_that_breaks_off_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    (settings.data_dir / "lipsmith.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageFailed, match="could not be copied"):
        backup.back_up(settings, tmp_path / "one.backup")
    with pytest.raises(StorageFailed, match="could not be written"):
        backup.back_up(settings, tmp_path / "missing" / "one.backup")
    assert entries(tmp_path) == ["data"]


def test_a_folder_without_a_database_and_postgresql_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="nothing to back up"):
        backup.back_up(Settings(data_dir=tmp_path / "none"), tmp_path / "file")
    shared = Settings(data_dir=tmp_path, database_url="postgresql://user:pass@host/name")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="pg_dump"):
        backup.back_up(shared, tmp_path / "file")
    assert entries(tmp_path) == []


def test_damaged_and_foreign_files_are_refused(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "one.backup"
    backup.back_up(settings, file)
    whole = file.read_bytes()
    facts = {"format": 1, "lipsmith": "9.0.0", "tables": "9999"}
    cut, bent = tmp_path / "cut", tmp_path / "bent"
    cut.write_bytes(whole[: len(whole) // 2])
    place = whole.index(b"bytes")
    bent.write_bytes(whole[:place] + b"bYtes" + whole[place + 5 :])
    for bad, why in (
        (tmp_path / "missing", "no file"),
        (cut, "damaged"),
        (bent, "damaged"),
        (rewritten(file, tmp_path / "a", **{"lipsmith.db": None}), "no database"),
        (rewritten(file, tmp_path / "b", **{"lipsmith.db": b"x" * 5000}), "cannot be read"),
        (rewritten(file, tmp_path / "c", **{"backup.json": None}), "not written by"),
        (rewritten(file, tmp_path / "d", **{"backup.json": json.dumps(facts).encode()}), "newer"),
        (rewritten(file, tmp_path / "e", **{"files/open/../../../evil": b""}), "does not belong"),
        (rewritten(file, tmp_path / "f", **{"/etc/evil": b""}), "does not belong"),
        (rewritten(file, tmp_path / "g", **{"files/evil": b""}), "does not belong"),
    ):
        folder = tmp_path / "restored"
        with pytest.raises(InvalidBackup, match=why):
            backup.restore(bad, folder)
        assert not folder.exists() or entries(folder) == []
    assert not (tmp_path / "evil").exists()
