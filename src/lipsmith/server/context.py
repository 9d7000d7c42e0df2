"""Composition of the server's parts, from its settings."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import sqlalchemy as sa
from pydantic import ValidationError

from lipsmith.database.connection import Database, is_unavailable
from lipsmith.database.schema import migrate
from lipsmith.dialects.contract import Conventions, Dialect, Services, find_all
from lipsmith.server.settings import Settings, invalid_setting
from lipsmith.server.storage_factory import make_stores
from lipsmith.server.work_dir import WorkDir
from lipsmith.service.billing.accounts import Accounts
from lipsmith.service.billing.encryption import Encryptor, reencrypt_all
from lipsmith.service.billing.keys import DEFAULT_PREFIX
from lipsmith.service.billing.plans import DEFAULT_PLANS
from lipsmith.service.jobs.heartbeat import Heartbeat, RunnerRegistry
from lipsmith.service.jobs.lifecycle import Lifecycle
from lipsmith.service.jobs.orders import Projects
from lipsmith.service.jobs.queue import JobConsumer, JobQueue
from lipsmith.service.jobs.retention import Sweeper
from lipsmith.service.jobs.runner import JobRunner
from lipsmith.service.network import youtube
from lipsmith.service.network.addresses import parse_allow
from lipsmith.service.network.assets import AssetNames, Assets
from lipsmith.service.network.deliveries import Deliverer
from lipsmith.service.network.fetch import Fetcher
from lipsmith.service.network.webhooks import Outbox, Webhooks
from lipsmith.service.processes.clock import SystemClock
from lipsmith.service.processes.pool import ChildPool, Limits
from lipsmith.service.processes.voice_list import InstalledVoices
from lipsmith.storage.contract import Link
from lipsmith.storage.errors import StorageFailed
from lipsmith.storage.links import SignedLinks

if TYPE_CHECKING:
    from fastapi import Request

FILES_PATH = "/files/"
"""Path of signed links to the server itself."""
SETTLE_S = 4
"""Time for stopped videos to write their state to the database."""
_SECRET_BYTES = 32


class Context:
    """Parts of one process. Raises InvalidOption for settings of a dialect that are out of their limits."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.address = f"http://{settings.host}:{settings.port}"
        """Address of the server on this machine; with a free port, known once it listens."""
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.clock = SystemClock()
        self.database = Database(settings.database)
        self.dialects = _dialects()
        conventions = _conventions(self.dialects)
        self.key_prefix = conventions.key_prefix
        known = _secrets(settings)
        self.signed_links = SignedLinks(FILES_PATH, known)
        found = make_stores(settings, self.signed_links)
        self.storage, self.links = found.storage, found.links
        self.queue = JobQueue(self.database)
        self.encryptor = encryptor = Encryptor(*known)
        self.accounts = Accounts(
            self.database, self.clock, encryptor, conventions.plans, key_prefix=conventions.key_prefix
        )
        self.assets = Assets(self.database, self.storage, self.clock, conventions.assets)
        self.fetcher = Fetcher(allow=parse_allow(settings.fetch_allow))
        formatters = {dialect.name: dialect.formatter(self._public_link) for dialect in self.dialects}
        self.webhooks = Webhooks(self.database, self.clock, encryptor, formatters)
        self.sender = Deliverer(self.database, self.clock, self.fetcher, encryptor, formatters)
        outbox = Outbox(self.clock, formatters)
        self.lifecycle = Lifecycle(self.database, self.clock, outbox, self.queue.release, conventions.plans)
        self.runners = RunnerRegistry(self.database)
        self.sweeper = Sweeper(self.database, self.storage, self.assets, self.clock)
        self.projects = Projects(
            self.database,
            self.storage,
            self.assets,
            self.queue,
            self.lifecycle,
            self.clock,
            max_attempts=settings.max_attempts,
            engines=settings.engines,
        )

    def prepare(self) -> None:
        """Create or migrate all tables, those of the queue included."""
        self.prepare_tables()
        if self.encryptor.knows_older:
            reencrypt_all(self.database, self.encryptor)
        self.queue.prepare()

    def prepare_tables(self) -> None:
        """Create or migrate the service's own tables, which is enough for administration. Raises StorageFailed."""
        try:
            migrate(self.database)
        except sa.exc.DBAPIError as error:
            if not is_unavailable(error):
                raise
            why = str(error.orig).partition("\n")[0]
            raise StorageFailed(
                f"The database cannot be used: {why}. Check it, its disk and LIPSMITH_DATABASE_URL."
            ) from error

    def services(self) -> Services:
        """Collect the parts that the routes of dialects use."""
        settings = self.settings
        return Services(
            accounts=self.accounts,
            assets=self.assets,
            projects=self.projects,
            storage=self.storage,
            links=self.links,
            clock=self.clock,
            voices=InstalledVoices(),
            base_url=self.base_url,
            upload_link_s=settings.upload_link_hours * 3600,
            download_link_s=settings.download_link_hours * 3600,
            no_youtube=_no_youtube(settings),
        )

    def base_url(self, request: Request) -> str:
        """Return the address under which the sender of ``request`` reaches the server."""
        return self.settings.public_url or str(request.base_url)

    def close(self) -> None:
        """Close the queue and the database."""
        self.queue.close()
        self.database.close()

    def _public_link(self, key: str, lifetime_s: int | None) -> Link:
        base = self.settings.public_url or self.address
        link = self.links.download(key, lifetime_s=lifetime_s or self.settings.download_link_hours * 3600)
        return Link(url=urljoin(base, link.url), expires_at_s=link.expires_at_s)


class Runner:
    """Renders jobs in child processes of this process."""

    def __init__(self, context: Context, environment: Mapping[str, str]) -> None:
        settings = context.settings
        self.name = f"{socket.gethostname()}-{secrets.token_hex(6)}-{os.getpid()}"
        limits = Limits(
            memory_mb=settings.render_memory_mb,
            cpu_s=round(settings.render_timeout_s * (os.cpu_count() or 1)),
            file_mb=settings.render_file_mb,
        )
        self._work_dir = WorkDir(settings.data_dir / "work", self.name)
        self.pool = ChildPool(limits, environment, self._work_dir.folder, level=settings.sandbox)
        self.attempts = JobRunner(
            context.lifecycle,
            context.storage,
            context.assets,
            _fetch(context.fetcher),
            self.pool,
            runner=self.name,
            timeout_s=settings.render_timeout_s,
            videos=youtube.YouTube(fetcher=context.fetcher, environment=environment) if settings.youtube else None,
        )
        self.server = JobConsumer(
            context.database, self.attempts.run, runner=self.name, concurrency=settings.concurrency
        )
        self.heartbeat = Heartbeat(context.database, context.runners, context.queue, context.lifecycle, self.name)
        self._runners, self._slots = context.runners, settings.concurrency

    def start(self) -> None:
        """Start to take jobs. Raises InvalidOption if other processes have another concurrency."""
        self._runners.check_concurrency(self._slots)
        self._work_dir.open()
        self.pool.start()
        self._runners.register(self.name, host=socket.gethostname(), slots=self._slots)
        self.server.start()
        self.heartbeat.start()

    def drain(self, timeout_s: float) -> None:
        """Take no more jobs, let running videos finish for ``timeout_s``, then put them back into the queue."""
        self.heartbeat.draining = True
        timer = threading.Timer(timeout_s, self.attempts.draining.set)
        timer.start()
        try:
            self.server.stop(timeout_s=round(timeout_s) + SETTLE_S)
        finally:
            timer.cancel()
            self.heartbeat.stop()
            self._runners.unregister(self.name)
            self.pool.close()
            self._work_dir.close()


def _dialects() -> tuple[Dialect, ...]:
    try:
        return tuple(make() for make in find_all())
    except ValidationError as error:
        raise invalid_setting(error) from None


def _conventions(dialects: Sequence[Dialect]) -> Conventions:
    published = (dialect.conventions() for dialect in dialects)
    default = Conventions(plans=DEFAULT_PLANS, key_prefix=DEFAULT_PREFIX, assets=AssetNames())
    return next((found for found in published if found is not None), default)


def _no_youtube(settings: Settings) -> str | None:
    if not settings.youtube:
        return "this server does not fetch videos from YouTube. Upload the video instead."
    if not youtube.is_installed():
        return "yt-dlp is not installed on this server: pip install 'lipsmith[youtube]'. Or upload the video instead."
    return None


def _fetch(fetcher: Fetcher) -> Callable[[str, Path, int], None]:
    def fetch(url: str, path: Path, max_bytes: int) -> None:
        with path.open("xb") as file:
            for chunk in fetcher.fetch(url, max_bytes=max_bytes):
                file.write(chunk)

    return fetch


def _secrets(settings: Settings) -> tuple[bytes, ...]:
    """Return the secret that signs and encrypts, then the former ones. The secret of the data folder is one of these if
    the settings have another."""
    own = settings.data_dir / "secret"
    if settings.secret is None:
        return own_secret(own), *settings.old_secrets
    return settings.secret, *settings.old_secrets, *([own.read_bytes()] if own.is_file() else [])


def own_secret(path: Path) -> bytes:
    """Return the server's own secret. The first start makes it, readable by its owner only, and never in part."""
    if not path.is_file():
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret-")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(_SECRET_BYTES))
                file.flush()
                os.fsync(handle)
            with suppress(FileExistsError):  # another process was faster: its secret applies
                os.link(draft, path)
        finally:
            os.unlink(draft)
    return path.read_bytes()
