"""Ledger of credits: lines are added, never changed, and their sum is the balance. All functions need a transaction."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from lipsmith.database.tables import accounts, ledger
from lipsmith.limits import DAY_MS
from lipsmith.service.errors import InsufficientCredits

Line = Literal["grant", "hold", "settle", "refund"]


def balance(conn: sa.Connection, account: str) -> int:
    """Return the credits that the account can spend."""
    return int(
        conn.scalar(sa.select(sa.func.coalesce(sa.func.sum(ledger.c.amount), 0)).where(ledger.c.account == account))
        or 0
    )


def grant(conn: sa.Connection, account: str, amount: int, now_ms: int, *, day: int | None = None) -> None:
    """Grant credits, or take them if ``amount`` is negative. With ``day``, they are the credits of that day."""
    _write(conn, account, None, "grant", amount, now_ms, day)


def day_of(now_ms: int) -> int:
    """Return the day in UTC, counted from 1970.

    >>> day_of(86_399_999), day_of(86_400_000)
    (0, 1)
    """
    return now_ms // DAY_MS


def had(conn: sa.Connection, account: str, day: int) -> bool:
    """Return True if the account has got the credits of that day."""
    return conn.scalar(sa.select(ledger.c.id).where(ledger.c.account == account, ledger.c.day == day)) is not None


def grant_daily(conn: sa.Connection, account: str, amount: int, now_ms: int) -> None:
    """Grant the credits of the day, once."""
    if not amount:
        return
    lock(conn, account)
    if not had(conn, account, day_of(now_ms)):
        grant(conn, account, amount, now_ms, day=day_of(now_ms))


def lock(conn: sa.Connection, account: str) -> None:
    """Lock the account's credits until the end of the transaction.

    Lock before any row that refers to the account is written. Such a row takes a weaker lock, and two transactions that
    strengthen theirs would deadlock.
    """
    conn.execute(sa.select(accounts.c.id).where(accounts.c.id == account).with_for_update(key_share=True))


def hold(conn: sa.Connection, account: str, job: str, amount: int, now_ms: int) -> None:
    """Hold the estimate. Concurrent calls see each other's holds. Raises InsufficientCredits."""
    lock(conn, account)
    left = balance(conn, account)
    if left < amount:
        raise InsufficientCredits(f"This needs {amount} credits, but only {left} are left.")
    _write(conn, account, job, "hold", -amount, now_ms)


def settle(conn: sa.Connection, account: str, job: str, *, held: int, used: int, now_ms: int) -> int:
    """Return unused held credits to the account. Return the cost, which is 0 to ``held``."""
    cost = max(0, min(held, used))
    _write(conn, account, job, "settle", held - cost, now_ms)
    return cost


def refund(conn: sa.Connection, account: str, job: str, *, held: int, now_ms: int) -> None:
    """Refund all held credits."""
    _write(conn, account, job, "refund", held, now_ms)


def _write(
    conn: sa.Connection, account: str, job: str | None, kind: Line, amount: int, now_ms: int, day: int | None = None
) -> None:
    line = {"account": account, "job": job, "kind": kind, "amount": amount, "created_ms": now_ms, "day": day}
    conn.execute(ledger.insert().values(line))
