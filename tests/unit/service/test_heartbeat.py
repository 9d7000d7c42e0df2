"""All processes that take jobs from one database take the same number of them at once."""

from __future__ import annotations

import pytest
from service_parts import ServiceParts

from lipsmith.database.tables import workers
from lipsmith.errors import InvalidOption
from lipsmith.service.jobs import heartbeat as module
from lipsmith.service.jobs.heartbeat import RunnerRegistry


@pytest.fixture
def there(service: ServiceParts, monkeypatch: pytest.MonkeyPatch) -> RunnerRegistry:
    """One that renders two videos at once."""
    monkeypatch.setattr(module, "DEAD_AFTER_MS", 600)
    monkeypatch.setattr(module, "LOOK_S", 0.05)
    known = RunnerRegistry(service.database)
    known.register("first", host="here", slots=2)
    return known


def lives(service: ServiceParts, seconds: float, **more: object) -> None:
    """The next signs of life are given ahead of time."""
    with service.database.write() as conn:
        conn.execute(workers.update().values(seen_ms=service.database.now_ms(conn) + round(seconds * 1000), **more))


def test_another_number_is_refused(service: ServiceParts, there: RunnerRegistry) -> None:
    lives(service, 60)
    there.check_slots(2)
    with pytest.raises(InvalidOption, match=r"render 2 at once.* --concurrency 2 "):
        there.check_slots(3)


def test_those_that_die_or_take_no_more_are_not_in_the_way(service: ServiceParts, there: RunnerRegistry) -> None:
    there.check_slots(3)  # nothing was heard of the first one any more
    assert there.alive() == []
    lives(service, 60, draining=True)
    there.check_slots(3)
