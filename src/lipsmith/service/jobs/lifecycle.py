"""State changes of jobs. Each is one transaction for state, credits and events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from lipsmith.database.connection import Database
from lipsmith.database.tables import accounts, jobs, projects
from lipsmith.limits import DAY_MS
from lipsmith.service.billing import credits
from lipsmith.service.billing.plans import DEFAULT_PLANS, Plan
from lipsmith.service.errors import RenderingDied
from lipsmith.service.jobs import scheduling
from lipsmith.service.processes.clock import Clock
from lipsmith.service.project import OPEN, Event, Failure, JobParams, JobResult, Kind, State

MAX_LOST = 50
"""Attempts of a job, with those whose runner was lost."""
_DIED = Failure(code=RenderingDied.code, message=RenderingDied().message)
_NO_PROGRESS: Mapping[str, Any] = {"progress": 0.0, "stage": None, "left_s": None}


class EventPublisher(Protocol):
    """Publish events of projects."""

    def publish(self, conn: sa.Connection, project: str, event: Event) -> None:
        """Record the event in the caller's transaction."""
        ...


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt at a job, by one runner."""

    job: str
    project: str
    account: str
    plan: Plan
    kind: Kind
    params: JobParams
    number: int
    """1 for the first. A late result of an earlier attempt is refused."""


class Lifecycle:
    """Change the state of jobs."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        publisher: EventPublisher,
        admitted: Callable[[str], None] = lambda job: None,
        plans: Mapping[str, Plan] = DEFAULT_PLANS,
    ) -> None:
        """Call ``admitted`` after the transaction for each job that may run now."""
        self._database, self._clock, self._publisher, self._admitted = database, clock, publisher, admitted
        self._plans = plans

    def begin(self, job: str, runner: str) -> Attempt | None:
        """Start the next attempt. Return None if the job is final or has no attempts left, which makes it fail."""
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
                self._start(conn, job, runner, number=row.attempt + 1)
                if row.state == "queued":
                    self._publisher.publish(conn, row.id, "started")
                return Attempt(
                    job=job,
                    project=row.id,
                    account=row.account,
                    plan=self._plans[row.plan],
                    kind=row.kind,
                    params=JobParams.from_json(row.params),
                    number=row.attempt + 1,
                )
            admitted = self._refund(conn, job, "error", _DIED)
        self._announce(admitted)
        return None

    def report(self, attempt: Attempt, *, progress: float, stage: str, left_s: float | None) -> bool:
        """Record progress. Return False if the attempt is no longer current."""
        change = _update(attempt).values(progress=progress, stage=stage, left_s=left_s).returning(jobs.c.id)
        with self._database.write() as conn:
            return conn.execute(change).first() is not None

    def is_wanted(self, attempt: Attempt) -> bool:
        """Return True while the job is neither canceled nor taken by another runner."""
        query = sa.select(jobs.c.id).where(*_is_current(attempt))
        with self._database.read() as conn:
            return conn.execute(query).first() is not None

    def complete(
        self,
        attempt: Attempt,
        result: JobResult,
        also: Callable[[sa.Connection], None] = lambda conn: None,
    ) -> bool:
        """Complete the job, and call ``also`` in the same transaction.

        Return False if the attempt is no longer current.
        """
        now_ms = self._clock.now_ms()
        with self._database.write() as conn:
            row = self._leave(conn, _update(attempt), "complete", now_ms)
            if row is None:
                return False
            held = conn.execute(sa.select(projects.c.estimate).where(projects.c.id == row.project)).scalar_one()
            cost = held
            if held and (price := attempt.params.price):
                used = price.cost(result.frames or 0, result.fps or 0.0)
                cost = credits.settle(conn, row.account, row.id, held=held, used=used, now_ms=now_ms)
            days = attempt.params.retention_days
            values = {
                "result": result.to_json(),
                "credits": cost,
                "expires_ms": None if days is None else now_ms + days * DAY_MS,
            }
            conn.execute(projects.update().where(projects.c.id == row.project).values(values))
            also(conn)
            self._publisher.publish(conn, row.project, "completed")
            admitted = self._admit_next(conn, row.account)
        self._announce(admitted)
        return True

    def fail(self, attempt: Attempt, failure: Failure) -> bool:
        """Let the job fail and refund its credits. Return False if the attempt is no longer current."""
        with self._database.write() as conn:
            admitted = self._refund(conn, attempt.job, "error", failure, attempt)
        return self._announce(admitted)

    def cancel(self, job: str) -> bool:
        """Cancel the job and refund its credits. Return False if it is final already."""
        with self._database.write() as conn:
            admitted = self._refund(conn, job, "canceled", None)
        return self._announce(admitted)

    def allow_another(self, job: str) -> None:
        """Allow one more attempt, because the runner of the last one was lost, and not its child process.

        Beyond `MAX_LOST` lost runners, attempts count again: the job itself may bring them down.
        """
        change = jobs.update().where(jobs.c.id == job, jobs.c.state == "rendering", jobs.c.max_attempts < MAX_LOST)
        with self._database.write() as conn:
            conn.execute(change.values(max_attempts=jobs.c.max_attempts + 1))

    def abandon(self, job: str) -> bool:
        """Let a job fail that no runner has and none will get, and refund it. Return False if it is final already."""
        with self._database.write() as conn:
            admitted = self._refund(conn, job, "error", _DIED)
        return self._announce(admitted)

    def requeue(self, attempt: Attempt) -> None:
        """Put the job back because its runner stops. The attempt does not count."""
        change = _update(attempt).values(state="queued", worker=None, attempt=attempt.number - 1, **_NO_PROGRESS)
        with self._database.write() as conn:
            conn.execute(change)

    def _start(self, conn: sa.Connection, job: str, runner: str, *, number: int) -> None:
        now_ms = self._clock.now_ms()
        change = jobs.update().where(jobs.c.id == job)
        change = change.values(state="rendering", attempt=number, worker=runner, started_ms=now_ms)
        conn.execute(change.values(**_NO_PROGRESS))

    def _refund(
        self, conn: sa.Connection, job: str, state: State, failure: Failure | None, attempt: Attempt | None = None
    ) -> list[str] | None:
        """End a job and refund it. Return the jobs that may run now, or None if this one is final already."""
        now_ms = self._clock.now_ms()
        change = jobs.update().where(jobs.c.id == job, jobs.c.state.in_(OPEN)) if attempt is None else _update(attempt)
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
        return self._admit_next(conn, row.account)

    def _leave(self, conn: sa.Connection, change: sa.Update, state: State, now_ms: int) -> sa.Row[Any] | None:
        values: dict[str, Any] = {"state": state, "finished_ms": now_ms, "worker": None, "stage": None, "left_s": None}
        if state == "complete":
            values["progress"] = 1.0
        return conn.execute(change.values(**values).returning(jobs.c.id, jobs.c.project, jobs.c.account)).first()

    def _admit_next(self, conn: sa.Connection, account: str) -> list[str]:
        credits.lock(conn, account)
        plan = conn.execute(sa.select(accounts.c.plan).where(accounts.c.id == account)).scalar_one()
        admitted = scheduling.admit_next(conn, account, self._plans[plan])
        return [] if admitted is None else [admitted]

    def _announce(self, admitted: list[str] | None) -> bool:
        for job in admitted or ():
            self._admitted(job)
        return admitted is not None


def _is_current(attempt: Attempt) -> tuple[sa.ColumnElement[bool], ...]:
    return jobs.c.id == attempt.job, jobs.c.state == "rendering", jobs.c.attempt == attempt.number


def _update(attempt: Attempt) -> sa.Update:
    return jobs.update().where(*_is_current(attempt))
