"""Initial tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), nullable=False, comment="cuid-like, never used again"),
        sa.Column("email", sa.Text(), nullable=True, comment="as given, may be absent"),
        sa.Column("plan", sa.Text(), nullable=False, comment="free, creator, pro or business"),
        sa.Column("client_id", sa.Text(), nullable=False, comment="public half of the second dialect's credentials"),
        sa.Column("client_secret", sa.Text(), nullable=False, comment="SHA-256 of the other half, hex"),
        sa.Column("suspended", sa.Boolean(), nullable=False, comment="a suspended account's keys open nothing"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False, comment="when it was made"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("client_id", name=op.f("uq_accounts_client_id")),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False, comment="also the queue's name for the process"),
        sa.Column("host", sa.Text(), nullable=False, comment="where it runs"),
        sa.Column("slots", sa.Integer(), nullable=False, comment="how many videos it renders at once"),
        sa.Column("draining", sa.Boolean(), nullable=False, comment="finishes what it has and takes nothing new"),
        sa.Column("started_ms", sa.BigInteger(), nullable=False, comment="when it came"),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False, comment="its last sign of life, by the database's clock"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False, comment="names the key without telling it"),
        sa.Column("account", sa.Text(), nullable=False, comment="whose it is"),
        sa.Column("prefix", sa.Text(), nullable=False, comment="its first characters, to recognise it by"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="what is kept of it, hex"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False, comment="when it was made"),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True, comment="when it stopped to open anything"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_api_keys_account_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_keys_sha256")),
    )
    op.create_index(op.f("ix_api_keys_account"), "api_keys", ["account"], unique=False)
    op.create_table(
        "files",
        sa.Column("key", sa.Text(), nullable=False, comment="where its bytes lie in the storage"),
        sa.Column("account", sa.Text(), nullable=False, comment="whose it is"),
        sa.Column("kind", sa.Text(), nullable=False, comment="image, audio or video"),
        sa.Column("extension", sa.Text(), nullable=False, comment="without the dot"),
        sa.Column("state", sa.Text(), nullable=False, comment="pending until its bytes came, then uploaded"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True, comment="how much came"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False, comment="when the upload was offered"),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False, comment="when it goes"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_files_account_accounts")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_files")),
    )
    op.create_index(op.f("ix_files_account"), "files", ["account"], unique=False)
    op.create_index(op.f("ix_files_expires_ms"), "files", ["expires_ms"], unique=False)
    op.create_table(
        "projects",
        sa.Column("id", sa.Text(), nullable=False, comment="what the caller polls"),
        sa.Column("account", sa.Text(), nullable=False, comment="who asked"),
        sa.Column("dialect", sa.Text(), nullable=False, comment="in whose words it was asked"),
        sa.Column("kind", sa.Text(), nullable=False, comment="talking_photo, lip_sync or face_detection"),
        sa.Column("name", sa.Text(), nullable=False, comment="for people"),
        sa.Column("params", sa.JSON(), nullable=False, comment="what was asked, in our words"),
        sa.Column("estimate", sa.BigInteger(), nullable=False, comment="credits held when it was asked"),
        sa.Column("credits", sa.BigInteger(), nullable=False, comment="credits it costs by now"),
        sa.Column(
            "result",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="frames, fps, size and place of the video, once there",
        ),
        sa.Column("error", sa.JSON(none_as_null=True), nullable=True, comment="code and message, once it failed"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False, comment="when it was asked"),
        sa.Column("deleted_ms", sa.BigInteger(), nullable=True, comment="when its owner deleted it"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_projects_account_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
    )
    op.create_index(op.f("ix_projects_account"), "projects", ["account"], unique=False)
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text(), nullable=False, comment="names it in commands"),
        sa.Column("account", sa.Text(), nullable=True, comment="whose events; all accounts' when absent"),
        sa.Column("url", sa.Text(), nullable=False, comment="where they go"),
        sa.Column("events", sa.JSON(), nullable=False, comment="which; all when empty"),
        sa.Column("secret", sa.Text(), nullable=False, comment="sealed with the server's own key"),
        sa.Column("disabled", sa.Boolean(), nullable=False, comment="events pass it by"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False, comment="when it was made"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_webhooks_account_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "idempotency",
        sa.Column("account", sa.Text(), nullable=False, comment="who asked"),
        sa.Column("key", sa.Text(), nullable=False, comment="as the caller sent it"),
        sa.Column("request", sa.Text(), nullable=False, comment="SHA-256 of what was asked, hex"),
        sa.Column("project", sa.Text(), nullable=False, comment="what it became"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False, comment="when"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_idempotency_account_accounts")),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_idempotency_project_projects")),
        sa.PrimaryKeyConstraint("account", "key", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_created_ms"), "idempotency", ["created_ms"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), nullable=False, comment="also the queue's name for it"),
        sa.Column("project", sa.Text(), nullable=False, comment="what it makes"),
        sa.Column("account", sa.Text(), nullable=False, comment="who pays"),
        sa.Column(
            "state",
            sa.Text(),
            nullable=False,
            comment="queued, rendering, complete, error or canceled; the last three are final",
        ),
        sa.Column("priority", sa.Integer(), nullable=False, comment="the lowest is next; unique among the unfinished"),
        sa.Column(
            "admitted",
            sa.Boolean(),
            nullable=False,
            comment="false while the account has as many jobs running as its plan allows",
        ),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="how often it was begun"),
        sa.Column("max_attempts", sa.Integer(), nullable=False, comment="after so many it fails"),
        sa.Column("worker", sa.Text(), nullable=True, comment="who has it"),
        sa.Column("progress", sa.Float(), nullable=False, comment="0 to 1"),
        sa.Column("stage", sa.Text(), nullable=True, comment="what happens now"),
        sa.Column("left_s", sa.Float(), nullable=True, comment="seconds until it is done, as far as anyone knows"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False, comment="when it was asked"),
        sa.Column("started_ms", sa.BigInteger(), nullable=True, comment="when its last attempt began"),
        sa.Column("finished_ms", sa.BigInteger(), nullable=True, comment="when it entered a final state"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_jobs_account_accounts")),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_jobs_project_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("project", name=op.f("uq_jobs_project")),
    )
    op.create_index(op.f("ix_jobs_account"), "jobs", ["account"], unique=False)
    op.create_index(op.f("ix_jobs_state"), "jobs", ["state"], unique=False)
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False, comment="in order"),
        sa.Column("webhook", sa.Text(), nullable=False, comment="to whom"),
        sa.Column("project", sa.Text(), nullable=True, comment="about what; none for a test"),
        sa.Column("event", sa.Text(), nullable=False, comment="what happened"),
        sa.Column("dialect", sa.Text(), nullable=False, comment="in whose words"),
        sa.Column("body", sa.Text(), nullable=False, comment="exactly what is sent"),
        sa.Column("state", sa.Text(), nullable=False, comment="pending, delivered or failed"),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="how often it was sent"),
        sa.Column("next_ms", sa.BigInteger(), nullable=False, comment="when it is sent next"),
        sa.Column("status", sa.Integer(), nullable=True, comment="the last answer's HTTP status"),
        sa.Column("answer", sa.Text(), nullable=True, comment="its beginning, or why there was none"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False, comment="when it happened"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_webhook_deliveries_project_projects")),
        sa.ForeignKeyConstraint(["webhook"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook_webhooks")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("webhook", "project", "event", name=op.f("uq_webhook_deliveries_webhook_project_event")),
    )
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["state", "next_ms"], unique=False)
    op.create_index(op.f("ix_webhook_deliveries_webhook"), "webhook_deliveries", ["webhook"], unique=False)
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False, comment="in order"),
        sa.Column("account", sa.Text(), nullable=False, comment="whose credits"),
        sa.Column("job", sa.Text(), nullable=True, comment="what for; none for a grant"),
        sa.Column("kind", sa.Text(), nullable=False, comment="grant, hold, settle or refund"),
        sa.Column(
            "amount", sa.BigInteger(), nullable=False, comment="credits, negative when they go; the balance is the sum"
        ),
        sa.Column("created_ms", sa.BigInteger(), nullable=False, comment="when; a line is never changed"),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_ledger_account_accounts")),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name=op.f("fk_ledger_job_jobs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
        sa.UniqueConstraint("job", "kind", name=op.f("uq_ledger_job_kind")),
    )
    op.create_index(op.f("ix_ledger_account"), "ledger", ["account"], unique=False)
