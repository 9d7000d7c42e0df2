"""A database that cannot be used now is told from one that is used wrongly."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from lipsmith.database.connection import Database, is_unavailable


def fault_of(work: Callable[[], object]) -> Exception:
    with pytest.raises(sa.exc.SQLAlchemyError) as raised:
        work()
    return raised.value


def test_no_file_of_it_can_be_opened(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'none' / 'a.db'}")
    assert is_unavailable(fault_of(lambda: database.engine.connect()))


def test_somebody_else_holds_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.write() as conn:
        other = sa.create_engine(database.engine.url, connect_args={"timeout": 0})
        with other.connect() as waiting:
            assert is_unavailable(fault_of(lambda: waiting.exec_driver_sql("BEGIN IMMEDIATE")))
        other.dispose()
        assert not is_unavailable(fault_of(lambda: conn.execute(sa.text("SELECT * FROM nothing"))))
        assert not is_unavailable(fault_of(lambda: conn.execute(sa.text("SELECT :a"), {"a": object()})))
    database.close()


def test_all_connections_are_taken(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'a.db'}", pool_size=1, max_overflow=0, pool_timeout=0)
    with engine.connect():
        assert is_unavailable(fault_of(engine.connect))
    engine.dispose()


def test_nobody_listens() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    assert is_unavailable(fault_of(lambda: database.engine.connect()))


def test_what_is_no_fault_of_a_database() -> None:
    assert not is_unavailable(OSError("disk full"))
    assert not is_unavailable(sqlite3.OperationalError("database is locked"))
