"""The steps lead to the tables as they are described, and applying them again changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from lipsmith.database.connection import Database
from lipsmith.database.schema import VERSION_TABLE, migrate, newest, version
from lipsmith.database.tables import metadata
from lipsmith.errors import InvalidOption


def test_the_steps_lead_to_the_tables(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    assert version(database) is None
    migrate(database)
    migrate(database)
    with database.read() as conn:
        context = MigrationContext.configure(conn, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == version(database) == newest()
    database.close()


def test_each_column_has_a_comment() -> None:
    assert [column for table in metadata.tables.values() for column in table.columns if not column.comment] == []


@pytest.mark.parametrize("url", ["nonsense", "mysql://root@localhost/x"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(InvalidOption):
        Database(url)


def test_a_transaction_is_whole(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.write() as conn:
        conn.exec_driver_sql("CREATE TABLE t (x)")
    with pytest.raises(RuntimeError), database.write() as conn:
        conn.exec_driver_sql("INSERT INTO t VALUES (1)")
        raise RuntimeError
    with database.read() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
    database.close()
