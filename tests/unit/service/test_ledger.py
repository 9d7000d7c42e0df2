"""Credits are exact, whatever happens at the same time."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa
from service_parts import RESULT, ServiceParts

from lanes import amount
from lipsmith.database.tables import jobs, projects
from lipsmith.service.billing.prices import Price
from lipsmith.service.errors import InsufficientCredits, KeyReused, PlanTooSmall
from lipsmith.service.project import Failure

THREADS = 64
ROUNDS = amount("ROUNDS", whole=8, release=200)
"""200 are worth their minutes before a release."""


@pytest.mark.parametrize(("seconds", "rate", "credits"), [(15, 1, 450), (1 / 3, 2, 20), (0.1, 1, 3), (60, 2, 3600)])
def test_estimates(seconds: float, rate: int, credits: int) -> None:
    assert Price(credits=rate).estimate(seconds) == credits


def test_what_was_not_used_comes_back(service: ServiceParts) -> None:
    account = service.account()
    project = service.order(account)
    assert (project.state, project.credits, service.accounts.balance(account.id)) == ("queued", 30, 970)
    attempt = service.lifecycle.begin(service.job(project), "w")
    assert attempt is not None
    assert service.lifecycle.complete(attempt, RESULT)
    assert service.projects.show(account.id, project.id).credits == 25
    assert service.lines(account) == [("grant", 1000), ("hold", -30), ("settle", 5)]


def test_a_job_never_costs_more_than_was_held(service: ServiceParts) -> None:
    account = service.account()
    attempt = service.lifecycle.begin(service.job(service.order(account)), "w")
    assert attempt is not None
    assert service.lifecycle.complete(attempt, replace(RESULT, frames=31))
    assert service.lines(account)[-1] == ("settle", 0)


def test_failure_and_cancel_give_all_back_once(service: ServiceParts) -> None:
    account = service.account()
    first, second = service.order(account), service.order(account)
    attempt = service.lifecycle.begin(service.job(first), "w")
    assert attempt is not None
    assert service.lifecycle.fail(attempt, Failure(code="x", message="y"))
    assert not service.lifecycle.fail(attempt, Failure(code="x", message="y"))
    assert not service.lifecycle.complete(attempt, RESULT)
    assert not service.lifecycle.cancel(service.job(first))
    assert service.projects.cancel(second.id).state == "canceled"
    assert service.projects.cancel(second.id).state == "canceled"
    service.projects.delete(account.id, second.id)
    assert service.lines(account)[1:] == [("hold", -30), ("hold", -30), ("refund", 30), ("refund", 30)]
    assert service.projects.find(first.id).error == Failure(code="x", message="y")


def test_the_result_of_an_earlier_try_is_refused(service: ServiceParts) -> None:
    account = service.account()
    job = service.job(service.order(account))
    frozen, other = service.lifecycle.begin(job, "a"), service.lifecycle.begin(job, "b")
    assert frozen is not None
    assert other is not None
    assert not service.lifecycle.is_wanted(frozen)
    assert not service.lifecycle.report(frozen, progress=0.5, stage="video", left_s=None)
    assert not service.lifecycle.complete(frozen, RESULT)
    assert service.lifecycle.complete(other, RESULT)
    assert service.lines(account)[1:] == [("hold", -30), ("settle", 5)]


def test_free_accounts_get_credits_for_each_day_once(service: ServiceParts) -> None:
    account = service.account("free", 10)
    assert [service.accounts.todays_balance(account) for _ in range(2)] == [10, 10]  # the day has brought its own
    service.clock.pass_s(86_400)
    assert [service.accounts.todays_balance(account) for _ in range(2)] == [110, 110]
    service.clock.pass_s(10 * 86_400)
    assert service.accounts.balance(account.id) == 110  # others' looks bring nothing
    service.order(account, 2.0)
    assert service.accounts.todays_balance(account) == 150
    assert service.lines(account) == [("grant", 10), ("grant", 100), ("grant", 100), ("hold", -60)]
    service.clock.pass_s(86_400)
    with pytest.raises(InsufficientCredits):
        service.order(account, 60.0)
    assert service.accounts.todays_balance(account) == 250  # what was refused has taken nothing of it


def test_a_days_credits_come_once_whoever_looks(service: ServiceParts) -> None:
    account = service.account("free", 0)
    for day in range(1, ROUNDS + 1):
        service.clock.pass_s(86_400)
        looks = [threading.Thread(target=service.accounts.todays_balance, args=(account,)) for _ in range(8)]
        for look in looks:
            look.start()
        for look in looks:
            look.join()
        assert service.accounts.balance(account.id) == day * 100


def test_paid_accounts_get_none_for_a_day(service: ServiceParts) -> None:
    account = service.account("business", 10)
    service.clock.pass_s(86_400)
    assert service.accounts.todays_balance(account) == 10


def test_after_three_tries_it_fails(service: ServiceParts) -> None:
    account = service.account()
    project = service.order(account)
    job = service.job(project)
    assert [service.lifecycle.begin(job, "w") is not None for _ in range(4)] == [True, True, True, False]
    failed = service.projects.find(project.id)
    assert (failed.state, failed.credits) == ("error", 0)
    assert failed.error is not None
    assert failed.error.code == "processing_failed"
    assert service.accounts.balance(account.id) == 1000


def test_a_try_that_was_put_back_does_not_count(service: ServiceParts) -> None:
    job = service.job(service.order(service.account()))
    for _ in range(5):
        attempt = service.lifecycle.begin(job, "w")
        assert attempt is not None
        assert attempt.number == 1
        service.lifecycle.requeue(attempt)


@pytest.mark.slow
@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_the_last_credits_are_spent_once(service: ServiceParts) -> None:
    for _ in range(ROUNDS):
        account = service.account(credits=30)
        won: list[str] = []
        lost: list[int] = []
        gate = threading.Barrier(THREADS)

        def spend() -> None:
            gate.wait()  # noqa: B023
            try:
                won.append(service.order(account).id)  # noqa: B023
            except InsufficientCredits:
                lost.append(1)  # noqa: B023

        threads = [threading.Thread(target=spend) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(lost)) == (1, THREADS - 1)
        assert service.lines(account) == [("grant", 30), ("hold", -30)]
        count = sa.select(sa.func.count()).select_from(projects).where(projects.c.account == account.id)
        assert service.value(count) == 1


def test_a_repeated_key_is_the_same_project_even_at_the_same_time(service: ServiceParts) -> None:
    account = service.account()
    found: list[str] = []
    gate = threading.Barrier(8)

    def ask() -> None:
        gate.wait()
        found.append(service.order(account, key="once").id)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert service.accounts.balance(account.id) == 970
    with pytest.raises(KeyReused):
        service.order(account, 2.0, key="once")
    service.clock.pass_s(24 * 3600 + 1)
    assert service.order(account, key="once").id not in found


def test_nothing_is_left_where_the_plan_does_not_reach(service: ServiceParts) -> None:
    account = service.account("free")
    with pytest.raises(PlanTooSmall, match="pro needs a paid plan"):
        service.order(account, needs_paid_plan="pro")
    assert service.lines(account) == [("grant", 1000)]
    assert service.value(sa.select(sa.func.count()).select_from(jobs)) == 0
    assert service.queue.unfinished() == set()
