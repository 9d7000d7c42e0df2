"""What no request may do: send endless JSON, or more levels of it than anyone reads."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1_000_000
"""Of a JSON request. Files go to links of their own."""
MAX_DEPTH = 32


class Guard:
    """Reads the body of an API request whole before anyone else does, and refuses what is too large or too deep."""

    def __init__(self, app: ASGIApp, *, free: tuple[str, ...]) -> None:
        """Requests whose path begins with one of ``free`` pass untouched."""
        self._app, self._free = app, free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._free):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BODY_BYTES:
                await _refusal(f"The request is larger than {MAX_BODY_BYTES:,} bytes.")(scope, receive, send)
                return
        if depth(bytes(body)) > MAX_DEPTH:
            await _refusal(f"The request is nested more than {MAX_DEPTH} levels deep.")(scope, receive, send)
            return
        handed = False
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
        scope = {**scope, "headers": [*headers, (b"content-type", b"application/json")]}  # nothing else is spoken here

        async def again() -> Message:
            nonlocal handed
            if handed:
                return await receive()
            handed = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, again, send)


def depth(body: bytes) -> int:
    """How deep brackets are nested, outside of texts, whether or not it is JSON.

    >>> depth(b'{"a": [1, "[[["]}')
    2
    """
    deepest = now = 0
    quoted = escaped = False
    for byte in body:
        if quoted:
            escaped, quoted = byte == 0x5C and not escaped, byte != 0x22 or escaped
        elif byte == 0x22:
            quoted = True
        elif byte in b"[{":
            now += 1
            deepest = max(deepest, now)
        elif byte in b"]}":
            now -= 1
    return deepest


def _refusal(message: str) -> JSONResponse:
    return JSONResponse({"message": message, "code": "invalid_request"}, status_code=400)
