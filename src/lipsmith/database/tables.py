"""Tables, with a comment per column. Times (``…_ms``) are milliseconds since 1970."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Ms = sa.BigInteger
"""Milliseconds since 1970."""


def _column(name: str, kind: Any, comment: str, *more: Any, **options: Any) -> sa.Column[Any]:
    options.setdefault("nullable", False)
    return sa.Column(name, kind, *more, comment=comment, **options)


accounts = sa.Table(
    "accounts",
    metadata,
    _column("id", sa.Text, "cuid-like, never used again", primary_key=True),
    _column("email", sa.Text, "as given, may be absent", nullable=True),
    _column("plan", sa.Text, "name of the plan"),
    _column("client_id", sa.Text, "public half of the client credentials", unique=True),
    _column("suspended", sa.Boolean, "a suspended account's keys open nothing"),
    _column("created_ms", Ms, "when it was made"),
    _column("client_sha256", sa.Text, "what the secret half is recognised by, hex", nullable=True),
    _column("client_sealed", sa.Text, "the secret half, sealed: it encrypts what callers are told", nullable=True),
    sa.Index("ix_accounts_client_sha256", "client_sha256", unique=True),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    _column("id", sa.Text, "names the key without telling it", primary_key=True),
    _column("account", sa.Text, "whose it is", sa.ForeignKey("accounts.id"), index=True),
    _column("prefix", sa.Text, "its first characters, to recognise it by"),
    _column("sha256", sa.Text, "what is kept of it, hex", unique=True),
    _column("created_ms", Ms, "when it was made"),
    _column("revoked_ms", Ms, "when it stopped to open anything", nullable=True),
)

files = sa.Table(
    "files",
    metadata,
    _column("key", sa.Text, "where its bytes lie in the storage", primary_key=True),
    _column("account", sa.Text, "whose it is", sa.ForeignKey("accounts.id"), index=True),
    _column("kind", sa.Text, "image, audio, video or any"),
    _column("extension", sa.Text, "without the dot"),
    _column("state", sa.Text, "pending until its bytes came, then uploaded"),
    _column("size_bytes", sa.BigInteger, "how much came", nullable=True),
    _column("created_ms", Ms, "when the upload was offered"),
    _column("expires_ms", Ms, "when it goes", index=True),
)

projects = sa.Table(
    "projects",
    metadata,
    _column("id", sa.Text, "what the caller polls", primary_key=True),
    _column("account", sa.Text, "who asked", sa.ForeignKey("accounts.id"), index=True),
    _column("dialect", sa.Text, "in whose words it was asked"),
    _column("kind", sa.Text, "talking_photo, lip_sync, face_detection or voice"),
    _column("name", sa.Text, "for people"),
    _column("params", sa.JSON, "what was asked, in our words"),
    _column("estimate", sa.BigInteger, "credits held when it was asked"),
    _column("credits", sa.BigInteger, "credits it costs by now"),
    _column(
        "result", sa.JSON(none_as_null=True), "frames, fps, size and place of the video, once there", nullable=True
    ),
    _column("error", sa.JSON(none_as_null=True), "code and message, once it failed", nullable=True),
    _column("created_ms", Ms, "when it was asked"),
    _column("deleted_ms", Ms, "when its owner deleted it, or it expired", nullable=True),
    _column("expires_ms", Ms, "when its results go; none where they stay until deleted", nullable=True, index=True),
)

jobs = sa.Table(
    "jobs",
    metadata,
    _column("id", sa.Text, "also the queue's name for it", primary_key=True),
    _column("project", sa.Text, "what it makes", sa.ForeignKey("projects.id"), unique=True),
    _column("account", sa.Text, "who pays", sa.ForeignKey("accounts.id"), index=True),
    _column("state", sa.Text, "queued, rendering, complete, error or canceled; the last three are final", index=True),
    _column("priority", sa.Integer, "the lowest is next; unique among the unfinished"),
    _column("admitted", sa.Boolean, "false while the account has as many jobs running as its plan allows"),
    _column("attempt", sa.Integer, "how often it was begun"),
    _column("max_attempts", sa.Integer, "after so many it fails"),
    _column("worker", sa.Text, "who has it", nullable=True),
    _column("progress", sa.Float, "0 to 1"),
    _column("stage", sa.Text, "what happens now", nullable=True),
    _column("left_s", sa.Float, "seconds until it is done, as far as anyone knows", nullable=True),
    _column("created_ms", Ms, "when it was asked"),
    _column("started_ms", Ms, "when its last attempt began", nullable=True),
    _column("finished_ms", Ms, "when it entered a final state", nullable=True),
)

ledger = sa.Table(
    "ledger",
    metadata,
    _column("id", sa.Integer, "in order", primary_key=True, autoincrement=True),
    _column("account", sa.Text, "whose credits", sa.ForeignKey("accounts.id"), index=True),
    _column("job", sa.Text, "what for; none for a grant", sa.ForeignKey("jobs.id"), nullable=True),
    _column("kind", sa.Text, "grant, hold, settle or refund"),
    _column("amount", sa.BigInteger, "credits, negative when they go; the balance is the sum"),
    _column("created_ms", Ms, "when; a line is never changed"),
    _column("day", sa.Integer, "which day's credits, counted from 1970; none for all others", nullable=True),
    sa.UniqueConstraint("job", "kind"),
    sa.Index("ix_ledger_day", "account", "day", unique=True),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    _column("account", sa.Text, "who asked", sa.ForeignKey("accounts.id"), primary_key=True),
    _column("key", sa.Text, "as the caller sent it", primary_key=True),
    _column("request", sa.Text, "SHA-256 of what was asked, hex"),
    _column("project", sa.Text, "what it became", sa.ForeignKey("projects.id")),
    _column("created_ms", Ms, "when", index=True),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    _column("id", sa.Text, "names it in commands", primary_key=True),
    _column("account", sa.Text, "whose events; all accounts' when absent", sa.ForeignKey("accounts.id"), nullable=True),
    _column("url", sa.Text, "where they go", index=True),
    _column("events", sa.JSON, "which; all when empty"),
    _column("secret", sa.Text, "sealed with the server's own key; empty where the account's credentials serve"),
    _column("disabled", sa.Boolean, "events pass it by"),
    _column("created_ms", Ms, "when it was made"),
    _column("project", sa.Text, "the only one it hears of, if so", nullable=True, index=True),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    _column("id", sa.Integer, "in order", primary_key=True, autoincrement=True),
    _column("webhook", sa.Text, "to whom", sa.ForeignKey("webhooks.id"), index=True),
    _column("project", sa.Text, "about what; none for a test", sa.ForeignKey("projects.id"), nullable=True),
    _column("event", sa.Text, "what happened"),
    _column("dialect", sa.Text, "in whose words"),
    _column("body", sa.Text, "exactly what is sent"),
    _column("state", sa.Text, "pending, delivered or failed"),
    _column("attempt", sa.Integer, "how often it was sent"),
    _column("next_ms", Ms, "when it is sent next"),
    _column("status", sa.Integer, "the last answer's HTTP status", nullable=True),
    _column("answer", sa.Text, "its beginning, or why there was none", nullable=True),
    _column("created_ms", Ms, "when it happened"),
    sa.UniqueConstraint("webhook", "project", "event"),
    sa.Index("ix_webhook_deliveries_due", "state", "next_ms"),
)

runners = sa.Table(
    "workers",
    metadata,
    _column("id", sa.Text, "also the queue's name for the process", primary_key=True),
    _column("host", sa.Text, "where it runs"),
    _column("slots", sa.Integer, "how many videos it renders at once"),
    _column("draining", sa.Boolean, "finishes what it has and takes nothing new"),
    _column("started_ms", Ms, "when it came"),
    _column("seen_ms", Ms, "its last sign of life, by the database's clock"),
)
