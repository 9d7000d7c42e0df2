"""Brings the tables to the newest form, step by step, whoever comes first."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from lipsmith.database.connection import Database

STEPS = Path(__file__).parent / "migrations"
VERSION_TABLE = "lipsmith_version"
_LOCK = 0x6C697073
"""The name of the lock in PostgreSQL: several processes may start at once."""


def migrate(database: Database) -> None:
    """Applies every step that is still missing, in one transaction."""
    if version(database) == newest():
        return
    from alembic import command  # slow to load, and needed once in a tables' life
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(STEPS))
    with database.write() as conn:
        if not database.is_sqlite:
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = conn
        command.upgrade(config, "head")


def version(database: Database) -> str | None:
    """The step that the tables have reached; None where there are no tables."""
    with database.read() as conn:
        if not sa.inspect(conn).has_table(VERSION_TABLE):
            return None
        reached: str | None = conn.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))
        return reached


def newest() -> str:
    """The last step this program knows, by the number in its file's name.

    >>> newest() >= "0001"
    True
    """
    return max(file.stem[1:5] for file in (STEPS / "versions").glob("v*.py"))
