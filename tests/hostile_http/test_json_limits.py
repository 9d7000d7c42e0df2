"""A request's JSON is read for those with a key, and as far as anybody honest goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest
from asgi_servers import LONG_S, Where, answer, dial, echo, listening
from fastapi import Request
from starlette.responses import JSONResponse, Response

from in_process_server import InProcessServer
from lipsmith.server.middleware import MAX_BODY_BYTES, MAX_DELIMITERS, BodyLimits, depth

PATH = "/v1/face-detection"
LARGE = f"POST {PATH} HTTP/1.1\r\nHost: here\r\nContent-Length: 900000\r\n".encode()


def refuse(request: Request, why: str) -> Response:
    return JSONResponse({"message": why}, status_code=400)


@pytest.fixture(scope="module")
def guard() -> Iterator[Where]:
    """Knows those whose key is ``good``."""
    known = lambda request: request.headers.get("authorization") == "good"  # noqa: E731
    with listening(BodyLimits(echo, free=("/files/",), is_known=known, refuse=refuse, timeout_s=0.5)) as where:
        yield where


@pytest.fixture(scope="module")
def open_door() -> Iterator[Where]:
    """The twin without a guard."""
    with listening() as where:
        yield where


def begun(where: Where, head: bytes, body: bytes) -> bytes:
    """Answer to the beginning of a request; empty while the server waits for more."""
    with closing(dial(where)) as connection:
        connection.settimeout(LONG_S)
        connection.sendall(head + b"\r\n" + body)
        try:
            return answer(connection)
        except TimeoutError:
            return b""


def test_nobody_unknown_has_much_read(in_process: InProcessServer) -> None:
    parts = urlsplit(in_process.url)
    where = (str(parts.hostname), int(parts.port or 0))
    said = begun(where, LARGE, b"a" * 40_000)
    assert said.startswith(b"HTTP/1.1 401 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "unauthorized"
    assert begun(where, LARGE + f"Authorization: Bearer {in_process.key}\r\n".encode(), b"a" * 40_000) == b""


def test_without_the_guard_all_of_it_is_waited_for(open_door: Where) -> None:
    assert begun(open_door, LARGE, b"a" * 40_000) == b""


@pytest.mark.parametrize(
    "body",
    [
        b" " * (MAX_BODY_BYTES + 1),
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 40,
        b"," * (MAX_DELIMITERS + 1),
        b"[]" * MAX_DELIMITERS,
    ],
)
def test_what_is_too_much(guard: Where, open_door: Where, body: bytes) -> None:
    statuses = [
        httpx.post(f"http://{host}:{port}{PATH}", content=body, headers={"Authorization": "good"}).status_code
        for host, port in (guard, open_door)
    ]
    assert statuses == [400, 200]


@pytest.mark.parametrize("body", [b" " * MAX_BODY_BYTES, b"[" * 32 + b"]" * 32, b'"' + b"[" * 33 + b'"', b""])
def test_what_is_not(guard: Where, body: bytes) -> None:
    host, port = guard
    got = httpx.post(f"http://{host}:{port}{PATH}", content=body, headers={"Authorization": "good"})
    assert (got.status_code, got.json()["length"]) == (200, len(body))


def test_files_are_not_read_by_the_guard(guard: Where) -> None:
    host, port = guard
    assert httpx.put(f"http://{host}:{port}/files/a", content=bytes(2_000_000)).json()["length"] == 2_000_000


def test_a_body_that_does_not_end_in_time_is_refused(guard: Where, open_door: Where) -> None:
    """However steadily it comes: it is held in memory meanwhile."""
    said = begun(guard, LARGE + b"Authorization: good\r\n", b"a")
    assert said.startswith(b"HTTP/1.1 400 ")
    assert begun(open_door, LARGE, b"a") == b""


def test_who_goes_away_is_forgotten(guard: Where) -> None:
    with closing(dial(guard)) as connection:
        connection.sendall(LARGE + b"\r\na")
    host, port = guard
    assert httpx.get(f"http://{host}:{port}/").status_code == 200


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", 0),
        (b"[[1, {}], []]", 3),
        (b'{"a": "[[[[", "b": []}', 2),
        (b'{"a": "\\"[[[", "b": [[]]}', 3),
        (b'{"a": "\\\\", "b": [[["\\\\"]]]}', 4),
        (b'["", "", [""], "]]]]", [[[]]]]', 4),
        (b"]]]][[[", -1),
        (b'"[', 0),
    ],
)
def test_depth(body: bytes, expected: int) -> None:
    assert max(depth(body), 0) == max(expected, 0)


def test_depth_is_that_of_a_parser() -> None:
    """Compared with the nesting of what Python's own parser makes of it."""
    texts = ('"]', "\\", '\\"[', "[[{", "", "a\\\\", "{}")
    for number in range(300):
        value: object = texts[number % len(texts)]
        for bit in f"{number:b}":
            value = [value, texts[number % 5]] if bit == "1" else {texts[number % 3]: value, "b": "]"}
        assert depth(json.dumps(value).encode()) == nesting(value)


def nesting(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(nesting, inner), default=0)


def test_numbers_of_thousands_of_digits(in_process: InProcessServer) -> None:
    for digits in (4299, 4300, 4301, 900_000):
        got = in_process.client.post(PATH, content=b'{"assets": ' + b"9" * digits + b"}")
        assert (got.status_code, got.json()["code"]) == (400, "invalid_request")
        assert len(got.text) < 500
    with pytest.raises(ValueError, match="4300 digits"):  # what it would be without our answer to it
        json.loads(b"9" * 4301)
