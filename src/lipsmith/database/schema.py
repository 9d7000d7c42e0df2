"""Migrations of the database schema."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from lipsmith.database.connection import Database

STEPS = Path(__file__).parent / "migrations"
VERSION_TABLE = "lipsmith_version"
_LOCK = 0x6C697073
"""Advisory lock in PostgreSQL, since several processes may start at once."""


def migrate(database: Database) -> None:
    """Apply all missing migrations, in one transaction."""
    if version(database) == newest():
        return
    from alembic import command  # slow to import, and rarely needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(STEPS))
    with database.write() as conn:
        if not database.is_sqlite:
            conn.exec_driver_sql("SET LOCAL statement_timeout = 0")
            conn.exec_driver_sql("SET LOCAL lock_timeout = 0")
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = conn
        command.upgrade(config, "head")


def version(database: Database) -> str | None:
    """Return the last applied migration, or None for an empty database."""
    with database.read() as conn:
        if not sa.inspect(conn).has_table(VERSION_TABLE):
            return None
        reached: str | None = conn.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))
        return reached


def newest() -> str:
    """Return the newest migration of this release, from the number in its file name.

    >>> newest() >= "0001"
    True
    """
    return max(file.stem[1:5] for file in (STEPS / "versions").glob("v*.py"))
