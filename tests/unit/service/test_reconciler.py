"""No job stays open that no runner can get, and lost runners are no fault of the job."""

from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy as sa
from service_parts import ServiceParts

from lipsmith.database.connection import is_unavailable
from lipsmith.database.tables import jobs
from lipsmith.service.jobs import lifecycle
from lipsmith.service.jobs.heartbeat import Reconciler


def reconciler(service: ServiceParts) -> Reconciler:
    return Reconciler(service.database, service.queue, service.lifecycle)


def test_a_job_that_the_queue_has_lost_is_refunded(service: ServiceParts) -> None:
    service.queue.prepare()
    account = service.account()
    kept, lost = (service.order(account) for _ in range(2))
    service.queue.cancel(service.job(lost))
    work = reconciler(service)
    assert work.reconcile() == [], "it may be a job that is completed at this moment"
    assert work.reconcile() == [service.job(lost)]
    assert work.reconcile() == []
    assert service.projects.show(account.id, lost.id).state == "error"
    assert service.projects.show(account.id, kept.id).state == "queued"
    assert service.accounts.balance(account.id) == 1000 - kept.credits


def test_a_job_that_was_lost_while_it_rendered_is_refunded(service: ServiceParts) -> None:
    service.queue.prepare()
    account = service.account()
    project = service.order(account)
    assert service.lifecycle.begin(service.job(project), "runner") is not None
    service.queue.cancel(service.job(project))
    work = reconciler(service)
    work.reconcile()
    assert work.reconcile() == [service.job(project)]
    assert service.accounts.balance(account.id) == 1000


def test_lost_runners_do_not_count_as_attempts(service: ServiceParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "MAX_LOST", 6)
    account = service.account()
    job = service.job(service.order(account))
    for number in range(1, 7):
        attempt = service.lifecycle.begin(job, "runner")
        assert attempt is not None
        assert attempt.number == number
        service.lifecycle.allow_another(job)
    assert service.lifecycle.begin(job, "runner") is None, "a job that brings down every runner ends"
    assert service.value(sa.select(jobs.c.state)) == "error"
    assert service.accounts.balance(account.id) == 1000


def test_a_job_that_does_not_render_is_allowed_nothing(service: ServiceParts) -> None:
    job = service.job(service.order(service.account()))
    service.lifecycle.allow_another(job)
    assert service.value(sa.select(jobs.c.max_attempts)) == 3


class _Fault(Exception):
    def __init__(self, state: str | None) -> None:
        self.sqlstate = state


@pytest.mark.parametrize(
    ("state", "unavailable"),
    [("25006", True), ("57P01", True), ("57014", True), ("53300", True), ("55P03", True), ("40P01", True),
     ("08006", True), ("23505", False), ("42P01", False), (None, False)],
)  # fmt: skip
def test_faults_of_postgresql_are_told_from_faults_of_a_statement(state: str | None, unavailable: bool) -> None:
    fault = sa.exc.InternalError("select", {}, _Fault(state))
    assert is_unavailable(fault) is unavailable


def test_a_mistake_in_a_statement_is_no_outage() -> None:
    with pytest.raises(sa.exc.OperationalError) as caught, sa.create_engine("sqlite://").connect() as conn:
        conn.exec_driver_sql("select * from nowhere")
    assert not is_unavailable(caught.value)
    assert isinstance(caught.value.orig, sqlite3.OperationalError)
