"""The steps a job may take. Each one is one transaction: state, credits and news change together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from lipsmith.database.connection import Database
from lipsmith.database.tables import accounts, jobs, projects
from lipsmith.service.billing import credits
from lipsmith.service.billing.plans import DEFAULT_PLANS, Plan
from lipsmith.service.billing.prices import Price
from lipsmith.service.errors import RenderingDied
from lipsmith.service.jobs import scheduling
from lipsmith.service.processes.clock import Clock
from lipsmith.service.project import OPEN, Event, Failure, Kind, State

_UNTOUCHED: Mapping[str, Any] = {"progress": 0.0, "stage": None, "left_s": None}


class EventPublisher(Protocol):
    """Tells the world, inside the transaction in which it happens."""

    def publish(self, conn: sa.Connection, project: str, event: Event) -> None:
        """Writes down what has to be sent."""
        ...


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try at a job, by one worker."""

    job: str
    project: str
    account: str
    plan: Plan
    kind: Kind
    params: Mapping[str, Any]
    number: int
    """1 for the first; the late result of an earlier try is refused by it."""


class Lifecycle:
    """Moves jobs from state to state."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        publisher: EventPublisher,
        admitted: Callable[[str], None] = lambda job: None,
        plans: Mapping[str, Plan] = DEFAULT_PLANS,
    ) -> None:
        """``admitted`` is told, after the transaction, of each job that may run now."""
        self._database, self._clock, self._publisher, self._admitted = database, clock, publisher, admitted
        self._plans = plans

    def begin(self, job: str, worker: str) -> Attempt | None:
        """Starts the next try. None where nothing is left to do: the job is finished, or was tried too often."""
        with self._database.write() as conn:
            row = conn.execute(
                sa.select(
                    jobs.c.attempt,
                    jobs.c.max_attempts,
                    jobs.c.state,
                    projects.c.id,
                    projects.c.account,
                    projects.c.kind,
                    projects.c.params,
                    accounts.c.plan,
                )
                .join(projects, projects.c.id == jobs.c.project)
                .join(accounts, accounts.c.id == jobs.c.account)
                .where(jobs.c.id == job, jobs.c.state.in_(OPEN))
                .with_for_update(of=jobs)
            ).first()
            if row is None:
                return None
            if row.attempt < row.max_attempts:
                self._start(conn, job, worker, row)
                return Attempt(
                    job=job,
                    project=row.id,
                    account=row.account,
                    plan=self._plans[row.plan],
                    kind=row.kind,
                    params=row.params,
                    number=row.attempt + 1,
                )
            died = Failure(code=RenderingDied.code, message=RenderingDied().message)
            following = self._refund(conn, job, "error", died)
        self._follow(following)
        return None

    def report(self, attempt: Attempt, *, progress: float, stage: str, left_s: float | None) -> bool:
        """Writes down how far it is; whether anybody still waits for it."""
        change = _of(attempt).values(progress=progress, stage=stage, left_s=left_s).returning(jobs.c.id)
        with self._database.write() as conn:
            return conn.execute(change).first() is not None

    def is_wanted(self, attempt: Attempt) -> bool:
        """Whether anybody still waits for it, and no other worker has it."""
        query = sa.select(jobs.c.id).where(*_still(attempt))
        with self._database.read() as conn:
            return conn.execute(query).first() is not None

    def complete(
        self,
        attempt: Attempt,
        result: Mapping[str, Any],
        also: Callable[[sa.Connection], None] = lambda conn: None,
    ) -> bool:
        """It is there; ``also`` is part of the transaction.

        False where nobody waits for it any more, or another worker has it.
        """
        now_ms = self._clock.now_ms()
        with self._database.write() as conn:
            row = self._leave(conn, _of(attempt), "complete", now_ms)
            if row is None:
                return False
            held = conn.execute(sa.select(projects.c.estimate).where(projects.c.id == row.project)).scalar_one()
            cost = held
            if held:
                used = Price(**attempt.params["price"]).cost(result.get("frames", 0), result.get("fps", 0.0))
                cost = credits.settle(conn, row.account, row.id, held=held, used=used, now_ms=now_ms)
            kept_days = attempt.params["kept_days"]
            values = {
                "result": dict(result),
                "credits": cost,
                "expires_ms": None if kept_days is None else now_ms + kept_days * 86_400_000,
            }
            conn.execute(projects.update().where(projects.c.id == row.project).values(values))
            also(conn)
            self._publisher.publish(conn, row.project, "completed")
            following = self._next(conn, row.account)
        self._follow(following)
        return True

    def fail(self, attempt: Attempt, failure: Failure) -> bool:
        """There will be no video, and it costs nothing. False as in `complete`."""
        with self._database.write() as conn:
            following = self._refund(conn, attempt.job, "error", failure, attempt)
        return self._follow(following)

    def cancel(self, job: str) -> bool:
        """Nobody waits for it any more, and it costs nothing. False where it is finished already."""
        with self._database.write() as conn:
            following = self._refund(conn, job, "canceled", None)
        return self._follow(following)

    def requeue(self, attempt: Attempt) -> None:
        """The worker has to stop, through no fault of the job: it waits again, and this try does not count."""
        change = _of(attempt).values(state="queued", worker=None, attempt=attempt.number - 1, **_UNTOUCHED)
        with self._database.write() as conn:
            conn.execute(change)

    def _start(self, conn: sa.Connection, job: str, worker: str, row: Any) -> None:
        now_ms = self._clock.now_ms()
        change = jobs.update().where(jobs.c.id == job)
        change = change.values(state="rendering", attempt=row.attempt + 1, worker=worker, started_ms=now_ms)
        conn.execute(change.values(**_UNTOUCHED))
        if row.state == "queued":
            self._publisher.publish(conn, row.id, "started")

    def _refund(
        self, conn: sa.Connection, job: str, state: State, failure: Failure | None, attempt: Attempt | None = None
    ) -> list[str] | None:
        """The jobs that may run now; None where the job is no longer there to be refunded."""
        now_ms = self._clock.now_ms()
        change = jobs.update().where(jobs.c.id == job, jobs.c.state.in_(OPEN)) if attempt is None else _of(attempt)
        row = self._leave(conn, change, state, now_ms)
        if row is None:
            return None
        held = conn.execute(sa.select(projects.c.estimate).where(projects.c.id == row.project)).scalar_one()
        if held:
            credits.refund(conn, row.account, row.id, held=held, now_ms=now_ms)
        values: dict[str, Any] = {"credits": 0, "error": asdict(failure) if failure else None}
        conn.execute(projects.update().where(projects.c.id == row.project).values(**values))
        if failure:
            self._publisher.publish(conn, row.project, "errored")
        return self._next(conn, row.account)

    def _leave(self, conn: sa.Connection, change: sa.Update, state: State, now_ms: int) -> sa.Row[Any] | None:
        values: dict[str, Any] = {"state": state, "finished_ms": now_ms, "worker": None, "stage": None, "left_s": None}
        if state == "complete":
            values["progress"] = 1.0
        return conn.execute(change.values(**values).returning(jobs.c.id, jobs.c.project, jobs.c.account)).first()

    def _next(self, conn: sa.Connection, account: str) -> list[str]:
        credits.lock(conn, account)
        plan = conn.execute(sa.select(accounts.c.plan).where(accounts.c.id == account)).scalar_one()
        following = scheduling.admit_next(conn, account, self._plans[plan])
        return [] if following is None else [following]

    def _follow(self, following: list[str] | None) -> bool:
        for job in following or ():
            self._admitted(job)
        return following is not None


def _still(attempt: Attempt) -> tuple[sa.ColumnElement[bool], ...]:
    return jobs.c.id == attempt.job, jobs.c.state == "rendering", jobs.c.attempt == attempt.number


def _of(attempt: Attempt) -> sa.Update:
    return jobs.update().where(*_still(attempt))
