"""No request that a proxy might read in another way than we do is taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from asgi_servers import Lenient, Where, answer, dial, guarded, listening
from benchmarks import http_probes
from benchmarks.trust_http import place, refused_once, spoken

from servers import Server

TAKEN_BY_THE_LENIENT = (
    *("length and chunks", "two codings", "chunk with a space", "length in a trailer", "space before a colon"),
    *("folded length", "NUL in a value", "bare line feeds", "two hosts", "HTTP/0.9", "upgrade with a body"),
)
POST = http_probes.POST
CHUNKS = POST + http_probes.CHUNKED + b"\r\n2\r\n{}\r\n"


@pytest.fixture(scope="module")
def guard() -> Iterator[Where]:
    with listening(protocol=guarded()) as where:
        yield where


@pytest.fixture(scope="module")
def lenient() -> Iterator[Where]:
    with listening(protocol=Lenient, keep_alive_s=1) as where:
        yield where


@pytest.mark.parametrize("name", http_probes.AMBIGUOUS)
def test_they_are_refused(server: Server, name: str) -> None:
    said = spoken(place(server.url), http_probes.AMBIGUOUS[name])
    assert refused_once(said)
    assert set(json.loads(said.partition(b"\r\n\r\n")[2])) == {"message", "code"}


def test_a_lenient_reader_takes_them(lenient: Where) -> None:
    for name in TAKEN_BY_THE_LENIENT:
        said = spoken(lenient, http_probes.AMBIGUOUS[name], timeout_s=0.3)
        assert said.startswith(b"HTTP/1.1 200 "), name
        assert not refused_once(said)


def test_what_follows_a_body_is_no_header(guard: Where, lenient: Where) -> None:
    names = []
    for where in (guard, lenient):
        with closing(dial(where)) as connection:
            connection.sendall(CHUNKS + b"0\r\nAuthorization: Bearer me\r\n\r\n")
            told = json.loads(answer(connection).partition(b"\r\n\r\n")[2])
            assert told["length"] == 2
            names.append(told["names"])
    assert names == [["host", "transfer-encoding"], ["host", "transfer-encoding", "authorization"]]


@pytest.mark.parametrize("endless", [b"0\r\nX-Endless: ", b"2;"])
def test_what_stands_around_a_body_has_an_end(guard: Where, endless: bytes) -> None:
    assert sent_before_the_end(guard, CHUNKS + endless) < 20_000_000


def test_without_the_guard_it_has_none(lenient: Where) -> None:
    assert sent_before_the_end(lenient, CHUNKS + b"0\r\nX-Endless: ") >= 20_000_000


def test_an_answer_is_never_given_to_another_request(guard: Where) -> None:
    with closing(dial(guard)) as connection:
        connection.sendall(POST + b"Content-Length: 2\r\n\r\n{}" + POST + b"Content-Length: x\r\n\r\n")
        said = answer(connection)
    assert said == b"" or said.startswith(b"HTTP/1.1 200 ")  # nobody may take the refusal of the second for the first's


def test_after_an_upgrade_nothing_is_read(guard: Where, lenient: Where) -> None:
    upgrade = b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    counts = []
    for where in (guard, lenient):
        with closing(dial(where)) as connection:
            connection.settimeout(2)
            connection.sendall(upgrade)
            said = answer(connection)
            try:
                connection.sendall(http_probes.NEXT)
                said += answer(connection)
            except OSError:
                pass
            counts.append(said.count(b"HTTP/1.1 200 "))
    assert counts == [1, 2]


def sent_before_the_end(where: Where, beginning: bytes) -> int:
    """Number of further bytes that are read after ``beginning``, up to 20 million."""
    sent = 0
    with closing(dial(where)) as connection:
        try:
            connection.sendall(beginning)
            while sent < 20_000_000:
                sent += connection.send(b"a" * 65536)
        except ConnectionError:
            pass
    return sent
