"""Names that nothing has, and what remains of a deleted project."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from service_parts import RESULT, ServiceParts

from lipsmith.limits import DAY_MS
from lipsmith.pipeline.requests import TalkRequest
from lipsmith.service.errors import NotFound, QuotaReached, UnusableAsset
from lipsmith.service.jobs.orders import Wanted
from lipsmith.storage.contract import put
from lipsmith.storage.errors import NotStored


@pytest.mark.parametrize("name", ["", "\x00", "c0\x00", "\ud800", "a" * 10_000])
def test_what_cannot_be_a_name_is_not_found(service: ServiceParts, name: str) -> None:
    account = service.account()
    with pytest.raises(NotFound):
        service.projects.show(account.id, name)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/my-library?videoId=%00",
        "https://example.org/my-library?videoId=",
        "https://example.org/my-library",
        "http://[::1",
        "http://℀.example.org/a.mp4",
        "http://a:99999/a.mp4",
    ],
)
def test_what_is_no_url_of_a_video_is_refused(service: ServiceParts, url: str) -> None:
    account = service.account()
    with service.database.read() as conn, pytest.raises(UnusableAsset, match=r"^assets\.video_file_path: "):
        service.assets.resolve(conn, account.id, url, "video", "assets.video_file_path")


SECRETS = ("Meet me at the harbour", "portrait of Ada", "https://example.org/a.png", "hooks.example.org/token-77")


def test_nothing_of_a_deleted_project_can_be_read_any_more(service: ServiceParts) -> None:
    account = service.account()
    project = service.order(
        account,
        name=SECRETS[1],
        request=TalkRequest(photo="image", text=SECRETS[0]),
        metadata={"face_url": SECRETS[2], "nested": [{"text": SECRETS[0]}], "count": 3},
        webhook=f"https://{SECRETS[3]}",
    )
    attempt = service.lifecycle.begin(service.job(project), "runner")
    assert attempt is not None
    service.lifecycle.complete(attempt, replace(RESULT, warnings=(SECRETS[0],)))
    everything = sa.MetaData()
    everything.reflect(service.database.engine)

    def stored() -> str:
        with service.database.read() as conn:
            return "".join(str(conn.execute(sa.select(table)).all()) for table in everything.sorted_tables)

    assert all(secret in stored() for secret in SECRETS)
    service.projects.delete(account.id, project.id)
    assert [secret for secret in SECRETS if secret in stored()] == []
    shown = service.projects.show(account.id, project.id)
    assert (shown.state, shown.deleted, shown.credits) == ("complete", True, 25)
    assert shown.params.metadata == {"face_url": "", "nested": [{"text": ""}], "count": 3}
    service.projects.delete(account.id, project.id)


def test_inputs_go_with_the_last_project_that_uses_them(service: ServiceParts) -> None:
    account, other = service.account(), service.account()
    offers = service.assets.offer(account.id, [("image", "png"), ("image", "png")])
    for offer in offers:
        put(service.storage, offer.key, [b"face"], max_bytes=100)
        service.assets.received(offer.key, 4)
    shared, alone = (Wanted(text=offer.key, kind="image", field="image") for offer in offers)
    first, second = service.order(account, inputs={"image": shared}), service.order(account, inputs={"image": shared})
    third = service.order(account, inputs={"image": alone})
    service.projects.delete(account.id, first.id)
    assert service.storage.size(offers[0].key) == 4
    service.projects.delete(account.id, second.id)
    service.projects.delete(account.id, third.id)
    for offer in offers:
        with pytest.raises(NotStored):
            service.storage.size(offer.key)
    assert service.accounts.balance(other.id) == 1000


def test_quotas_of_unfinished_jobs_and_unused_links(service: ServiceParts) -> None:
    account = service.account("free", credits=100_000)
    account = replace(account, plan=replace(account.plan, max_unfinished=2, max_open_uploads=3))
    first, _ = service.order(account), service.order(account)
    with pytest.raises(QuotaReached):
        service.order(account)
    service.projects.cancel(first.id)
    service.order(account)
    wanted, most = [("image", "png"), ("image", "png")], account.plan.max_open_uploads
    [used, _] = service.assets.offer(account.id, wanted, most=most)
    with pytest.raises(QuotaReached):
        service.assets.offer(account.id, wanted, most=most)
    service.assets.received(used.key, 4)
    service.assets.offer(account.id, wanted, most=most)
    service.clock.pass_s(DAY_MS / 1000 + 1)
    service.assets.offer(account.id, wanted, most=most)
