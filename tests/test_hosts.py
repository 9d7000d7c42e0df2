"""Hosts beside the server under test: one that it is allowed to talk to, one that it must never reach."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ALLOWED = "127.0.0.2"
"""Where allowed neighbours live; the server's own 127.0.0.1 stays forbidden."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One POST."""

    path: str
    headers: dict[str, str]
    """By names in small letters."""
    body: bytes


@dataclass
class Neighbour:
    """Hands out the files of a folder, and hears what is posted."""

    url: str
    folder: Path | None
    heard: list[Heard] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    """By path, what the next POSTs are answered with; 200 when there are no more."""
    leads: dict[str, str] = field(default_factory=dict)
    """Paths that lead elsewhere, and where."""

    def at(self, path: str) -> list[Heard]:
        """What was posted there."""
        return [heard for heard in self.heard if heard.path == path]


class Canary:
    """Counts who comes by."""

    def __init__(self, address: str) -> None:
        self._listener = socket.create_server((address, 0))
        self.port: int = self._listener.getsockname()[1]
        self.visits = 0
        self._thread = threading.Thread(target=self._measure_levels)
        self._thread.start()

    def close(self) -> None:
        """Wakes the thread and waits for it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _measure_levels(self) -> None:
        with suppress(OSError):
            while True:
                stream, _ = self._listener.accept()
                self.visits += 1
                stream.close()


@contextmanager
def neighbour(folder: Path | None = None) -> Iterator[Neighbour]:
    """One that is allowed."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if place := there.leads.get(self.path):
                self.send_response(302)
                self.send_header("Location", place)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path = (folder or Path()) / self.path.partition("?")[0].removeprefix("/")
            content = path.read_bytes() if folder is not None and path.is_file() else None
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            waiting = there.statuses.get(self.path)
            there.heard.append(Heard(path=self.path, headers=headers, body=body))
            self.send_response(waiting.pop(0) if waiting else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    try:
        server = http.server.ThreadingHTTPServer((ALLOWED, 0), Handler)
    except OSError as error:
        pytest.skip(f"this machine has no second loopback address {ALLOWED}: {error}")
    with server:
        there = Neighbour(f"http://{ALLOWED}:{server.server_address[1]}", folder)
        threading.Thread(target=server.serve_forever).start()
        try:
            yield there
        finally:
            server.shutdown()


@contextmanager
def canary(address: str = "127.0.0.1") -> Iterator[Canary]:
    """One that nobody may visit."""
    listening = Canary(address)
    try:
        yield listening
    finally:
        listening.close()


@contextmanager
def deaf() -> Iterator[str]:
    """The URL of a host that takes every connection and never answers."""
    with socket.create_server((ALLOWED, 0)) as listener:
        yield f"http://{ALLOWED}:{listener.getsockname()[1]}/hook"


def check_signature(heard: Heard, secret: str, *, ahead_s: Sequence[int] = (0,)) -> None:
    """As the vendor's own example for receivers does it: over the raw bytes, and not older than five minutes.

    ``ahead_s``: by how much the sender's clock may have been ahead of ours.
    """
    stamp, signature = heard.headers["magic-hour-event-timestamp"], heard.headers["magic-hour-event-signature"]
    assert min(abs(int(stamp) - time.time() - seconds) for seconds in ahead_s) < 300
    assert len(signature) == 64
    assert set(signature) <= set("0123456789abcdef")
    assert signature == hmac.new(secret.encode(), f"{stamp}.".encode() + heard.body, hashlib.sha256).hexdigest()
    assert heard.headers["content-type"] == "application/json"


def until(true: Callable[[], object], timeout_s: float = 60) -> None:
    """Returns once it is true."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
