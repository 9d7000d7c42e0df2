"""Routes of signed links: uploads, and downloads from a folder of this machine. The signature is the permission."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse, JSONResponse
from starlette.types import Message, Receive, Scope, Send

from lipsmith.dialects.contract import PLAIN_ERRORS
from lipsmith.errors import LipsmithError
from lipsmith.service.errors import InvalidRequest
from lipsmith.service.network.assets import Assets
from lipsmith.storage.contract import Storage, Upload
from lipsmith.storage.errors import InvalidKey, LinkRefused, NotStored
from lipsmith.storage.links import Grant, SignedLinks
from lipsmith.storage.local import LocalStorage

_RANGE = re.compile(rb"bytes=(?:([0-9]{1,15})-([0-9]{0,15})|-([0-9]{1,15}))")
"""One range: from a byte to the end, from one byte to another, or the last bytes."""


def router(storage: Storage, links: SignedLinks, assets: Assets, prefix: str) -> APIRouter:
    """Make PUT below ``prefix``, and GET and HEAD if files are on this machine; a bucket serves its own."""
    routes = APIRouter(prefix=prefix.rstrip("/"), include_in_schema=False)

    def granted(request: Request, key: str) -> Grant:
        try:
            return links.check(request.method, key, dict(request.query_params))
        except InvalidKey:  # not a link of this server
            raise LinkRefused() from None

    @routes.put("/{key:path}")
    async def upload(request: Request, key: str) -> Response:
        grant = granted(request, key)
        upload = await run_sync(lambda: storage.begin(grant.key, max_bytes=grant.max_bytes))
        with closing(upload):
            async for chunk in request.stream():
                await run_sync(upload.write, chunk)  # at once: hundreds of uploads would fill the memory
            await run_sync(_finish, upload, assets, grant.key)
        return Response(status_code=200)

    if isinstance(storage, LocalStorage):

        @routes.api_route("/{key:path}", methods=["GET", "HEAD"])
        def download(request: Request, key: str) -> Response:
            return Download(storage.path(granted(request, key).key))

    return routes


class Download(FileResponse):
    """Answer with a file to save. A browser that shows it does so in a sandbox without scripts, forms or an origin.

    A request may ask for one range, as players and resumed downloads do. Several ranges are ignored, as the standard
    allows: many small parts are expensive.
    """

    def __init__(self, path: Path) -> None:
        headers = {"Cache-Control": "private", "Content-Security-Policy": "default-src 'none'; sandbox"}
        super().__init__(path, headers=headers, filename=path.name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ranges = [value for name, value in scope["headers"] if name == b"range"]
        delayed: Message | None = None

        async def delay(message: Message) -> None:  # so that a file that has just been deleted is a 404
            nonlocal delayed
            if message["type"] == "http.response.start":
                delayed = message
                return
            if delayed is not None:
                start, delayed = delayed, None
                await send(start)
            await send(message)

        try:
            size = Path(self.path).stat().st_size
            part = one_range(ranges[0]) if len(ranges) == 1 else None
            if part and not starts_within(part, size):
                answer = _refusal(416, InvalidRequest(f"The file has {size} bytes."))
                answer.headers["Content-Range"] = f"bytes */{size}"
                await answer(scope, receive, send)
                return
            headers = [(name, value) for name, value in scope["headers"] if name != b"range" or part]
            await super().__call__({**scope, "headers": headers}, receive, delay)
        except FileNotFoundError:
            await _refusal(404, NotStored())(scope, receive, send)


def one_range(header: bytes) -> re.Match[bytes] | None:
    """Match a ``Range`` header that asks for one valid range.

    >>> [bool(one_range(text)) for text in (b"bytes=0-", b"bytes=5-2", b"bytes=-3", b"bytes=0-1,4-5", b"lines=1-2")]
    [True, False, True, False, False]
    """
    found = _RANGE.fullmatch(header)
    return None if found and found[2] and int(found[1]) > int(found[2]) else found


def starts_within(part: re.Match[bytes], size: int) -> bool:
    """Return whether a file of ``size`` bytes has the first byte of ``part``."""
    return int(part[1]) < size if part[1] else min(size, int(part[3])) > 0


def _refusal(status: int, error: LipsmithError) -> JSONResponse:
    return JSONResponse(dict(PLAIN_ERRORS.body(error, error.code)), status_code=status)


def _finish(upload: Upload, assets: Assets, key: str) -> None:
    assets.received(key, upload.finish())
