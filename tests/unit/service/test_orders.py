"""Inputs of accepted and of refused orders."""

from __future__ import annotations

import pytest
from service_parts import ServiceParts

from lipsmith.service.errors import InsufficientCredits, PlanTooSmall, UnusableAsset
from lipsmith.service.jobs.orders import Wanted
from lipsmith.storage.contract import put
from lipsmith.storage.errors import FileInUse


def uploaded(service: ServiceParts, account: str, content: bytes = b"first") -> str:
    [offer] = service.assets.offer(account, [("image", "png")])
    service.assets.received(offer.key, put(service.storage, offer.key, [content], max_bytes=10))
    return offer.key


def image(text: str) -> dict[str, Wanted]:
    return {"image": Wanted(text=text, kind="image", field="assets.image_file_path")}


def test_an_input_is_fixed_once_the_order_is_taken(service: ServiceParts) -> None:
    account = service.account()
    key = uploaded(service, account.id)
    service.order(account, inputs=image(key))
    with pytest.raises(FileInUse):
        put(service.storage, key, [b"second"], max_bytes=10)


def test_what_a_refused_order_named_may_still_be_replaced(service: ServiceParts) -> None:
    account = service.account("free", credits=10)
    key = uploaded(service, account.id)
    with pytest.raises(InsufficientCredits):
        service.order(account, inputs=image(key))
    with pytest.raises(PlanTooSmall):
        service.order(account, inputs=image(key), needs_paid_plan="pro")
    put(service.storage, key, [b"second"], max_bytes=10)
    assert b"".join(service.storage.read(key)) == b"second"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/a.png",
        "https://me:secret@example.org/a.png",
        "https://exa mple.org/a.png",
        f"https://example.org/{'a' * 9000}.png",
        "https://example.org/a.exe",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_at_the_door(service: ServiceParts, url: str) -> None:
    account = service.account()
    with pytest.raises(UnusableAsset, match=r"^assets\.image_file_path: "):
        service.order(account, inputs=image(url))
    assert service.lines(account) == [("grant", 1000)]


def test_a_file_that_is_gone_is_told_at_the_door(service: ServiceParts) -> None:
    account = service.account()
    key = uploaded(service, account.id)
    service.storage.delete(key)
    with pytest.raises(UnusableAsset):
        service.order(account, inputs=image(key))
