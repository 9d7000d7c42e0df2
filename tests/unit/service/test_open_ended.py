"""Orders whose length nobody knows, prices by started ten seconds, and results that expire."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from service_parts import RESULT, House

from lipsmith.database.tables import projects
from lipsmith.errors import InsufficientCredits
from lipsmith.service.billing.prices import Price
from lipsmith.service.jobs.retention import Sweeper

TENS = Price(credits=10, per="10 s")


def params(house: House, project: str) -> dict[str, Any]:
    return house.value(sa.select(projects.c.params).where(projects.c.id == project))


@pytest.mark.parametrize(
    ("balance", "held", "end_s"), [(1000, 60, 60.0), (60, 60, 60.0), (59, 50, 50.0), (10, 10, 10.0), (19, 10, 10.0)]
)
def test_as_much_is_held_as_there_is(house: House, balance: int, held: int, end_s: float) -> None:
    account = house.account(credits=balance)
    project = house.order(account, 60, price=TENS, longest_s=60.0)
    assert project.credits == held
    assert house.accounts.balance(account.id) == balance - held
    assert (params(house, project.id)["end_s"], params(house, project.id)["longest_s"]) == (end_s, 60.0)


def test_too_little_for_anything_is_refused(house: House) -> None:
    account = house.account(credits=9)
    with pytest.raises(InsufficientCredits, match="This needs 10 credits, and 9 are left"):
        house.order(account, 60, price=TENS, longest_s=60.0)


@pytest.mark.parametrize(("frames", "cost"), [(20, 10), (250, 10), (251, 10), (252, 20), (290, 20)])
def test_started_ten_seconds_count(house: House, frames: int, cost: int) -> None:
    account = house.account(credits=100)
    project = house.order(account, 60, price=TENS, longest_s=60.0)
    attempt = house.lifecycle.begin(house.job(project), "w")
    assert attempt is not None
    assert house.lifecycle.complete(attempt, {**RESULT, "frames": frames})
    assert house.accounts.balance(account.id) == 100 - cost


def test_a_voice_costs_what_was_said_before(house: House) -> None:
    account = house.account(credits=100)
    project = house.order(account, 0, kind="voice", inputs={}, price=Price(credits=7, per="whole"))
    attempt = house.lifecycle.begin(house.job(project), "w")
    assert attempt is not None
    assert house.lifecycle.complete(attempt, {"keys": [], "duration_s": 3.2, "warnings": []})
    assert house.accounts.balance(account.id) == 93


def test_results_go_when_their_days_are_over(house: House) -> None:
    account = house.account()
    short, long = house.order(account, kept_days=7), house.order(account)
    for project in (short, long):
        key = f"outputs/{project.id}/1/{project.id}.mp4"
        upload = house.storage.begin(key, max_bytes=9)
        upload.write(b"video")
        upload.finish()
        attempt = house.lifecycle.begin(house.job(project), "w")
        assert attempt is not None
        assert house.lifecycle.complete(attempt, {**RESULT, "keys": [key]})
    sweeper = Sweeper(house.database, house.storage, house.clock)
    house.clock.pass_s(7 * 86_400 - 1)
    assert sweeper.sweep().results == 0
    house.clock.pass_s(1)
    assert sweeper.sweep().results == 1
    assert house.projects.show(account.id, short.id).keys == []
    assert house.projects.show(account.id, long.id).keys != []
    assert [stored.key for stored in house.storage.stored("outputs/")] == house.projects.show(account.id, long.id).keys
    assert sweeper.sweep().results == 0
