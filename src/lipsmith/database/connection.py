"""One way to reach SQLite and PostgreSQL alike: a transaction that writes, and a look that does not.

Knows no tables and no business.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from lipsmith.errors import InvalidOption

BUSY_TIMEOUT_MS = 30_000
"""How long one writer of SQLite waits for another before it gives up."""
POOL_SIZE = 20
"""Connections kept; the threads of the HTTP edge and of the workers share them."""
POOL_TIMEOUT_S = 10
"""How long a thread waits for one of them."""
SQLITE_CACHE_KB = 256
"""Of the file's pages, kept by each connection; the system keeps them too, once for all."""
SQLITE_STATEMENTS = 16
"""Compiled statements kept by each connection, which cost far more memory than time to compile again."""
CONNECT_TIMEOUT_S = 5
"""How long PostgreSQL may take to answer a new connection."""
SILENCE_TIMEOUT_S = 10
"""How long what was sent to PostgreSQL may go without any sign that it arrived."""

_SQLITE_TROUBLES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
"""Faults of the disk or of the moment; all others are faults of what was asked."""


class Database:
    """The tables' home. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        """``url`` is ``sqlite:////path/to/file`` or ``postgresql://…``. Raises InvalidOption for any other kind."""
        self.engine = _engine(url)

    @property
    def is_sqlite(self) -> bool:
        """Whether one file is the whole database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that is committed at the end, or undone where an error is raised inside.

        In SQLite it holds the write lock from its first moment on, so what is read in it stays true until its end; in
        PostgreSQL lock the rows that must stay (``with_for_update``).
        """
        with self.engine.begin() as conn:
            if self.is_sqlite:
                conn.exec_driver_sql("BEGIN IMMEDIATE")
            yield conn

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection to look things up with."""
        with self.engine.connect() as conn:
            yield conn

    def now_ms(self, conn: sa.Connection) -> int:
        """The database's own time, milliseconds since 1970; SQLite's is this machine's."""
        if self.is_sqlite:
            return time.time_ns() // 1_000_000
        clock = sa.func.extract("epoch", sa.func.clock_timestamp()) * 1000
        return int(conn.execute(sa.select(clock)).scalar_one())

    @contextmanager
    def alone(self, name: int) -> Iterator[bool]:
        """Whether no other process is inside with the same ``name``; nobody waits. One file has one process anyway."""
        if self.is_sqlite:
            yield True
            return
        with self.engine.begin() as conn:
            yield bool(conn.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(name))))

    def close(self) -> None:
        """Gives all connections back."""
        self.engine.dispose()


def is_away(fault: BaseException) -> bool:
    """Whether the database cannot be used at the moment, as opposed to being used wrongly: it does not answer, is
    busy for too long, or has no room."""
    if isinstance(fault, sa.exc.TimeoutError):  # of the pool
        return True
    if not isinstance(fault, sa.exc.DBAPIError):
        return False
    if isinstance(fault.orig, sqlite3.Error):
        code = getattr(fault.orig, "sqlite_errorcode", None)  # the driver's own complaints have none
        return code is not None and code & 0xFF in _SQLITE_TROUBLES
    return fault.connection_invalidated or isinstance(fault, sa.exc.OperationalError)


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise InvalidOption("The database's URL cannot be read. Use postgresql://user@host/name.") from error
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=POOL_SIZE,
            max_overflow=POOL_SIZE,
            pool_timeout=POOL_TIMEOUT_S,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "keepalives_idle": SILENCE_TIMEOUT_S,
                "tcp_user_timeout": SILENCE_TIMEOUT_S * 1000,
            },
        )
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise InvalidOption(f"There is no way to {parsed.drivername!r}, only to sqlite and postgresql.")
    engine = sa.create_engine(
        parsed,
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_use_lifo=True,  # few connections are in use, and only those fill their caches
        hide_parameters=True,
        connect_args={"cached_statements": SQLITE_STATEMENTS},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = "IMMEDIATE"  # the driver's own transactions, those of the queue, begin like ours
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # what was answered survives a loss of power
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA cache_size=-{SQLITE_CACHE_KB}")
