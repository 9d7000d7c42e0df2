"""Many connections at once: those that only wait make room for those that have something to say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from asgi_servers import LONG_S, Timeouts, Where, answer, dial, guarded, is_ended, listening

from lipsmith.server.connection_limits import ConnectionLimits, subscriber

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
BEGUN = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
PATIENT = Timeouts(head_s=30, stall_s=30, bytes_per_s=0)


@dataclass(eq=False)
class Connection:
    """Notes that it was shown out."""

    out: list[str] = field(default_factory=list)
    name: str = "guest"

    def close_idle(self) -> None:
        self.out.append(self.name)


def guests(count: int) -> tuple[list[str], list[Connection]]:
    out: list[str] = []
    return out, [Connection(out, str(number)) for number in range(count)]


def test_who_waits_longest_makes_room() -> None:
    out, (first, second, third, fourth) = guests(4)
    keeper = ConnectionLimits(most=2, most_per_address=9)
    assert keeper.enter(first, "a") and keeper.enter(second, "b")
    keeper.serve(first)
    keeper.wait(first)  # answered: it waits again, but since a moment only
    assert keeper.enter(third, "c")
    assert out == ["1"]
    assert keeper.enter(fourth, "d")
    assert out == ["1", "0"]
    assert len(keeper) == 2


def test_an_address_makes_room_by_itself() -> None:
    out, (other, first, second, third) = guests(4)
    keeper = ConnectionLimits(most=9, most_per_address=2)
    assert keeper.enter(other, "other")
    assert keeper.enter(first, "same") and keeper.enter(second, "same") and keeper.enter(third, "same")
    assert out == ["1"]


def test_who_is_served_stays_and_others_are_refused() -> None:
    out, (first, second) = guests(2)
    keeper = ConnectionLimits(most=1, most_per_address=1)
    assert keeper.enter(first, "a")
    keeper.serve(first)
    assert not keeper.enter(second, "a") and not keeper.enter(second, "b")
    keeper.leave(second)  # who was never let in
    keeper.leave(first)
    keeper.leave(first)
    assert keeper.enter(second, "b")
    assert (out, len(keeper)) == ([], 1)


def test_nothing_is_kept_of_who_left() -> None:
    keeper = ConnectionLimits(most=3, most_per_address=2)
    for guest in guests(50)[1]:
        if keeper.enter(guest, guest.name):
            keeper.serve(guest)
        keeper.leave(guest)
    assert (len(keeper), len(keeper._present), len(keeper._waiting_at), len(keeper._waiting)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
    ],
)
def test_what_counts_as_one_address(address: str, expected: str) -> None:
    assert subscriber(address) == expected


@pytest.fixture(scope="module")
def small() -> Iterator[Where]:
    """A server with room for three."""
    with listening(protocol=guarded(PATIENT, most_per_address=3)) as where:
        yield where


def test_who_has_something_to_say_is_heard(small: Where) -> None:
    with ExitStack() as stack:
        waiting = [stack.enter_context(closing(dial(small))) for _ in range(3)]
        asking = stack.enter_context(closing(dial(small)))
        asking.sendall(REQUEST)
        assert answer(asking).startswith(b"HTTP/1.1 200 ")
        assert is_ended(waiting[0])
        assert not is_ended(waiting[2], within_s=0.2)


def test_who_is_in_the_middle_of_a_request_is_not_shown_out(small: Where) -> None:
    with ExitStack() as stack:
        busy = [stack.enter_context(closing(dial(small))) for _ in range(3)]
        for connection in busy:
            connection.sendall(BEGUN)
            assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"  # it is being read
        with closing(dial(small)) as late:
            assert answer(late).startswith(b"HTTP/1.1 503 ")
        for connection in busy:
            connection.sendall(b"0123456789")
            assert answer(connection).startswith(b"HTTP/1.1 200 ")


def test_without_the_guard_all_stay() -> None:
    with listening() as where, ExitStack() as stack:
        waiting = [stack.enter_context(closing(dial(where))) for _ in range(6)]
        assert not is_ended(waiting[0], within_s=LONG_S)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ((1000, 1000), ("372", "1000")),  # two files for each, and 256 of its own
        ((300, 1256), ("500", "1256")),
        ((4000, 4000), ("500", "4000")),
    ],
)
def test_no_more_than_files_may_be_open(limits: tuple[int, int], expected: tuple[str, str], tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from lipsmith.server.run import connection_limits
from lipsmith.server.settings import Settings
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
limits = connection_limits(Settings(data_dir=Path(sys.argv[3]), max_connections=500))
print(limits.most, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    command = [sys.executable, "-c", program, *map(str, limits), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert tuple(done.stdout.splitlines()[-1].split()) == expected
    assert ("fewer connections" in done.stdout + done.stderr) == (expected[0] != "500")
