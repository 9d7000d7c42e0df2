"""Where the links of the local storage lead: uploads and downloads, by the link's own signature alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse

from lipsmith.service.assets import Assets
from lipsmith.storage.contract import CHUNK_BYTES, Upload
from lipsmith.storage.links import SignedLinks
from lipsmith.storage.local import LocalStorage


def router(storage: LocalStorage, links: SignedLinks, assets: Assets, prefix: str) -> APIRouter:
    """PUT, GET and HEAD below ``prefix``."""
    routes = APIRouter(prefix=prefix.rstrip("/"), include_in_schema=False)

    @routes.put("/{key:path}")
    async def upload(request: Request, key: str) -> Response:
        grant = links.check("PUT", key, dict(request.query_params))
        upload = await run_sync(lambda: storage.begin(grant.key, max_bytes=grant.max_bytes))
        with closing(upload):
            async for block in _blocks(request.stream()):
                await run_sync(upload.write, block)
            await run_sync(_finish, upload, assets, grant.key)
        return Response(status_code=200)

    @routes.api_route("/{key:path}", methods=["GET", "HEAD"])
    def download(request: Request, key: str) -> Response:
        grant = links.check(request.method, key, dict(request.query_params))
        path = storage.path(grant.key)
        return FileResponse(path, headers={"Cache-Control": "private", "X-Content-Type-Options": "nosniff"})

    return routes


def _finish(upload: Upload, assets: Assets, key: str) -> None:
    assets.received(key, upload.finish())


async def _blocks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in larger pieces: a thread is asked once for each."""
    waiting = bytearray()
    async for chunk in stream:
        waiting += chunk
        if len(waiting) >= CHUNK_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)
