"""Orders whose length nobody knows, prices by started ten seconds, and results that expire."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from service_parts import RESULT, ServiceParts

from lipsmith.database.tables import projects
from lipsmith.service.billing.prices import Price
from lipsmith.service.errors import InsufficientCredits
from lipsmith.service.jobs.retention import Sweeper
from lipsmith.service.project import JobResult

TENS = Price(credits=10, per="10 s")


def params(service: ServiceParts, project: str) -> dict[str, Any]:
    return service.value(sa.select(projects.c.params).where(projects.c.id == project))


@pytest.mark.parametrize(
    ("balance", "held", "end_s"), [(1000, 60, 60.0), (60, 60, 60.0), (59, 50, 50.0), (10, 10, 10.0), (19, 10, 10.0)]
)
def test_as_much_is_held_as_there_is(service: ServiceParts, balance: int, held: int, end_s: float) -> None:
    account = service.account(credits=balance)
    project = service.order(account, 60, price=TENS, max_duration_s=60.0)
    assert project.credits == held
    assert service.accounts.balance(account.id) == balance - held
    assert (params(service, project.id)["end_s"], params(service, project.id)["longest_s"]) == (end_s, 60.0)


def test_too_little_for_anything_is_refused(service: ServiceParts) -> None:
    account = service.account(credits=9)
    with pytest.raises(InsufficientCredits):
        service.order(account, 60, price=TENS, max_duration_s=60.0)


@pytest.mark.parametrize(("frames", "cost"), [(20, 10), (250, 10), (251, 10), (252, 20), (290, 20)])
def test_started_ten_seconds_count(service: ServiceParts, frames: int, cost: int) -> None:
    account = service.account(credits=100)
    project = service.order(account, 60, price=TENS, max_duration_s=60.0)
    attempt = service.lifecycle.begin(service.job(project), "w")
    assert attempt is not None
    assert service.lifecycle.complete(attempt, replace(RESULT, frames=frames))
    assert service.accounts.balance(account.id) == 100 - cost


def test_a_voice_costs_what_was_said_before(service: ServiceParts) -> None:
    account = service.account(credits=100)
    project = service.order(account, 0, kind="voice", inputs={}, price=Price(credits=7, per="whole"))
    attempt = service.lifecycle.begin(service.job(project), "w")
    assert attempt is not None
    assert service.lifecycle.complete(attempt, JobResult(duration_s=3.2))
    assert service.accounts.balance(account.id) == 93


def test_results_go_when_their_days_are_over(service: ServiceParts) -> None:
    account = service.account()
    short, long = service.order(account, retention_days=7), service.order(account)
    for project in (short, long):
        key = f"outputs/{project.id}/1/{project.id}.mp4"
        upload = service.storage.begin(key, max_bytes=9)
        upload.write(b"video")
        upload.finish()
        attempt = service.lifecycle.begin(service.job(project), "w")
        assert attempt is not None
        assert service.lifecycle.complete(attempt, replace(RESULT, keys=(key,)))
    sweeper = Sweeper(service.database, service.storage, service.assets, service.clock)
    service.clock.pass_s(7 * 86_400 - 1)
    assert sweeper.sweep().results == 0
    service.clock.pass_s(1)
    assert sweeper.sweep().results == 1
    assert service.projects.show(account.id, short.id).keys == ()
    assert service.projects.show(account.id, long.id).keys != ()
    kept = tuple(stored.key for stored in service.storage.stored("outputs/"))
    assert kept == service.projects.show(account.id, long.id).keys
    assert sweeper.sweep().results == 0
