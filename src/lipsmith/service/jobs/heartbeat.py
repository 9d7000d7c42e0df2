"""The processes that render: each gives signs of life, and what a dead one had is handed to another.

Time here is the database's, so that machines with different clocks agree.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog

from lipsmith.database.connection import Database
from lipsmith.database.tables import jobs, workers
from lipsmith.errors import InvalidOption
from lipsmith.service.jobs.queue import JobQueue
from lipsmith.service.project import OPEN

log = structlog.get_logger("lipsmith.workers")

HEARTBEAT_S = 2.0
"""Between two signs of life."""
DEAD_AFTER_MS = 6000
"""Three signs missed: dead. A job is running again less than 10 s after its worker died."""
LOOK_S = 0.5
"""How often one that wants to begin looks whether those before it are gone."""
FORGOTTEN_AFTER_MS = 86_400_000
_LOCK = 0x6C697074
"""Only the process that holds it hands jobs on."""


@dataclass(frozen=True, kw_only=True)
class RunnerInfo:
    """One process that renders."""

    id: str
    host: str
    slots: int
    draining: bool
    seen_ms: int


class RunnerRegistry:
    """The list of processes that render."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check_slots(self, slots: int) -> None:
        """Raises InvalidOption where others that take jobs render another number of videos at once.

        The queue keeps that number in the database, once for all of its processes: the last one to begin would change
        it for the others too. One that has just died is waited for.
        """
        deadline = time.monotonic() + DEAD_AFTER_MS / 1000 + LOOK_S
        while others := {worker.slots for worker in self.alive() if not worker.draining} - {slots}:
            if time.monotonic() > deadline:
                raise InvalidOption(
                    f"The other processes of this database render {min(others)} at once, and all have to take the same "
                    f"number. Use --concurrency {min(others)} here and more processes on a larger machine, "
                    "or stop the others first."
                )
            time.sleep(LOOK_S)

    def register(self, worker: str, *, host: str, slots: int) -> None:
        """A new one is there."""
        with self._database.write() as conn:
            now_ms = self._database.now_ms(conn)
            conn.execute(
                workers.insert().values(
                    id=worker, host=host, slots=slots, draining=False, started_ms=now_ms, seen_ms=now_ms
                )
            )

    def heartbeat(self, worker: str, *, draining: bool = False) -> None:
        """A sign of life."""
        change = workers.update().where(workers.c.id == worker)
        with self._database.write() as conn:
            conn.execute(change.values(seen_ms=self._database.now_ms(conn), draining=draining))

    def unregister(self, worker: str) -> None:
        """It is no more."""
        with self._database.write() as conn:
            conn.execute(workers.delete().where(workers.c.id == worker))

    def alive(self) -> Sequence[RunnerInfo]:
        """Those that gave a sign not long ago."""
        with self._database.read() as conn:
            since_ms = self._database.now_ms(conn) - DEAD_AFTER_MS
            rows = conn.execute(sa.select(workers).where(workers.c.seen_ms >= since_ms)).all()
        return [_facts(row) for row in rows]

    def forget_all(self) -> None:
        """None of them is left: this process has the data folder for itself."""
        with self._database.write() as conn:
            conn.execute(workers.delete())


class Heartbeat:
    """Gives signs of life for one worker, and hands on what dead ones had."""

    def __init__(self, database: Database, workers: RunnerRegistry, queue: JobQueue, worker: str) -> None:
        self._database, self._workers, self._queue, self._worker = database, workers, queue, worker
        self._stopped = threading.Event()
        self.draining = False
        self._away = False
        self._thread = threading.Thread(target=self._send_heartbeats, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; the worker is still on the list."""
        self._stopped.set()
        self._thread.join()

    def _send_heartbeats(self) -> None:
        grace = 0
        while not self._stopped.wait(HEARTBEAT_S):
            try:
                self._workers.heartbeat(self._worker, draining=self.draining)
                if self._away:  # the database was, so everybody seems dead: let them give a sign first
                    grace, self._away = DEAD_AFTER_MS // round(HEARTBEAT_S * 1000), False
                if grace > 0:
                    grace -= 1
                    continue
                requeue_stalled(self._database, self._workers, self._queue)
            except sa.exc.SQLAlchemyError as error:
                self._away = True
                log.warning("the database is away", why=str(error))


def requeue_stalled(database: Database, workers: RunnerRegistry, queue: JobQueue) -> list[str]:
    """Lets jobs go again whose worker is dead, or which nobody let go although they may run; their ids.

    One process at a time does this, and looks once more right before it acts.
    """
    handed = []
    with database.alone(_LOCK) as alone:
        if not alone:
            return []
        for job, owner in queue.taken(but_by=[worker.id for worker in workers.alive()]).items():
            alive = {worker.id for worker in workers.alive()}
            if owner not in alive and queue.taken(but_by=()).get(job) == owner:
                log.info("handed on", job=job, worker=owner)
                queue.release(job)
                handed.append(job)
        delayed = queue.delayed()
        for job in _admitted(database) & delayed:
            queue.release(job)
            handed.append(job)
    return handed


def _admitted(database: Database) -> set[str]:
    query = sa.select(jobs.c.id).where(jobs.c.state.in_(OPEN), jobs.c.admitted.is_(True))
    with database.read() as conn:
        return set(conn.scalars(query))


def _facts(row: sa.Row[Any]) -> RunnerInfo:
    return RunnerInfo(id=row.id, host=row.host, slots=row.slots, draining=row.draining, seen_ms=row.seen_ms)
