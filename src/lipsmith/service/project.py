"""One request for a video or a voice, as plain records: what was asked, how far it is, what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from lipsmith.database.tables import jobs, projects

Kind = Literal["talking_photo", "lip_sync", "face_detection", "voice"]
State = Literal["queued", "rendering", "complete", "error", "canceled"]
Event = Literal["started", "completed", "errored"]
"""What the world is told about."""

OPEN: tuple[State, ...] = ("queued", "rendering")
FINAL: tuple[State, ...] = ("complete", "error", "canceled")
"""A final state never changes."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why there is no video."""

    code: str
    """Stable, as in `lipsmith.errors`."""
    message: str
    """For people."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """Everything that can be told about one request."""

    id: str
    account: str
    dialect: str
    """In whose words it was asked."""
    kind: Kind
    name: str
    params: Mapping[str, Any]
    """What was asked: ``inputs`` by role, ``options`` for the renderer, ``start_s``, ``end_s``, ``fps``, ``price``."""
    state: State
    credits: int
    """The estimate until the end, then the cost."""
    result: Mapping[str, Any] | None
    """Once complete: ``keys`` in the storage, ``warnings``; of a video ``frames``, ``fps``, ``width``, ``height``; of a
    voice ``duration_s``."""
    error: Failure | None
    created_ms: int
    deleted: bool
    """By its owner, or because its time was over."""
    expires_ms: int | None
    """When its results go; None where they stay."""
    progress: float
    """0 to 1."""
    stage: str | None
    """What happens now."""
    left_s: float | None
    """Seconds until it is done, as far as anyone knows."""

    @property
    def keys(self) -> list[str]:
        """Where in the storage its results lie, as long as it is not deleted."""
        return [] if self.deleted else list((self.result or {}).get("keys", ()))


_QUERY = sa.select(projects, jobs.c.state, jobs.c.progress, jobs.c.stage, jobs.c.left_s, jobs.c.id.label("job")).join(
    jobs, jobs.c.project == projects.c.id
)


def find(conn: sa.Connection, project: str, account: str | None = None) -> Project | None:
    """The project of that id, if it is there and, where an account is named, that account's."""
    if not project.isprintable():  # PostgreSQL takes no NUL, not even to look for
        return None
    query = _QUERY.where(projects.c.id == project)
    if account is not None:
        query = query.where(projects.c.account == account)
    row = conn.execute(query).first()
    return from_row(row) if row else None


def listed(conn: sa.Connection, account: str | None, limit: int) -> list[Project]:
    """The newest projects first."""
    query = _QUERY.order_by(projects.c.created_ms.desc(), projects.c.id).limit(limit)
    if account is not None:
        query = query.where(projects.c.account == account)
    return [from_row(row) for row in conn.execute(query)]


def from_row(row: sa.Row[Any]) -> Project:
    """The record in a row of the two tables."""
    return Project(
        id=row.id,
        account=row.account,
        dialect=row.dialect,
        kind=row.kind,
        name=row.name,
        params=row.params,
        state=row.state,
        credits=row.credits,
        result=row.result,
        error=Failure(**row.error) if row.error else None,
        created_ms=row.created_ms,
        deleted=row.deleted_ms is not None,
        expires_ms=row.expires_ms,
        progress=row.progress,
        stage=row.stage,
        left_s=row.left_s,
    )
