"""What no request may do: ask for another host, send endless JSON, or more levels of it than anyone reads.

And what every answer says about itself to browsers.
"""

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
"""Of a JSON request. Files go to links of their own."""
MAX_UNKNOWN_BYTES = 16 * 1024
"""Of a request from somebody without a key."""
MAX_DEPTH = 32
MAX_SIGNS = 20_000
"""Brackets and commas in a request, also in its texts: each may cost an object. The largest one known has 500."""
OWN_HOSTS = ("localhost", "127.0.0.1", "[::1]")
NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""What a browser may do with an answer that is data."""
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": NOTHING,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Of every answer that says nothing else: no browser guesses what it is, runs, frames or keeps it, or tells of it."""
_SIGNS = (b"[", b"]", b"{", b"}", b",")
_NO_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))

Refuse = Callable[[Request, str], Response]
"""Makes the answer to a request that is not taken, in the shape its sender knows."""


class BodyLimits:
    """Reads the body of an API request whole before anyone else does, and refuses what is too large or too deep."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        free: tuple[str, ...],
        is_known: Callable[[Request], bool],
        refuse: Refuse,
        timeout_s: float,
    ) -> None:
        """Requests whose path begins with one of ``free`` pass untouched. Others are whole after ``timeout_s``."""
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
        except _Gone:
            return
        except (_Refused, TimeoutError) as fault:
            answer = await run_sync(self._refuse, Request(scope), str(fault) or "The request came too slowly.")
            await answer(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
        scope = {**scope, "headers": [*headers, (b"content-type", b"application/json")]}  # nothing else is spoken here
        await self._app(scope, _again(body, receive), send)

    async def _read(self, request: Request, receive: Receive) -> bytes:
        """The whole body. Raises _Gone or _Refused."""
        body = bytearray()
        more, known = True, False
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_UNKNOWN_BYTES and not known:
                known = await run_sync(self._is_known, request)
                if not known:
                    raise _Refused(f"The request is larger than {MAX_UNKNOWN_BYTES:,} bytes, and nobody's.")
            if len(body) > MAX_BODY_BYTES:
                raise _Refused(f"The request is larger than {MAX_BODY_BYTES:,} bytes.")
        if sum(map(body.count, _SIGNS)) > MAX_SIGNS:
            raise _Refused(f"The request has more than {MAX_SIGNS:,} brackets and commas.")
        return bytes(body)


class AllowedHosts:
    """Lets only those pass who ask for a host that is ours."""

    def __init__(self, app: ASGIApp, *, allowed: Collection[str], free: tuple[str, ...], refuse: Refuse) -> None:
        """``allowed`` names hosts in lower case, with or without a port; without any, all are ours.

        Paths in ``free`` are answered whatever host is asked for: who watches a machine asks for its address.
        """
        self._app, self._allowed, self._free, self._refuse = app, frozenset(allowed), free, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._allowed and scope["path"] not in self._free:
            host = Headers(scope=scope).get("host", "").lower()
            if self._allowed.isdisjoint((host, without_port(host))):
                await self._refuse(Request(scope), "This server has another name.")(scope, receive, send)
                return
        await self._app(scope, receive, send)


class CrossOrigin:
    """Lets web pages of any origin ask below one path: they prove who they are by a key, not by a cookie."""

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self._app, self._prefix = app, f"{prefix}/"
        self._open = CORSMiddleware(app, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["*"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        await (self._open if is_open else self._app)(scope, receive, send)


class CatchErrors:
    """Answers where something broke in a way that nobody thought of. The framework does so too, but outside of all that
    every answer is to have."""

    def __init__(self, app: ASGIApp, *, answer: Callable[[Request, Exception], Response]) -> None:
        self._app, self._answer = app, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def heard(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, heard)
        except Exception as error:
            if begun:  # half an answer cannot become another
                raise
            await self._answer(Request(scope), error)(scope, receive, send)


class SecurityHeaders:
    """Puts `SAFE_HEADERS` on every answer, where it has none of these names itself."""

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


class _Gone(Exception):
    """The caller went away."""


class _Refused(Exception):
    """The request is not taken; the message says why."""


def own_hosts(allowed: Collection[str], public_url: str | None) -> frozenset[str]:
    """The hosts that `AllowedHosts` lets pass; none means all.

    >>> sorted(own_hosts((), "https://video.example.org/"))
    ['127.0.0.1', '[::1]', 'localhost', 'video.example.org']
    """
    if "*" in allowed or not (allowed or public_url):
        return frozenset()
    named = allowed or (urlsplit(public_url or "").netloc.rpartition("@")[2],)
    return frozenset(host.lower() for host in (*named, *OWN_HOSTS))


def without_port(host: str) -> str:
    """
    >>> without_port("example.org:8000"), without_port("[::1]:80"), without_port("[::1]")
    ('example.org', '[::1]', '[::1]')
    """
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def depth(body: bytes) -> int:
    """How deep brackets are nested, outside of texts, whether or not it is JSON.

    >>> depth(b'{"a": [1, "[[["]}')
    2
    """
    # Only brackets matter, and which of them are in texts: of the quotes, those that stand alone between brackets.
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, delete=_NO_BRACKETS).replace(b'""', b"")
    deepest = now = 0
    for part in bare.split(b'"')[::2]:
        for byte in part:
            now += 1 if byte in b"[{" else -1
            deepest = max(deepest, now)
    return deepest


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives out the ``body`` that was read, then what ``receive`` still has."""
    handed = False

    async def again() -> Message:
        nonlocal handed
        if handed:
            return await receive()
        handed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
