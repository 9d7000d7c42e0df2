"""All processes that take jobs from one database take the same number of them at once."""

from __future__ import annotations

import pytest
from service_parts import ServiceParts

from lipsmith.database.tables import runners
from lipsmith.errors import InvalidOption
from lipsmith.limits import DAY_MS
from lipsmith.service.jobs import heartbeat as module
from lipsmith.service.jobs.heartbeat import RunnerRegistry
from lipsmith.service.jobs.retention import Sweeper


@pytest.fixture
def there(service: ServiceParts, monkeypatch: pytest.MonkeyPatch) -> RunnerRegistry:
    """One that renders two videos at once."""
    monkeypatch.setattr(module, "DEAD_AFTER_MS", 600)
    monkeypatch.setattr(module, "POLL_S", 0.05)
    known = RunnerRegistry(service.database)
    known.register("first", host="here", slots=2)
    return known


def lives(service: ServiceParts, seconds: float, **more: object) -> None:
    """The next signs of life are given ahead of time."""
    with service.database.write() as conn:
        conn.execute(runners.update().values(seen_ms=service.database.now_ms(conn) + round(seconds * 1000), **more))


@pytest.mark.slow
def test_another_number_is_refused(service: ServiceParts, there: RunnerRegistry) -> None:
    lives(service, 60)
    there.check_concurrency(2)
    with pytest.raises(InvalidOption, match=r"run 2 .* --concurrency 2 "):
        there.check_concurrency(3)


def test_those_that_die_or_take_no_more_are_not_in_the_way(service: ServiceParts, there: RunnerRegistry) -> None:
    there.check_concurrency(3)  # nothing was heard of the first one any more
    assert there.alive() == []
    lives(service, 60, draining=True)
    there.check_concurrency(3)


def test_rows_of_dead_runners_are_deleted(service: ServiceParts, there: RunnerRegistry) -> None:
    there.register("second", host="here", slots=2)
    sweeper = Sweeper(service.database, service.storage, service.assets, service.clock)
    assert sweeper.sweep().rows == 0
    with service.database.write() as conn:
        conn.execute(runners.update().where(runners.c.id == "first").values(seen_ms=runners.c.seen_ms - 2 * DAY_MS))
    assert sweeper.sweep().rows == 1
    assert [runner.id for runner in there.alive()] == ["second"]


def test_a_runner_that_was_suspended_for_days_is_registered_again(service: ServiceParts, there: RunnerRegistry) -> None:
    with service.database.write() as conn:
        conn.execute(runners.delete())
    there.heartbeat("first")
    assert [(runner.id, runner.slots) for runner in there.alive()] == [("first", 2)]
