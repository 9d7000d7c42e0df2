"""The use cases: ask for a video, look at it, cancel it, delete it. Knows no vendor."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol, TypeAlias

import sqlalchemy as sa

from lipsmith.database.connection import Database
from lipsmith.database.tables import idempotency, jobs, projects
from lipsmith.pipeline.options import JsonValue
from lipsmith.pipeline.requests import DetectRequest, SpeakRequest, SyncRequest, TalkRequest
from lipsmith.service import project as records
from lipsmith.service.billing import credits
from lipsmith.service.billing.accounts import Account
from lipsmith.service.billing.prices import Price
from lipsmith.service.errors import InvalidRequest, KeyReused, NotFound, PlanTooSmall
from lipsmith.service.jobs import scheduling
from lipsmith.service.jobs.lifecycle import Lifecycle
from lipsmith.service.network.assets import Assets, Source, WantedKind
from lipsmith.service.network.webhooks import subscribe
from lipsmith.service.processes.clock import Clock
from lipsmith.service.project import Kind, Project
from lipsmith.storage.contract import Storage
from lipsmith.storage.errors import NotStored, StorageFailed

OUTPUTS = "outputs/"
"""Where finished videos lie in the storage."""
IDEMPOTENCY_HOURS = 24
WATERMARK_TEXT = "lipsmith"
"""Stands visibly in the videos of accounts that pay nothing."""
SHORTEST_S = 0.001
MAX_IDEMPOTENCY_KEY_LENGTH = 255

JobRequest: TypeAlias = TalkRequest | SyncRequest | SpeakRequest | DetectRequest
"""Request to the pipeline. Each path in it is the role of an input."""


class Queue(Protocol):
    """Hands jobs to workers."""

    def enqueue(self, conn: sa.Connection, job: str, *, priority: int, waits: bool) -> None:
        """Puts the job into the queue, as part of the caller's transaction; with ``waits`` it waits for `release`."""
        ...

    def cancel(self, job: str) -> None:
        """Takes the job out, wherever it is."""
        ...


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One input of an order."""

    text: str
    """As the caller named it."""
    kind: WantedKind
    field: str
    """The caller's name for it, for messages."""
    needs_extension: bool = True
    """Whether a URL has to end as files of that kind do; else what it leads to is found out by the worker."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a dialect understood."""

    dialect: str
    kind: Kind
    name: str
    inputs: Mapping[str, Wanted]
    request: JobRequest
    """Request to the pipeline, with the roles of ``inputs`` as its paths."""
    start_s: float
    end_s: float
    fps: float
    """Frames per second, as far as they are known."""
    price: Price | None
    """What it costs; None where it is free."""
    longest_s: float | None = None
    """Where nobody knows yet how long it becomes: the longest it may be. ``end_s`` is a generous guess then, credits
    are held for it, or for as much of it as can be paid, and what turns out longer fails; nothing is cut."""
    webhook: str | None = None
    """A URL that wants to be told about this project alone."""
    kept_days: int | None = None
    """How long results stay; None: until they are deleted."""
    needs_paid_plan: str | None = None
    """What does, in words; None where every plan will do."""
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    """Values that the dialect stores with the project for its own answers."""

    @property
    def estimate(self) -> int:
        """Credits to be held, if there are as many."""
        return self.price.estimate(self.end_s - self.start_s) if self.price else 0


class Projects:
    """Makes, shows, cancels and deletes projects."""

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
        """Takes an order: project, job, held credits and the place in the queue come together or not at all.

        A repeated ``idempotency_key`` answers with the project of the first time. Raises UnusableAsset, PlanTooSmall,
        InsufficientCredits, KeyReused or InvalidRequest.
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
            if known := self._repeated(conn, account.id, idempotency_key, request):  # its twin was faster
                return known
            made = self._insert(conn, account, order, sources, idempotency_key, request)
        self._seal(sources)
        return made

    def show(self, account: str, project: str) -> Project:
        """One project of the account. Raises NotFound."""
        with self._database.read() as conn:
            found = records.find(conn, project, account)
        if found is None:
            raise NotFound()
        return found

    def find(self, project: str) -> Project:
        """One project of any account. Raises NotFound."""
        with self._database.read() as conn:
            found = records.find(conn, project)
        if found is None:
            raise NotFound(f"There is no project {project!r}. `lipsmith project list` shows the newest.")
        return found

    def list(self, account: str | None = None, *, limit: int = 100) -> Sequence[Project]:
        """The newest projects of one account, or of all."""
        with self._database.read() as conn:
            return records.listed(conn, account, limit)

    def cancel(self, project: str) -> Project:
        """Stops it where it is not finished, and gives the credits back. Raises NotFound."""
        before = self.find(project)
        job = self._job(project)
        if self._lifecycle.cancel(job) and before.state == "queued":
            self._queue.cancel(job)  # a worker that has it notices by itself
        return self.find(project)

    def delete(self, account: str | None, project: str) -> None:
        """Cancels what still runs, and forgets the video. Deleting again changes nothing. Raises NotFound."""
        found = self.find(project) if account is None else self.show(account, project)
        self.cancel(project)
        change = projects.update().where(projects.c.id == found.id, projects.c.deleted_ms.is_(None))
        with self._database.write() as conn:
            conn.execute(change.values(deleted_ms=self._clock.now_ms()))
        self._storage.delete_all(f"{OUTPUTS}{found.id}/")

    def _seal(self, sources: Mapping[str, Source]) -> None:
        """From now on the inputs keep their bytes; what cannot be sealed now, the worker seals before it begins.

        Not before the order is taken: an upload that was named in a refused one may still be replaced.
        """
        for source in sources.values():
            if source.key:
                with suppress(NotStored, StorageFailed):
                    self._storage.seal(source.key)

    def _insert(
        self,
        conn: sa.Connection,
        account: Account,
        order: Order,
        sources: Mapping[str, Source],
        idempotency_key: str | None,
        request: str,
    ) -> Project:
        now_ms, project, job = self._clock.now_ms(), self._clock.new_id(), self._clock.new_id()
        if order.price:
            credits.grant_daily(conn, account.id, account.plan.daily_credits, now_ms)
            if order.longest_s is not None:
                order = _affordable(order, order.price, credits.balance(conn, account.id))
        conn.execute(
            projects.insert().values(
                id=project,
                account=account.id,
                dialect=order.dialect,
                kind=order.kind,
                name=order.name,
                params={
                    "inputs": {role: asdict(source) for role, source in sources.items()},
                    "options": self._final(order.request, account).to_json(),
                    "start_s": order.start_s,
                    "end_s": order.end_s,
                    "fps": order.fps,
                    "price": asdict(order.price) if order.price else None,
                    "longest_s": order.longest_s,
                    "kept_days": order.kept_days,
                    "facts": dict(order.metadata),
                },
                estimate=order.estimate,
                credits=order.estimate,
                created_ms=now_ms,
            )
        )
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
        if order.estimate:
            credits.hold(conn, account.id, job, order.estimate, now_ms)
        if idempotency_key is not None:
            conn.execute(
                idempotency.insert().values(
                    account=account.id, key=idempotency_key, request=request, project=project, created_ms=now_ms
                )
            )
        if order.webhook is not None:
            subscribe(conn, project, account.id, order.webhook, id=self._clock.new_id(), now_ms=now_ms)
        self._queue.enqueue(conn, job, priority=priority, waits=not admitted)
        made = records.find(conn, project)
        assert made is not None
        return made

    def _repeated(self, conn: sa.Connection, account: str, key: str | None, request: str) -> Project | None:
        if key is None:
            return None
        if not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH:
            raise InvalidRequest(f"Idempotency-Key: 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters are allowed.")
        since_ms = self._clock.now_ms() - IDEMPOTENCY_HOURS * 3_600_000
        mine = (idempotency.c.account == account, idempotency.c.key == key)
        row = conn.execute(sa.select(idempotency).where(*mine)).first()
        if row is None:
            return None
        if row.created_ms < since_ms:
            conn.execute(idempotency.delete().where(*mine))
            return None
        if row.request != request:
            raise KeyReused()
        return records.find(conn, row.project)

    def _final(self, request: JobRequest, account: Account) -> JobRequest:
        """Add the server's engines, and the watermark of accounts without a paid plan, to a request for a video."""
        if not isinstance(request, TalkRequest | SyncRequest):
            return request
        return replace(request, engines=self._engines, watermark=None if account.plan.is_paid else WATERMARK_TEXT)

    def _job(self, project: str) -> str:
        with self._database.read() as conn:
            return str(conn.scalar(sa.select(jobs.c.id).where(jobs.c.project == project)))


def _affordable(order: Order, price: Price, balance: int) -> Order:
    """The order, no longer than the balance pays for; where that is nothing, as short as anything can be."""
    paid_s = price.affords(balance, order.end_s - order.start_s)
    return replace(order, end_s=order.start_s + max(paid_s, SHORTEST_S))


def _fingerprint(order: Order) -> str:
    """The same for the same request; the name is left out, since its default holds the time."""
    request = order.request.to_json()
    content = asdict(replace(order, name="")) | {"request": request}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
