"""Sends what lies in the outbox: one delivery at a time to each listener, so that a deaf one delays nobody else.

A delivery that fails is tried again after 1, 2, 4, 8 … seconds, for a day.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog

from lipsmith.database.connection import Database
from lipsmith.database.tables import accounts, webhook_deliveries, webhooks
from lipsmith.errors import LipsmithError
from lipsmith.service.billing.encryption import Encryptor
from lipsmith.service.network.fetch import Fetcher
from lipsmith.service.network.webhooks import Credentials, EventFormatter
from lipsmith.service.processes.clock import Clock

log = structlog.get_logger("lipsmith.webhooks")

LOOK_S = 0.25
"""How often the outbox is looked into."""
LEASE_MS = 20_000
"""So long nobody else sends what one process has taken; twice as long as any sending lasts."""
TIMEOUT_MS = 86_400_000
"""So long it is tried. That is counted by the waits between tries, so that a clock that jumps ends nothing early."""
AT_ONCE = 16
"""Listeners that are told at the same time."""
KEPT_ANSWER = 500
"""Characters of an answer that are kept."""


@dataclass(frozen=True, kw_only=True)
class _DueDelivery:
    """One delivery on its way."""

    id: int
    webhook: str
    url: str
    client_id: str
    """Empty where the webhook has a secret of its own."""
    sealed: str
    dialect: str
    body: str
    attempt: int


class Deliverer:
    """Empties the outbox, in threads of its own. Several processes may each have one."""

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
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhooks")
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def stop(self) -> None:
        """Sends nothing new; what is on its way is tried again by the next one who looks, where it does not arrive."""
        self._stopped.set()
        self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> None:
        while not self._stopped.wait(LOOK_S):
            try:
                self._expire()
                for parcel in self._take():
                    self._pool.submit(self._send, parcel)
            except sa.exc.SQLAlchemyError as error:
                log.warning("the outbox cannot be read", why=str(error))
            except Exception as error:  # this thread is everybody's only messenger
                log.error("the outbox cannot be read", exc_info=error)

    def _expire(self) -> None:
        """What a disabled listener did not get in a day, it never gets; others are tried a number of times."""
        table, now_ms = webhook_deliveries, self._clock.now_ms()
        disabled = sa.select(webhooks.c.id).where(webhooks.c.disabled.is_(True))
        old = (table.c.state == "pending", table.c.created_ms < now_ms - TIMEOUT_MS, table.c.webhook.in_(disabled))
        with self._database.read() as conn:
            if conn.execute(sa.select(table.c.id).where(*old).limit(1)).first() is None:
                return
        with self._database.write() as conn:
            conn.execute(table.update().where(*old).values(state="failed"))

    def _take(self) -> list[_DueDelivery]:
        """The oldest due delivery to each address that is not busy."""
        table, now_ms = webhook_deliveries, self._clock.now_ms()
        with self._lock:
            busy = set(self._busy)
        query = (
            sa.select(sa.func.min(table.c.id))
            .join(webhooks, webhooks.c.id == table.c.webhook)
            .where(*_due(now_ms), webhooks.c.disabled.is_(False))
            .group_by(webhooks.c.url)
        )
        with self._database.read() as conn:
            due = list(conn.scalars(query.where(webhooks.c.url.not_in(busy)).limit(AT_ONCE)))
        return [parcel for delivery in due if (parcel := self._claim(delivery, now_ms))]

    def _claim(self, delivery: int, now_ms: int) -> _DueDelivery | None:
        table = webhook_deliveries
        mine = (table.c.id == delivery, *_due(now_ms))
        with self._database.write() as conn:
            row = conn.execute(table.update().where(*mine).values(next_ms=now_ms + LEASE_MS).returning(table)).first()
            if row is None:  # another process has it
                return None
            knows = sa.select(webhooks, accounts.c.client_id, accounts.c.client_sealed)
            knows = knows.outerjoin(accounts, accounts.c.id == webhooks.c.account)
            listener = conn.execute(knows.where(webhooks.c.id == row.webhook)).one()
        with self._lock:
            self._busy.add(listener.url)
        return _DueDelivery(
            id=row.id,
            webhook=row.webhook,
            url=listener.url,
            client_id="" if listener.secret else listener.client_id,
            sealed=listener.secret or listener.client_sealed or "",
            dialect=row.dialect,
            body=row.body,
            attempt=row.attempt + 1,
        )

    def _send(self, parcel: _DueDelivery) -> None:
        status: int | None = None
        formatter = self._formatters.get(parcel.dialect)
        try:
            if formatter is None:
                raise LipsmithError(f"The dialect {parcel.dialect} is not installed.")
            credentials = Credentials.from_text(self._encryptor.open(parcel.sealed))
            if parcel.client_id:
                credentials = Credentials(id=parcel.client_id, secret=credentials.secret)
            request = formatter.request(credentials, parcel.body, self._clock.now_ms())
            headers = {"Content-Type": "application/json", **request.headers}
            answer = self._fetcher.post(parcel.url, request.body, headers)
            status, words = answer.status, answer.body.decode("utf-8", "replace")
        except LipsmithError as error:
            words = error.message
        except Exception as error:
            log.error("a webhook could not be sent", webhook=parcel.webhook, exc_info=error)
            words = "The server made a mistake."
        try:
            taken = status is not None and formatter is not None and formatter.is_success(status)
            self._note(parcel, status, words.replace("\x00", "")[:KEPT_ANSWER], taken=taken)
        except sa.exc.SQLAlchemyError as error:
            log.warning("what a webhook answered is lost; it is sent again", why=str(error))
        finally:
            with self._lock:
                self._busy.discard(parcel.url)

    def _note(self, parcel: _DueDelivery, status: int | None, words: str, *, taken: bool) -> None:
        now_ms = self._clock.now_ms()
        values: dict[str, Any] = {"attempt": parcel.attempt, "status": status, "answer": words}
        if taken:
            values["state"] = "delivered"
        else:
            values["next_ms"] = now_ms + 1000 * 2 ** (parcel.attempt - 1)
            if 1000 * (2**parcel.attempt - 1) > TIMEOUT_MS:  # all waits together
                values["state"] = "failed"
        with self._database.write() as conn:
            table = webhook_deliveries
            conn.execute(table.update().where(table.c.id == parcel.id, table.c.state == "pending").values(**values))
        log.info("told", webhook=parcel.webhook, delivery=parcel.id, attempt=parcel.attempt, status=status)


def _due(now_ms: int) -> tuple[sa.ColumnElement[bool], ...]:
    """What is to be sent now, also where a clock that was set back made its time a day that is not to come."""
    table = webhook_deliveries
    return table.c.state == "pending", sa.or_(table.c.next_ms <= now_ms, table.c.next_ms > now_ms + TIMEOUT_MS)
