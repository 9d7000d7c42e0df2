"""Signed links: each allows one thing with one key, for a while."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from lipsmith.errors import InvalidOption
from lipsmith.storage.errors import InvalidKey, LinkRefused
from lipsmith.storage.links import Grant, Purpose, SignedLinks

KEY = "api-assets/k3f9/portrait.png"
OLD, NEW = b"o" * 32, b"n" * 32


class Clock:
    """A clock that stands still until it is set."""

    now_s = 1_790_000_000.9

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def links(clock: Clock) -> SignedLinks:
    return SignedLinks("https://example.org/files", [NEW, OLD], clock=clock)


def parts(url: str) -> tuple[str, dict[str, str]]:
    """(key, query) of a link."""
    split = urlsplit(url)
    return split.path.removeprefix("/files/"), dict(parse_qsl(split.query))


def test_an_upload_link_allows_what_it_says(links: SignedLinks) -> None:
    link = links.upload(KEY, max_bytes=4321, lifetime_s=600)
    assert link.expires_at_s == 1_790_000_600
    assert link.url.startswith("https://example.org/files/api-assets/k3f9/portrait.png?")
    key, query = parts(link.url)
    assert links.check("PUT", key, query) == Grant(
        key=KEY, purpose=Purpose.UPLOAD, max_bytes=4321, expires_at_s=1_790_000_600
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_download_link_reads(links: SignedLinks, method: str) -> None:
    key, query = parts(links.download(KEY, lifetime_s=60).url)
    assert links.check(method, key, query).purpose is Purpose.DOWNLOAD


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST", "put", ""])
def test_an_upload_link_does_nothing_else(links: SignedLinks, method: str) -> None:
    key, query = parts(links.upload(KEY, max_bytes=1, lifetime_s=60).url)
    with pytest.raises(LinkRefused):
        links.check(method, key, query)


def test_a_download_link_does_not_write(links: SignedLinks) -> None:
    key, query = parts(links.download(KEY, lifetime_s=60).url)
    for extra in ({}, {"limit": "0"}, {"limit": "5"}):
        with pytest.raises(LinkRefused):
            links.check("PUT", key, query | extra)


@pytest.mark.parametrize(
    "change",
    [
        {"limit": "4322"},
        {"limit": "04321"},
        {"limit": "+4321"},
        {"limit": "٤321"},
        {"limit": "9" * 5000},
        {"limit": ""},
        {"expires": "1790000601"},
        {"expires": ""},
        {"expires": "1790000600.0"},
        {"expires": "-1"},
        {"signature": ""},
        {"signature": "é"},
        {"signature": "\udc80"},
        {"signature": "A" * 43},
    ],
    ids=str,
)
def test_a_changed_link_is_refused(links: SignedLinks, change: dict[str, str]) -> None:
    key, query = parts(links.upload(KEY, max_bytes=4321, lifetime_s=600).url)
    with pytest.raises(LinkRefused):
        links.check("PUT", key, query | change)


@pytest.mark.parametrize("missing", ["limit", "expires", "signature"])
def test_a_link_that_is_not_whole_is_refused(links: SignedLinks, missing: str) -> None:
    key, query = parts(links.upload(KEY, max_bytes=4321, lifetime_s=600).url)
    del query[missing]
    with pytest.raises(LinkRefused):
        links.check("PUT", key, query)


def test_a_link_opens_no_other_key(links: SignedLinks) -> None:
    _, query = parts(links.download(KEY, lifetime_s=60).url)
    with pytest.raises(LinkRefused):
        links.check("GET", "api-assets/k3f9/portrait.jpg", query)
    with pytest.raises(InvalidKey):
        links.check("GET", "api-assets/../portrait.png", query)


def test_a_link_expires(links: SignedLinks, clock: Clock) -> None:
    key, query = parts(links.download(KEY, lifetime_s=60).url)
    clock.now_s = 1_790_000_059.9
    links.check("GET", key, query)
    clock.now_s = 1_790_000_060.0
    with pytest.raises(LinkRefused):
        links.check("GET", key, query)


def test_older_secrets_are_honoured_until_they_are_dropped(clock: Clock) -> None:
    before = SignedLinks("https://example.org/files", [OLD], clock=clock)
    between = SignedLinks("https://example.org/files", [NEW, OLD], clock=clock)
    after = SignedLinks("https://example.org/files", [NEW], clock=clock)
    key, query = parts(before.download(KEY, lifetime_s=60).url)
    between.check("GET", key, query)
    after.check("GET", *parts(between.download(KEY, lifetime_s=60).url))
    with pytest.raises(LinkRefused):
        after.check("GET", key, query)


@pytest.mark.parametrize("secrets", [[], [b""], [b"s" * 31], [NEW, b"short"]])
def test_weak_secrets_are_refused(secrets: list[bytes]) -> None:
    with pytest.raises(InvalidOption):
        SignedLinks("https://example.org", secrets)


def test_what_is_no_key_gets_no_link(links: SignedLinks) -> None:
    with pytest.raises(InvalidKey):
        links.upload("../portrait.png", max_bytes=1, lifetime_s=60)
