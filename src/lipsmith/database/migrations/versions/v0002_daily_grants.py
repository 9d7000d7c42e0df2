"""Daily credits: at most one line of the ledger per account and day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; existing lines belong to no day."""
    about = "which day's credits, counted from 1970; none for all others"
    op.add_column("ledger", sa.Column("day", sa.Integer(), nullable=True, comment=about))
    op.create_index("ix_ledger_day", "ledger", ["account", "day"], unique=True)
