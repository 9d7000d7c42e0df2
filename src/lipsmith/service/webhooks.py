"""The outbox: what is to be told is written down in the transaction in which it happens. Sending comes later."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from lipsmith.database.tables import webhook_deliveries, webhooks
from lipsmith.service import project as records
from lipsmith.service.clock import Clock
from lipsmith.service.project import Event, Project

Formatter = Callable[[Project, Event], tuple[str, str] | None]
"""A dialect's own name of the event and the text of its body; None where it tells nothing."""


class Outbox:
    """Writes down what has to be sent."""

    def __init__(self, clock: Clock, formatters: Mapping[str, Formatter]) -> None:
        """``formatters`` by the name of the dialect."""
        self._clock, self._formatters = clock, formatters

    def tell(self, conn: sa.Connection, project: str, event: Event) -> None:
        """One delivery for each webhook that listens."""
        found = records.find(conn, project)
        if found is None or found.dialect not in self._formatters:
            return
        listeners = conn.execute(
            sa.select(webhooks).where(
                webhooks.c.disabled.is_(False),
                sa.or_(webhooks.c.account.is_(None), webhooks.c.account == found.account),
            )
        ).all()
        formatted = self._formatters[found.dialect](found, event) if listeners else None
        if formatted is None:
            return
        name, body = formatted
        now_ms = self._clock.now_ms()
        for listener in listeners:
            if listener.events and name not in listener.events:
                continue
            conn.execute(
                webhook_deliveries.insert().values(
                    webhook=listener.id,
                    project=project,
                    event=name,
                    body=body,
                    state="pending",
                    attempt=0,
                    next_ms=now_ms,
                    created_ms=now_ms,
                )
            )
