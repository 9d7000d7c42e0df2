"""Addresses that URLs of clients may lead to: those that the whole internet can reach.

`ipaddress.is_global` changes between Python versions, and accepts NAT64 of private addresses, 6to4, multicast and
fec0::. Therefore the rules are tables here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from lipsmith.errors import InvalidOption

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS = (80, 443, 8080, 8443)
"""Allowed ports; services on others may interpret HTTP as commands of their own protocol."""

MAX_PORT = 65535

NOT_PUBLIC_IPV4 = tuple(
    map(
        IPv4Network,
        (  # IANA IPv4 Special-Purpose Address Registry, as of 2025
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by a provider's customers; a metadata service of one cloud
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local; the metadata services of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments; a metadata service of one cloud
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
            # Not in the registry: looks public, and leads to the host of a virtual machine on Azure.
            "168.63.129.16/32",
        ),
    )
)

PUBLIC_IPV6 = IPv6Network("2000::/3")
"""Assigned IPv6 addresses; all others are local, multicast, or unused."""

NOT_PUBLIC_IPV6 = tuple(
    map(
        IPv6Network,
        (  # IANA IPv6 Special-Purpose Address Registry, as of 2025: the parts of 2000::/3
            "2001::/23",  # protocol assignments, among them Teredo, which carries an IPv4 address of its own
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which carries an IPv4 address of its own; given up in 2015 (RFC 7526)
            "3fff::/20",  # documentation
        ),
    )
)

_TRANSLATED = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))  # mapped; NAT64 (RFC 6052)
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # third quarter of an address whose last one is an IPv4 address (RFC 5214)
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)
_LOOKS_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)  # the resolver reads 127.1 as an address


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """Entry of an allow-list: a name or a network, with one port or all."""

    name: str | None = None
    network: Network | None = None
    port: int | None = None

    def covers(self, host: str, address: Address, port: int) -> bool:
        """Return True if the entry matches ``host`` at ``address`` and ``port``."""
        if self.port not in (None, port):
            return False
        if self.network is None:
            return self.name == host
        return address in self.network or unwrapped(address) in self.network


@dataclass(frozen=True, kw_only=True)
class AllowList:
    """Hosts that may be requested although they are not public."""

    entries: tuple[Allowed, ...] = ()

    def covers(self, host: str, address: Address, port: int) -> bool:
        """Return True if any entry matches."""
        return any(entry.covers(host, address, port) for entry in self.entries)


EMPTY_ALLOW_LIST = AllowList()


def is_allowed(host: str, address: Address, port: int, allow: AllowList) -> bool:
    """Return True if a connection to ``address``, to which ``host`` resolved, is allowed."""
    return allow.covers(host, address, port) or (port in PORTS and is_public(address))


def is_public(address: Address) -> bool:
    """Return True if ``address`` is reachable from the whole internet."""
    address = unwrapped(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_IPV4)
    if address.scope_id is not None or (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return False
    return address in PUBLIC_IPV6 and not any(address in network for network in NOT_PUBLIC_IPV6)


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that ``address`` embeds, else ``address`` itself."""
    if isinstance(address, IPv6Address) and any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def parse_allow(text: str) -> AllowList:
    """Parse a list such as ``media.internal, 10.1.2.3:9000, fd00::/8, [fd00::1]:8443``.

    An entry is a name, address or network, with a port or for all ports. A name does not include its subdomains. Raises
    InvalidOption for an invalid entry.
    """
    return AllowList(entries=tuple(_entry(part.strip()) for part in text.split(",") if part.strip()))


def _entry(text: str) -> Allowed:
    host, port = _split_port(text)
    try:
        return Allowed(network=ip_network(host), port=port)
    except ValueError:
        name = host.lower().removesuffix(".")
        if not _NAME.fullmatch(name) or _LOOKS_NUMERIC.fullmatch(name):
            raise _invalid(text) from None
        return Allowed(name=name, port=port)


def _split_port(text: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([0-9a-fA-F:./]+)\](?::([0-9]{1,5}))?", text, re.ASCII)
    plain = re.fullmatch(r"([^:\[\]]+)(?::([0-9]{1,5}))?", text, re.ASCII)
    found = bracketed or plain
    if found is None:
        try:
            ip_address(text.split("/")[0])  # IPv6 without brackets has no port
        except ValueError:
            raise _invalid(text) from None
        return text, None
    port = None if found[2] is None else int(found[2])
    if port is not None and not 1 <= port <= MAX_PORT:
        raise _invalid(text)
    return found[1], port


def _invalid(text: str) -> InvalidOption:
    return InvalidOption(
        f"{text!r} is not a valid allowed host. Use a name (media.internal), an address (10.1.2.3), or a network "
        "(10.0.0.0/8), optionally with a port (media.internal:9000, [fd00::1]:9000), separated by commas."
    )
