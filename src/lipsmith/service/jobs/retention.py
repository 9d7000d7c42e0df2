"""Retention: delete expired uploads and results, files without a row, and old rows."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from lipsmith.database.connection import Database
from lipsmith.database.tables import files, idempotency, jobs, projects, runners, webhook_deliveries
from lipsmith.errors import LipsmithError
from lipsmith.limits import DAY_MS
from lipsmith.service.jobs.orders import IDEMPOTENCY_LIFETIME_MS, OUTPUTS
from lipsmith.service.network.assets import Assets
from lipsmith.service.processes.clock import Clock
from lipsmith.service.project import OPEN, JobParams, JobResult
from lipsmith.storage.contract import Storage

log = structlog.get_logger("lipsmith.retention")

INTERVAL_S = 600.0
ORPHAN_AFTER_MS = DAY_MS
"""Age at which a file without a row is deleted; a younger one may still get its row."""
DELIVERY_RETENTION_MS = 30 * DAY_MS
RUNNER_RETENTION_MS = DAY_MS
"""Time after its last heartbeat at which the row of a dead runner is deleted."""


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """Number of deleted things."""

    uploads: int
    results: int
    orphans: int
    unfinished: int
    rows: int


class Sweeper:
    """Sweep at intervals, in a thread."""

    def __init__(self, database: Database, storage: Storage, assets: Assets, clock: Clock) -> None:
        self._database, self._storage, self._clock = database, storage, clock
        self._uploads = assets.names.folder
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def start(self) -> None:
        """Start the thread with a first sweep."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopped.set()
        self._thread.join()

    def sweep(self) -> SweepResult:
        """Delete everything that is due."""
        now_ms = self._clock.now_ms()
        return SweepResult(
            uploads=self._expired_uploads(now_ms),
            results=self._expired_results(now_ms),
            orphans=self._orphans(now_ms),
            unfinished=self._storage.drop_unfinished(before_s=(now_ms - ORPHAN_AFTER_MS) / 1000),
            rows=self._old_rows(now_ms),
        )

    def _loop(self) -> None:
        while True:
            try:
                log.debug("swept", result=str(self.sweep()))
            except (sa.exc.SQLAlchemyError, LipsmithError, OSError) as error:
                log.warning("sweep failed", why=str(error))
            if self._stopped.wait(INTERVAL_S):
                return

    def _expired_uploads(self, now_ms: int) -> int:
        """Delete expired uploads, except those that an open job needs."""
        with self._database.read() as conn:
            expired = set(conn.scalars(sa.select(files.c.key).where(files.c.expires_ms <= now_ms)))
            open_jobs = sa.select(projects.c.params).join(jobs, jobs.c.project == projects.c.id)
            rows = conn.scalars(open_jobs.where(jobs.c.state.in_(OPEN)))
            needed = {source.key for row in rows for source in JobParams.from_json(row).inputs.values()}
        for key in expired - needed:
            self._storage.delete(key)
            with self._database.write() as conn:
                conn.execute(files.delete().where(files.c.key == key))
        return len(expired - needed)

    def _expired_results(self, now_ms: int) -> int:
        """Delete expired results. Their projects stay, marked as deleted."""
        expired = (projects.c.expires_ms <= now_ms, projects.c.deleted_ms.is_(None))
        with self._database.write() as conn:
            change = projects.update().where(*expired).values(deleted_ms=now_ms).returning(projects.c.id)
            deleted = list(conn.scalars(change))
        for project in deleted:  # files left by a crash here are orphans
            self._storage.delete_all(f"{OUTPUTS}{project}/")
        return len(deleted)

    def _orphans(self, now_ms: int) -> int:
        """Delete files without a row: of a process that crashed, or of a result deleted meanwhile."""
        before_s = (now_ms - ORPHAN_AFTER_MS) / 1000
        deleted = 0
        for prefix in (self._uploads, OUTPUTS):
            for stored in self._storage.stored(prefix):  # one by one: there may be very many
                if stored.modified_s < before_s and not self._has_row(stored.key):
                    deleted += self._storage.delete(stored.key)
        return deleted

    def _has_row(self, key: str) -> bool:
        with self._database.read() as conn:
            if key.startswith(self._uploads):
                return conn.scalar(sa.select(files.c.key).where(files.c.key == key)) is not None
            query = sa.select(projects.c.result).where(projects.c.id == key.split("/")[1])
            result = conn.scalar(query.where(projects.c.deleted_ms.is_(None)))
        return result is not None and key in JobResult.from_json(result).keys

    def _old_rows(self, now_ms: int) -> int:
        with self._database.write() as conn:
            runner_ms = self._database.now_ms(conn)  # heartbeats use the database's clock
            old = [
                idempotency.delete().where(idempotency.c.created_ms < now_ms - IDEMPOTENCY_LIFETIME_MS),
                webhook_deliveries.delete().where(
                    webhook_deliveries.c.state != "pending",
                    webhook_deliveries.c.created_ms < now_ms - DELIVERY_RETENTION_MS,
                ),
                runners.delete().where(runners.c.seen_ms < runner_ms - RUNNER_RETENTION_MS),
            ]
            return sum(len(conn.execute(query.returning(sa.literal(1))).all()) for query in old)
