"""What goes when it is old: expired uploads, what belongs to nobody, and the memory of what is long done."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from lipsmith.database.connection import Database
from lipsmith.database.tables import files, idempotency, jobs, projects, webhook_deliveries
from lipsmith.errors import LipsmithError
from lipsmith.service.jobs.orders import IDEMPOTENCY_HOURS, OUTPUTS
from lipsmith.service.network.assets import Assets
from lipsmith.service.processes.clock import Clock
from lipsmith.service.project import OPEN
from lipsmith.storage.contract import Storage

log = structlog.get_logger("lipsmith.retention")

EVERY_S = 600.0
_HOUR_MS = 3_600_000
ORPHAN_AFTER_MS = 24 * _HOUR_MS
"""Bytes nobody knows are left alone so long: somebody may be about to write down whose they are."""
DELIVERIES_KEPT_MS = 30 * 24 * _HOUR_MS


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """How much went."""

    uploads: int
    results: int
    orphans: int
    unfinished: int
    rows: int


class Sweeper:
    """Sweeps from time to time, in a thread of its own."""

    def __init__(self, database: Database, storage: Storage, assets: Assets, clock: Clock) -> None:
        self._database, self._storage, self._clock = database, storage, clock
        self._uploads = assets.names.folder
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def start(self) -> None:
        """Begins with a first sweep."""
        self._thread.start()

    def stop(self) -> None:
        """Ends."""
        self._stopped.set()
        self._thread.join()

    def sweep(self) -> SweepResult:
        """Everything once."""
        now_ms = self._clock.now_ms()
        return SweepResult(
            uploads=self._expired(now_ms),
            results=self._expired_results(now_ms),
            orphans=self._orphans(now_ms),
            unfinished=self._storage.drop_unfinished(before_s=(now_ms - ORPHAN_AFTER_MS) / 1000),
            rows=self._rows(now_ms),
        )

    def _loop(self) -> None:
        while True:
            try:
                log.debug("swept", result=str(self.sweep()))
            except (sa.exc.SQLAlchemyError, LipsmithError, OSError) as error:
                log.warning("the sweep broke off", why=str(error))
            if self._stopped.wait(EVERY_S):
                return

    def _expired(self, now_ms: int) -> int:
        """Uploads whose time is over, but for those that a job still needs."""
        with self._database.read() as conn:
            old = set(conn.scalars(sa.select(files.c.key).where(files.c.expires_ms <= now_ms)))
            running = sa.select(projects.c.params).join(jobs, jobs.c.project == projects.c.id)
            needed = {key for params in conn.scalars(running.where(jobs.c.state.in_(OPEN))) for key in _keys(params)}
        for key in old - needed:
            self._storage.delete(key)
            with self._database.write() as conn:
                conn.execute(files.delete().where(files.c.key == key))
        return len(old - needed)

    def _expired_results(self, now_ms: int) -> int:
        """What was made and is kept for some days only; its project stays, as one that was deleted."""
        over = (projects.c.expires_ms <= now_ms, projects.c.deleted_ms.is_(None))
        with self._database.write() as conn:
            change = projects.update().where(*over).values(deleted_ms=now_ms).returning(projects.c.id)
            gone = list(conn.scalars(change))
        for project in gone:  # what a process that dies here leaves behind are orphans
            self._storage.delete_all(f"{OUTPUTS}{project}/")
        return len(gone)

    def _orphans(self, now_ms: int) -> int:
        """Bytes that no row knows: of a process that died, or of a video that was deleted meanwhile."""
        before_s = (now_ms - ORPHAN_AFTER_MS) / 1000
        gone = 0
        for prefix in (self._uploads, OUTPUTS):
            for stored in self._storage.stored(prefix):  # one by one: there may be very many
                if stored.modified_s < before_s and not self._is_known(stored.key):
                    gone += self._storage.delete(stored.key)
        return gone

    def _is_known(self, key: str) -> bool:
        with self._database.read() as conn:
            if key.startswith(self._uploads):
                return conn.scalar(sa.select(files.c.key).where(files.c.key == key)) is not None
            query = sa.select(projects.c.result).where(projects.c.id == key.split("/")[1])
            result = conn.scalar(query.where(projects.c.deleted_ms.is_(None)))
        return result is not None and key in result.get("keys", ())

    def _rows(self, now_ms: int) -> int:
        old = [
            idempotency.delete().where(idempotency.c.created_ms < now_ms - IDEMPOTENCY_HOURS * _HOUR_MS),
            webhook_deliveries.delete().where(
                webhook_deliveries.c.state != "pending",
                webhook_deliveries.c.created_ms < now_ms - DELIVERIES_KEPT_MS,
            ),
        ]
        with self._database.write() as conn:
            return sum(len(conn.execute(gone.returning(sa.literal(1))).all()) for gone in old)


def _keys(params: Mapping[str, Mapping[str, Mapping[str, str | None]]]) -> list[str]:
    return [source["key"] for source in params["inputs"].values() if source["key"]]
