"""Refused connections, byte by byte: slow ones, stalled ones, ambiguous ones."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest

from servers import Server, started

HEAD = b"GET /healthz HTTP/1.1\r\nHost: here\r\n"
POST = b"POST /v1/face-detection HTTP/1.1\r\nHost: here\r\n"
SHORT_S = 0.5


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits for half a second where another waits for ten, and for one where another does for sixty."""
    folder = tmp_path_factory.mktemp("impatient") / "data"
    short = {"LIPSMITH_HEAD_TIMEOUT_S": str(SHORT_S), "LIPSMITH_STALL_TIMEOUT_S": "1", "LIPSMITH_LOG_LEVEL": "warning"}
    with started(folder, "--concurrency", "0", **short) as server:
        yield server
        assert server.log.read_text() == ""


def dial(server: Server) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=240)


def rest(connection: socket.socket) -> bytes:
    """Everything until the other side closes; a reset is an end too."""
    said = b""
    try:
        while block := connection.recv(65536):
            said += block
    except ConnectionResetError:
        pass
    return said


def spoken(server: Server, *split_text: bytes) -> bytes:
    with closing(dial(server)) as connection:
        for piece in split_text:
            connection.sendall(piece)
        return rest(connection)


def status(said: bytes) -> int:
    """The answer's, whose body is checked to have the one shape of errors."""
    head, _, body = said.partition(b"\r\n\r\n")
    assert isinstance(json.loads(body)["message"], str)
    return int(head.split()[1])


def test_a_connection_that_sends_nothing_is_closed(impatient: Server) -> None:
    assert spoken(impatient) == b""


@pytest.mark.parametrize("begun", [b"G", HEAD, HEAD + b"X-Long: abc"])
def test_half_a_head_is_given_up(impatient: Server, begun: bytes) -> None:
    assert status(spoken(impatient, begun)) == 408


def test_a_head_that_crawls_is_given_up(impatient: Server) -> None:
    with closing(dial(impatient)) as connection:
        connection.settimeout(SHORT_S / 10)
        deadline = time.monotonic() + 15
        connection.sendall(HEAD + b"X-Slow: ")
        while time.monotonic() < deadline:
            try:
                answered = connection.recv(65536)
                break
            except TimeoutError:
                connection.sendall(b"a")
    assert answered.startswith(b"HTTP/1.1 408 ")


def test_a_second_request_has_no_more_time_than_the_first(impatient: Server) -> None:
    with closing(dial(impatient)) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(HEAD)
        assert status(rest(connection)) == 408


def test_a_body_that_stands_still_is_given_up(impatient: Server) -> None:
    assert spoken(impatient, POST + b"Content-Length: 10\r\n\r\n{") == b""


def test_who_takes_nothing_of_the_answer_is_given_up(impatient: Server) -> None:
    parts = urlsplit(impatient.url)
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((parts.hostname, parts.port))
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * 400)  # more than all buffers hold
        time.sleep(4)
        assert 0 < rest(connection).count(b"HTTP/1.1 200 ") < 400  # what had left, and then the end


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: +2\r\n\r\n{}",
        b"Content-Length: -1\r\n\r\n{}",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Host: there\r\n\r\n",
        b" folded: yes\r\n\r\n",
        b"X-Bad: a\x00b\r\n\r\n",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(server: Server, lines: bytes) -> None:
    assert status(spoken(server, POST + lines)) == 400


def test_a_host_is_needed(server: Server) -> None:
    assert status(spoken(server, b"GET /healthz HTTP/1.1\r\n\r\n")) == 400


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n", 414),
        (HEAD + b"X-Large: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (HEAD + b"X-Many: 1\r\n" * 101 + b"\r\n", 431),
    ],
)
def test_heads_are_limited(server: Server, request_: bytes, expected: int) -> None:
    assert status(spoken(server, request_)) == expected


def test_a_head_without_end_is_cut_off(server: Server) -> None:
    with closing(dial(server)) as connection:
        sent = 0
        try:
            connection.sendall(HEAD + b"X-Endless: ")
            while sent < 50_000_000:
                sent += connection.send(b"a" * 65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 50_000_000


@pytest.mark.parametrize("body", [b"[" * 40 + b"]" * 40, b'{"a":' * 40, b" " * 1_100_000])
def test_bodies_are_limited_in_size_and_depth(server: Server, body: bytes) -> None:
    answer = server.client.post("/v1/face-detection", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_several_requests_at_once_are_answered_in_turn(server: Server) -> None:
    said = spoken(server, (HEAD + b"\r\n") * 2 + HEAD + b"Connection: close\r\n\r\n")
    assert said.count(b"HTTP/1.1 200 ") == 3


def test_an_upgrade_is_not_taken_up(server: Server) -> None:
    headers = {"Connection": "upgrade", "Upgrade": "websocket"}
    assert httpx.get(f"{server.url}/healthz", headers=headers).status_code == 200
