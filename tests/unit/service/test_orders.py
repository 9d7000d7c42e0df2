"""What an order does to its inputs, and what a refused one leaves alone."""

from __future__ import annotations

import pytest
from service_parts import House

from lipsmith.errors import FileInUse, InsufficientCredits, PlanTooSmall, UnusableAsset
from lipsmith.service.jobs.orders import Wanted
from lipsmith.storage.contract import put


def uploaded(house: House, account: str, content: bytes = b"first") -> str:
    [offer] = house.assets.offer(account, [("image", "png")])
    house.assets.received(offer.key, put(house.storage, offer.key, [content], max_bytes=10))
    return offer.key


def image(text: str) -> dict[str, Wanted]:
    return {"image": Wanted(text=text, kind="image", field="assets.image_file_path")}


def test_an_input_is_fixed_once_the_order_is_taken(house: House) -> None:
    account = house.account()
    key = uploaded(house, account.id)
    house.order(account, inputs=image(key))
    with pytest.raises(FileInUse):
        put(house.storage, key, [b"second"], max_bytes=10)


def test_what_a_refused_order_named_may_still_be_replaced(house: House) -> None:
    account = house.account("free", credits=10)
    key = uploaded(house, account.id)
    with pytest.raises(InsufficientCredits):
        house.order(account, inputs=image(key))
    with pytest.raises(PlanTooSmall):
        house.order(account, inputs=image(key), needs_paid_plan="pro")
    put(house.storage, key, [b"second"], max_bytes=10)
    assert b"".join(house.storage.read(key)) == b"second"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.org/a.png", "begin with http"),
        ("https://me:secret@example.org/a.png", "user name or password"),
        ("https://exa mple.org/a.png", "host"),
        (f"https://example.org/{'a' * 9000}.png", "longer than"),
        ("https://example.org/a.exe", "has to end in"),
    ],
)
def test_a_url_that_nobody_can_ask_is_refused_at_the_door(house: House, url: str, why: str) -> None:
    account = house.account()
    with pytest.raises(UnusableAsset, match=rf"^assets\.image_file_path: .*{why}"):
        house.order(account, inputs=image(url))
    assert house.lines(account) == [("grant", 1000)]


def test_a_file_that_is_gone_is_told_at_the_door(house: House) -> None:
    account = house.account()
    key = uploaded(house, account.id)
    house.storage.delete(key)
    with pytest.raises(UnusableAsset, match="is gone"):
        house.order(account, inputs=image(key))
