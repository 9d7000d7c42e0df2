"""Webhooks and their outbox: a delivery is stored in the transaction in which its event happens.

A standing webhook receives events of all projects, or of one account's, in the dialect that it was added with. One
that a request names receives the events of that project, in the project's dialect. A dialect's formatter makes the
names, bodies and headers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from lipsmith.database.connection import Database
from lipsmith.database.tables import accounts, webhook_deliveries, webhooks
from lipsmith.errors import InvalidOption
from lipsmith.service import project_queries
from lipsmith.service.billing.encryption import Encryptor
from lipsmith.service.errors import NotFound
from lipsmith.service.network.fetch import check_url
from lipsmith.service.processes.clock import Clock
from lipsmith.service.project import Event, Project


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Credentials by which a receiver verifies an event, and reads it if it is encrypted."""

    id: str = ""
    """Empty if the secret is enough."""
    secret: str

    def to_text(self) -> str:
        """Return one text for both. Neither contains a colon."""
        return f"{self.id}:{self.secret}" if self.id else self.secret

    @classmethod
    def from_text(cls, text: str) -> Credentials:
        """Read what `to_text` returned."""
        id, _, secret = text.rpartition(":")
        return cls(id=id, secret=secret)


@dataclass(frozen=True, kw_only=True)
class WebhookRequest:
    """HTTP request of one delivery."""

    body: bytes
    headers: Mapping[str, str]


class EventFormatter(Protocol):
    """Format of a dialect's webhooks."""

    events: Sequence[str]
    """Names of all events. No two dialects share one."""

    def format_event(self, project: Project, event: Event) -> tuple[str, str] | None:
        """Return the event's name and body; None if the dialect has no such event."""
        ...

    def test_event(self, now_ms: int) -> tuple[str, str]:
        """Return name and body of an event to test a receiver with."""
        ...

    def new_credentials(self) -> Credentials:
        """Make the credentials of a standing webhook."""
        ...

    def request(self, credentials: Credentials, body: str, now_ms: int) -> WebhookRequest:
        """Return the request to send, signed for the receiver."""
        ...

    def is_success(self, status: int) -> bool:
        """Return whether a receiver that answers with this HTTP status has accepted the event."""
        ...


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Standing webhook."""

    id: str
    account: str | None
    """Account whose events it receives; None for all accounts."""
    url: str
    dialect: str | None
    """Dialect of its events; None if that is not installed any more."""
    events: Sequence[str]
    """Names of the events it receives; empty for all events of the first dialect."""
    disabled: bool
    created_ms: int


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Delivery of one event to one webhook."""

    id: int
    webhook: str
    project: str | None
    event: str
    state: str
    """pending, delivered or failed."""
    attempt: int
    status: int | None
    """HTTP status of the last response."""
    answer: str | None
    """Start of the last answer, or why there was none."""
    created_ms: int


class Webhooks:
    """Administration of standing webhooks and their deliveries."""

    def __init__(
        self, database: Database, clock: Clock, encryptor: Encryptor, formatters: Mapping[str, EventFormatter]
    ) -> None:
        """``formatters``: by the name of the dialect, the default one first."""
        self._database, self._clock, self._encryptor, self._formatters = database, clock, encryptor, formatters

    def add(
        self, url: str, *, account: str | None = None, events: Sequence[str] = (), dialect: str | None = None
    ) -> tuple[Webhook, Credentials]:
        """Add a webhook. Its credentials are returned this once. Raises InvalidUrl, InvalidOption or NotFound."""
        check_url(url)
        first = next(iter(self._formatters))
        formatter = self._formatters.get(dialect or first)
        if formatter is None:
            raise InvalidOption(f"There is no dialect {dialect!r}. Choose one of {', '.join(self._formatters)}.")
        for event in events:
            if event not in formatter.events:
                raise InvalidOption(f"There is no event {event!r}. Choose one of {', '.join(formatter.events)}.")
        if not events and dialect not in (None, first):
            events = formatter.events  # the names tell the dialect
        credentials = formatter.new_credentials()
        made = Webhook(
            id=self._clock.new_id(),
            account=account,
            url=url,
            dialect=dialect or first,
            events=tuple(events),
            disabled=False,
            created_ms=self._clock.now_ms(),
        )
        with self._database.write() as conn:
            if account is not None and conn.scalar(sa.select(accounts.c.id).where(accounts.c.id == account)) is None:
                raise NotFound(f"There is no account {account!r}. `lipsmith account list` shows all.")
            conn.execute(
                webhooks.insert().values(
                    id=made.id,
                    account=account,
                    url=url,
                    events=list(events),
                    secret=self._encryptor.seal(credentials.to_text()),
                    disabled=False,
                    created_ms=made.created_ms,
                )
            )
        return made, credentials

    def all(self) -> Sequence[Webhook]:
        """Return all standing webhooks, the oldest first."""
        query = sa.select(webhooks).where(webhooks.c.project.is_(None)).order_by(webhooks.c.created_ms)
        with self._database.read() as conn:
            return [self._webhook(row) for row in conn.execute(query)]

    def disable(self, webhook: str, *, disabled: bool = True) -> Webhook:
        """Stop or resume deliveries. Pending ones fail after a day without any. Raises NotFound."""
        change = webhooks.update().where(webhooks.c.id == webhook).values(disabled=disabled).returning(webhooks)
        with self._database.write() as conn:
            row = conn.execute(change).first()
        return self._webhook(_require(row, f"webhook {webhook!r}"))

    def send_test(self, webhook: str) -> Delivery:
        """Queue a test event for a webhook. Raises NotFound."""
        now_ms = self._clock.now_ms()
        with self._database.write() as conn:
            row = conn.execute(sa.select(webhooks).where(webhooks.c.id == webhook)).first()
            dialect = _dialect_of(_require(row, f"webhook {webhook!r}"), self._formatters)
            if dialect is None:
                raise NotFound(f"The dialect of webhook {webhook!r} is not installed.")
            name, body = self._formatters[dialect].test_event(now_ms)
            values = _new_delivery(webhook, None, name, body, dialect, now_ms)
            row = conn.execute(webhook_deliveries.insert().values(values).returning(webhook_deliveries)).one()
        return _delivery(row)

    def deliveries(self, webhook: str | None = None, *, limit: int = 100) -> Sequence[Delivery]:
        """Return the newest deliveries to one webhook, or to all."""
        query = sa.select(webhook_deliveries).order_by(webhook_deliveries.c.id.desc()).limit(limit)
        if webhook is not None:
            query = query.where(webhook_deliveries.c.webhook == webhook)
        with self._database.read() as conn:
            return [_delivery(row) for row in conn.execute(query)]

    def redeliver(self, delivery: int) -> Delivery:
        """Queue a delivery again, with attempts for one more day. Raises NotFound."""
        now_ms = self._clock.now_ms()
        change = webhook_deliveries.update().where(webhook_deliveries.c.id == delivery)
        change = change.values(state="pending", attempt=0, next_ms=now_ms, created_ms=now_ms)
        with self._database.write() as conn:
            row = conn.execute(change.returning(webhook_deliveries)).first()
        return _delivery(_require(row, f"delivery {delivery}"))

    def _webhook(self, row: sa.Row[Any]) -> Webhook:
        return Webhook(
            id=row.id,
            account=row.account,
            url=row.url,
            dialect=_dialect_of(row, self._formatters),
            events=tuple(row.events),
            disabled=row.disabled,
            created_ms=row.created_ms,
        )


class Outbox:
    """Storage of deliveries that have to be sent."""

    def __init__(self, clock: Clock, formatters: Mapping[str, EventFormatter]) -> None:
        """``formatters``: by the name of the dialect, the default one first."""
        self._clock, self._formatters = clock, formatters

    def publish(self, conn: sa.Connection, project: str, event: Event) -> None:
        """Store one delivery for each webhook that receives the event."""
        found = project_queries.find(conn, project)
        if found is None:
            return
        standing = sa.and_(
            webhooks.c.project.is_(None),
            sa.or_(webhooks.c.account.is_(None), webhooks.c.account == found.account),
        )
        for webhook in conn.execute(sa.select(webhooks).where(sa.or_(standing, webhooks.c.project == project))):
            dialect = _dialect_of(webhook, self._formatters) if webhook.project is None else found.dialect
            if dialect is None or dialect not in self._formatters:  # not installed any more
                continue
            formatted = self._formatters[dialect].format_event(found, event)
            if formatted is not None and (not webhook.events or formatted[0] in webhook.events):
                values = _new_delivery(webhook.id, project, *formatted, dialect, self._clock.now_ms())
                conn.execute(webhook_deliveries.insert().values(values))


def subscribe(conn: sa.Connection, project: str, account: str, url: str, *, id: str, now_ms: int) -> None:
    """Add a webhook of one project. Its receiver knows the account's client credentials."""
    conn.execute(
        webhooks.insert().values(
            id=id,
            account=account,
            project=project,
            url=url,
            events=[],
            secret="",
            disabled=False,
            created_ms=now_ms,
        )
    )


def _dialect_of(webhook: sa.Row[Any], formatters: Mapping[str, EventFormatter]) -> str | None:
    """Return the dialect of a standing webhook, by the names of its events; None if it is not installed any more."""
    if not webhook.events:
        return next(iter(formatters))
    return next((name for name, formatter in formatters.items() if webhook.events[0] in formatter.events), None)


def _new_delivery(
    webhook: str, project: str | None, event: str, body: str, dialect: str, now_ms: int
) -> dict[str, Any]:
    what = {"webhook": webhook, "project": project, "event": event, "body": body, "dialect": dialect}
    return what | {"state": "pending", "attempt": 0, "next_ms": now_ms, "created_ms": now_ms}


def _require(row: sa.Row[Any] | None, what: str) -> sa.Row[Any]:
    if row is None:
        raise NotFound(f"There is no {what}. `lipsmith webhook list` shows all.")
    return row


def _delivery(row: sa.Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        webhook=row.webhook,
        project=row.project,
        event=row.event,
        state=row.state,
        attempt=row.attempt,
        status=row.status,
        answer=row.answer,
        created_ms=row.created_ms,
    )
