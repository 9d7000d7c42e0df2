"""Inputs of jobs: uploads, URLs, and earlier results of the account, with their permissions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from lipsmith.database.connection import Database
from lipsmith.database.tables import files, projects
from lipsmith.limits import DAY_MS
from lipsmith.service import project_queries
from lipsmith.service.errors import InvalidUrl, QuotaReached, UnusableAsset
from lipsmith.service.network.fetch import check_url
from lipsmith.service.processes.clock import Clock
from lipsmith.service.project import Source
from lipsmith.storage.contract import Storage
from lipsmith.storage.errors import NotStored

AssetKind = Literal["image", "audio", "video"]
WantedKind = Literal["image", "audio", "video", "any"]
"""Purpose of an input; ``any`` is an image or a video."""

EXTENSIONS: Mapping[AssetKind, tuple[str, ...]] = {
    "video": ("mp4", "m4v", "mov", "webm"),
    "audio": ("mp3", "mpeg", "wav", "aac", "flac", "webm", "weba", "m4a", "opus", "ogg", "oga", "aiff", "amr"),
    "image": ("png", "jpg", "jpeg", "jfif", "heic", "heif", "webp", "avif", "jp2", "tiff", "tif", "bmp"),
}
FITS: Mapping[WantedKind, tuple[AssetKind, ...]] = {
    "image": ("image",),
    "audio": ("audio", "video"),  # the audio of a video will do
    "video": ("video",),
    "any": ("image", "video"),
}
"""Purpose of an input to the kinds of files that fit."""
RETENTION_DAYS = 7
UNKNOWN_EXTENSION = "bin"
"""Extension of files and URLs without a known one."""
_EXTENSION = re.compile(r"[a-z0-9]{1,16}")


@dataclass(frozen=True, kw_only=True)
class AssetNames:
    """Names by which clients refer to inputs that are already here."""

    folder: str = "uploads/"
    """Start of every uploaded file's key."""
    library_path: str | None = None
    """End of the path of URLs that name a project in their query."""
    library_ids: tuple[str, ...] = ()
    """Parameters of such a query that hold the project's id."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Key for an upload."""

    key: str
    expires_ms: int


class Assets:
    """Offer uploads, and find the inputs that requests name."""

    def __init__(self, database: Database, storage: Storage, clock: Clock, names: AssetNames | None = None) -> None:
        self._database, self._storage, self._clock = database, storage, clock
        self.names = names or AssetNames()
        upload = rf"(?P<upload>{re.escape(self.names.folder)}[a-z0-9-]+/[a-z0-9.-]+)"
        self._own_key = re.compile(rf"/({upload}|outputs/(?P<project>c[a-z0-9]+)/\d+/[^/]+)$")

    def offer(
        self, account: str, files_wanted: Sequence[tuple[WantedKind, str]], *, most: int = 1_000_000
    ) -> list[Offer]:
        """Offer a key for each (kind, extension). A file of the kind ``any`` fits every purpose.

        Raises UnusableAsset if a kind does not have that extension (`EXTENSIONS`), and QuotaReached if the account has
        more than ``most`` offers of the last day that it has not used.
        """
        now_ms = self._clock.now_ms()
        offers = []
        for kind, extension in files_wanted:
            _check_pair(kind, extension)
        with self._database.write() as conn:
            open_ = (files.c.account == account, files.c.state == "pending", files.c.created_ms > now_ms - DAY_MS)
            count = int(conn.scalar(sa.select(sa.func.count()).where(*open_)) or 0)
            if count + len(files_wanted) > most:
                raise QuotaReached(
                    f"The account has {count} unused upload links of the last day, and its plan allows {most}. Use "
                    "them, or try again later."
                )
            for kind, extension in files_wanted:
                name = self._clock.new_id()
                offer = Offer(
                    key=f"{self.names.folder}{name}/{name}.{extension}", expires_ms=now_ms + RETENTION_DAYS * DAY_MS
                )
                conn.execute(
                    files.insert().values(
                        key=offer.key,
                        account=account,
                        kind=kind,
                        extension=extension,
                        state="pending",
                        created_ms=now_ms,
                        expires_ms=offer.expires_ms,
                    )
                )
                offers.append(offer)
        return offers

    def received(self, key: str, size_bytes: int) -> None:
        """Record that an offered file was uploaded."""
        with self._database.write() as conn:
            conn.execute(files.update().where(files.c.key == key).values(state="uploaded", size_bytes=size_bytes))

    def adopt(self, conn: sa.Connection, account: str, key: str, kind: AssetKind) -> None:
        """Make a result usable like an upload."""
        now_ms = self._clock.now_ms()
        conn.execute(
            files.insert().values(
                key=key,
                account=account,
                kind=kind,
                extension=key.rpartition(".")[2],
                state="uploaded",
                created_ms=now_ms,
                expires_ms=now_ms + RETENTION_DAYS * DAY_MS,
            )
        )

    def forget(self, conn: sa.Connection, account: str, keys: Collection[str]) -> set[str]:
        """Remove the rows of uploads that no project of the account uses any more. Return the keys to delete.

        Call it after the project that used them has lost its inputs.
        """
        unused: set[str] = set()
        stored = sa.cast(projects.c.params, sa.Text)
        for key in keys:
            uses = stored.contains(key, autoescape=True)
            others = sa.select(projects.c.id).where(projects.c.account == account, uses)
            if conn.execute(others.limit(1)).first() is None:
                row = files.delete().where(files.c.key == key, files.c.account == account)
                unused.update(conn.scalars(row.returning(files.c.key)))  # results of other projects have no row
        return unused

    def resolve(
        self,
        conn: sa.Connection,
        account: str,
        text: str,
        wanted: WantedKind,
        field: str,
        *,
        needs_extension: bool = True,
    ) -> Source:
        """Find the input that ``text`` names: an upload, a complete project of the account, or a URL.

        Without ``needs_extension``, a URL may have any extension. Raises UnusableAsset, naming ``field``.
        """
        if "://" in text:
            return self._from_url(conn, account, text, wanted, field, needs_extension)
        if text.startswith(self.names.folder):
            return self._from_upload(conn, account, text, wanted, field)
        return self._from_project(conn, account, text, wanted, field)

    def _from_upload(self, conn: sa.Connection, account: str, key: str, wanted: WantedKind, field: str) -> Source:
        row = conn.execute(sa.select(files).where(files.c.key == key, files.c.account == account)).first()
        if row is None or row.state != "uploaded" or row.expires_ms <= self._clock.now_ms():
            raise UnusableAsset(f"{field}: no file was uploaded as {key!r}, or it has expired. Upload it again.")
        if row.kind not in (*FITS[wanted], "any"):
            raise UnusableAsset(f"{field}: {key!r} was uploaded as {row.kind}, but {_listing(FITS[wanted])} is needed.")
        try:
            self._storage.size(key)
        except NotStored as error:
            raise UnusableAsset(f"{field}: the file {key!r} is gone. Upload it again.") from error
        return Source(key=key, extension=row.extension)

    def _from_url(
        self, conn: sa.Connection, account: str, url: str, wanted: WantedKind, field: str, needs_extension: bool
    ) -> Source:
        try:
            read = check_url(url)
        except InvalidUrl as error:
            raise UnusableAsset(f"{field}: {error.message}") from error
        if own := self._own_key.search(read.path):  # a link to this server: use the file directly
            with suppress(UnusableAsset):
                return self.resolve(conn, account, own["upload"] or own["project"], wanted, field)
        if self.names.library_path and read.path.rstrip("/").endswith(self.names.library_path):
            for name, value in read.params.multi_items():
                if name in self.names.library_ids:
                    return self._from_project(conn, account, value, wanted, field)
        extension = read.path.rpartition("/")[2].rpartition(".")[2].lower()
        allowed = [extension for kind in FITS[wanted] for extension in EXTENSIONS[kind]]
        if extension not in allowed and needs_extension:
            raise UnusableAsset(f"{field}: the URL's path has to end in one of {_listing(tuple(allowed))}.")
        return Source(url=url, extension=extension if extension in allowed else UNKNOWN_EXTENSION)

    def _from_project(self, conn: sa.Connection, account: str, name: str, wanted: WantedKind, field: str) -> Source:
        found = project_queries.find(conn, name, account)
        if found is None or found.kind == "face_detection" or not found.keys:
            raise UnusableAsset(
                f"{field}: {name[:200]!r} is not an uploaded file, a URL, or a complete project of this account."
            )
        made: AssetKind = "audio" if found.kind == "voice" else "video"
        if made not in FITS[wanted]:
            raise UnusableAsset(f"{field}: {name!r} is a project with {made}, but {_listing(FITS[wanted])} is needed.")
        return Source(key=found.keys[0], extension=found.keys[0].rpartition(".")[2])


def _check_pair(kind: WantedKind, extension: str) -> None:
    if kind == "any":
        if not _EXTENSION.fullmatch(extension):
            raise UnusableAsset(f"The extension {extension!r} is not valid. Use lower-case letters and digits.")
    elif extension not in EXTENSIONS[kind]:
        raise UnusableAsset(
            f"The type {kind!r} does not have the extension {extension!r}. "
            f"Possible extensions: {_listing(EXTENSIONS[kind])}."
        )


def _listing(words: tuple[str, ...]) -> str:
    return ", ".join(words)
