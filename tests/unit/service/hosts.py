"""Real listeners on loopback that behave as they are told, and an internet of names and addresses in front of them."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import httpcore

Behave = Callable[["Connection"], None]


class Connection:
    """One accepted connection, whose request has been read up to the end of its headers and its body."""

    def __init__(self, stream: socket.socket, request: bytes, closing: Event) -> None:
        self.stream, self.request, self.closing = stream, request, closing

    def send(self, data: bytes) -> None:
        self.stream.sendall(data)


def sends(*parts: bytes) -> Behave:
    """Sends these bytes and hangs up."""

    def behave(connection: Connection) -> None:
        for part in parts:
            connection.send(part)

    return behave


def file(content: bytes, *headers: str) -> Behave:
    """Sends a proper answer with ``content``."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(content)}", *headers]
    return sends("\r\n".join(lines).encode() + b"\r\n\r\n", content)


def leads_to(place: str, status: int = 302) -> Behave:
    """Redirects."""
    return sends(f"HTTP/1.1 {status} Elsewhere\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode())


def keeps_sending(beginning: bytes, part: bytes, *, pause_s: float = 0.0) -> Behave:
    """Sends ``part`` again and again until the other side hangs up."""

    def behave(connection: Connection) -> None:
        connection.send(beginning)
        while not connection.closing.wait(pause_s):
            connection.send(part)

    return behave


class Host:
    """Listens on a free port of loopback; counts connections and keeps requests."""

    def __init__(self, *behaviour: Behave, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.behaviour = list(behaviour)
        self.requests: list[bytes] = []
        self.connections = 0
        self.names: list[str | None] = []
        """What TLS clients asked for by SNI."""
        self._tls = tls
        if tls is not None:
            tls.sni_callback = lambda _, name, __: self.names.append(name)
        self._closing = Event()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family)
        self._listener.settimeout(0.01)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [Thread(target=self._accept_connections)]
        self._threads[0].start()

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept_connections(self) -> None:
        while not self._closing.is_set():
            with suppress(TimeoutError):
                stream, _ = self._listener.accept()
                self.connections += 1
                self._threads.append(Thread(target=self._serve, args=(stream,)))
                self._threads[-1].start()

    def _serve(self, stream: socket.socket) -> None:
        stream.settimeout(10)
        with suppress(OSError), stream:
            if self._tls is not None:
                stream = self._tls.wrap_socket(stream, server_side=True)
            with stream:
                request = _request(stream)
                self.requests.append(request)
                behave = self.behaviour.pop(0) if len(self.behaviour) > 1 else self.behaviour[0]
                behave(Connection(stream, request, self._closing))
                with suppress(OSError):
                    stream.shutdown(socket.SHUT_WR)
                    while stream.recv(4096):
                        pass


def _request(stream: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read:
        part = stream.recv(4096)
        if not part:
            return read
        read += part
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < lengths[0]:
        body += stream.recv(4096)
    return head + b"\r\n\r\n" + body


class Internet(httpcore.NetworkBackend):
    """Names with their addresses, and addresses with the hosts that stand for them. Notes what is asked and dialled."""

    def __init__(self, names: Mapping[str, Sequence[Sequence[str]]], hosts: Mapping[str, Host]) -> None:
        self._answers = {name: list(answers) for name, answers in names.items()}
        self._hosts = hosts
        self._sockets = httpcore.SyncBackend()
        self.asked: list[str] = []
        self.dialled: list[tuple[str, int]] = []

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """Each name's answers in turn, the last one for ever."""
        self.asked.append(host)
        if host not in self._answers:
            raise OSError("no such name")
        answers = self._answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.dialled.append((host, port))
        if host not in self._hosts:
            raise httpcore.ConnectError("nobody there")
        return self._sockets.connect_tcp("127.0.0.1", self._hosts[host].port, timeout=timeout)
