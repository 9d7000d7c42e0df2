"""HTTP/1.1 as we speak it: uvicorn's own protocol with less patience, and smaller pockets.

A connection that sends no whole head, or stands still in the middle of a body or an answer, is closed, so that nobody
can hold the server with many slow ones. Knows nothing of routes.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 32 * 1024
"""Of the request line and all headers together."""
MAX_URL_BYTES = 8 * 1024
READ_BYTES = 32 * 1024
"""Taken from a connection at once. asyncio takes 256 KB, and hundreds of uploads would fill the memory with it."""
MAX_HEADERS = 100
_REFUSAL = "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}"


class StrictProtocol(HttpToolsProtocol):
    """One connection. `with_patience` makes the class that uvicorn is handed."""

    head_timeout_s: ClassVar[float]
    stall_timeout_s: ClassVar[float]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._status, self._why = HTTPStatus.BAD_REQUEST, "This is no valid HTTP request."
        self._in_head = True
        self._head_bytes = 0
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # other loops than asyncio's have no such limit
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._reading)
        _cancel(self._writing)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        elif self._reading is not None and not self.cycle.response_complete:
            self._expect_body()
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._check_head()
        self._in_head = False
        self._expect_body()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        _cancel(self._reading)
        self._reading = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing = self.loop.call_later(self.stall_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        _cancel(self._writing)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answers what could not be read, in the one shape that errors have here."""
        if self.transport.is_closing():
            return
        body = json.dumps({"message": self._why, "code": "invalid_request"})
        self.transport.write(_REFUSAL.format(self._status, self._status.phrase, len(body), body).encode("ascii"))
        self.transport.close()

    def _check_head(self) -> None:
        """Raises ValueError, which the parser turns into a refusal."""
        hosts = sum(name == b"host" for name, _ in self.headers)
        if len(self.url) > MAX_URL_BYTES:
            self._status, self._why = HTTPStatus.REQUEST_URI_TOO_LONG, "The address is too long."
        elif (
            len(self.headers) > MAX_HEADERS
            or sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES
        ):
            self._status, self._why = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large."
        elif hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            self._why = "The header Host is needed once."
        else:
            return
        raise ValueError(self._why)

    def _expect_head(self) -> None:
        _cancel(self._reading)
        self._reading = self.loop.call_later(self.head_timeout_s, self._too_slow)

    def _expect_body(self) -> None:
        _cancel(self._reading)
        self._reading = self.loop.call_later(self.stall_timeout_s, self._stalled)

    def _too_slow(self) -> None:
        if self.headers is not None:  # something came
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request came too slowly.")
        else:
            self.transport.close()

    def _stalled(self) -> None:
        if self.flow.read_paused and not self.cycle.response_complete:  # we are slow, not they
            self._expect_body()
        else:
            self.transport.abort()

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._status, self._why = status, why
        self.send_400_response(why)


def with_patience(*, head_s: float, stall_s: float) -> type[asyncio.Protocol]:
    """The protocol for connections that have ``head_s`` for a whole head, and may stand still for ``stall_s``."""

    class Patience(StrictProtocol):
        head_timeout_s = head_s
        stall_timeout_s = stall_s

    return Patience


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
