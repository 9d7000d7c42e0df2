"""The fetcher meets strangers: real sockets on loopback, and an internet whose names lie."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from io import BytesIO
from threading import Event

import httpcore
import pytest
import trustme
from hosts import Behave, Connection, Host, Internet, file, keeps_sending, leads_to, sends
from hypothesis import given, settings
from hypothesis import strategies as st

from lipsmith.service.errors import InvalidUrl, SourceError, SourceRefused, SourceTooSlow, SourceUnreachable
from lipsmith.service.network import addresses
from lipsmith.service.network.addresses import parse_allow
from lipsmith.service.network.fetch import MAX_ANSWER_BYTES, Answer, Fetcher, Timeouts, check_url
from lipsmith.storage.errors import FileTooLarge

SITE, OTHER_SITE = "93.184.215.14", "198.41.0.4"  # public addresses; nothing is ever sent there
CONTENT = b"\x89PNG and so on" * 99
HURRIED = Timeouts(connect_s=5.0, total_s=0.5, window_s=0.5, min_bytes_per_s=0.0)

LOOPBACK = [
    *(
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.000.000.001",
        "127.127.127.127",
        "0",
        "0.0.0.0",
        "2130706433",
        "017700000001",
    ),
    *("0x7f000001", "0x7f.1", "0x7F.0x0.0x0.0x1", "0177.0.0.1", "0177.0x0.1", "localhost", "LOCALHOST", "localhost."),
    *("127.0.0.1.", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
    *(
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::80ff:fffe]",
        "[::ffff:0:127.0.0.1]",
    ),
    *("①②⑦.⓪.⓪.①", "１２７.０.０.１", "127。0。0。1", "①②⑦.0.0.1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "٣٢٧.0.0.1"),
    *("[::1%25lo]", "[::1%lo]", "[fe80::1%25lo]", "[::ffff:127.0.0.1%251]", "127.0.0.1%00.example.org", "127.0.0.1%2e"),
]


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Host]]:
    """Listeners on loopback, IPv4 and where there is one IPv6, on ports that strangers may otherwise name."""
    with ExitStack() as stack:
        hosts = [stack.enter_context(Host(file(b"secret")))]
        with suppress(OSError):  # a machine without IPv6
            hosts.append(stack.enter_context(Host(file(b"secret"), address="::1")))
        monkeypatch.setattr(addresses, "PORTS", tuple(host.port for host in hosts))
        yield hosts


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[Host]:
    with Host(getattr(request, "param", file(CONTENT))) as host:
        yield host


def fetcher(net: Internet, patience: Timeouts = HURRIED, **more: object) -> Fetcher:
    return Fetcher(resolve=net.resolve, sockets=net, fetching=patience, posting=patience, **more)


def fetched(behaviour: Behave, *, max_bytes: int = 10_000, patience: Timeouts = HURRIED) -> bytes:
    """Fetch from a public host with this behaviour."""
    with Host(behaviour) as host:
        net = Internet({"site.example": [[SITE]]}, {SITE: host})
        return b"".join(fetcher(net, patience).fetch("http://site.example/portrait.png", max_bytes=max_bytes))


# The guard


@pytest.mark.parametrize("host", LOOPBACK)
def test_no_spelling_of_loopback_is_asked(host: str, canaries: list[Host]) -> None:
    for canary in canaries:
        with pytest.raises((InvalidUrl, SourceUnreachable)):
            list(Fetcher().fetch(f"http://{host}:{canary.port}/", max_bytes=99))
        with pytest.raises((InvalidUrl, SourceUnreachable)):
            Fetcher().post(f"http://{host}:{canary.port}/", b"{}", {})
    assert [canary.connections for canary in canaries] == [0] * len(canaries)


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "localhost"])
def test_the_canary_sings_where_it_is_allowed(host: str, canaries: list[Host]) -> None:
    allowed = Fetcher(allow=parse_allow("127.0.0.1,::1"))
    url = f"http://{host}:{canaries[0].port}/"
    assert b"".join(allowed.fetch(url, max_bytes=99)) == b"secret"
    assert allowed.post(url, b"{}", {}) == Answer(status=200, body=b"secret")
    assert canaries[0].connections == 2


def test_a_canary_on_ipv6_sings_too(canaries: list[Host]) -> None:
    if len(canaries) == 1:
        pytest.skip("this machine has no IPv6")
    url = f"http://[::1]:{canaries[1].port}/"
    assert b"".join(Fetcher(allow=parse_allow("::1")).fetch(url, max_bytes=99)) == b"secret"
    with pytest.raises(SourceUnreachable):
        list(Fetcher(allow=parse_allow("127.0.0.0/8")).fetch(url, max_bytes=99))
    assert canaries[1].connections == 1


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.5", "172.20.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "168.63.129.16"),
        *(
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fe80::1%2",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
        ),
        *("::ffff:10.0.0.5", "64:ff9b::10.0.0.5", "64:ff9b::a9fe:a9fe", "2002:a00:5::1", "ff02::1", "::10.0.0.5"),
    ],
)
@pytest.mark.parametrize("beside", [[], [SITE], [OTHER_SITE, SITE]], ids=["alone", "after one", "after two"])
def test_a_name_with_any_address_that_is_near_is_not_asked(address: str, beside: list[str], site: Host) -> None:
    for answers in ([*beside, address], [address, *beside]):
        net = Internet({"site.example": [answers]}, {SITE: site, address: site})
        with pytest.raises(SourceUnreachable):
            list(fetcher(net).fetch("https://site.example/portrait.png", max_bytes=99))
        with pytest.raises(SourceUnreachable):
            fetcher(net).post("https://site.example/hook", b"{}", {})
        assert net.dialled == []


def test_a_name_that_changes_its_mind_is_asked_where_it_was_judged(site: Host) -> None:
    with Host(file(b"secret")) as near:
        net = Internet({"site.example": [[SITE], ["127.0.0.1"]]}, {SITE: site, "127.0.0.1": near})
        assert b"".join(fetcher(net).fetch("http://site.example/", max_bytes=9999)) == CONTENT
        assert net.asked == ["site.example"]
        assert net.dialled == [(SITE, 80)]
        with pytest.raises(SourceUnreachable):
            list(fetcher(net).fetch("http://site.example/", max_bytes=9999))
        assert near.connections == 0


def test_a_name_that_changes_its_mind_between_redirects_is_judged_again() -> None:
    with Host(leads_to("/again")) as site, Host(file(b"secret")) as near:
        net = Internet({"site.example": [[SITE], ["127.0.0.1"]]}, {SITE: site, "127.0.0.1": near})
        with pytest.raises(SourceUnreachable):
            list(fetcher(net).fetch("http://site.example/", max_bytes=9999))
        assert net.asked == ["site.example", "site.example"]
        assert net.dialled == [(SITE, 80)]
        assert near.connections == 0


@pytest.mark.parametrize("place", ["http://{}:{}/", "//{}:{}/x", "http://{}:{}\\@site.example/", "http:{}:{}"])
@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "localhost", "①②⑦.⓪.⓪.①"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_to_no_canary(place: str, host: str, status: int, canaries: list[Host]) -> None:
    with Host(leads_to(place.format(host, canaries[0].port), status)) as site:
        allowed = Fetcher(allow=parse_allow(f"127.0.0.1:{site.port}"))
        with pytest.raises(SourceError):
            list(allowed.fetch(f"http://127.0.0.1:{site.port}/", max_bytes=99))
        assert site.connections >= 1
    assert [canary.connections for canary in canaries] == [0] * len(canaries)


def test_closed_denied_and_unknown_look_the_same(site: Host) -> None:
    names = {
        "closed.example": [[OTHER_SITE]],
        "denied.example": [["10.0.0.5"]],
        "mixed.example": [[SITE, "10.0.0.5"]],
        "empty.example": [[]],
    }
    net = Internet(names, {SITE: site, "10.0.0.5": site})
    urls = [f"http://{name}/" for name in [*names, "unknown.example"]] + [
        "http://mixed.example:22/",
        "http://10.0.0.5/",
    ]
    told = set()
    for url in urls:
        with pytest.raises(SourceUnreachable) as caught:
            list(fetcher(net).fetch(url, max_bytes=9))
        told.add((caught.value.code, caught.value.message))
        assert caught.value.__cause__ is not None  # for the log of whoever runs this
    assert len(told) == 1
    assert net.dialled == [(OTHER_SITE, 80)]


@pytest.mark.parametrize("port", [22, 25, 6379, 5432, 81, 65535])
def test_other_ports_than_those_of_the_web_are_not_asked(port: int, site: Host) -> None:
    net = Internet({"site.example": [[SITE]]}, {SITE: site})
    with pytest.raises(SourceUnreachable):
        list(fetcher(net).fetch(f"http://site.example:{port}/", max_bytes=9999))
    assert net.dialled == []
    allowed = fetcher(net, allow=parse_allow(f"site.example:{port}"))
    assert b"".join(allowed.fetch(f"http://site.example:{port}/", max_bytes=9999)) == CONTENT


def test_what_keeps_a_host_from_being_asked(site: Host) -> None:
    names = {"site.example": SITE, "near.example": "10.1.2.3", "10.9.8.7": "10.9.8.7", "::1": "::1"}
    net = Internet({name: [[address]] for name, address in names.items()}, {SITE: site})
    asking = fetcher(net, allow=parse_allow("10.9.0.0/16"))
    assert asking.obstacle("http://site.example/hook") is None
    assert asking.obstacle("http://10.9.8.7:9000/hook") is None
    near = asking.obstacle("https://near.example/hook")
    assert near is not None
    assert (near.forbidden, near.entry) == (True, "near.example:443")
    assert "10.1.2.3" in near.why
    loop = asking.obstacle("http://[::1]:9000/hook")
    assert loop is not None
    assert (loop.forbidden, loop.entry) == (True, "[::1]:9000")
    unknown = asking.obstacle("http://nowhere.example/hook")
    assert unknown is not None
    assert (unknown.forbidden, "no such name" in unknown.why) == (False, True)
    for said in (near, loop):
        assert fetcher(net, allow=parse_allow(said.entry)).obstacle(f"http://{said.entry}/hook") is None
    assert net.dialled == []


def test_proxies_of_the_environment_are_not_asked(
    site: Host, canaries: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canaries[0].port}")
    monkeypatch.setattr(addresses, "PORTS", (80,))
    net = Internet({"site.example": [[SITE]]}, {SITE: site})
    assert b"".join(fetcher(net).fetch("http://site.example/", max_bytes=9999)) == CONTENT
    assert canaries[0].connections == 0


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "portrait.png",
            "/etc/passwd",
            "//site.example/x",
            "file:///etc/passwd",
            "ftp://site.example/",
            "data:,x",
        ),
        *(
            "gopher://site.example/",
            "javascript:alert(1)",
            "HTTP//site.example",
            "http:/site.example",
            "http://",
            "http:///x",
        ),
        *(
            "http://user@site.example/",
            "http://user:pass@site.example/",
            "http://@/",
            "http://:80/",
            "http://site.example:x/",
        ),
        *(
            "http://site.example:99999/",
            "http://[::1",
            "http://[zz]/",
            "http://a b/",
            "http://site.example/\r\nX: y",
            "http://\0/",
        ),
        *(
            "http://site.example\\@10.0.0.1/",
            "http://site.example\t/",
            f"http://site.example/{'a' * 9000}",
            "http://é\u202e.x/",
        ),
    ],
)
def test_what_is_no_url_for_us_is_refused_at_the_door(url: str) -> None:
    net = Internet({}, {})
    with pytest.raises(InvalidUrl):
        check_url(url)
    with pytest.raises(InvalidUrl):
        list(fetcher(net).fetch(url, max_bytes=9))
    assert net.asked == []


# What is sent


def test_a_request_says_as_little_as_possible(site: Host) -> None:
    net = Internet({"site.example": [[SITE]]}, {SITE: site})
    assert b"".join(fetcher(net).fetch("http://Site.Example/a%20b.png?sig=x%2By#part", max_bytes=9999)) == CONTENT
    line, *headers = site.requests[0].decode().split("\r\n")
    assert line == "GET /a%20b.png?sig=x%2By HTTP/1.1"
    assert sorted(header for header in headers if header) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        "Connection: close",
        "Host: site.example",
        "User-Agent: lipsmith",
    ]


def test_nothing_is_carried_along_redirects() -> None:
    cookie = sends(b"HTTP/1.1 302 F\r\nLocation: http://other.example:8080/b?c\r\nSet-Cookie: a=b\r\n\r\n")
    with Host(cookie) as site, Host(file(b"there")) as other:
        net = Internet({"site.example": [[SITE]], "other.example": [[OTHER_SITE]]}, {SITE: site, OTHER_SITE: other})
        assert b"".join(fetcher(net).fetch("http://site.example/a?secret", max_bytes=99)) == b"there"
        assert net.dialled == [(SITE, 80), (OTHER_SITE, 8080)]
        assert b"Host: other.example:8080" in other.requests[0]
        for word in (b"secret", b"Cookie", b"Referer"):
            assert word not in other.requests[0]


def test_tls_is_asked_for_by_name_and_checked() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("site.example").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with Host(file(CONTENT), tls=context) as site:
        net = Internet({"site.example": [[SITE]], "liar.example": [[SITE]]}, {SITE: site})
        known = fetcher(net, authorities=trusting)
        assert b"".join(known.fetch("https://site.example/", max_bytes=9999)) == CONTENT
        assert net.dialled == [(SITE, 443)]
        for wary, url in [(known, "https://liar.example/"), (fetcher(net), "https://site.example/")]:
            with pytest.raises(SourceUnreachable):
                list(wary.fetch(url, max_bytes=9999))
        assert len(site.requests) == 1
    assert site.names == ["site.example", "liar.example", "site.example"]


def test_the_next_address_is_tried_when_one_is_closed(site: Host) -> None:
    net = Internet({"site.example": [["2606:4700::1", OTHER_SITE, SITE]]}, {SITE: site})
    assert b"".join(fetcher(net).fetch("http://site.example/", max_bytes=9999)) == CONTENT
    assert net.dialled == [("2606:4700::1", 80), (OTHER_SITE, 80), (SITE, 80)]


def test_not_more_than_four_addresses_are_tried(site: Host) -> None:
    net = Internet({"site.example": [[f"8.8.8.{last}" for last in range(200)] + [SITE]]}, {SITE: site})
    with pytest.raises(SourceUnreachable):
        list(fetcher(net).fetch("http://site.example/", max_bytes=9999))
    assert net.dialled == [("8.8.8.0", 80), ("8.8.8.1", 80), ("8.8.8.2", 80), ("8.8.8.3", 80)]


# What comes back


def test_up_to_three_redirects_are_followed() -> None:
    steps = [leads_to("/two"), leads_to("three?x", 307), leads_to("http://site.example/four", 308)]
    with Host(*steps, file(CONTENT)) as site:
        net = Internet({"site.example": [[SITE]]}, {SITE: site})
        assert b"".join(fetcher(net).fetch("http://site.example/a/one", max_bytes=9999)) == CONTENT
        assert [request.split(b" ")[1] for request in site.requests] == [b"/a/one", b"/two", b"/three?x", b"/four"]


def test_a_loop_of_redirects_ends() -> None:
    with Host(leads_to("/round")) as site:
        net = Internet({"site.example": [[SITE]]}, {SITE: site})
        with pytest.raises(SourceRefused, match="3 times"):
            list(fetcher(net).fetch("http://site.example/round", max_bytes=99))
        assert len(site.requests) == 4


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "ftp://x/", "http://u:p@site.example/", "http://[", "http://a:b/"]
)
def test_a_redirect_to_what_is_no_url_for_us_is_refused(place: str) -> None:
    with pytest.raises(InvalidUrl):
        fetched(leads_to(place))


@pytest.mark.parametrize("status", [201, 204, 206, 300, 304, 400, 401, 403, 404, 410, 429, 500, 503])
def test_another_status_than_200_is_no_file(status: int) -> None:
    with pytest.raises(SourceRefused, match=str(status)):
        fetched(sends(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()))


def test_a_redirect_without_a_place_is_refused() -> None:
    with pytest.raises(SourceRefused):
        fetched(sends(b"HTTP/1.1 302 F\r\nContent-Length: 0\r\n\r\n"))


@pytest.mark.parametrize("packing", ["gzip", "br", "zstd", "deflate, gzip", "identity, gzip", "GZIP", "nonsense"])
def test_packed_bodies_are_refused(packing: str) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    with pytest.raises(SourceRefused):
        fetched(file(bomb, f"Content-Encoding: {packing}"), max_bytes=100_000)


@pytest.mark.parametrize(
    "header", ["Content-Encoding: identity", "Content-Encoding:", "Content-Type: text/html", "X: y"]
)
def test_what_the_host_says_about_its_file_does_not_matter(header: str) -> None:
    assert fetched(file(CONTENT, header)) == CONTENT


def test_a_body_without_a_length_ends_where_the_host_hangs_up() -> None:
    assert fetched(sends(b"HTTP/1.1 200 OK\r\n\r\n", CONTENT)) == CONTENT
    assert fetched(sends(b"HTTP/1.0 200 OK\r\n\r\n", CONTENT)) == CONTENT


def test_a_body_in_chunks_is_put_together() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert fetched(sends(head, b"5;x=y\r\nhello\r\n", b"7\r\n, world\r\n0\r\nTrailer: t\r\n\r\n")) == b"hello, world"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n",
        b"\x00\xff" * 50,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffffffff\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;" + b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ],
    ids=lambda answer: repr(answer[:70]),
)
def test_an_answer_that_is_no_http_is_refused(answer: bytes) -> None:
    with pytest.raises(SourceError):
        fetched(sends(answer))


def test_a_length_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(FileTooLarge):
        fetched(sends(b"HTTP/1.1 200 OK\r\nContent-Length: 10001\r\n\r\n"), max_bytes=10_000)


def test_exactly_the_limit_is_fetched() -> None:
    assert fetched(file(CONTENT), max_bytes=len(CONTENT)) == CONTENT
    with pytest.raises(FileTooLarge):
        fetched(sends(b"HTTP/1.1 200 OK\r\n\r\n", CONTENT), max_bytes=len(CONTENT) - 1)


def test_bytes_beyond_a_lying_length_are_not_taken() -> None:
    assert fetched(sends(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef")) == b"abc"


PATIENT = Timeouts(connect_s=5.0, total_s=60.0, window_s=30.0, min_bytes_per_s=0.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "behaviour",
    [
        keeps_sending(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
        keeps_sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        keeps_sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 999),
        keeps_sending(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 99),
    ],
    ids=["body", "chunks", "tiny chunks", "hints before the answer"],
)
def test_what_never_ends_is_stopped_by_its_size(behaviour: Behave) -> None:
    with pytest.raises(FileTooLarge):
        fetched(behaviour, max_bytes=100_000, patience=PATIENT)


@pytest.mark.parametrize("min_bytes_per_s", [0.0, 4096.0], ids=["total", "rate"])
@pytest.mark.parametrize(
    "beginning",
    [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"],
    ids=["status", "headers", "body", "body with a length"],
)
def test_what_only_drips_is_stopped(beginning: bytes, min_bytes_per_s: float) -> None:
    total_s, window_s = (0.3, 5.0) if min_bytes_per_s == 0.0 else (60.0, 0.2)
    patience = Timeouts(connect_s=5.0, total_s=total_s, window_s=window_s, min_bytes_per_s=min_bytes_per_s)
    with pytest.raises(SourceTooSlow):
        fetched(keeps_sending(beginning, b"H", pause_s=0.01), patience=patience)


def test_a_host_that_says_nothing_is_left() -> None:
    def silent(connection: Connection) -> None:
        connection.closing.wait()

    with pytest.raises(SourceTooSlow):
        fetched(silent, patience=Timeouts(total_s=60.0, window_s=0.1))


def test_redirects_share_one_time() -> None:
    now_s = iter(range(0, 10_000, 20))
    with Host(leads_to("/on")) as site:
        net = Internet({"site.example": [[SITE]]}, {SITE: site})
        hasty = fetcher(net, Timeouts(total_s=300.0, window_s=1e9), clock=lambda: next(now_s))
        with pytest.raises(SourceTooSlow, match="300 s"):
            list(hasty.fetch("http://site.example/", max_bytes=99))
        assert 1 <= len(site.requests) <= 3


def test_a_resolver_that_never_answers_is_left() -> None:
    done = Event()

    def stuck(host: str, port: int) -> list[str]:
        done.wait(20)
        return []

    net = Internet({}, {})
    waiting = Fetcher(resolve=stuck, sockets=net, fetching=Timeouts(connect_s=0.1))
    with pytest.raises(SourceUnreachable):
        list(waiting.fetch("http://site.example/", max_bytes=99))
    done.set()


class Tape(httpcore.NetworkBackend, httpcore.NetworkStream):
    """A host that says one thing, whatever it is asked, and hangs up."""

    def __init__(self, answer: bytes) -> None:
        self._answer = BytesIO(answer)

    def connect_tcp(self, *_: object, **__: object) -> Tape:
        return self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._answer.read(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        pass

    def close(self) -> None:
        pass

    def get_extra_info(self, info: str) -> None:
        return None


HEADS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 302 F\r\nLocation: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: ",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: ",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 ",
        b"",
    ]
)
SCRAPS = st.lists(
    st.one_of(
        st.binary(max_size=20), st.sampled_from([b"\r\n", b"\r\n\r\n", b"http://", b"//", b"[", b"]", b"3", b":", b"%"])
    )
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(head=HEADS, scraps=SCRAPS)
def test_no_answer_brings_anything_but_bytes_or_our_errors(head: bytes, scraps: list[bytes]) -> None:
    tape = Tape(head + b"".join(scraps))
    careful = Fetcher(resolve=lambda *_: [SITE], sockets=tape, fetching=PATIENT)
    with suppress(SourceError, FileTooLarge):
        assert len(b"".join(careful.fetch("http://site.example/", max_bytes=50))) <= 50


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.text().map(lambda rest: f"http://{rest}"), st.text().map(lambda rest: f"//{rest}")))
def test_every_text_is_a_url_or_refused(text: str) -> None:
    with suppress(InvalidUrl):
        assert check_url(text).scheme in ("http", "https")


# POST


def test_a_post_brings_body_and_headers(site: Host) -> None:
    net = Internet({"hook.example": [[SITE]]}, {SITE: site})
    answer = fetcher(net).post(
        "http://hook.example/in?x", b'{"type":"video.completed"}', {"Content-Type": "application/json"}
    )
    assert answer == Answer(status=200, body=CONTENT)
    head, _, body = site.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /in?x HTTP/1.1\r\n")
    assert body == b'{"type":"video.completed"}'
    assert {b"Content-Type: application/json", b"Content-Length: 26", b"Host: hook.example"} <= set(head.split(b"\r\n"))


@pytest.mark.parametrize("status", [200, 204, 302, 404, 500])
def test_every_status_is_an_answer_to_a_post(status: int) -> None:
    with Host(leads_to("http://hook.example/elsewhere", status)) as site:
        net = Internet({"hook.example": [[SITE]]}, {SITE: site})
        assert fetcher(net).post("http://hook.example/", b"{}", {}).status == status
        assert len(site.requests) == 1


@pytest.mark.parametrize(
    ("behaviour", "length"),
    [
        (keeps_sending(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 999), MAX_ANSWER_BYTES),
        (keeps_sending(b"HTTP/1.1 200 OK\r\n\r\n", b"", pause_s=0.01), 0),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), 3),
    ],
    ids=["endless", "silent", "broken off"],
)
def test_an_odd_body_does_not_undo_the_status(behaviour: Behave, length: int) -> None:
    with Host(behaviour) as site:
        net = Internet({"hook.example": [[SITE]]}, {SITE: site})
        answer = fetcher(net).post("http://hook.example/", b"{}", {})
        assert (answer.status, len(answer.body)) == (200, length)


@pytest.mark.parametrize("behaviour", [keeps_sending(b"", b"H", pause_s=0.01), sends(b"")], ids=["drips", "hangs up"])
def test_no_answer_to_a_post_is_an_error(behaviour: Behave) -> None:
    with Host(behaviour) as site:
        net = Internet({"hook.example": [[SITE]]}, {SITE: site})
        with pytest.raises((SourceTooSlow, SourceUnreachable)):
            fetcher(net).post("http://hook.example/", b"{}", {})
