"""Fair shares, limits, and the order in which jobs go."""

from __future__ import annotations

import sqlalchemy as sa
from service_parts import RESULT, House

from lipsmith.database.tables import jobs


def order_of(house: House) -> list[str]:
    with house.database.read() as conn:
        return list(conn.scalars(sa.select(jobs.c.project).order_by(jobs.c.priority)))


def test_many_jobs_of_one_account_let_another_pass(house: House) -> None:
    busy, other = house.account(), house.account()
    mine = [house.order(busy).id for _ in range(5)]
    late = house.order(other).id
    assert order_of(house).index(late) == 1
    assert [project for project in order_of(house) if project != late] == mine


def test_a_larger_plan_has_a_larger_share(house: House) -> None:
    small, large = house.account("free"), house.account("business")
    for _ in range(3):
        house.order(small, 0.1)
    theirs = {house.order(large, 0.1).id for _ in range(8)}
    assert set(order_of(house)[:7]) <= theirs


def test_numbers_are_unique(house: House) -> None:
    accounts = [house.account() for _ in range(6)]
    for _ in range(3):
        for account in accounts:
            house.order(account)
    with house.database.read() as conn:
        numbers = list(conn.scalars(sa.select(jobs.c.priority)))
    assert len(set(numbers)) == 18


def test_above_the_plans_limit_jobs_wait_and_go_one_by_one(house: House) -> None:
    account = house.account("free")
    first, second, third = (house.order(account, 0.2) for _ in range(3))
    assert house.queue.delayed() == {house.job(second), house.job(third)}
    attempt = house.lifecycle.begin(house.job(first), "w")
    assert attempt is not None
    house.lifecycle.complete(attempt, RESULT)
    assert house.released == [house.job(second)]
    house.projects.cancel(second.id)
    assert house.released == [house.job(second), house.job(third)]
