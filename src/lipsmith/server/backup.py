"""The data folder in one file, and back: database, files and the server's own secret.

A backup is a ZIP archive: each part carries a checksum, and one that was cut off is noticed. It opens everything the
server does, so nobody but its owner may read it.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import lipsmith
from lipsmith.database.schema import VERSION_TABLE, newest
from lipsmith.errors import InvalidOption, OutputExists
from lipsmith.server.lock import NAME as LOCK
from lipsmith.server.lock import exclusive
from lipsmith.server.settings import Settings
from lipsmith.service.errors import InvalidBackup
from lipsmith.storage.errors import StorageFailed

DATABASE, SECRET, FILES, FACTS = "lipsmith.db", "secret", "files", "backup.json"
AREAS = ("open", "sealed")
"""Of the files, in this order: what is sealed while it is being copied moves to the second."""
FORMAT = 1
_BLOCK_BYTES = 1024 * 1024
_DATABASE_URL_PREFIX = "sqlite:///"


@dataclass(frozen=True, kw_only=True)
class BackupResult:
    """What is in a backup."""

    path: str
    accounts: int
    projects: int
    files: int
    has_secret: bool
    """False where the secret comes from LIPSMITH_SECRET_KEY, which has to be kept elsewhere."""
    bucket: str | None
    """Where the files are instead, which the backup has not."""


def back_up(settings: Settings, path: Path) -> BackupResult:
    """Writes everything in the data folder to ``path``, while the server runs or not; whole or not at all.

    Raises InvalidOption for a database of another kind or a folder without one, OutputExists or StorageFailed.
    """
    database = _database(settings)
    if path.exists():
        raise OutputExists(f"{path} exists. Choose another name for the backup.")
    with _failures_told("backup"), tempfile.TemporaryDirectory(prefix=".backup-", dir=path.parent) as folder:
        copy, archive = Path(folder) / DATABASE, Path(folder) / "archive"
        _copy_database(database, copy)  # before the files: bytes are there before a row tells of them
        accounts, projects = _counts(copy)
        secret = settings.data_dir / SECRET
        has_secret = settings.secret is None and secret.is_file()
        with os.fdopen(os.open(archive, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            with zipfile.ZipFile(file, "w") as parts:
                _add(parts, DATABASE, copy, zipfile.ZIP_DEFLATED)
                if has_secret:
                    _add(parts, SECRET, secret)
                files = _add_files(parts, settings.data_dir / FILES) if settings.s3_bucket is None else 0
                facts = {"format": FORMAT, "lipsmith": lipsmith.__version__, "tables": _version(copy)}
                parts.writestr(FACTS, json.dumps(facts))
            file.flush()
            os.fsync(file.fileno())
        archive.rename(path)
    return BackupResult(
        path=str(path),
        accounts=accounts,
        projects=projects,
        files=files,
        has_secret=has_secret,
        bucket=settings.s3_bucket,
    )


def restore(path: Path, data_dir: Path) -> BackupResult:
    """Fills an empty or missing ``data_dir`` with what `back_up` wrote; whole or not at all.

    Raises InvalidBackup where the file is none or damaged, OutputExists where the folder has something in it,
    DataFolderInUse or StorageFailed.
    """
    with _failures_told("data folder"), _opened(path) as parts:
        _check_facts(parts)
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with exclusive(data_dir):
            _check_empty(data_dir)
            try:
                return _fill(parts, data_dir)
            except BaseException:
                _empty(data_dir)
                raise


def _fill(parts: zipfile.ZipFile, data_dir: Path) -> BackupResult:
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=data_dir) as folder:
        room = Path(folder)
        names = [name for name in parts.namelist() if name != FACTS]
        for name in names:
            _extract(parts, name, room)
        accounts, projects = _counts(room / DATABASE)
        for name in (FILES, SECRET, DATABASE):  # the database comes last: without it, the folder is none
            if (room / name).exists():
                (room / name).rename(data_dir / name)
    return BackupResult(
        path=str(data_dir),
        accounts=accounts,
        projects=projects,
        files=sum(name.startswith(f"{FILES}/") for name in names),
        has_secret=SECRET in names,
        bucket=None,
    )


def _database(settings: Settings) -> Path:
    if not settings.database.startswith(_DATABASE_URL_PREFIX):
        raise InvalidOption(
            "The database is PostgreSQL, which has a backup of its own: `pg_dump`. Keep LIPSMITH_SECRET_KEY and the "
            "files beside it: the folder `files` of the data folder, or the bucket."
        )
    path = Path(settings.database.removeprefix(_DATABASE_URL_PREFIX))
    if not path.is_file():
        raise InvalidOption(f"There is no database at {path}, so there is nothing to back up. Is --data-dir right?")
    return path


def _copy_database(source: Path, target: Path) -> None:
    try:
        with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
            there.backup(here)  # as of one moment; nobody who writes has to wait
            here.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise StorageFailed(f"The database {source} could not be copied: {error}.") from error


def _counts(database: Path) -> tuple[int, int]:
    """How many accounts and projects there are. Raises InvalidBackup where it is no sound database of ours."""
    try:
        with closing(sqlite3.connect(database)) as conn:
            [state] = conn.execute("PRAGMA quick_check(1)").fetchone()
            [accounts] = conn.execute("SELECT count(*) FROM accounts").fetchone()
            [projects] = conn.execute("SELECT count(*) FROM projects").fetchone()
    except sqlite3.Error as error:
        raise InvalidBackup(f"The database inside cannot be read: {error}.") from error
    if state != "ok":
        raise InvalidBackup(f"The database inside is damaged: {state}.")
    return accounts, projects


def _version(database: Path) -> str:
    with closing(sqlite3.connect(database)) as conn:
        return str(conn.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()[0])


def _add_files(parts: zipfile.ZipFile, root: Path) -> int:
    added = 0
    for area in AREAS:
        for parent, _, names in os.walk(root / area):
            for name in names:
                path = Path(parent) / name
                with suppress(FileNotFoundError):  # deleted meanwhile, or sealed and found once more
                    _add(parts, f"{FILES}/{path.relative_to(root).as_posix()}", path)
                    added += 1
    return added


def _add(parts: zipfile.ZipFile, name: str, path: Path, compression: int = zipfile.ZIP_STORED) -> None:
    with path.open("rb") as source:
        info = zipfile.ZipInfo(name)
        info.compress_type = compression
        with parts.open(info, "w", force_zip64=True) as target:
            shutil.copyfileobj(source, target, _BLOCK_BYTES)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    if not path.is_file():
        raise InvalidBackup(f"There is no file {path}.")
    try:
        with zipfile.ZipFile(path) as parts:
            yield parts
    except (zipfile.BadZipFile, EOFError) as error:
        raise InvalidBackup(f"{path} is no backup, or it is damaged: {error}.") from error


def _check_facts(parts: zipfile.ZipFile) -> None:
    try:
        facts = json.loads(parts.read(FACTS))
        format_, tables, maker = int(facts["format"]), str(facts["tables"]), str(facts["lipsmith"])
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidBackup("This archive was not written by `lipsmith backup`.") from error
    if format_ != FORMAT or tables > newest():
        raise InvalidBackup(f"The backup was made by lipsmith {maker}, which is newer than this one. Update lipsmith.")
    for name in parts.namelist():
        _check_name(name)
    if DATABASE not in parts.namelist():
        raise InvalidBackup("There is no database in this backup.")


def _check_name(name: str) -> None:
    """Only what `back_up` writes is taken out again, wherever the archive came from."""
    path = PurePosixPath(name)
    inside = path.parts[:1] == (FILES,) and path.parts[1:2] in [(area,) for area in AREAS] and len(path.parts) > 2
    if str(path) != name or ".." in path.parts or not (inside or name in (DATABASE, SECRET, FACTS)):
        raise InvalidBackup(f"There is a part in this archive that is none of a backup: {name[:100]!r}.")


def _check_empty(folder: Path) -> None:
    if any(entry.name != LOCK for entry in folder.iterdir()):
        raise OutputExists(f"{folder} is not empty, and nothing there is overwritten. Name another folder.")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder / FILES, ignore_errors=True)
    for name in (SECRET, DATABASE, LOCK):
        (folder / name).unlink(missing_ok=True)


def _extract(parts: zipfile.ZipFile, name: str, room: Path) -> None:
    target = room / name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = 0o400 if name.startswith(f"{FILES}/sealed/") else 0o600
    with (
        parts.open(name) as source,
        os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file,
    ):
        shutil.copyfileobj(source, file, _BLOCK_BYTES)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _failures_told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"The {what} could not be written: {error.strerror or error}. Nothing was kept.") from error
