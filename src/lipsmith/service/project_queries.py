"""Queries for projects."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from lipsmith.database.tables import jobs, projects
from lipsmith.service.project import Failure, JobParams, JobResult, Project

_QUERY = sa.select(projects, jobs.c.state, jobs.c.progress, jobs.c.stage, jobs.c.left_s, jobs.c.id.label("job")).join(
    jobs, jobs.c.project == projects.c.id
)


def find(conn: sa.Connection, project: str, account: str | None = None) -> Project | None:
    """Return the project with that id, of ``account`` if one is given."""
    if not project.isprintable():  # PostgreSQL rejects NUL, even in a query
        return None
    query = _QUERY.where(projects.c.id == project)
    if account is not None:
        query = query.where(projects.c.account == account)
    row = conn.execute(query).first()
    return from_row(row) if row else None


def newest(conn: sa.Connection, account: str | None, limit: int) -> list[Project]:
    """Return up to ``limit`` projects, the newest first."""
    query = _QUERY.order_by(projects.c.created_ms.desc(), projects.c.id).limit(limit)
    if account is not None:
        query = query.where(projects.c.account == account)
    return [from_row(row) for row in conn.execute(query)]


def from_row(row: sa.Row[Any]) -> Project:
    """Return the record for a row of projects and jobs."""
    return Project(
        id=row.id,
        account=row.account,
        dialect=row.dialect,
        kind=row.kind,
        name=row.name,
        params=JobParams.from_json(row.params),
        state=row.state,
        credits=row.credits,
        result=JobResult.from_json(row.result) if row.result else None,
        error=Failure(**row.error) if row.error else None,
        created_ms=row.created_ms,
        deleted=row.deleted_ms is not None,
        expires_ms=row.expires_ms,
        progress=row.progress,
        stage=row.stage,
        left_s=row.left_s,
    )
