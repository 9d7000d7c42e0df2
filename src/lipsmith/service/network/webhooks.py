"""Who wants to be told, and the outbox: what is to be told is written down in the transaction in which it happens.

There are two kinds of listeners. Standing ones hear of every project and always in the same words, those of the first
dialect; one that was named in a request hears of that project alone, in the words of its dialect. Knows no vendor: how
an event is called, what its body and its headers are, a dialect's formatter says.
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
from lipsmith.service.billing import keys
from lipsmith.service.billing.encryption import Encryptor
from lipsmith.service.errors import NotFound
from lipsmith.service.network.fetch import check_url
from lipsmith.service.processes.clock import Clock
from lipsmith.service.project import Event, Project

SECRET_PREFIX = "whsec_"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a receiver knows us by."""

    id: str
    """Empty where the secret stands alone."""
    secret: str


@dataclass(frozen=True, kw_only=True)
class WebhookRequest:
    """One message as it goes over the wire."""

    body: bytes
    headers: Mapping[str, str]


class EventFormatter(Protocol):
    """A dialect's way of telling."""

    events: Sequence[str]
    """All names it uses."""

    def told(self, project: Project, event: Event) -> tuple[str, str] | None:
        """The event's name and the text of its body; None where it tells nothing."""
        ...

    def trial(self, now_ms: int) -> tuple[str, str]:
        """The same for a delivery that only tries whether anybody listens."""
        ...

    def request(self, credentials: Credentials, body: str, now_ms: int) -> WebhookRequest:
        """What is sent, with what proves to the receiver that it comes from us, and when."""
        ...

    def is_success(self, status: int) -> bool:
        """Whether an answer with this HTTP status means that the receiver has it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Somebody who wants to be told."""

    id: str
    account: str | None
    """Whose events; None: all accounts'."""
    url: str
    events: Sequence[str]
    """Which; empty: all."""
    disabled: bool
    created_ms: int


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One thing told to one listener."""

    id: int
    webhook: str
    project: str | None
    event: str
    state: str
    """pending, delivered or failed."""
    attempt: int
    status: int | None
    """HTTP status of the last answer."""
    answer: str | None
    """Its beginning, or why there was none."""
    created_ms: int


class Webhooks:
    """The use cases of those who want to be told."""

    def __init__(
        self, database: Database, clock: Clock, encryptor: Encryptor, formatters: Mapping[str, EventFormatter]
    ) -> None:
        """``formatters`` by the name of the dialect; the first one speaks to standing listeners."""
        self._database, self._clock, self._encryptor, self._formatters = database, clock, encryptor, formatters

    def add(self, url: str, *, account: str | None = None, events: Sequence[str] = ()) -> tuple[Webhook, str]:
        """A new listener and its secret, which is shown this once. Raises InvalidUrl, InvalidOption or NotFound."""
        check_url(url)
        known = next(iter(self._formatters.values())).events
        for event in events:
            if event not in known:
                raise InvalidOption(f"There is no event {event!r}, only {', '.join(known)}.")
        secret = keys.make_secret(SECRET_PREFIX)
        made = Webhook(
            id=self._clock.new_id(),
            account=account,
            url=url,
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
                    secret=self._encryptor.seal(secret),
                    disabled=False,
                    created_ms=made.created_ms,
                )
            )
        return made, secret

    def all(self) -> Sequence[Webhook]:
        """All standing listeners, the oldest first."""
        query = sa.select(webhooks).where(webhooks.c.project.is_(None)).order_by(webhooks.c.created_ms)
        with self._database.read() as conn:
            return [_webhook(row) for row in conn.execute(query)]

    def disable(self, webhook: str, *, disabled: bool = True) -> Webhook:
        """Events pass it by from now on; what waits for it fails after a day. Raises NotFound."""
        change = webhooks.update().where(webhooks.c.id == webhook).values(disabled=disabled).returning(webhooks)
        with self._database.write() as conn:
            row = conn.execute(change).first()
        return _webhook(_there(row, f"webhook {webhook!r}"))

    def send_test(self, webhook: str) -> Delivery:
        """Sends something to a listener, to see whether it hears. Raises NotFound."""
        now_ms = self._clock.now_ms()
        dialect, formatter = next(iter(self._formatters.items()))
        name, body = formatter.trial(now_ms)
        with self._database.write() as conn:
            _there(conn.execute(sa.select(webhooks).where(webhooks.c.id == webhook)).first(), f"webhook {webhook!r}")
            values = _fresh(webhook, None, name, body, dialect, now_ms)
            row = conn.execute(webhook_deliveries.insert().values(values).returning(webhook_deliveries)).one()
        return _delivery(row)

    def deliveries(self, webhook: str | None = None, *, limit: int = 100) -> Sequence[Delivery]:
        """The newest deliveries to one listener, or to all."""
        query = sa.select(webhook_deliveries).order_by(webhook_deliveries.c.id.desc()).limit(limit)
        if webhook is not None:
            query = query.where(webhook_deliveries.c.webhook == webhook)
        with self._database.read() as conn:
            return [_delivery(row) for row in conn.execute(query)]

    def redeliver(self, delivery: int) -> Delivery:
        """Sends it once more, with a day's worth of tries. Raises NotFound."""
        now_ms = self._clock.now_ms()
        change = webhook_deliveries.update().where(webhook_deliveries.c.id == delivery)
        change = change.values(state="pending", attempt=0, next_ms=now_ms, created_ms=now_ms)
        with self._database.write() as conn:
            row = conn.execute(change.returning(webhook_deliveries)).first()
        return _delivery(_there(row, f"delivery {delivery}"))


class Outbox:
    """Writes down what has to be sent."""

    def __init__(self, clock: Clock, formatters: Mapping[str, EventFormatter]) -> None:
        """``formatters`` by the name of the dialect; the first one speaks to standing listeners."""
        self._clock, self._formatters = clock, formatters

    def publish(self, conn: sa.Connection, project: str, event: Event) -> None:
        """One delivery for each webhook that listens."""
        found = project_queries.find(conn, project)
        if found is None:
            return
        everybodys = sa.and_(
            webhooks.c.project.is_(None),
            sa.or_(webhooks.c.account.is_(None), webhooks.c.account == found.account),
        )
        for listener in conn.execute(sa.select(webhooks).where(sa.or_(everybodys, webhooks.c.project == project))):
            dialect = next(iter(self._formatters)) if listener.project is None else found.dialect
            formatted = self._formatters[dialect].told(found, event)
            if formatted is not None and (not listener.events or formatted[0] in listener.events):
                values = _fresh(listener.id, project, *formatted, dialect, self._clock.now_ms())
                conn.execute(webhook_deliveries.insert().values(values))


def subscribe(conn: sa.Connection, project: str, account: str, url: str, *, id: str, now_ms: int) -> None:
    """Adds a listener of one project, who knows us by the account's client credentials."""
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


def _fresh(webhook: str, project: str | None, event: str, body: str, dialect: str, now_ms: int) -> dict[str, Any]:
    what = {"webhook": webhook, "project": project, "event": event, "body": body, "dialect": dialect}
    return what | {"state": "pending", "attempt": 0, "next_ms": now_ms, "created_ms": now_ms}


def _there(row: sa.Row[Any] | None, what: str) -> sa.Row[Any]:
    if row is None:
        raise NotFound(f"There is no {what}. `lipsmith webhook list` shows all.")
    return row


def _webhook(row: sa.Row[Any]) -> Webhook:
    return Webhook(
        id=row.id,
        account=row.account,
        url=row.url,
        events=tuple(row.events),
        disabled=row.disabled,
        created_ms=row.created_ms,
    )


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
