"""Create, show, cancel and delete projects. Independent of any dialect."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol, TypeAlias

import sqlalchemy as sa

from lipsmith.database.connection import Database
from lipsmith.database.tables import idempotency, jobs, projects, webhook_deliveries, webhooks
from lipsmith.limits import DAY_MS
from lipsmith.pipeline.options import JsonValue
from lipsmith.pipeline.requests import DetectRequest, SpeakRequest, SyncRequest, TalkRequest
from lipsmith.service import project_queries
from lipsmith.service.billing import credits
from lipsmith.service.billing.accounts import Account
from lipsmith.service.billing.prices import Price
from lipsmith.service.errors import InvalidRequest, KeyReused, NotFound, PlanTooSmall, QuotaReached
from lipsmith.service.jobs import scheduling
from lipsmith.service.jobs.lifecycle import Lifecycle
from lipsmith.service.network.assets import Assets, WantedKind
from lipsmith.service.network.webhooks import subscribe
from lipsmith.service.processes.clock import Clock
from lipsmith.service.project import JobParams, Kind, Project, Source
from lipsmith.storage.contract import Storage
from lipsmith.storage.errors import NotStored, StorageFailed

OUTPUTS = "outputs/"
"""Prefix of results in the storage."""
IDEMPOTENCY_LIFETIME_MS = DAY_MS
WATERMARK_TEXT = "lipsmith"
"""Visible in the videos of accounts without a paid plan."""
SHORTEST_S = 0.001
"""Duration to hold credits for when the balance pays for nothing."""
MAX_IDEMPOTENCY_KEY_LENGTH = 255

JobRequest: TypeAlias = TalkRequest | SyncRequest | SpeakRequest | DetectRequest
"""Request to the pipeline. Each path in it is the role of an input."""


class Queue(Protocol):
    """Hands jobs to runners."""

    def enqueue(self, conn: sa.Connection, job: str, *, priority: int, waits: bool) -> None:
        """Add the job in the caller's transaction. With ``waits`` it waits until it is released."""
        ...

    def cancel(self, job: str) -> None:
        """Remove the job."""
        ...


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One input of an order."""

    text: str
    """Key, URL or project id, as the client sent it."""
    kind: WantedKind
    field: str
    """Name of the request's field, for messages."""
    needs_extension: bool = True
    """Require a URL to end with a known extension. Otherwise the runner looks at the content."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """Request for a project, translated by a dialect."""

    dialect: str
    kind: Kind
    name: str
    inputs: Mapping[str, Wanted]
    request: JobRequest
    """Request to the pipeline, with the roles of ``inputs`` as its paths."""
    start_s: float
    end_s: float
    fps: float
    """Frames per second, or an estimate."""
    price: Price | None
    """None for a free job."""
    max_duration_s: float | None = None
    """Longest result, where its duration is unknown until it is rendered. ``end_s`` is then a generous estimate.
    Credits are held for it, or for as much of it as the balance pays for. A longer result fails; nothing is cut."""
    webhook: str | None = None
    """URL that receives the events of this project."""
    retention_days: int | None = None
    """Days until results are deleted; None keeps them."""
    needs_paid_plan: str | None = None
    """Feature that needs a paid plan, for the message; None if every plan will do."""
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    """Values that the dialect stores with the project for its own answers."""

    @property
    def estimate(self) -> int:
        """Credits to hold."""
        return self.price.estimate(self.end_s - self.start_s) if self.price else 0


class Projects:
    """Create, show, cancel and delete projects."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        assets: Assets,
        queue: Queue,
        lifecycle: Lifecycle,
        clock: Clock,
        *,
        max_attempts: int,
        engines: Mapping[str, str] | None = None,
    ) -> None:
        """``engines``: engine to use for a role, for all videos."""
        self._database, self._storage, self._assets, self._queue = database, storage, assets, queue
        self._lifecycle, self._clock, self._max_attempts = lifecycle, clock, max_attempts
        self._engines = engines or {}

    def create(self, account: Account, order: Order, *, idempotency_key: str | None = None) -> Project:
        """Create project and job, hold credits and enqueue the job, in one transaction.

        A repeated ``idempotency_key`` returns the first project. Raises UnusableAsset, PlanTooSmall,
        InsufficientCredits, QuotaReached, KeyReused or InvalidRequest.
        """
        request = _fingerprint(order)
        with self._database.read() as conn:
            if known := self._repeated(conn, account.id, idempotency_key, request):
                return known
            sources = {
                role: self._assets.resolve(
                    conn, account.id, wanted.text, wanted.kind, wanted.field, needs_extension=wanted.needs_extension
                )
                for role, wanted in order.inputs.items()
            }
        if order.needs_paid_plan and not account.plan.is_paid:
            raise PlanTooSmall(f"{order.needs_paid_plan} needs a paid plan, and this account's plan is free.")
        with self._database.write() as conn:
            credits.lock(conn, account.id)
            if known := self._repeated(conn, account.id, idempotency_key, request):  # created meanwhile
                return known
            if scheduling.unfinished(conn, account.id) >= account.plan.max_unfinished:
                raise QuotaReached(
                    f"The account has {account.plan.max_unfinished} unfinished jobs, which is as many as the plan "
                    f"{account.plan.name} allows. Try again when some are done."
                )
            made = self._insert(conn, account, order, sources)
            if idempotency_key is not None:
                row = {"account": account.id, "key": idempotency_key, "request": request, "project": made.id}
                conn.execute(idempotency.insert().values(**row, created_ms=made.created_ms))
        self._seal(sources)
        return made

    def show(self, account: str, project: str) -> Project:
        """Return a project of the account. Raises NotFound."""
        with self._database.read() as conn:
            found = project_queries.find(conn, project, account)
        if found is None:
            raise NotFound()
        return found

    def find(self, project: str) -> Project:
        """Return a project of any account. Raises NotFound."""
        with self._database.read() as conn:
            found = project_queries.find(conn, project)
        if found is None:
            raise NotFound(f"There is no project {project!r}. `lipsmith project list` shows the newest.")
        return found

    def list(self, account: str | None = None, *, limit: int = 100) -> Sequence[Project]:
        """Return the newest projects of one account, or of all."""
        with self._database.read() as conn:
            return project_queries.newest(conn, account, limit)

    def cancel(self, project: str) -> Project:
        """Cancel the project unless it is final, and refund its credits. Raises NotFound."""
        before = self.find(project)
        job = self._job(project)
        if self._lifecycle.cancel(job) and before.state == "queued":
            self._queue.cancel(job)  # a runner that has it checks by itself
        return self.find(project)

    def delete(self, account: str | None, project: str) -> None:
        """Cancel the project and erase it: results, words, names, events, and inputs that no other project uses.

        Its state, duration and cost stay. May be repeated. Raises NotFound.
        """
        found = self.find(project) if account is None else self.show(account, project)
        self.cancel(project)
        with self._database.write() as conn:
            conn.execute(
                projects.update()
                .where(projects.c.id == found.id)
                .values(
                    deleted_ms=sa.func.coalesce(projects.c.deleted_ms, self._clock.now_ms()),
                    name="",
                    params=found.params.without_words().to_json(),
                    result=replace(found.result, keys=(), warnings=()).to_json() if found.result else None,
                )
            )
            conn.execute(webhook_deliveries.delete().where(webhook_deliveries.c.project == found.id))
            conn.execute(webhooks.delete().where(webhooks.c.project == found.id))
            inputs = {source.key for source in found.params.inputs.values() if source.key}
            erased = self._assets.forget(conn, found.account, {*inputs, *(found.result.keys if found.result else ())})
        for key in erased:
            self._storage.delete(key)
        self._storage.delete_all(f"{OUTPUTS}{found.id}/")

    def _seal(self, sources: Mapping[str, Source]) -> None:
        """Seal the inputs, so that they keep their content. The runner seals what cannot be sealed now.

        This comes after the transaction: an upload named in a refused request may still be replaced.
        """
        for source in sources.values():
            if source.key:
                with suppress(NotStored, StorageFailed):
                    self._storage.seal(source.key)

    def _insert(self, conn: sa.Connection, account: Account, order: Order, sources: Mapping[str, Source]) -> Project:
        now_ms, project, job = self._clock.now_ms(), self._clock.new_id(), self._clock.new_id()
        if order.price:
            credits.grant_daily(conn, account.id, account.plan.daily_credits, now_ms)
            if order.max_duration_s is not None:
                order = _affordable(order, order.price, credits.balance(conn, account.id))
        params = JobParams(
            inputs=sources,
            options=self._final(order.request, account).to_json(),
            start_s=order.start_s,
            end_s=order.end_s,
            fps=order.fps,
            price=order.price,
            max_duration_s=order.max_duration_s,
            retention_days=order.retention_days,
            metadata=order.metadata,
        )
        conn.execute(
            projects.insert().values(
                id=project,
                account=account.id,
                dialect=order.dialect,
                kind=order.kind,
                name=order.name,
                params=params.to_json(),
                estimate=order.estimate,
                credits=order.estimate,
                created_ms=now_ms,
            )
        )
        self._insert_job(conn, account, project, job, now_ms=now_ms, held=order.estimate)
        if order.webhook is not None:
            subscribe(conn, project, account.id, order.webhook, id=self._clock.new_id(), now_ms=now_ms)
        made = project_queries.find(conn, project)
        assert made is not None
        return made

    def _insert_job(
        self, conn: sa.Connection, account: Account, project: str, job: str, *, now_ms: int, held: int
    ) -> None:
        priority = scheduling.next_priority(conn, account.id, account.plan)
        admitted = scheduling.may_start(conn, account.id, account.plan)
        conn.execute(
            jobs.insert().values(
                id=job,
                project=project,
                account=account.id,
                state="queued",
                priority=priority,
                admitted=admitted,
                attempt=0,
                max_attempts=self._max_attempts,
                progress=0.0,
                created_ms=now_ms,
            )
        )
        if held:
            credits.hold(conn, account.id, job, held, now_ms)
        self._queue.enqueue(conn, job, priority=priority, waits=not admitted)

    def _repeated(self, conn: sa.Connection, account: str, key: str | None, request: str) -> Project | None:
        if key is None:
            return None
        if not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH:
            raise InvalidRequest(f"Idempotency-Key: 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters are allowed.")
        since_ms = self._clock.now_ms() - IDEMPOTENCY_LIFETIME_MS
        mine = (idempotency.c.account == account, idempotency.c.key == key)
        row = conn.execute(sa.select(idempotency).where(*mine)).first()
        if row is None:
            return None
        if row.created_ms < since_ms:
            conn.execute(idempotency.delete().where(*mine))
            return None
        if row.request != request:
            raise KeyReused()
        return project_queries.find(conn, row.project)

    def _final(self, request: JobRequest, account: Account) -> JobRequest:
        """Add the server's engines, and the watermark of accounts without a paid plan, to a request for a video."""
        if not isinstance(request, TalkRequest | SyncRequest):
            return request
        return replace(request, engines=self._engines, watermark=None if account.plan.is_paid else WATERMARK_TEXT)

    def _job(self, project: str) -> str:
        with self._database.read() as conn:
            return str(conn.scalar(sa.select(jobs.c.id).where(jobs.c.project == project)))


def _affordable(order: Order, price: Price, balance: int) -> Order:
    """Shorten the order to what the balance pays for, but not below `SHORTEST_S`."""
    paid_s = price.affords(balance, order.end_s - order.start_s)
    return replace(order, end_s=order.start_s + max(paid_s, SHORTEST_S))


def _fingerprint(order: Order) -> str:
    """Return a hash of the request without its name, whose default contains the time."""
    request = order.request.to_json()
    content = asdict(replace(order, name="")) | {"request": request}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
