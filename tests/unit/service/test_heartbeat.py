"""All processes that take jobs from one database take the same number of them at once."""

from __future__ import annotations

import pytest
from service_parts import House

from lipsmith.database.tables import workers
from lipsmith.errors import InvalidOption
from lipsmith.service.jobs import heartbeat as module
from lipsmith.service.jobs.heartbeat import RunnerRegistry


@pytest.fixture
def there(house: House, monkeypatch: pytest.MonkeyPatch) -> RunnerRegistry:
    """One that renders two videos at once."""
    monkeypatch.setattr(module, "DEAD_AFTER_MS", 600)
    monkeypatch.setattr(module, "LOOK_S", 0.05)
    known = RunnerRegistry(house.database)
    known.register("first", host="here", slots=2)
    return known


def lives(house: House, seconds: float, **more: object) -> None:
    """The next signs of life are given ahead of time."""
    with house.database.write() as conn:
        conn.execute(workers.update().values(seen_ms=house.database.now_ms(conn) + round(seconds * 1000), **more))


def test_another_number_is_refused(house: House, there: RunnerRegistry) -> None:
    lives(house, 60)
    there.check_slots(2)
    with pytest.raises(InvalidOption, match=r"render 2 at once.* --workers 2 "):
        there.check_slots(3)


def test_those_that_die_or_take_no_more_are_not_in_the_way(house: House, there: RunnerRegistry) -> None:
    there.check_slots(3)  # nothing was heard of the first one any more
    assert there.alive() == []
    lives(house, 60, draining=True)
    there.check_slots(3)
