"""Whose job is next: fair shares between accounts, larger ones for larger plans.

Each job gets a number when it comes, and the lowest goes first. An account's next number lies one step after its last
one, so that a hundred jobs of one account let another's first job pass; the step is the smaller, the larger the plan.
"""

from __future__ import annotations

import sqlalchemy as sa

from lipsmith.database.tables import jobs
from lipsmith.service.billing.plans import Plan
from lipsmith.service.project import OPEN

STEP = 800
"""Divides by every plan's weight, and leaves room for jobs that would have the same number."""


def next_priority(conn: sa.Connection, account: str, plan: Plan) -> int:
    """A number no unfinished job has. Starts again at the bottom where nothing waits, so it never runs out."""
    mine = sa.func.max(jobs.c.priority).filter(jobs.c.account == account)
    running = sa.func.max(jobs.c.priority).filter(jobs.c.state == "rendering")
    waiting = sa.func.min(jobs.c.priority).filter(jobs.c.state == "queued")
    row = conn.execute(sa.select(mine, running, waiting).where(jobs.c.state.in_(OPEN))).one()
    # Where nothing runs, time stands just before the first that waits.
    last, now = row[0] or 0, row[1] or max(0, (row[2] or 0) - STEP)
    number = max(last, now) + STEP // plan.weight
    taken = set(conn.scalars(sa.select(jobs.c.priority).where(jobs.c.state.in_(OPEN), jobs.c.priority >= number)))
    while number in taken:
        number += 1
    return number


def may_start(conn: sa.Connection, account: str, plan: Plan) -> bool:
    """Whether the account has room for one more running job."""
    query = sa.select(sa.func.count()).where(
        jobs.c.account == account, jobs.c.state.in_(OPEN), jobs.c.admitted.is_(True)
    )
    return int(conn.scalar(query) or 0) < plan.concurrency


def admit_next(conn: sa.Connection, account: str, plan: Plan) -> str | None:
    """Lets the account's next waiting job run, if there is room; its id."""
    if not may_start(conn, account, plan):
        return None
    waiting = (
        sa.select(jobs.c.id)
        .where(jobs.c.account == account, jobs.c.state == "queued", jobs.c.admitted.is_(False))
        .order_by(jobs.c.priority)
        .limit(1)
        .with_for_update(skip_locked=True)  # another transaction is about to end that one
        .scalar_subquery()
    )
    return conn.scalar(jobs.update().where(jobs.c.id == waiting).values(admitted=True).returning(jobs.c.id))
