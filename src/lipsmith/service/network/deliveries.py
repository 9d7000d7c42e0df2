"""Delivery of webhooks from the outbox: one at a time to each URL, and few to each account and host.

A slow receiver does not delay others, and one account's slow receivers do not delay another account's.

A failed delivery is retried after 1, 2, 4, 8 … seconds, for a day.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
import structlog

from lipsmith.database.connection import Database
from lipsmith.database.tables import accounts, webhook_deliveries, webhooks
from lipsmith.errors import LipsmithError
from lipsmith.limits import DAY_MS
from lipsmith.service.billing.encryption import Encryptor
from lipsmith.service.network.fetch import Fetcher
from lipsmith.service.network.webhooks import Credentials, EventFormatter
from lipsmith.service.processes.clock import Clock

log = structlog.get_logger("lipsmith.webhooks")

POLL_S = 0.25
"""Interval at which the outbox is read."""
LEASE_MS = 20_000
"""Time for which a claimed delivery belongs to one process: twice the longest sending."""
TIMEOUT_MS = DAY_MS
"""Time for which a delivery is retried, as the sum of the waits, so that a clock change does not end it early."""
AT_ONCE, PER_ACCOUNT, PER_HOST = 16, 4, 4
"""Deliveries that are sent at the same time: in all, of one account, and to one host."""
LOOKED_AT = 400
"""Due URLs among which deliveries are chosen."""
ANSWER_LENGTH = 500
"""Characters of a response that are stored."""


@dataclass(frozen=True, kw_only=True)
class _Receiver:
    """URL with a due or running delivery."""

    url: str
    account: str
    """Empty for webhooks of all accounts."""

    @property
    def host(self) -> str:
        """Host of the URL, without the port."""
        return urlsplit(self.url).hostname or ""


@dataclass(frozen=True, kw_only=True)
class _DueDelivery:
    """Claimed delivery."""

    id: int
    webhook: str
    receiver: _Receiver
    client_id: str
    """Empty if the webhook has a secret of its own."""
    sealed: str
    dialect: str
    body: str
    attempt: int


class Deliverer:
    """Sends the deliveries of the outbox, in threads. Several processes may each have one."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        fetcher: Fetcher,
        encryptor: Encryptor,
        formatters: Mapping[str, EventFormatter],
    ) -> None:
        self._database, self._clock, self._fetcher = database, clock, fetcher
        self._encryptor, self._formatters = encryptor, formatters
        self._busy: set[_Receiver] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhooks")
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def start(self) -> None:
        """Start the threads."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the threads. A delivery that they have not finished is retried by another process."""
        self._stopped.set()
        self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _loop(self) -> None:
        while not self._stopped.wait(POLL_S):
            try:
                self._expire()
                for delivery in self._claim_due():
                    self._pool.submit(self._send, delivery)
            except sa.exc.SQLAlchemyError as error:
                log.warning("outbox unavailable", why=str(error))
            except Exception as error:  # all deliveries depend on this thread
                log.error("outbox failed", exc_info=error)

    def _expire(self) -> None:
        """Give up deliveries to disabled webhooks after a day; others have a number of attempts."""
        table, now_ms = webhook_deliveries, self._clock.now_ms()
        disabled = sa.select(webhooks.c.id).where(webhooks.c.disabled.is_(True))
        old = (table.c.state == "pending", table.c.created_ms < now_ms - TIMEOUT_MS, table.c.webhook.in_(disabled))
        with self._database.read() as conn:
            if conn.execute(sa.select(table.c.id).where(*old).limit(1)).first() is None:
                return
        with self._database.write() as conn:
            conn.execute(table.update().where(*old).values(state="failed"))

    def _claim_due(self) -> list[_DueDelivery]:
        """Claim the oldest due delivery for each URL without one in progress, within the limits."""
        table, now_ms = webhook_deliveries, self._clock.now_ms()
        with self._lock:
            busy = set(self._busy)
        if len(busy) >= AT_ONCE:
            return []
        first = sa.func.min(table.c.id).label("first")
        query = (
            sa.select(first, webhooks.c.url, sa.func.min(webhooks.c.account).label("account"))
            .join(webhooks, webhooks.c.id == table.c.webhook)
            .where(*_due(now_ms), webhooks.c.disabled.is_(False))
            .where(webhooks.c.url.not_in({receiver.url for receiver in busy}))
            .group_by(webhooks.c.url)
            .order_by(sa.func.min(table.c.attempt), first)  # a receiver that has failed waits for those that have not
            .limit(LOOKED_AT)
        )
        with self._database.read() as conn:
            due = {row.first: _Receiver(url=row.url, account=row.account or "") for row in conn.execute(query)}
        chosen = _within_limits(due, busy)
        return [claimed for delivery in chosen if (claimed := self._claim(delivery, due[delivery], now_ms))]

    def _claim(self, delivery: int, receiver: _Receiver, now_ms: int) -> _DueDelivery | None:
        table = webhook_deliveries
        match = (table.c.id == delivery, *_due(now_ms))
        with self._database.write() as conn:
            row = conn.execute(table.update().where(*match).values(next_ms=now_ms + LEASE_MS).returning(table)).first()
            if row is None:  # another process has it
                return None
            query = sa.select(webhooks, accounts.c.client_id, accounts.c.client_sealed)
            query = query.outerjoin(accounts, accounts.c.id == webhooks.c.account)
            webhook = conn.execute(query.where(webhooks.c.id == row.webhook)).one()
        with self._lock:
            self._busy.add(receiver)
        return _DueDelivery(
            id=row.id,
            webhook=row.webhook,
            receiver=receiver,
            client_id="" if webhook.secret else webhook.client_id,
            sealed=webhook.secret or webhook.client_sealed or "",
            dialect=row.dialect,
            body=row.body,
            attempt=row.attempt + 1,
        )

    def _send(self, delivery: _DueDelivery) -> None:
        status: int | None = None
        formatter = self._formatters.get(delivery.dialect)
        try:
            if formatter is None:
                raise LipsmithError(f"The dialect {delivery.dialect} is not installed.")
            credentials = Credentials.from_text(self._encryptor.open(delivery.sealed))
            if delivery.client_id:
                credentials = Credentials(id=delivery.client_id, secret=credentials.secret)
            request = formatter.request(credentials, delivery.body, self._clock.now_ms())
            headers = {"Content-Type": "application/json", **request.headers}
            answer = self._fetcher.post(delivery.receiver.url, request.body, headers)
            status, text = answer.status, answer.body.decode("utf-8", "replace")
        except LipsmithError as error:
            text = error.message
        except Exception as error:
            log.error("webhook failed", webhook=delivery.webhook, exc_info=error)
            text = "Internal error in the server."
        try:
            delivered = status is not None and formatter is not None and formatter.is_success(status)
            self._record(delivery, status, text.replace("\x00", "")[:ANSWER_LENGTH], delivered=delivered)
        except sa.exc.SQLAlchemyError as error:
            log.warning("result of a webhook lost; it is sent again", why=str(error))
        finally:
            with self._lock:
                self._busy.discard(delivery.receiver)

    def _record(self, delivery: _DueDelivery, status: int | None, text: str, *, delivered: bool) -> None:
        now_ms = self._clock.now_ms()
        values: dict[str, Any] = {"attempt": delivery.attempt, "status": status, "answer": text}
        if delivered:
            values["state"] = "delivered"
        else:
            values["next_ms"] = now_ms + 1000 * 2 ** (delivery.attempt - 1)
            if 1000 * (2**delivery.attempt - 1) > TIMEOUT_MS:  # sum of all waits
                values["state"] = "failed"
        with self._database.write() as conn:
            table = webhook_deliveries
            conn.execute(table.update().where(table.c.id == delivery.id, table.c.state == "pending").values(**values))
        log.info(
            "delivered" if delivered else "not delivered",
            webhook=delivery.webhook,
            delivery=delivery.id,
            attempt=delivery.attempt,
            status=status,
        )


def _within_limits(due: Mapping[int, _Receiver], busy: Collection[_Receiver]) -> list[int]:
    """Choose due deliveries, in their order, that keep the limits together with those in progress."""
    of_accounts, hosts = Counter(r.account for r in busy), Counter(r.host for r in busy)
    chosen: list[int] = []
    for delivery, receiver in due.items():
        if len(busy) + len(chosen) >= AT_ONCE:
            break
        if (receiver.account and of_accounts[receiver.account] >= PER_ACCOUNT) or hosts[receiver.host] >= PER_HOST:
            continue
        of_accounts[receiver.account] += 1
        hosts[receiver.host] += 1
        chosen.append(delivery)
    return chosen


def _due(now_ms: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition for due deliveries. A time too far ahead is due as well: the clock was set back."""
    table = webhook_deliveries
    return table.c.state == "pending", sa.or_(table.c.next_ms <= now_ms, table.c.next_ms > now_ms + TIMEOUT_MS)
