"""Generated requests, byte by byte: none breaks the server, and every answer has the one shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from asgi_servers import LONG_S, dial, echo, guarded, listening
from benchmarks import http_probes, trust_http
from starlette.types import Receive, Scope, Send

from local_hosts import wait_until
from servers import Server, started

COUNT = 1500
SEED = 20


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that does not wait for what will never come."""
    folder = tmp_path_factory.mktemp("quick") / "data"
    with started(folder, "--concurrency", "0", **trust_http.SHORT) as server:
        yield server


def test_none_breaks_the_server(quick: Server) -> None:
    faults, answers = trust_http.generated_faults(quick, COUNT, SEED)
    assert faults == []
    assert quick.log.read_text() == ""
    assert sum(answers.values()) == COUNT
    assert min(answers[status] for status in (200, 400, 401, 403, 404, 405, 422)) >= 2  # they reach far
    assert quick.client.get("/v1/account").status_code == 200


def test_who_hangs_up_is_no_fault_of_ours(quick: Server) -> None:
    wish = {"items": [{"type": "image", "extension": "png"}]}
    [item] = quick.client.post("/v1/files/upload-urls", json=wish).json()["items"]
    link = urlsplit(item["upload_url"])
    own = f"Authorization: Bearer {quick.key}\r\nContent-Type: image/png"
    for path, more in ((f"{link.path}?{link.query}", "X-Nothing: 1"), ("/api/open/v3/upload", own)):
        with closing(dial(trust_http.place(quick.url))) as connection:
            head = f"PUT {path}" if link.path in path else f"POST {path}"
            connection.sendall(f"{head} HTTP/1.1\r\nHost: here\r\n{more}\r\nExpect: 100-continue\r\n".encode())
            connection.sendall(b"Content-Length: 1000\r\n\r\n")
            assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"  # its body is being read
            connection.sendall(b"the beginning")
    settled(quick)
    assert quick.log.read_text() == ""


def settled(server: Server) -> None:
    """Returns when nothing lies unfinished in the data folder."""
    wait_until(lambda: not any((server.data_dir / "files" / "unfinished").iterdir()))


def test_what_breaks_is_found() -> None:
    """Generated requests against an application with faults of four kinds."""

    async def fragile(scope: Scope, receive: Receive, send: Send) -> None:
        text = {
            "/v1/lip-sync": (500, b'{"message": "broken"}'),
            "/v1/account": (400, b"<html>no JSON</html>"),
            "/docs": (200, b'Traceback (most recent call last):\n  File "/srv/a.py"'),
            "/healthz": (404, b'{"detail": "another shape"}'),
        }.get(scope["path"])
        if text is None:
            await echo(scope, receive, send)
            return
        status, body = text
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    with listening(fragile, protocol=guarded()) as where:  # ends requests that are never whole
        requests = http_probes.generated(SEED, 400, ("key",))
        faults, _ = trust_http.ask_all(where, requests)
    kinds = Counter(fault.partition(":")[0] for fault in faults)
    assert set(kinds) == {
        "status 500",
        "status 400 without JSON",
        "reveals internals",
        "status 404 in another shape",
    }


def test_the_same_seed_makes_the_same_requests() -> None:
    first, second, other = (list(http_probes.generated(seed, 60, ("key",))) for seed in (1, 1, 2))
    assert first == second != other


def test_half_open_connections_are_gone() -> None:
    with listening(protocol=guarded()) as (host, port):
        left, _ = trust_http.hold_half_open(f"http://{host}:{port}", ("127.0.0.2", "127.0.0.1"), count=300)
    assert left == 0


def test_half_open_connections_stay_where_nobody_minds() -> None:
    with listening() as (host, port):
        left, _ = trust_http.hold_half_open(f"http://{host}:{port}", ("127.0.0.1",), count=40, within_s=LONG_S)
    assert left == 40
