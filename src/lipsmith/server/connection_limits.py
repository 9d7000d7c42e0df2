"""Who may be connected: so many in all, so many from one address. Who only waits makes room for who comes.

Knows no HTTP: a guest is whatever can be shown out.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from typing import Protocol

SUBSCRIBER_BITS = 64
"""Of an IPv6 address: the part that belongs to one customer of a provider, who may choose the rest."""


class Connection(Protocol):
    """A connection."""

    def close_idle(self) -> None:
        """Closes it; nothing is lost, for it was not in the middle of a request."""
        ...


class ConnectionLimits:
    """Counts connections. At a limit, the one that has waited longest for a request to be whole is shown out.

    So connections that were opened to take up all places hold none against somebody who has something to say.
    """

    def __init__(self, *, most: int, most_per_address: int) -> None:
        self.most, self.most_per_address = most, most_per_address
        self._home: dict[Connection, str] = {}
        self._present: defaultdict[str, set[Connection]] = defaultdict(set)
        self._waiting: dict[Connection, None] = {}  # in the order in which they began to
        self._waiting_at: defaultdict[str, dict[Connection, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._home)

    def enter(self, connection: Connection, address: str) -> bool:
        """Lets ``connection`` in, who waits at first; or does not, where nobody can make room."""
        home = subscriber(address)
        if len(self._present[home]) >= self.most_per_address and not self._make_room(self._waiting_at[home]):
            return False
        if len(self._home) >= self.most and not self._make_room(self._waiting):
            self._forget_empty(home)
            return False
        self._home[connection] = home
        self._present[home].add(connection)
        self.wait(connection)
        return True

    def wait(self, connection: Connection) -> None:
        """From now on ``connection`` has no request that is answered or whose body comes in."""
        if connection in self._home:
            self._waiting[connection] = None
            self._waiting_at[self._home[connection]][connection] = None

    def serve(self, connection: Connection) -> None:
        """From now on ``connection`` is in the middle of a request, and stays."""
        if connection in self._home:
            self._waiting.pop(connection, None)
            self._waiting_at[self._home[connection]].pop(connection, None)

    def leave(self, connection: Connection) -> None:
        """Forgets ``connection``, whether or not it was let in."""
        self.serve(connection)
        home = self._home.pop(connection, None)
        if home is not None:
            self._present[home].discard(connection)
            self._forget_empty(home)

    def _make_room(self, waiting: dict[Connection, None]) -> bool:
        oldest = next(iter(waiting), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.close_idle()
        return True

    def _forget_empty(self, home: str) -> None:
        if not self._present[home]:
            del self._present[home]
            self._waiting_at.pop(home, None)


def subscriber(address: str) -> str:
    """What counts as one address: IPv4 as it is, of IPv6 the network that one customer is given.

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
