"""The one place that wires the parts together."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import sqlalchemy as sa

from lipsmith.database.connection import Database, is_away
from lipsmith.database.schema import migrate
from lipsmith.dialects.akool import events as akool_events
from lipsmith.dialects.akool import translate as akool
from lipsmith.dialects.magic_hour import translate
from lipsmith.dialects.magic_hour.events import Events
from lipsmith.server.settings import Settings
from lipsmith.server.storage_factory import make_stores
from lipsmith.server.work_dir import WorkDir
from lipsmith.service.billing.accounts import Accounts
from lipsmith.service.billing.encryption import Encryptor, reencrypt_all
from lipsmith.service.fault_injection import FaultInjection
from lipsmith.service.jobs.heartbeat import Heartbeat, RunnerRegistry
from lipsmith.service.jobs.lifecycle import Lifecycle
from lipsmith.service.jobs.orders import Projects
from lipsmith.service.jobs.queue import JobConsumer, JobQueue
from lipsmith.service.jobs.retention import Sweeper
from lipsmith.service.jobs.runner import JobRunner
from lipsmith.service.network import youtube
from lipsmith.service.network.addresses import parse_allow
from lipsmith.service.network.assets import Assets
from lipsmith.service.network.deliveries import Deliverer
from lipsmith.service.network.fetch import Fetcher
from lipsmith.service.network.webhooks import EventFormatter, Outbox, Webhooks
from lipsmith.service.processes.clock import SystemClock
from lipsmith.service.processes.pool import ChildPool, Limits
from lipsmith.service.processes.voice_list import InstalledVoices
from lipsmith.storage.contract import Link
from lipsmith.storage.errors import StorageFailed
from lipsmith.storage.links import SignedLinks

if TYPE_CHECKING:
    from fastapi import Request

    from lipsmith.dialects.akool import routes as akool_routes
    from lipsmith.dialects.magic_hour import routes

FILES_PATH = "/files/"
"""Where the links lead that come back to us."""
SETTLE_S = 4
"""After running videos were stopped, how long their last words to the database may take."""
_SECRET_BYTES = 32


class Context:
    """All parts of one process, made from its settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.address = f"http://{settings.host}:{settings.port}"
        """Where this machine reaches the server; with a free port, known once it listens."""
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.clock = SystemClock()
        self.database = Database(settings.database)
        known = _secrets(settings)
        self.signed_links = SignedLinks(FILES_PATH, known)
        found = make_stores(settings, self.signed_links)
        self.storage, self.links = found.storage, found.links
        self.queue = JobQueue(self.database)
        self.encryptor = encryptor = Encryptor(*known)
        self.accounts = Accounts(self.database, self.clock, encryptor, settings.plans)
        self.assets = Assets(self.database, self.storage, self.clock)
        self.fetcher = Fetcher(allow=parse_allow(settings.fetch_allow))
        formatters: dict[str, EventFormatter] = {
            translate.NAME: Events(self._public_download),
            akool.NAME: akool_events.Events(self._week_long_download, tells_beginning=settings.akool_tells_beginning),
        }
        self.webhooks = Webhooks(self.database, self.clock, encryptor, formatters)
        self.sender = Deliverer(self.database, self.clock, self.fetcher, encryptor, formatters)
        outbox = Outbox(self.clock, formatters)
        self.lifecycle = Lifecycle(self.database, self.clock, outbox, self.queue.release, settings.plans)
        self.workers = RunnerRegistry(self.database)
        self.sweeper = Sweeper(self.database, self.storage, self.clock)
        self.projects = Projects(
            self.database,
            self.storage,
            self.assets,
            self.queue,
            self.lifecycle,
            self.clock,
            max_attempts=settings.max_attempts,
            faults=FaultInjection(settings.fault),
        )

    def prepare(self) -> None:
        """Makes what is missing: tables of ours and of the queue."""
        self.prepare_tables()
        if self.encryptor.knows_older:
            reencrypt_all(self.database, self.encryptor)
        self.queue.prepare()

    def prepare_tables(self) -> None:
        """Only ours, which is all that commands for administrators need. Raises StorageFailed without a database."""
        try:
            migrate(self.database)
        except sa.exc.DBAPIError as error:
            if not is_away(error):
                raise
            why = str(error.orig).partition("\n")[0]
            raise StorageFailed(
                f"The database cannot be used: {why}. See to it, its disk and LIPSMITH_DATABASE_URL."
            ) from error

    def magic_hour(self) -> routes.Parts:
        """What the first dialect works with."""
        from lipsmith.dialects.magic_hour import routes  # loads the web framework

        settings = self.settings
        return routes.Parts(
            accounts=self.accounts,
            assets=self.assets,
            projects=self.projects,
            links=self.links,
            clock=self.clock,
            rules=translate.Rules(
                max_talking_photo_s={"realistic": settings.max_realistic_s, "prompted": settings.max_prompted_s},
                max_lip_sync_frames=settings.max_lip_sync_frames,
                paid_lip_sync_modes=settings.paid_lip_sync_modes,
                max_text_characters=settings.max_text_characters,
                stand_in_voice=settings.stand_in_voice,
                no_youtube=_no_youtube(settings),
            ),
            base_url=self.base_url,
            upload_lifetime_s=settings.upload_link_hours * 3600,
            download_lifetime_s=settings.download_link_hours * 3600,
        )

    def akool(self) -> akool_routes.Parts:
        """What the second dialect works with."""
        from lipsmith.dialects.akool import routes  # loads the web framework

        settings = self.settings
        return routes.Parts(
            accounts=self.accounts,
            assets=self.assets,
            projects=self.projects,
            voices=InstalledVoices(),
            storage=self.storage,
            links=self.links,
            clock=self.clock,
            rules=akool.Rules(
                max_talking_photo_s=settings.akool_max_talking_photo_s, max_lip_sync_s=settings.akool_max_lip_sync_s
            ),
            base_url=self.base_url,
        )

    def base_url(self, request: Request) -> str:
        """The address under which this caller reaches us."""
        return self.settings.public_url or str(request.base_url)

    def close(self) -> None:
        """Lets go of everything."""
        self.queue.close()
        self.database.close()

    def _public_download(self, key: str) -> Link:
        return self._public(key, lifetime_s=self.settings.download_link_hours * 3600)

    def _week_long_download(self, key: str) -> Link:
        return self._public(key, lifetime_s=akool.KEPT_DAYS * 86_400)

    def _public(self, key: str, *, lifetime_s: int) -> Link:
        base = self.settings.public_url or self.address
        link = self.links.download(key, lifetime_s=lifetime_s)
        return Link(url=urljoin(base, link.url), expires_at_s=link.expires_at_s)


class Runner:
    """Renders in this process's children."""

    def __init__(self, context: Context, environment: Mapping[str, str]) -> None:
        settings = context.settings
        self.name = f"{socket.gethostname()}-{secrets.token_hex(6)}-{os.getpid()}"
        limits = Limits(
            memory_mb=settings.render_memory_mb,
            cpu_s=round(settings.render_timeout_s * (os.cpu_count() or 1)),
            file_mb=settings.render_file_mb,
        )
        self._work_dir = WorkDir(settings.data_dir / "work", self.name)
        self.pool = ChildPool(limits, environment, self._work_dir.folder)
        self.attempts = JobRunner(
            context.lifecycle,
            context.storage,
            context.assets,
            _fetch(context.fetcher),
            self.pool,
            worker=self.name,
            timeout_s=settings.render_timeout_s,
            videos=youtube.YouTube(fetcher=context.fetcher, environment=environment) if settings.youtube else None,
            faults=FaultInjection(settings.fault),
        )
        self.server = JobConsumer(context.database, self.attempts.run, worker=self.name, slots=settings.workers)
        self.heartbeat = Heartbeat(context.database, context.workers, context.queue, self.name)
        self._workers, self._slots = context.workers, settings.workers

    def start(self) -> None:
        """Begins to take jobs. Raises InvalidOption where other processes take another number of them at once."""
        self._workers.check_slots(self._slots)
        self._work_dir.open()
        self.pool.start()
        self._workers.register(self.name, host=socket.gethostname(), slots=self._slots)
        self.server.start()
        self.heartbeat.start()

    def drain(self, timeout_s: float) -> None:
        """Takes no more, lets running videos go on for a while, then puts them back for others."""
        self.heartbeat.draining = True
        timer = threading.Timer(timeout_s, self.attempts.draining.set)
        timer.start()
        try:
            self.server.stop(timeout_s=round(timeout_s) + SETTLE_S)
        finally:
            timer.cancel()
            self.heartbeat.stop()
            self._workers.unregister(self.name)
            self.pool.close()
            self._work_dir.close()


def _no_youtube(settings: Settings) -> str | None:
    if not settings.youtube:
        return "this server fetches nothing from YouTube. Upload the video instead."
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
    """The one that signs and seals, then those whose work still counts: that of the data folder is one of them where
    the settings bring another."""
    own = settings.data_dir / "secret"
    if settings.secret is None:
        return own_secret(own), *settings.old_secrets
    return settings.secret, *settings.old_secrets, *([own.read_bytes()] if own.is_file() else [])


def own_secret(path: Path) -> bytes:
    """The server's own secret, made on the first start; nobody else may read it. It is there whole or not at all."""
    if not path.is_file():
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret-")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(_SECRET_BYTES))
                file.flush()
                os.fsync(handle)
            with suppress(FileExistsError):  # another process was faster, and its secret counts
                os.link(draft, path)
        finally:
            os.unlink(draft)
    return path.read_bytes()
