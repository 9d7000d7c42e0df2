"""Connections and transactions, the same for SQLite and PostgreSQL. Independent of the tables."""

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
"""Time that one SQLite writer waits for another."""
POOL_SIZE = 20
"""Connections kept open, shared by the threads of the server and of runners."""
POOL_TIMEOUT_S = 10
"""Time that a thread waits for a connection."""
SQLITE_CACHE_KB = 256
"""Page cache of each connection; the operating system caches the file as well."""
SQLITE_STATEMENTS = 16
"""Compiled statements kept by each connection. Compiling again is cheap, keeping many takes memory."""
CONNECT_TIMEOUT_S = 5
"""Time limit for a new connection to PostgreSQL."""
SILENCE_TIMEOUT_S = 10
"""Time without acknowledgement after which a connection to PostgreSQL counts as lost."""

_SQLITE_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
"""Error codes of the disk or of contention. All others are errors of the statement."""
_POSTGRES_UNAVAILABLE = ("08", "25006", "40001", "40P01", "53", "55P03", "57", "58")
"""Beginnings of SQLSTATE codes (PostgreSQL documentation, appendix A): lost connections, a read-only server during a
failover, deadlocks, exhausted resources, locks that were not free in time, shutdowns, timeouts, and the disk."""
LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS = 20_000, 120_000
"""Longest wait for a lock, and longest statement, of a connection to PostgreSQL. Migrations have no limit."""


class Database:
    """Connections to one database. Thread-safe."""

    def __init__(self, url: str) -> None:
        """Connect to ``url``, ``sqlite:////path/to/file`` or ``postgresql://…``. Raises InvalidOption for others."""
        self.engine = _engine(url)

    @property
    def is_sqlite(self) -> bool:
        """True for SQLite."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Open a transaction. It is committed at the end, and rolled back if an error is raised inside.

        In SQLite it holds the write lock from its start, so rows that it has read do not change until its end. In
        PostgreSQL, lock such rows (``with_for_update``).
        """
        with self.engine.begin() as conn:
            if self.is_sqlite:
                conn.exec_driver_sql("BEGIN IMMEDIATE")
            yield conn

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a connection for reading."""
        with self.engine.connect() as conn:
            yield conn

    def now_ms(self, conn: sa.Connection) -> int:
        """Return the database's time, milliseconds since 1970; for SQLite, this machine's."""
        if self.is_sqlite:
            return time.time_ns() // 1_000_000
        clock = sa.func.extract("epoch", sa.func.clock_timestamp()) * 1000
        return int(conn.execute(sa.select(clock)).scalar_one())

    @contextmanager
    def try_lock(self, name: int) -> Iterator[bool]:
        """Hold the advisory lock ``name``, or yield False if another process does. SQLite has only one process."""
        if self.is_sqlite:
            yield True
            return
        with self.engine.begin() as conn:
            yield bool(conn.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(name))))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def is_unavailable(fault: BaseException) -> bool:
    """Return True if the database does not answer, is busy for too long, or has no space left.

    Return False for errors of the statement.
    """
    if isinstance(fault, sa.exc.TimeoutError):  # of the connection pool
        return True
    if not isinstance(fault, sa.exc.DBAPIError):
        return False
    if isinstance(fault.orig, sqlite3.Error):
        code = getattr(fault.orig, "sqlite_errorcode", None)  # errors of the driver itself have none
        return code is not None and code & 0xFF in _SQLITE_UNAVAILABLE
    state = getattr(fault.orig, "sqlstate", None) or ""
    return (
        fault.connection_invalidated
        or isinstance(fault, sa.exc.OperationalError)
        or state.startswith(_POSTGRES_UNAVAILABLE)
    )


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise InvalidOption("The URL of the database is not valid. Use postgresql://user@host/name.") from error
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
                "options": f"-c lock_timeout={LOCK_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS}",
            },
        )
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise InvalidOption(f"Unknown database {parsed.drivername!r}. Use sqlite or postgresql.")
    engine = sa.create_engine(
        parsed,
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_use_lifo=True,  # keeps few connections in use, so few caches fill
        hide_parameters=True,
        connect_args={"cached_statements": SQLITE_STATEMENTS},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = "IMMEDIATE"  # transactions of the driver, which the queue uses, start like ours
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # committed data survives a power failure
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")  # deleted texts and names are overwritten
    connection.execute(f"PRAGMA cache_size=-{SQLITE_CACHE_KB}")
    if sqlite3.sqlite_version_info < (3, 42):
        connection.create_function("unixepoch", -1, _unixepoch)


def _unixepoch(*arguments: str) -> float:
    """Return the time in seconds since 1970, as SQLite 3.42 does for ``unixepoch('subsec')``.

    DBOS uses it for its default values on Python 3.12 and later; older libraries, such as Debian 12's, return NULL.
    """
    if arguments != ("subsec",):
        raise ValueError(f"unixepoch{arguments} is not supported")
    return time.time()
