"""Reusable client credentials, webhooks for one project, results that expire."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Change the columns. Old hashes cannot be decrypted: renew them with `lipsmith account credentials`."""
    op.drop_column("accounts", "client_secret")
    _add("accounts", "client_sha256", sa.Text(), "what the secret half is recognised by, hex")
    _add("accounts", "client_sealed", sa.Text(), "the secret half, sealed: it encrypts what callers are told")
    op.create_index("ix_accounts_client_sha256", "accounts", ["client_sha256"], unique=True)
    _add("projects", "expires_ms", sa.BigInteger(), "when its results go; none where they stay until deleted")
    op.create_index("ix_projects_expires_ms", "projects", ["expires_ms"])
    _add("webhooks", "project", sa.Text(), "the only one it hears of, if so")
    op.create_index("ix_webhooks_project", "webhooks", ["project"])
    op.create_index("ix_webhooks_url", "webhooks", ["url"])


def _add(table: str, column: str, kind: sa.Text | sa.BigInteger, about: str) -> None:
    op.add_column(table, sa.Column(column, kind, nullable=True, comment=about))
