"""Order of jobs: fair shares between accounts, larger ones for larger plans.

Each new job gets a priority number; the lowest runs first. An account's next number is one step after its last one, so
a hundred jobs of one account let another account's first job pass. Larger plans have smaller steps.
"""

from __future__ import annotations

import sqlalchemy as sa

from lipsmith.database.tables import jobs
from lipsmith.service.billing.plans import Plan
from lipsmith.service.project import OPEN

STEP = 800
"""Divisible by the weight of every plan, with room between numbers that would be equal."""


def next_priority(conn: sa.Connection, account: str, plan: Plan) -> int:
    """Return a number that no open job has. Numbers restart at 0 when no job is open, so they never run out."""
    mine = sa.func.max(jobs.c.priority).filter(jobs.c.account == account)
    running = sa.func.max(jobs.c.priority).filter(jobs.c.state == "rendering")
    waiting = sa.func.min(jobs.c.priority).filter(jobs.c.state == "queued")
    row = conn.execute(sa.select(mine, running, waiting).where(jobs.c.state.in_(OPEN))).one()
    # If nothing runs, the present is just before the first waiting job.
    last, now = row[0] or 0, row[1] or max(0, (row[2] or 0) - STEP)
    number = max(last, now) + STEP // plan.weight
    taken = set(conn.scalars(sa.select(jobs.c.priority).where(jobs.c.state.in_(OPEN), jobs.c.priority >= number)))
    while number in taken:
        number += 1
    return number


def may_start(conn: sa.Connection, account: str, plan: Plan) -> bool:
    """Return True if the account may run one more job."""
    return unfinished(conn, account, jobs.c.admitted.is_(True)) < plan.concurrency


def unfinished(conn: sa.Connection, account: str, *conditions: sa.ColumnElement[bool]) -> int:
    """Return the number of the account's jobs that wait or run, and that meet the conditions."""
    query = sa.select(sa.func.count()).where(jobs.c.account == account, jobs.c.state.in_(OPEN), *conditions)
    return int(conn.scalar(query) or 0)


def admit_next(conn: sa.Connection, account: str, plan: Plan) -> str | None:
    """Admit the account's next waiting job if it may run one more. Return its id."""
    if not may_start(conn, account, plan):
        return None
    waiting = (
        sa.select(jobs.c.id)
        .where(jobs.c.account == account, jobs.c.state == "queued", jobs.c.admitted.is_(False))
        .order_by(jobs.c.priority)
        .limit(1)
        .with_for_update(skip_locked=True)  # another transaction completes that job
        .scalar_subquery()
    )
    return conn.scalar(jobs.update().where(jobs.c.id == waiting).values(admitted=True).returning(jobs.c.id))
