"""Credits are exact, whatever happens at the same time."""

from __future__ import annotations

import os
import threading

import pytest
import sqlalchemy as sa
from service_parts import RESULT, House

from lipsmith.database.tables import jobs, projects
from lipsmith.errors import InsufficientCredits, KeyReused, PlanTooSmall
from lipsmith.service.billing.prices import Price
from lipsmith.service.project import Failure

THREADS = 64
ROUNDS = int(os.environ.get("LIPSMITH_TEST_ROUNDS", "30"))
"""200 are worth their minutes before a release."""


@pytest.mark.parametrize(("seconds", "rate", "credits"), [(15, 1, 450), (1 / 3, 2, 20), (0.1, 1, 3), (60, 2, 3600)])
def test_estimates(seconds: float, rate: int, credits: int) -> None:
    assert Price(credits=rate).estimate(seconds) == credits


def test_what_was_not_used_comes_back(house: House) -> None:
    account = house.account()
    project = house.order(account)
    assert (project.state, project.credits, house.accounts.balance(account.id)) == ("queued", 30, 970)
    attempt = house.lifecycle.begin(house.job(project), "w")
    assert attempt is not None
    assert house.lifecycle.complete(attempt, RESULT)
    assert house.projects.show(account.id, project.id).credits == 25
    assert house.lines(account) == [("grant", 1000), ("hold", -30), ("settle", 5)]


def test_a_job_never_costs_more_than_was_held(house: House) -> None:
    account = house.account()
    attempt = house.lifecycle.begin(house.job(house.order(account)), "w")
    assert attempt is not None
    assert house.lifecycle.complete(attempt, {**RESULT, "frames": 31})
    assert house.lines(account)[-1] == ("settle", 0)


def test_failure_and_cancel_give_all_back_once(house: House) -> None:
    account = house.account()
    first, second = house.order(account), house.order(account)
    attempt = house.lifecycle.begin(house.job(first), "w")
    assert attempt is not None
    assert house.lifecycle.fail(attempt, Failure(code="x", message="y"))
    assert not house.lifecycle.fail(attempt, Failure(code="x", message="y"))
    assert not house.lifecycle.complete(attempt, RESULT)
    assert not house.lifecycle.cancel(house.job(first))
    assert house.projects.cancel(second.id).state == "canceled"
    assert house.projects.cancel(second.id).state == "canceled"
    house.projects.delete(account.id, second.id)
    assert house.lines(account)[1:] == [("hold", -30), ("hold", -30), ("refund", 30), ("refund", 30)]
    assert house.projects.find(first.id).error == Failure(code="x", message="y")


def test_the_result_of_an_earlier_try_is_refused(house: House) -> None:
    account = house.account()
    job = house.job(house.order(account))
    frozen, other = house.lifecycle.begin(job, "a"), house.lifecycle.begin(job, "b")
    assert frozen is not None
    assert other is not None
    assert not house.lifecycle.is_wanted(frozen)
    assert not house.lifecycle.report(frozen, progress=0.5, stage="video", left_s=None)
    assert not house.lifecycle.complete(frozen, RESULT)
    assert house.lifecycle.complete(other, RESULT)
    assert house.lines(account)[1:] == [("hold", -30), ("settle", 5)]


def test_free_accounts_get_credits_for_each_day_once(house: House) -> None:
    account = house.account("free", 10)
    assert [house.accounts.todays_balance(account) for _ in range(2)] == [10, 10]  # the day has brought its own
    house.clock.pass_s(86_400)
    assert [house.accounts.todays_balance(account) for _ in range(2)] == [110, 110]
    house.clock.pass_s(10 * 86_400)
    assert house.accounts.balance(account.id) == 110  # others' looks bring nothing
    house.order(account, 2.0)
    assert house.accounts.todays_balance(account) == 150
    assert house.lines(account) == [("grant", 10), ("grant", 100), ("grant", 100), ("hold", -60)]
    house.clock.pass_s(86_400)
    with pytest.raises(InsufficientCredits):
        house.order(account, 60.0)
    assert house.accounts.todays_balance(account) == 250  # what was refused has taken nothing of it


def test_a_days_credits_come_once_whoever_looks(house: House) -> None:
    account = house.account("free", 0)
    for day in range(1, ROUNDS + 1):
        house.clock.pass_s(86_400)
        looks = [threading.Thread(target=house.accounts.todays_balance, args=(account,)) for _ in range(8)]
        for look in looks:
            look.start()
        for look in looks:
            look.join()
        assert house.accounts.balance(account.id) == day * 100


def test_paid_accounts_get_none_for_a_day(house: House) -> None:
    account = house.account("creator", 10)
    house.clock.pass_s(86_400)
    assert house.accounts.todays_balance(account) == 10


def test_after_three_tries_it_fails(house: House) -> None:
    account = house.account()
    project = house.order(account)
    job = house.job(project)
    assert [house.lifecycle.begin(job, "w") is not None for _ in range(4)] == [True, True, True, False]
    failed = house.projects.find(project.id)
    assert (failed.state, failed.credits) == ("error", 0)
    assert failed.error is not None
    assert failed.error.code == "processing_failed"
    assert house.accounts.balance(account.id) == 1000


def test_a_try_that_was_put_back_does_not_count(house: House) -> None:
    job = house.job(house.order(house.account()))
    for _ in range(5):
        attempt = house.lifecycle.begin(job, "w")
        assert attempt is not None
        assert attempt.number == 1
        house.lifecycle.requeue(attempt)


@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_the_last_credits_are_spent_once(house: House) -> None:
    for _ in range(ROUNDS):
        account = house.account(credits=30)
        won: list[str] = []
        lost: list[int] = []
        gate = threading.Barrier(THREADS)

        def spend() -> None:
            gate.wait()  # noqa: B023
            try:
                won.append(house.order(account).id)  # noqa: B023
            except InsufficientCredits:
                lost.append(1)  # noqa: B023

        threads = [threading.Thread(target=spend) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(lost)) == (1, THREADS - 1)
        assert house.lines(account) == [("grant", 30), ("hold", -30)]
        count = sa.select(sa.func.count()).select_from(projects).where(projects.c.account == account.id)
        assert house.value(count) == 1


def test_a_repeated_key_is_the_same_project_even_at_the_same_time(house: House) -> None:
    account = house.account()
    found: list[str] = []
    gate = threading.Barrier(8)

    def ask() -> None:
        gate.wait()
        found.append(house.order(account, key="once").id)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert house.accounts.balance(account.id) == 970
    with pytest.raises(KeyReused):
        house.order(account, 2.0, key="once")
    house.clock.pass_s(24 * 3600 + 1)
    assert house.order(account, key="once").id not in found


def test_nothing_is_left_where_the_plan_does_not_reach(house: House) -> None:
    account = house.account("free")
    with pytest.raises(PlanTooSmall, match="pro needs a paid plan"):
        house.order(account, needs_paid_plan="pro")
    assert house.lines(account) == [("grant", 1000)]
    assert house.value(sa.select(sa.func.count()).select_from(jobs)) == 0
    assert house.queue.known() == set()
