"""Fair shares, limits, and the order in which jobs go."""

from __future__ import annotations

import sqlalchemy as sa
from service_parts import RESULT, ServiceParts

from lipsmith.database.tables import jobs


def order_of(service: ServiceParts) -> list[str]:
    with service.database.read() as conn:
        return list(conn.scalars(sa.select(jobs.c.project).order_by(jobs.c.priority)))


def test_many_jobs_of_one_account_let_another_pass(service: ServiceParts) -> None:
    busy, other = service.account(), service.account()
    mine = [service.order(busy).id for _ in range(5)]
    late = service.order(other).id
    assert order_of(service).index(late) == 1
    assert [project for project in order_of(service) if project != late] == mine


def test_a_larger_plan_has_a_larger_share(service: ServiceParts) -> None:
    small, large = service.account("free"), service.account("business")
    for _ in range(3):
        service.order(small, 0.1)
    theirs = {service.order(large, 0.1).id for _ in range(8)}
    assert set(order_of(service)[:7]) <= theirs


def test_numbers_are_unique(service: ServiceParts) -> None:
    accounts = [service.account() for _ in range(6)]
    for _ in range(3):
        for account in accounts:
            service.order(account)
    with service.database.read() as conn:
        numbers = list(conn.scalars(sa.select(jobs.c.priority)))
    assert len(set(numbers)) == 18


def test_above_the_plans_limit_jobs_wait_and_go_one_by_one(service: ServiceParts) -> None:
    account = service.account("free")
    first, second, third = (service.order(account, 0.2) for _ in range(3))
    assert service.queue.delayed() == {service.job(second), service.job(third)}
    attempt = service.lifecycle.begin(service.job(first), "w")
    assert attempt is not None
    service.lifecycle.complete(attempt, RESULT)
    assert service.released == [service.job(second)]
    service.projects.cancel(second.id)
    assert service.released == [service.job(second), service.job(third)]
