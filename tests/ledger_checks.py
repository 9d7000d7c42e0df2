"""Checks of the ledger of a server whose process may be dead, by its database and files."""

from __future__ import annotations

import time
from pathlib import Path

import sqlalchemy as sa

from lipsmith.database.connection import Database
from lipsmith.database.tables import jobs, ledger, projects
from lipsmith.storage.local import LocalStorage


def check_ledger(url: str, data_dir: Path, *, granted: int, killed: bool = False) -> dict[str, int]:
    """Project -> what it cost, after checking that each job is final, charged once or not at all, and has its files.

    ``granted`` is what the accounts got in all. Where a process was ``killed``, it may leave a file it was writing, for
    the sweeper to take away later; else there is none.
    """
    database = Database(url)
    with database.read() as conn:
        found = conn.execute(
            sa.select(projects, jobs.c.state, jobs.c.id.label("job")).join(jobs, jobs.c.project == projects.c.id)
        ).all()
        lines = conn.execute(sa.select(ledger).order_by(ledger.c.id)).all()
    database.close()
    costs = {}
    for project in found:
        mine = [(line.kind, line.amount) for line in lines if line.job == project.job]
        if project.state == "complete":
            assert mine == [("hold", -project.estimate), ("settle", project.estimate - project.credits)]
            [key] = project.result["keys"]
            assert (data_dir / "files" / "open" / key).stat().st_size > 0
        else:
            assert project.state in ("error", "canceled")
            assert mine == [("hold", -project.estimate), ("refund", project.estimate)]
            assert not (data_dir / "files" / "open" / "outputs" / project.id).exists()
        costs[project.id] = -sum(amount for _, amount in mine)
    assert sum(line.amount for line in lines) == granted - sum(costs.values())
    if killed:
        LocalStorage(data_dir / "files").drop_unfinished(before_s=time.time() + 1)
    assert list((data_dir / "files" / "unfinished").iterdir()) == []
    return costs
