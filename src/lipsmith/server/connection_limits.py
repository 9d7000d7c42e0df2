"""Limits of open connections, in total and per address. Idle connections are closed first."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from typing import Protocol

SUBSCRIBER_BITS = 64
"""Bits of an IPv6 address that identify a provider's customer; the customer chooses the others."""


class Connection(Protocol):
    """A connection."""

    def close_idle(self) -> None:
        """Close the connection, which is not in the middle of a request."""
        ...


class ConnectionLimits:
    """Count connections. At a limit, the connection that has been idle longest is closed.

    So connections that are opened to use up the limit do not keep out clients with requests.
    """

    def __init__(self, *, most: int, most_per_address: int) -> None:
        self.most, self.most_per_address = most, most_per_address
        self._addresses: dict[Connection, str] = {}
        self._present: defaultdict[str, set[Connection]] = defaultdict(set)
        self._waiting: dict[Connection, None] = {}  # the longest idle first
        self._waiting_at: defaultdict[str, dict[Connection, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._addresses)

    def enter(self, connection: Connection, address: str) -> bool:
        """Admit ``connection``, as an idle one. Return False if the limit is reached and none is idle."""
        network = subscriber(address)
        if len(self._present[network]) >= self.most_per_address and not self._make_room(self._waiting_at[network]):
            return False
        if len(self._addresses) >= self.most and not self._make_room(self._waiting):
            self._forget_empty(network)
            return False
        self._addresses[connection] = network
        self._present[network].add(connection)
        self.wait(connection)
        return True

    def wait(self, connection: Connection) -> None:
        """Mark ``connection`` as idle: no request is being answered or received."""
        if connection in self._addresses:
            self._waiting[connection] = None
            self._waiting_at[self._addresses[connection]][connection] = None

    def serve(self, connection: Connection) -> None:
        """Mark ``connection`` as busy with a request, so that it is not closed."""
        if connection in self._addresses:
            self._waiting.pop(connection, None)
            self._waiting_at[self._addresses[connection]].pop(connection, None)

    def leave(self, connection: Connection) -> None:
        """Forget ``connection``, admitted or not."""
        self.serve(connection)
        network = self._addresses.pop(connection, None)
        if network is not None:
            self._present[network].discard(connection)
            self._forget_empty(network)

    def _make_room(self, waiting: dict[Connection, None]) -> bool:
        oldest = next(iter(waiting), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.close_idle()
        return True

    def _forget_empty(self, network: str) -> None:
        if not self._present[network]:
            del self._present[network]
            self._waiting_at.pop(network, None)


def subscriber(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the IPv6 network of one customer.

    >>> subscriber("192.0.2.7"), subscriber("::ffff:192.0.2.7"), subscriber("2001:db8:1:2:3::4")
    ('192.0.2.7', '192.0.2.7', '2001:db8:1:2::')
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a socket of another family
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), SUBSCRIBER_BITS), strict=False).network_address)
