"""Backup of the data folder into one file, and its restoration: database, files and the server's own secret.

A backup is a ZIP archive with checksums, so a truncated one is recognized. Only its owner may read it, since the secret
opens everything.
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

DATABASE, SECRET, FILES, INFO = "lipsmith.db", "secret", "files", "backup.json"
AREAS = ("open", "sealed")
"""Folders of files, in this order: a file that is sealed during the copy moves to the second one."""
FORMAT = 1
_BLOCK_BYTES = 1024 * 1024
_DATABASE_URL_PREFIX = "sqlite:///"


@dataclass(frozen=True, kw_only=True)
class BackupResult:
    """Content of a backup."""

    path: str
    accounts: int
    projects: int
    files: int
    has_secret: bool
    """False if the secret is LIPSMITH_SECRET_KEY, which has to be kept elsewhere."""
    bucket: str | None
    """Bucket with the files, if the backup does not have them."""


def back_up(settings: Settings, path: Path) -> BackupResult:
    """Write everything in the data folder to ``path``, even while the server runs. A failed backup leaves no file.

    Raises InvalidOption for a database of another kind or a folder without one, OutputExists or StorageFailed.
    """
    database = _database(settings)
    if path.exists():
        raise OutputExists(f"{path} exists. Choose another name for the backup.")
    with _storage_errors("backup"), tempfile.TemporaryDirectory(prefix=".backup-", dir=path.parent) as folder:
        copy, archive = Path(folder) / DATABASE, Path(folder) / "archive"
        _copy_database(database, copy)  # before the files: a file is stored before its row
        accounts, projects = _counts(copy)
        secret = settings.data_dir / SECRET
        has_secret = settings.secret is None and secret.is_file()
        with os.fdopen(os.open(archive, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            with zipfile.ZipFile(file, "w") as parts:
                _add(parts, DATABASE, copy, zipfile.ZIP_DEFLATED)
                if has_secret:
                    _add(parts, SECRET, secret)
                files = _add_files(parts, settings.data_dir / FILES) if settings.s3_bucket is None else 0
                info = {"format": FORMAT, "lipsmith": lipsmith.__version__, "tables": _version(copy)}
                parts.writestr(INFO, json.dumps(info))
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
    """Fill an empty or missing ``data_dir`` with a backup. A failed restoration leaves the folder empty.

    Raises InvalidBackup where the file is none or damaged, OutputExists where the folder has something in it,
    DataFolderInUse or StorageFailed.
    """
    with _storage_errors("data folder"), _opened(path) as parts:
        _check_info(parts)
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
        scratch = Path(folder)
        names = [name for name in parts.namelist() if name != INFO]
        for name in names:
            _extract(parts, name, scratch)
        accounts, projects = _counts(scratch / DATABASE)
        for name in (FILES, SECRET, DATABASE):  # the database last: a folder without it is not used
            if (scratch / name).exists():
                (scratch / name).rename(data_dir / name)
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
            there.backup(here)  # a snapshot; writers do not have to wait
            here.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise StorageFailed(f"The database {source} could not be copied: {error}.") from error


def _counts(database: Path) -> tuple[int, int]:
    """Return the numbers of accounts and projects. Raises InvalidBackup for a damaged database."""
    try:
        with closing(sqlite3.connect(database)) as conn:
            [integrity] = conn.execute("PRAGMA quick_check(1)").fetchone()
            [accounts] = conn.execute("SELECT count(*) FROM accounts").fetchone()
            [projects] = conn.execute("SELECT count(*) FROM projects").fetchone()
    except sqlite3.Error as error:
        raise InvalidBackup(f"The database inside cannot be read: {error}.") from error
    if integrity != "ok":
        raise InvalidBackup(f"The database inside is damaged: {integrity}.")
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
                with suppress(FileNotFoundError):  # deleted meanwhile, or sealed and copied from the other folder
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
        raise InvalidBackup(f"{path} is not a backup, or it is damaged: {error}.") from error


def _check_info(parts: zipfile.ZipFile) -> None:
    try:
        info = json.loads(parts.read(INFO))
        format_, tables, maker = int(info["format"]), str(info["tables"]), str(info["lipsmith"])
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidBackup("This archive was not written by `lipsmith backup`.") from error
    if format_ != FORMAT or tables > newest():
        raise InvalidBackup(f"The backup was made by lipsmith {maker}, which is newer than this one. Update lipsmith.")
    for name in parts.namelist():
        _check_name(name)
    if DATABASE not in parts.namelist():
        raise InvalidBackup("This backup has no database.")


def _check_name(name: str) -> None:
    """Refuse names that `back_up` does not write, since the archive may come from anywhere."""
    path = PurePosixPath(name)
    inside = path.parts[:1] == (FILES,) and path.parts[1:2] in [(area,) for area in AREAS] and len(path.parts) > 2
    if str(path) != name or ".." in path.parts or not (inside or name in (DATABASE, SECRET, INFO)):
        raise InvalidBackup(f"The archive has a part that does not belong to a backup: {name[:100]!r}.")


def _check_empty(folder: Path) -> None:
    if any(entry.name != LOCK for entry in folder.iterdir()):
        raise OutputExists(f"{folder} is not empty, and its files are not overwritten. Choose another folder.")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder / FILES, ignore_errors=True)
    for name in (SECRET, DATABASE, LOCK):
        (folder / name).unlink(missing_ok=True)


def _extract(parts: zipfile.ZipFile, name: str, scratch: Path) -> None:
    target = scratch / name
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
def _storage_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"The {what} could not be written: {error.strerror or error}. Nothing was kept.") from error
