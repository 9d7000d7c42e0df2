"""Middleware: allowed hosts, limits of JSON bodies, cross-origin requests, errors, and security headers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlsplit

from anyio.to_thread import run_sync
from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1_000_000
"""Largest JSON body. Files have links of their own."""
MAX_UNKNOWN_BYTES = 16 * 1024
"""Largest body of a request without a valid key."""
MAX_DEPTH = 32
MAX_DELIMITERS = 20_000
"""Most brackets and commas in a body, texts included: each may cost an object. The largest known body has 500."""
OWN_HOSTS = ("localhost", "127.0.0.1", "[::1]")
NO_CONTENT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Content security policy of an answer that is data: nothing is allowed."""
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": NO_CONTENT,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Default headers of every answer: browsers do not guess its type, run, frame or cache it, or send its address on."""
_DELIMITERS = (b"[", b"]", b"{", b"}", b",")
_NO_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))

Refuse = Callable[[Request, str], Response]
"""Makes the answer to a refused request, in the format of its API."""


class BodyLimits:
    """Read the whole body of an API request, and refuse one that is too large, too deeply nested or too slow."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        free: tuple[str, ...],
        is_known: Callable[[Request], bool],
        refuse: Refuse,
        timeout_s: float,
    ) -> None:
        """``free``: starts of paths that pass unread. ``timeout_s``: longest time to receive a body."""
        self._app, self._free, self._timeout_s = app, free, timeout_s
        self._is_known, self._refuse = is_known, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._free):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await self._read(Request(scope), receive)
            if depth(body) > MAX_DEPTH:
                raise _Refused(f"The request is nested more than {MAX_DEPTH} levels deep.")
        except _Disconnected:
            return
        except (_Refused, TimeoutError) as fault:
            answer = await run_sync(self._refuse, Request(scope), str(fault) or "The request was sent too slowly.")
            await answer(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
        scope = {**scope, "headers": [*headers, (b"content-type", b"application/json")]}  # every body is JSON
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, request: Request, receive: Receive) -> bytes:
        """Read the whole body. Raises _Disconnected or _Refused."""
        body = bytearray()
        more, known = True, False
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Disconnected()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_UNKNOWN_BYTES and not known:
                known = await run_sync(self._is_known, request)
                if not known:
                    raise _Refused(f"The request has no valid key, and is larger than {MAX_UNKNOWN_BYTES:,} bytes.")
            if len(body) > MAX_BODY_BYTES:
                raise _Refused(f"The request is larger than {MAX_BODY_BYTES:,} bytes.")
        if sum(map(body.count, _DELIMITERS)) > MAX_DELIMITERS:
            raise _Refused(f"The request has more than {MAX_DELIMITERS:,} brackets and commas.")
        return bytes(body)


class AllowedHosts:
    """Refuse requests that address a host with another name."""

    def __init__(self, app: ASGIApp, *, allowed: Collection[str], free: tuple[str, ...], refuse: Refuse) -> None:
        """``allowed``: host names in lower case, with or without a port; empty for any.

        ``free``: paths for any host, since monitoring uses the machine's address.
        """
        self._app, self._allowed, self._free, self._refuse = app, frozenset(allowed), free, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._allowed and scope["path"] not in self._free:
            host = Headers(scope=scope).get("host", "").lower()
            if self._allowed.isdisjoint((host, without_port(host))):
                await self._refuse(Request(scope), "This server does not have the requested host name.")(
                    scope, receive, send
                )
                return
        await self._app(scope, receive, send)


class CrossOrigin:
    """Allow web pages of any origin below some paths. A key authenticates them, not a cookie."""

    def __init__(self, app: ASGIApp, *, prefixes: tuple[str, ...]) -> None:
        self._app, self._prefixes = app, prefixes
        self._open = CORSMiddleware(app, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["*"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["type"] == "http" and scope["path"].startswith(self._prefixes)
        await (self._open if is_open else self._app)(scope, receive, send)


class CatchErrors:
    """Answer after an unexpected exception. The framework would do so outside of the other middleware, without their
    headers."""

    def __init__(self, app: ASGIApp, *, answer: Callable[[Request, Exception], Response]) -> None:
        self._app, self._answer = app, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if started:  # half an answer cannot become another
                raise
            await self._answer(Request(scope), error)(scope, receive, send)


class SecurityHeaders:
    """Add `SAFE_HEADERS` to every answer that does not have them itself."""

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str] = SAFE_HEADERS) -> None:
        self._app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, safe)


class _Disconnected(Exception):
    """Closed connection of the client."""


class _Refused(Exception):
    """Refusal of a request, with the reason as its message."""


def own_hosts(allowed: Collection[str], public_url: str | None) -> frozenset[str]:
    """Return the hosts that `AllowedHosts` accepts; none means any.

    >>> sorted(own_hosts((), "https://video.example.org/"))
    ['127.0.0.1', '[::1]', 'localhost', 'video.example.org']
    """
    if "*" in allowed or not (allowed or public_url):
        return frozenset()
    named = allowed or (urlsplit(public_url or "").netloc.rpartition("@")[2],)
    return frozenset(host.lower() for host in (*named, *OWN_HOSTS))


def without_port(host: str) -> str:
    """Return a host name without its port.

    >>> without_port("example.org:8000"), without_port("[::1]:80"), without_port("[::1]")
    ('example.org', '[::1]', '[::1]')
    """
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def depth(body: bytes) -> int:
    """Return the depth of nested brackets outside of texts, whether or not ``body`` is valid JSON.

    >>> depth(b'{"a": [1, "[[["]}')
    2
    """
    # Keep brackets and quotes only; pairs of quotes without a bracket between them go too.
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, delete=_NO_BRACKETS).replace(b'""', b"")
    deepest = now = 0
    for part in bare.split(b'"')[::2]:
        for byte in part:
            now += 1 if byte in b"[{" else -1
            deepest = max(deepest, now)
    return deepest


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `Receive` for the ``body`` that was read, followed by what ``receive`` has."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
