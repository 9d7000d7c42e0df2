"""Connections that send or read almost nothing are closed, however they stretch it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress

import pytest
from asgi_servers import LONG_S, PATIENCE_S, Where, answer, dial, ended, guarded, is_ended, listening

from lipsmith.server.protocol import Timeouts

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\n"
BODY = HEAD + b"Content-Length: 1000000\r\n\r\n"
CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"
DRIPPING = {
    "a head": (HEAD + b"X-Slow: ", b"a"),
    "line breaks before a request": (b"", b"\r\n"),
    "a body": (BODY, b"a"),
    "chunks of one byte": (CHUNKS, b"1\r\na\r\n"),
    "an extension of a chunk": (CHUNKS + b"1;", b"a"),
    "what follows the last chunk": (CHUNKS + b"0\r\nX-Slow: ", b"a"),
}


@pytest.fixture(scope="module")
def guard() -> Iterator[Where]:
    with listening(protocol=guarded()) as where:
        yield where


@pytest.fixture(scope="module")
def patient() -> Iterator[Where]:
    """The twin that waits for everybody."""
    with listening() as where:
        yield where


def test_who_drips_is_let_go(guard: Where) -> None:
    with dripping(guard) as connections:
        assert ended(connections) == set(DRIPPING)


def test_without_the_guard_they_stay(patient: Where) -> None:
    with dripping(patient) as connections:
        assert ended(connections, within_s=LONG_S) == set()


def test_line_breaks_after_a_request_keep_nothing_open(guard: Where, patient: Where) -> None:
    ended = []
    for where, within_s in ((guard, PATIENCE_S), (patient, LONG_S)):
        with closing(dial(where)) as connection:
            connection.sendall(WHOLE)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")
            ended.append(is_ended(connection, within_s=within_s, crumb=b"\r\n"))
    assert ended == [True, False]


def test_who_sends_steadily_may_take_long() -> None:
    """Twelve kilobytes in steps of a few hundred, which take several times what is waited for one window."""
    steady = Timeouts(head_s=0.5, stall_s=0.5, bytes_per_s=1000)
    longest_s, tries = 1.0, 0
    while longest_s > 0.3:  # this process stood still for so long that its sending was not steady
        tries += 1
        assert tries < 20
        with listening(protocol=guarded(steady)) as where, closing(dial(where)) as connection:
            longest_s, before_s, got = 0.0, time.monotonic(), b""
            with suppress(ConnectionError):
                connection.sendall(HEAD + b"Content-Length: 12000\r\n\r\n")
                for _ in range(20):
                    time.sleep(0.1)
                    connection.sendall(b"a" * 600)
                    longest_s, before_s = max(longest_s, time.monotonic() - before_s), time.monotonic()
                got = answer(connection)
    assert got.startswith(b"HTTP/1.1 200 ")


def test_without_a_least_rate_a_body_may_drip() -> None:
    lax = Timeouts(head_s=0.5, stall_s=0.5, bytes_per_s=0)
    with listening(protocol=guarded(lax)) as where, closing(dial(where)) as connection:
        connection.sendall(BODY)
        assert not is_ended(connection, within_s=LONG_S, crumb=b"a")


def test_what_is_sent_after_a_refusal_is_not_taken_forever() -> None:
    """Let a client finish its body after an early answer, but not for hours."""
    with listening(refusing, guarded()) as where, closing(dial(where)) as connection:
        connection.sendall(BODY)
        assert answer(connection).startswith(b"HTTP/1.1 200 ")
        assert is_ended(connection, crumb=b"a" * 1000)
    with listening(refusing) as where, closing(dial(where)) as connection:
        connection.sendall(BODY)
        assert answer(connection).startswith(b"HTTP/1.1 200 ")
        assert not is_ended(connection, within_s=LONG_S, crumb=b"a" * 1000)


async def refusing(scope, receive, send):  # type: ignore[no-untyped-def]
    """Answers at once, whatever still comes."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"no"})


@contextmanager
def dripping(where: Where) -> Iterator[Mapping[str, tuple[socket.socket, bytes]]]:
    """A connection for each of `DRIPPING`, with what it goes on with."""
    with ExitStack() as stack:
        connections = {}
        for name, (beginning, crumb) in DRIPPING.items():
            connection = stack.enter_context(closing(dial(where)))
            connection.sendall(beginning)
            connections[name] = (connection, crumb)
        yield connections
