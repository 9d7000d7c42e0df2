"""What goes, and what stays."""

from __future__ import annotations

import pytest
from service_parts import RESULT, House

from lipsmith.errors import NotStored, UnusableAsset
from lipsmith.service.jobs.orders import Wanted
from lipsmith.service.jobs.retention import Sweeper
from lipsmith.storage.contract import put

DAY_S = 86_400


def uploaded(house: House, account: str) -> str:
    [offer] = house.assets.offer(account, [("image", "png")])
    house.assets.received(offer.key, put(house.storage, offer.key, [b"png"], max_bytes=10))
    return offer.key


def is_there(house: House, key: str) -> bool:
    try:
        house.storage.size(key)
    except NotStored:
        return False
    return True


def test_uploads_go_after_a_week_but_for_those_a_job_needs(house: House) -> None:
    account = house.account()
    old, needed = uploaded(house, account.id), uploaded(house, account.id)
    project = house.order(account, inputs={"image": Wanted(text=needed, kind="image", field="image")})
    sweeper = Sweeper(house.database, house.storage, house.clock)
    house.clock.pass_s(7 * DAY_S - 1)
    assert sweeper.sweep().uploads == 0
    house.clock.pass_s(2)
    assert sweeper.sweep().uploads == 1
    assert (is_there(house, old), is_there(house, needed)) == (False, True)
    with pytest.raises(UnusableAsset, match="Upload it again"):
        house.order(account, inputs={"image": Wanted(text=old, kind="image", field="image")})
    house.projects.cancel(project.id)
    assert sweeper.sweep().uploads == 1
    assert not is_there(house, needed)


def test_videos_stay_until_they_are_deleted(house: House) -> None:
    account = house.account()
    project = house.order(account)
    key = f"outputs/{project.id}/1/{project.id}.mp4"
    put(house.storage, key, [b"mp4"], max_bytes=10)
    attempt = house.lifecycle.begin(house.job(project), "w")
    assert attempt is not None
    house.lifecycle.complete(attempt, {**RESULT, "keys": [key]})
    house.clock.pass_s(400 * DAY_S)
    Sweeper(house.database, house.storage, house.clock).sweep()
    assert is_there(house, key)
    house.projects.delete(account.id, project.id)
    assert not is_there(house, key)
    assert house.projects.find(project.id).deleted
