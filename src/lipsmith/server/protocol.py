"""Strict HTTP/1.1: uvicorn's protocol with time-outs, smaller buffers, and no ambiguous requests.

A connection is closed if its request does not arrive in time, or a body or an answer stalls, so that many slow clients
cannot occupy the server. Requests that a proxy could read in another way are refused.

The class overrides methods of uvicorn's `HttpToolsProtocol` and reads its attributes, which are not a public interface:
pyproject.toml pins uvicorn's minor version, and a test checks that each of them exists. If uvicorn renames a callback,
its time-out or check is silently never applied; if it renames an attribute (`cycle`, `flow`, `headers`, `parser`,
`pipeline`, `transport`, `url`), connections fail with an AttributeError. Before widening the pin, run
`tests/unit/server/test_protocol_pin.py` and `tests/hostile_http` against the new version.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lipsmith.server.connection_limits import ConnectionLimits

MAX_HEAD_BYTES = 32 * 1024
"""Largest request line and headers together."""
MAX_URL_BYTES = 8 * 1024
READ_BYTES = 32 * 1024
"""Bytes read from a connection at once. asyncio reads 256 KB, which would fill the memory with hundreds of uploads."""
MAX_HEADERS = 100
MAX_FRAMING = 16
"""Most bytes of framing for each byte of a body: chunks of one byte need five. Trailers are not read."""
METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))
HOST = re.compile(rb"(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.IGNORECASE)
_REFUSAL = "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}"


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Longest waits for a client."""

    head_s: float
    """For a request's head, and for the rest of a refused body."""
    stall_s: float
    """For each part of a body or an answer."""
    bytes_per_s: int
    """Lowest speed of a body, on average over each ``stall_s``."""


class StrictProtocol(HttpToolsProtocol):
    """One connection. `strict` makes the class for uvicorn."""

    timeouts: ClassVar[Timeouts]
    connection_limits: ClassVar[ConnectionLimits]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._status, self._why = HTTPStatus.BAD_REQUEST, "This is not a valid HTTP request."
        self._in_head = True
        self._in_body = False
        self._over = False  # bytes that follow are ignored
        self._framing_bytes = self._body_bytes = 0
        self._window_bytes = 0
        self._held_back = False  # the server itself paused reading in this window
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # other loops than asyncio's have no such limit
        super().connection_made(transport)
        if self.connection_limits.enter(self, self.client[0] if self.client else ""):
            self._expect_head()
        else:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "There are too many connections. Try again in a moment.")

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection_limits.leave(self)
        _cancel(self._reading)
        _cancel(self._writing)
        super().connection_lost(exc)

    def close_idle(self) -> None:
        """Close the connection to make room for others."""
        self._over = True
        self._close()

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        if self._reading is None:  # line breaks before a request do not keep the connection open
            self._expect_head()
        self._framing_bytes += len(data)
        super().data_received(data)
        if self._framing_bytes > MAX_HEAD_BYTES + MAX_FRAMING * self._body_bytes and not self._over:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._framing_bytes = self._body_bytes = 0
        if self._reading is None:
            self._expect_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # trailers are ignored, above all keys in them
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._check_head()
        self._in_head, self._in_body = False, True
        self.connection_limits.serve(self)
        self._expect_body()
        super().on_headers_complete()
        if self.parser.should_upgrade():  # upgrades are refused, and the next request's start is uncertain
            self.cycle.keep_alive = False
            self._over = True

    def on_body(self, body: bytes) -> None:
        self._framing_bytes -= len(body)
        self._body_bytes += len(body)
        self._window_bytes += len(body)
        super().on_body(body)
        if len(self.cycle.body) >= READ_BYTES and not self.cycle.response_complete:
            self.flow.pause_reading()  # the handler still has as much again to process
        self._held_back = self._held_back or self.flow.read_paused

    def on_message_complete(self) -> None:
        self._in_body = False
        _cancel(self._reading)
        self._reading = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()
        elif self.cycle.response_complete:
            self.connection_limits.wait(self)
            if self._in_body:  # refused early: the client gets a little time to finish sending and read the answer
                self._await(self.timeouts.head_s, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing = self.loop.call_later(self.timeouts.stall_s, self.transport.abort)

    def resume_writing(self) -> None:
        _cancel(self._writing)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be read, as JSON."""
        if self._over:
            return
        self._over = True
        if not self._can_answer():
            self.transport.abort()
            return
        if self.cycle is not None:
            self.cycle.disconnected = True  # its own answer would follow this one
        body = json.dumps({"message": self._why, "code": "invalid_request"})
        self.transport.write(_REFUSAL.format(self._status, self._status.phrase, len(body), body).encode("ascii"))
        self._close()

    def _can_answer(self) -> bool:
        """Return whether the client takes what is sent now for the answer to the request that is being read."""
        if self.cycle is None or self.cycle.response_complete:
            return True
        return not (self._in_head or self.pipeline or self.cycle.response_started)

    def _check_head(self) -> None:
        """Raise ValueError for a head that is refused; the parser calls `send_400_response` then."""
        fault = self._excess() or self._ambiguity()
        if fault:
            self._status, self._why = fault
            raise ValueError(self._why)

    def _excess(self) -> tuple[HTTPStatus, str] | None:
        if len(self.url) > MAX_URL_BYTES:
            return HTTPStatus.REQUEST_URI_TOO_LONG, "The address is too long."
        if (
            len(self.headers) > MAX_HEADERS
            or sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES
        ):
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large."
        return None

    def _ambiguity(self) -> tuple[HTTPStatus, str] | None:
        """Return why a proxy could read the head in another way, as far as the parser itself accepts it."""
        version, upgrade = self.parser.get_http_version(), self.parser.should_upgrade()
        hosts, lengths, codings = (self._values(name) for name in (b"host", b"content-length", b"transfer-encoding"))
        chunked = [coding.lower() for coding in codings] == [b"chunked"] and version == "1.1" and not lengths
        if version not in ("1.0", "1.1") or self.parser.get_method() not in METHODS:
            why = "Only HTTP/1.1 with its usual methods is supported."
        elif not self.url.startswith(b"/"):
            why = "The address must be a path."
        elif len(hosts) > 1 or (not hosts and version == "1.1"):
            why = "The header Host is required exactly once."
        elif hosts and not HOST.fullmatch(hosts[0]):
            why = "The header Host must be a name or an address."
        elif codings and not chunked:
            why = "The header Transfer-Encoding must be 'chunked', once, and without Content-Length."
        elif upgrade and (chunked or any(length.strip(b" \t0") for length in lengths)):
            why = "A request for an upgrade must not have a body."
        else:
            return None
        return HTTPStatus.BAD_REQUEST, why

    def _values(self, name: bytes) -> list[bytes]:
        return [value.strip(b" \t") for known, value in self.headers if known == name]

    def _expect_head(self) -> None:
        self._await(self.timeouts.head_s, self._too_slow)

    def _expect_body(self) -> None:
        self._window_bytes, self._held_back = 0, self.flow.read_paused
        self._await(self.timeouts.stall_s, self._window_over)

    def _close(self) -> None:
        self.transport.close()  # waits until everything is sent
        self._await(self.timeouts.stall_s, self.transport.abort)

    def _await(self, seconds: float, then: Callable[[], None]) -> None:
        _cancel(self._reading)
        self._reading = self.loop.call_later(seconds, then)

    def _too_slow(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:  # an answer is being sent: that comes first
            self._expect_head()
        elif self.headers is not None:  # some bytes arrived
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request was sent too slowly.")
        else:
            self._close()

    def _window_over(self) -> None:
        if self._held_back or self._window_bytes >= self.timeouts.bytes_per_s * self.timeouts.stall_s:
            self._expect_body()
        else:
            self.transport.abort()

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._status, self._why = status, why
        self.send_400_response(why)


def strict(timeouts: Timeouts, connection_limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """Return a protocol class with the limits of one server."""
    return type("Strict", (StrictProtocol,), {"timeouts": timeouts, "connection_limits": connection_limits})


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
