"""A whole service without HTTP and without rendering: both databases, storage in memory, a clock that stands still."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import sqlalchemy as sa

from lipsmith.database.connection import Database
from lipsmith.database.tables import jobs, ledger
from lipsmith.pipeline.requests import TalkRequest
from lipsmith.service.billing.accounts import Account, Accounts
from lipsmith.service.billing.encryption import Encryptor
from lipsmith.service.billing.prices import Price
from lipsmith.service.jobs.lifecycle import Lifecycle
from lipsmith.service.jobs.orders import Order, Projects, Wanted
from lipsmith.service.jobs.queue import JobQueue
from lipsmith.service.network.assets import Assets
from lipsmith.service.network.webhooks import Credentials, Outbox, WebhookRequest, Webhooks
from lipsmith.service.processes.clock import FrozenClock
from lipsmith.service.project import Event, JobResult, Project
from lipsmith.storage.memory import MemoryStorage

RESULT = JobResult(frames=25, fps=25.0, width=320, height=240)


class Plain:
    """A dialect for tests: names events as they are, after a prefix."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.events = tuple(f"{prefix}{event}" for event in ("started", "completed", "errored"))

    def format_event(self, project: Project, event: Event) -> tuple[str, str]:
        return self.prefix + event, json.dumps({"event": event, "project": project.id, "state": project.state})

    def test_event(self, now_ms: int) -> tuple[str, str]:
        return f"{self.prefix}test", f'{{"now": {now_ms}}}'

    def new_credentials(self) -> Credentials:
        return Credentials(id=self.prefix, secret="whsec_0123")

    def request(self, credentials: Credentials, body: str, now_ms: int) -> WebhookRequest:
        return WebhookRequest(body=body.encode(), headers={"x-secret": credentials.to_text(), "x-now": str(now_ms)})

    def is_success(self, status: int) -> bool:
        return 200 <= status < 300


@dataclass
class ServiceParts:
    """All parts."""

    database: Database
    clock: FrozenClock = field(default_factory=FrozenClock)
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    released: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.formatters = {"plain": Plain(), "other": Plain("other ")}
        self.encryptor = Encryptor(b"s" * 32)
        self.queue = JobQueue(self.database)
        self.accounts = Accounts(self.database, self.clock, self.encryptor)
        self.assets = Assets(self.database, self.storage, self.clock)
        self.webhooks = Webhooks(self.database, self.clock, self.encryptor, self.formatters)
        outbox = Outbox(self.clock, self.formatters)
        self.lifecycle = Lifecycle(self.database, self.clock, outbox, self.released.append)
        self.projects = Projects(
            self.database, self.storage, self.assets, self.queue, self.lifecycle, self.clock, max_attempts=3
        )

    def account(self, plan: Any = "business", credits: int = 1000) -> Account:
        return self.accounts.create(plan, credits_given=credits).account

    def order(self, account: Account, seconds: float = 1.0, *, key: str | None = None, **changes: Any) -> Project:
        order = Order(
            dialect="plain",
            kind="talking_photo",
            name="test",
            inputs={"image": Wanted(text="https://example.org/a.png", kind="image", field="image")},
            request=TalkRequest(photo="image", text="Hello."),
            start_s=0,
            end_s=seconds,
            fps=30,
            price=Price(credits=1),
        )
        return self.projects.create(account, replace(order, **changes), idempotency_key=key)

    def job(self, project: Project) -> str:
        return self.value(sa.select(jobs.c.id).where(jobs.c.project == project.id))

    def lines(self, account: Account) -> list[tuple[str, int]]:
        query = sa.select(ledger.c.kind, ledger.c.amount).where(ledger.c.account == account.id).order_by(ledger.c.id)
        with self.database.read() as conn:
            return [(row.kind, row.amount) for row in conn.execute(query)]

    def value(self, query: sa.Select[Any]) -> Any:
        with self.database.read() as conn:
            return conn.execute(query).scalar_one()


@pytest.fixture
def service(database: Database) -> Iterator[ServiceParts]:
    made = ServiceParts(database)
    yield made
    made.queue.close()
