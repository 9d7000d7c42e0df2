"""HTTP servers in a thread of this process, with our protocol or, to show that a test can fail, without its limits."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lipsmith.server.connection_limits import ConnectionLimits
from lipsmith.server.protocol import Timeouts, strict

Where = tuple[str, int]
QUICK = Timeouts(head_s=0.5, stall_s=0.5, bytes_per_s=1000)
PLENTY = 1000
PATIENCE_S = 120.0
"""The longest wait for what has to come, on however slow a machine."""
LONG_S = 1.5
"""Time to watch a server without limits: three times the time-out of one with limits."""


class Lenient(HttpToolsProtocol):
    """Takes all that can be taken."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = ("headers", "chunked_length", "keep_alive", "transfer_encoding", "version", "data_after_close")
        more = ("optional_lf_after_cr", "optional_cr_before_lf", "optional_crlf_after_chunk", "spaces_after_chunk_size")
        self.parser.set_dangerous_leniencies(**{f"lenient_{name}": True for name in (*names, *more)})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads a request whole, and answers with its length and the names of its headers."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    told = json.dumps({"length": length, "names": [name.decode("latin-1") for name, _ in scope["headers"]]}).encode()
    headers = [(b"content-length", b"%d" % len(told)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": told})


@contextmanager
def listening(app: ASGIApp = echo, protocol: Any = HttpToolsProtocol, keep_alive_s: int = 60) -> Iterator[Where]:
    """Address at which ``app`` listens."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=0,
            http=protocol,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_keep_alive=keep_alive_s,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[:2]
    finally:
        server.should_exit = True
        thread.join()


def guarded(patience: Timeouts = QUICK, most: int = PLENTY, most_per_address: int = PLENTY) -> Any:
    """Our protocol."""
    return strict(patience, ConnectionLimits(most=most, most_per_address=most_per_address))


def dial(where: Where) -> socket.socket:
    return socket.create_connection(where, timeout=PATIENCE_S)


def answer(connection: socket.socket) -> bytes:
    """One whole answer, or what there was of it when the connection ended."""
    said = b""
    try:
        while b"\r\n\r\n" not in said:
            if not (block := connection.recv(65536)):
                return said
            said += block
        head, _, body = said.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            if not (block := connection.recv(65536)):
                return said
            body, said = body + block, said + block
    except ConnectionError:
        pass
    return said


def is_ended(connection: socket.socket, within_s: float = PATIENCE_S, crumb: bytes = b"") -> bool:
    """Wait for the other side to close while ``crumb`` is sent again and again."""
    return ended({"it": (connection, crumb)}, within_s) == {"it"}


def ended(connections: Mapping[str, tuple[socket.socket, bytes]], within_s: float = PATIENCE_S) -> set[str]:
    """Those that the other side closes, while each is sent its crumb again and again."""
    left, deadline = dict(connections), time.monotonic() + within_s
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        for name, (connection, crumb) in list(left.items()):
            connection.setblocking(False)
            try:
                connection.send(crumb)
                if not connection.recv(65536):
                    del left[name]
            except BlockingIOError:
                pass
            except ConnectionError:
                del left[name]
            connection.settimeout(PATIENCE_S)
    return set(connections) - set(left)
