"""Deleted and kept files and rows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from service_parts import RESULT, ServiceParts

from lipsmith.service.errors import UnusableAsset
from lipsmith.service.jobs.orders import Wanted
from lipsmith.service.jobs.retention import Sweeper
from lipsmith.storage.contract import put
from lipsmith.storage.errors import NotStored

DAY_S = 86_400


def uploaded(service: ServiceParts, account: str) -> str:
    [offer] = service.assets.offer(account, [("image", "png")])
    service.assets.received(offer.key, put(service.storage, offer.key, [b"png"], max_bytes=10))
    return offer.key


def is_there(service: ServiceParts, key: str) -> bool:
    try:
        service.storage.size(key)
    except NotStored:
        return False
    return True


def test_uploads_go_after_a_week_but_for_those_a_job_needs(service: ServiceParts) -> None:
    account = service.account()
    old, needed = uploaded(service, account.id), uploaded(service, account.id)
    project = service.order(account, inputs={"image": Wanted(text=needed, kind="image", field="image")})
    sweeper = Sweeper(service.database, service.storage, service.assets, service.clock)
    service.clock.pass_s(7 * DAY_S - 1)
    assert sweeper.sweep().uploads == 0
    service.clock.pass_s(2)
    assert sweeper.sweep().uploads == 1
    assert (is_there(service, old), is_there(service, needed)) == (False, True)
    with pytest.raises(UnusableAsset):
        service.order(account, inputs={"image": Wanted(text=old, kind="image", field="image")})
    service.projects.cancel(project.id)
    assert sweeper.sweep().uploads == 1
    assert not is_there(service, needed)


def test_videos_stay_until_they_are_deleted(service: ServiceParts) -> None:
    account = service.account()
    project = service.order(account)
    key = f"outputs/{project.id}/1/{project.id}.mp4"
    put(service.storage, key, [b"mp4"], max_bytes=10)
    attempt = service.lifecycle.begin(service.job(project), "w")
    assert attempt is not None
    service.lifecycle.complete(attempt, replace(RESULT, keys=(key,)))
    service.clock.pass_s(400 * DAY_S)
    Sweeper(service.database, service.storage, service.assets, service.clock).sweep()
    assert is_there(service, key)
    service.projects.delete(account.id, project.id)
    assert not is_there(service, key)
    assert service.projects.find(project.id).deleted
