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
class ReceivedRequest:
    """One POST."""

    path: str
    headers: dict[str, str]
    """By names in small letters."""
    body: bytes


@dataclass
class LocalHost:
    """Serve the files of a folder, and record POST requests."""

    url: str
    folder: Path | None
    received: list[ReceivedRequest] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    """By path, what the next POSTs are answered with; 200 when there are no more."""
    leads: dict[str, str] = field(default_factory=dict)
    """Paths that lead elsewhere, and where."""

    def at(self, path: str) -> list[ReceivedRequest]:
        """Return the received POST requests."""
        return [received for received in self.received if received.path == path]


class ForbiddenHost:
    """Host that counts requests."""

    def __init__(self, address: str) -> None:
        self._listener = socket.create_server((address, 0))
        self.port: int = self._listener.getsockname()[1]
        self.visits = 0
        self._thread = threading.Thread(target=self._accept_connections)
        self._thread.start()

    def close(self) -> None:
        """Wakes the thread and waits for it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept_connections(self) -> None:
        with suppress(OSError):
            while True:
                stream, _ = self._listener.accept()
                self.visits += 1
                stream.close()


@contextmanager
def local_host(folder: Path | None = None) -> Iterator[LocalHost]:
    """Host that is permitted."""

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
            there.received.append(ReceivedRequest(path=self.path, headers=headers, body=body))
            self.send_response(waiting.pop(0) if waiting else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    try:
        server = http.server.ThreadingHTTPServer((ALLOWED, 0), Handler)
    except OSError as error:
        pytest.skip(f"this machine has no second loopback address {ALLOWED}: {error}")
    with server:
        there = LocalHost(f"http://{ALLOWED}:{server.server_address[1]}", folder)
        threading.Thread(target=server.serve_forever).start()
        try:
            yield there
        finally:
            server.shutdown()


@contextmanager
def forbidden_host(address: str = "127.0.0.1") -> Iterator[ForbiddenHost]:
    """Host that must never be reached."""
    listening = ForbiddenHost(address)
    try:
        yield listening
    finally:
        listening.close()


@contextmanager
def silent_host() -> Iterator[str]:
    """The URL of a host that takes every connection and never answers."""
    with socket.create_server((ALLOWED, 0)) as listener:
        yield f"http://{ALLOWED}:{listener.getsockname()[1]}/hook"


def check_signature(received: ReceivedRequest, secret: str, *, ahead_s: Sequence[int] = (0,)) -> None:
    """Check a signature like the vendor's example: over the raw bytes, and not older than five minutes.

    ``ahead_s``: by how much the sender's clock may have been ahead of ours.
    """
    stamp, signature = received.headers["magic-hour-event-timestamp"], received.headers["magic-hour-event-signature"]
    assert min(abs(int(stamp) - time.time() - seconds) for seconds in ahead_s) < 300
    assert len(signature) == 64
    assert set(signature) <= set("0123456789abcdef")
    assert signature == hmac.new(secret.encode(), f"{stamp}.".encode() + received.body, hashlib.sha256).hexdigest()
    assert received.headers["content-type"] == "application/json"


def wait_until(true: Callable[[], object], timeout_s: float = 240) -> None:
    """Return once it is true."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
