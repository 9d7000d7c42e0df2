"""Public addresses, and the notation of exceptions."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from lipsmith.errors import InvalidOption
from lipsmith.service.network.addresses import EMPTY_ALLOW_LIST, Allowed, is_allowed, is_public, parse_allow

PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0"),
    *("192.0.1.1", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255", "9.255.255.255", "11.0.0.0"),
    *("2606:4700:4700::1111", "2a00:1450:4001:830::200e", "2001:200::1", "2003::1", "3ffe:ffff::1"),
    *("::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
]

NOT_PUBLIC = [
    *(
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
    ),
    *("169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
    *("192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255"),
    *("240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *(
        "::",
        "::1",
        "::127.0.0.1",
        "::8.8.8.8",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
    ),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1"),
    *("64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "64:ff9b::1:0:0:1"),
    *(
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:808:808::1",
        "2001:0:808:808::1",
        "2001:0:1::80ff:fffe",
        "2001:db8::1",
    ),
    *("2001:10::1", "2001:2::1", "3fff::1", "100::1", "5f00::1", "4000::1", "1fff::1"),
    *("2a00:1450::5efe:127.0.0.1", "2a00:1450::200:5efe:10.0.0.1", "2606:4700::1%3"),
]


@pytest.mark.parametrize("text", PUBLIC)
def test_what_means_the_same_everywhere_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_what_is_near_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


def test_only_ports_of_the_web_is_allowed() -> None:
    address = ip_address("8.8.8.8")
    asked = [port for port in range(65536) if is_allowed("dns.google", address, port, EMPTY_ALLOW_LIST)]
    assert asked == [80, 443, 8080, 8443]


def test_the_list_is_read() -> None:
    allow = parse_allow(" media.internal , Receiver.Example.:9000,10.1.2.3,10.4.0.0/16:81, fd00::/8, [fd00::1]:8443 ,")
    assert allow.entries == (
        Allowed(name="media.internal"),
        Allowed(name="receiver.example", port=9000),
        Allowed(network=ip_network("10.1.2.3/32")),
        Allowed(network=ip_network("10.4.0.0/16"), port=81),
        Allowed(network=ip_network("fd00::/8")),
        Allowed(network=ip_network("fd00::1/128"), port=8443),
    )
    assert parse_allow("").entries == parse_allow(" , ").entries == ()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "*",
            "*.internal",
            "http://media.internal",
            "media.internal/path",
            "a b",
            "-x",
            "a..b",
            ".",
            "user@host",
            "é.x",
        ),
        *("10.0.0.1/8", "10.0.0.0/33", "127.1", "2130706433", "0x7f000001", "1.2.3.4.5", "0177.0.0.1", "host.1"),
        *("media.internal:0", "media.internal:65536", "media.internal:", "media.internal:x", "10.0.0.1:-1"),
        *("[fd00::1", "fd00::1]", "[]:1", "[fd00::1]:", "fe80::1%eth0/64", "::1::", ":80"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        parse_allow(f"good.example, {text}")
    assert repr(text) in caught.value.message


@pytest.mark.parametrize(
    ("entry", "host", "address", "port", "covered"),
    [
        ("media.internal", "media.internal", "10.0.0.1", 9999, True),
        ("media.internal", "sub.media.internal", "10.0.0.1", 80, False),
        ("media.internal:81", "media.internal", "10.0.0.1", 81, True),
        ("media.internal:81", "media.internal", "10.0.0.1", 80, False),
        ("10.0.0.0/8", "any.example", "10.200.0.1", 22, True),
        ("10.0.0.0/8", "any.example", "11.0.0.1", 22, False),
        ("10.0.0.0/8", "10.0.0.1", "192.168.0.1", 80, False),
        ("127.0.0.1", "any.example", "::ffff:127.0.0.1", 5000, True),
        ("127.0.0.1", "any.example", "64:ff9b::7f00:1", 5000, True),
        ("127.0.0.1", "any.example", "2002:7f00:1::", 80, False),
        ("127.0.0.1", "any.example", "::127.0.0.1", 80, False),
        ("127.0.0.1", "any.example", "127.0.0.2", 80, False),
        ("[::1]:5000", "any.example", "::1", 5000, True),
        ("[::1]:5000", "any.example", "::1", 80, False),
        ("::1", "any.example", "127.0.0.1", 80, False),
    ],
)
def test_an_entry_covers_what_it_says(entry: str, host: str, address: str, port: int, covered: bool) -> None:
    assert is_allowed(host, ip_address(address), port, parse_allow(entry)) is covered


def test_what_is_public_stays_public_beside_an_allow_list() -> None:
    assert is_allowed("example.org", ip_address("93.184.215.14"), 443, parse_allow("10.0.0.0/8"))
    assert not is_allowed("example.org", ip_address("93.184.215.14"), 22, parse_allow("10.0.0.0/8"))
