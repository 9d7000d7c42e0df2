"""Brings the tables to the newest form, step by step, whoever comes first."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from lipsmith.database.connection import Database

_LOCK = 0x6C697073
"""The name of the lock in PostgreSQL: several processes may start at once."""


def migrate(database: Database) -> None:
    """Applies every step that is still missing, in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.write() as conn:
        if not database.is_sqlite:
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
