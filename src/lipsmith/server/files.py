"""Where our own links lead: uploads and, from a folder of this machine, downloads, by the link's signature alone."""

from __future__ import annotations

from contextlib import closing

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse

from lipsmith.service.assets import Assets
from lipsmith.storage.contract import Storage, Upload
from lipsmith.storage.links import SignedLinks
from lipsmith.storage.local import LocalStorage


def router(storage: Storage, links: SignedLinks, assets: Assets, prefix: str) -> APIRouter:
    """PUT below ``prefix``, and GET and HEAD for bytes in files; a bucket is asked for its own."""
    routes = APIRouter(prefix=prefix.rstrip("/"), include_in_schema=False)

    @routes.put("/{key:path}")
    async def upload(request: Request, key: str) -> Response:
        grant = links.check("PUT", key, dict(request.query_params))
        upload = await run_sync(lambda: storage.begin(grant.key, max_bytes=grant.max_bytes))
        with closing(upload):
            async for chunk in request.stream():
                await run_sync(upload.write, chunk)  # at once: what is gathered here, hundreds of callers gather
            await run_sync(_finish, upload, assets, grant.key)
        return Response(status_code=200)

    if isinstance(storage, LocalStorage):

        @routes.api_route("/{key:path}", methods=["GET", "HEAD"])
        def download(request: Request, key: str) -> Response:
            grant = links.check(request.method, key, dict(request.query_params))
            path = storage.path(grant.key)
            return FileResponse(path, headers={"Cache-Control": "private", "X-Content-Type-Options": "nosniff"})

    return routes


def _finish(upload: Upload, assets: Assets, key: str) -> None:
    assets.received(key, upload.finish())
