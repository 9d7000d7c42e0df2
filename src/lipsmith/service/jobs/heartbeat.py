"""Runners: the processes that render. Each sends heartbeats; jobs of a dead one are requeued.

Times come from the database, so clocks of different machines need not agree.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from lipsmith.database.connection import Database
from lipsmith.database.tables import jobs, runners
from lipsmith.errors import InvalidOption
from lipsmith.service.jobs.lifecycle import Lifecycle
from lipsmith.service.jobs.queue import JobQueue
from lipsmith.service.project import OPEN

log = structlog.get_logger("lipsmith.runners")

HEARTBEAT_S = 2.0
"""Interval of heartbeats."""
DEAD_AFTER_MS = 6000
"""Three missed heartbeats: the runner is dead. Its jobs run again within 10 s of its death."""
RECONCILE_S = 60.0
"""Interval of comparisons of our tables with the queue."""
POLL_S = 0.5
"""Interval of looks while `check_concurrency` waits for dead runners to time out."""
_LOCK = 0x6C697074
"""PostgreSQL advisory lock of the process that requeues stalled jobs."""


@dataclass(frozen=True, kw_only=True)
class RunnerInfo:
    """One process that renders."""

    id: str
    host: str
    slots: int
    """Jobs that it runs at once."""
    draining: bool
    """True while it finishes its jobs and takes no more."""
    seen_ms: int
    """Time of its last heartbeat."""


class RunnerRegistry:
    """Keep the list of runners in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._registered: dict[str, tuple[str, int]] = {}

    def check_concurrency(self, slots: int) -> None:
        """Raise InvalidOption if another live runner runs a different number of jobs at once.

        The queue keeps that number in the database, for all processes together: a new runner would change it for the
        others. Wait for a runner that has just died to time out.
        """
        deadline = time.monotonic() + DEAD_AFTER_MS / 1000 + POLL_S
        while others := {runner.slots for runner in self.alive() if not runner.draining} - {slots}:
            if time.monotonic() > deadline:
                raise InvalidOption(
                    f"The other runners of this database run {min(others)} jobs at once, and all runners need the same "
                    f"number. Use --concurrency {min(others)} here and more runners on a larger machine, or stop the "
                    "others first."
                )
            time.sleep(POLL_S)

    def register(self, runner: str, *, host: str, slots: int) -> None:
        """Add a runner."""
        self._registered[runner] = (host, slots)
        with self._database.write() as conn:
            self._insert(conn, runner, draining=False)

    def heartbeat(self, runner: str, *, draining: bool = False) -> None:
        """Record a heartbeat. A runner whose row was deleted while it was suspended gets a new one."""
        change = runners.update().where(runners.c.id == runner)
        with self._database.write() as conn:
            change = change.values(seen_ms=self._database.now_ms(conn), draining=draining)
            if not conn.execute(change).rowcount:
                self._insert(conn, runner, draining=draining)

    def unregister(self, runner: str) -> None:
        """Remove a runner."""
        with self._database.write() as conn:
            conn.execute(runners.delete().where(runners.c.id == runner))

    def alive(self) -> Sequence[RunnerInfo]:
        """Return all runners with a recent heartbeat."""
        with self._database.read() as conn:
            since_ms = self._database.now_ms(conn) - DEAD_AFTER_MS
            rows = conn.execute(sa.select(runners).where(runners.c.seen_ms >= since_ms)).all()
        return [
            RunnerInfo(id=row.id, host=row.host, slots=row.slots, draining=row.draining, seen_ms=row.seen_ms)
            for row in rows
        ]

    def clear(self) -> None:
        """Remove all runners; only for a process that has the database for itself."""
        with self._database.write() as conn:
            conn.execute(runners.delete())

    def _insert(self, conn: sa.Connection, runner: str, *, draining: bool) -> None:
        host, slots = self._registered[runner]
        now_ms = self._database.now_ms(conn)
        conn.execute(
            runners.insert().values(
                id=runner, host=host, slots=slots, draining=draining, started_ms=now_ms, seen_ms=now_ms
            )
        )


class Heartbeat:
    """Send heartbeats of one runner in a thread, and requeue the jobs of dead runners."""

    def __init__(
        self, database: Database, registry: RunnerRegistry, queue: JobQueue, lifecycle: Lifecycle, runner: str
    ) -> None:
        self._database, self._registry, self._queue, self._runner = database, registry, queue, runner
        self._lifecycle, self._reconciler = lifecycle, Reconciler(database, queue, lifecycle)
        self._stopped = threading.Event()
        self.draining = False
        self._database_failed = False
        self._thread = threading.Thread(target=self._send_heartbeats, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread. The runner stays registered."""
        self._stopped.set()
        self._thread.join()

    def _send_heartbeats(self) -> None:
        skipped_rounds, reconciled_s = 0, time.monotonic()
        while not self._stopped.wait(HEARTBEAT_S):
            try:
                self._registry.heartbeat(self._runner, draining=self.draining)
                if self._database_failed:  # every runner looks dead: wait until all can have sent a heartbeat
                    skipped_rounds, self._database_failed = DEAD_AFTER_MS // round(HEARTBEAT_S * 1000), False
                if skipped_rounds > 0:
                    skipped_rounds -= 1
                    continue
                requeue_stalled(self._database, self._registry, self._queue, self._lifecycle)
                if time.monotonic() - reconciled_s >= RECONCILE_S:
                    reconciled_s = time.monotonic()
                    self._reconciler.reconcile()
            except sa.exc.SQLAlchemyError as error:
                self._database_failed = True
                log.warning("database unavailable", why=str(error))


class Reconciler:
    """End unfinished jobs that the queue no longer has: no runner would ever get them.

    That needs a fault that nothing else handles, such as a queue restored from an older backup than our tables.
    """

    def __init__(self, database: Database, queue: JobQueue, lifecycle: Lifecycle) -> None:
        self._database, self._queue, self._lifecycle = database, queue, lifecycle
        self._missing: set[str] = set()

    def reconcile(self) -> list[str]:
        """End the jobs that are missing now and were at the last call. Return their ids.

        A job that has just been completed is missing for a moment: the queue and our tables change one after the other.
        """
        with self._database.try_lock(_LOCK) as locked:
            if not locked:
                return []
            with self._database.read() as conn:
                unfinished = set(conn.scalars(sa.select(jobs.c.id).where(jobs.c.state.in_(OPEN))))
            missing = unfinished - self._queue.unfinished()
            lost, self._missing = sorted(missing & self._missing), missing
        for job in lost:
            log.error("a job was not in the queue any more, and failed", job=job)
            self._lifecycle.abandon(job)
        return lost


def requeue_stalled(database: Database, registry: RunnerRegistry, queue: JobQueue, lifecycle: Lifecycle) -> list[str]:
    """Release jobs of dead runners, and admitted jobs that were never released. Return their ids.

    One process at a time does this. It checks each job again right before it releases it. The death of a runner is no
    attempt.
    """
    released = []
    with database.try_lock(_LOCK) as locked:
        if not locked:
            return []
        for job, owner in queue.taken(excluding=[runner.id for runner in registry.alive()]).items():
            alive = {runner.id for runner in registry.alive()}
            if owner not in alive and queue.taken(excluding=()).get(job) == owner:
                log.info("requeued", job=job, runner=owner)
                lifecycle.allow_another(job)
                queue.release(job)
                released.append(job)
        delayed = queue.delayed()
        for job in _admitted(database) & delayed:
            queue.release(job)
            released.append(job)
    return released


def _admitted(database: Database) -> set[str]:
    query = sa.select(jobs.c.id).where(jobs.c.state.in_(OPEN), jobs.c.admitted.is_(True))
    with database.read() as conn:
        return set(conn.scalars(query))
