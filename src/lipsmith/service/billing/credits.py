"""The ledger: lines are added, never changed; the balance is their sum. Every function works inside a transaction."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from lipsmith.database.tables import accounts, ledger
from lipsmith.service.errors import InsufficientCredits

Line = Literal["grant", "hold", "settle", "refund"]

_DAY_MS = 86_400_000


def balance(conn: sa.Connection, account: str) -> int:
    """Credits the account can still spend."""
    return int(
        conn.scalar(sa.select(sa.func.coalesce(sa.func.sum(ledger.c.amount), 0)).where(ledger.c.account == account))
        or 0
    )


def grant(conn: sa.Connection, account: str, amount: int, now_ms: int, *, day: int | None = None) -> None:
    """Gives credits; takes them where ``amount`` is negative. With ``day``, they stand for that day's."""
    _write(conn, account, None, "grant", amount, now_ms, day)


def day_of(now_ms: int) -> int:
    """Which day it is, counted from 1970, in UTC.

    >>> day_of(86_399_999), day_of(86_400_000)
    (0, 1)
    """
    return now_ms // _DAY_MS


def had(conn: sa.Connection, account: str, day: int) -> bool:
    """Whether the account was given the day's credits."""
    return conn.scalar(sa.select(ledger.c.id).where(ledger.c.account == account, ledger.c.day == day)) is not None


def grant_daily(conn: sa.Connection, account: str, amount: int, now_ms: int) -> None:
    """Gives the day's credits, if there are some and they were not given yet."""
    if not amount:
        return
    lock(conn, account)
    if not had(conn, account, day_of(now_ms)):
        grant(conn, account, amount, now_ms, day=day_of(now_ms))


def lock(conn: sa.Connection, account: str) -> None:
    """Until the transaction's end, no other one spends this account's credits.

    Lock before anything is written that refers to the account: that takes a weaker lock, and two transactions that want
    to strengthen theirs would wait for each other.
    """
    conn.execute(sa.select(accounts.c.id).where(accounts.c.id == account).with_for_update(key_share=True))


def hold(conn: sa.Connection, account: str, job: str, amount: int, now_ms: int) -> None:
    """Sets the estimate aside. Raises InsufficientCredits; of many that try at once, each sees the others' holds."""
    lock(conn, account)
    left = balance(conn, account)
    if left < amount:
        raise InsufficientCredits(f"This needs {amount} credits, and {left} are left.")
    _write(conn, account, job, "hold", -amount, now_ms)


def settle(conn: sa.Connection, account: str, job: str, *, held: int, used: int, now_ms: int) -> int:
    """Gives back what was held and not used; returns what the job costs, which is never more than was held."""
    cost = min(held, used)
    _write(conn, account, job, "settle", held - cost, now_ms)
    return cost


def refund(conn: sa.Connection, account: str, job: str, *, held: int, now_ms: int) -> None:
    """Gives all back."""
    _write(conn, account, job, "refund", held, now_ms)


def _write(
    conn: sa.Connection, account: str, job: str | None, kind: Line, amount: int, now_ms: int, day: int | None = None
) -> None:
    line = {"account": account, "job": job, "kind": kind, "amount": amount, "created_ms": now_ms, "day": day}
    conn.execute(ledger.insert().values(line))
