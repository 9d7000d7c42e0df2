"""The HTTP application: all routes, and every error in the vendor's own shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse

import lipsmith
from lipsmith.database.connection import is_away
from lipsmith.dialects.magic_hour import routes as magic_hour
from lipsmith.dialects.magic_hour import translate
from lipsmith.errors import LipsmithError, NotStored, StorageFailed, Unauthorized
from lipsmith.server import docs_page, files, health
from lipsmith.server.context import FILES_PATH, Context
from lipsmith.server.guard import Guard, Hosts, Safe, own_hosts
from lipsmith.server.health import Counting, Metrics

log = structlog.get_logger("lipsmith.server")

NO_JSON = "The request body is no valid JSON."
UNAVAILABLE = "The server cannot reach its database or its files at the moment. Try again later."


def application(context: Context) -> FastAPI:
    """Everything that is reached by HTTP."""
    app = FastAPI(
        title="lipsmith",
        version=lipsmith.__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # no client follows redirects
    )
    parts = context.magic_hour()
    app.include_router(magic_hour.router(parts))
    app.include_router(files.router(context.storage, context.doors, context.assets, FILES_PATH))
    metrics = Metrics(context.database, context.workers)
    app.include_router(health.router(context.storage, context.workers, metrics))

    @app.get("/docs", include_in_schema=False)
    def documentation() -> HTMLResponse:
        return HTMLResponse(docs_page.page(app.openapi()), headers={"Content-Security-Policy": docs_page.POLICY})

    _tell_errors(app, parts)
    settings = context.settings
    app.add_middleware(
        Guard,
        free=(FILES_PATH,),
        is_known=lambda request: _is_known(request, parts),
        refuse=lambda request, why: _unreadable(request, why, parts),
        patience_s=settings.stall_timeout_s,
    )
    app.add_middleware(
        Hosts,
        allowed=own_hosts(settings.allowed_hosts, settings.public_url),
        free=health.PATHS,
        refuse=lambda request, why: _answer(421, why, "invalid_request"),
    )
    app.add_middleware(Safe)
    app.add_middleware(Counting, metrics=metrics)
    return app


def _tell_errors(app: FastAPI, parts: magic_hour.Parts) -> None:
    def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, LipsmithError)
        if isinstance(error, StorageFailed):
            return _unavailable(request, error.message)
        status = 404 if isinstance(error, NotStored) else translate.to_status(error)
        if status == 500:
            log.error("request failed", path=request.url.path, code=error.code, message=error.message)
            return _answer(500, "The server could not do this.", "failed")
        return _answer(status, error.message, error.code)

    def malformed(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return _unreadable(request, _fault(error), parts)

    def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if error.status_code == 400:  # bytes that are no text, a number of thousands of digits
            return _unreadable(request, NO_JSON, parts)
        return _answer(error.status_code, "Not Found" if error.status_code in (404, 405) else str(error.detail), None)

    def broken(request: Request, error: Exception) -> JSONResponse:
        if is_away(error):
            return _unavailable(request, str(error))
        log.error("request failed", path=request.url.path, exc_info=error)
        return _answer(500, "The server could not do this.", "failed")

    handlers: list[tuple[Any, Callable[[Request, Exception], JSONResponse]]] = [
        (LipsmithError, ours),
        (RequestValidationError, malformed),
        (HTTPException, refused),
        (sa.exc.SQLAlchemyError, broken),
        (Exception, broken),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def _unreadable(request: Request, message: str, parts: magic_hour.Parts) -> JSONResponse:
    """Says what is wrong with a request, to those with a key; others learn nothing from it."""
    if request.url.path.startswith("/v1/") and not _is_known(request, parts):
        return _answer(401, Unauthorized().message, Unauthorized.code)
    return _answer(400, message, "invalid_request")


def _is_known(request: Request, parts: magic_hour.Parts) -> bool:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    try:
        parts.accounts.authenticate(key.strip() if scheme.lower() == "bearer" else "")
    except Unauthorized:
        return False
    return True


def _answer(status: int, message: str, code: str | None) -> JSONResponse:
    return JSONResponse({"message": message} | ({"code": code} if code else {}), status_code=status)


def _unavailable(request: Request, why: str) -> JSONResponse:
    log.warning("unavailable", path=request.url.path, why=why)
    return _answer(503, UNAVAILABLE, "unavailable")


def _fault(error: RequestValidationError) -> str:
    """The first thing that is wrong, by the name of its field."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "header", "path"))
    if first["type"] == "missing":
        return f"{place}: this field is required." if place else "Missing request body"
    if first["type"] == "json_invalid":
        return NO_JSON
    return f"{place or 'body'}: {first['msg']}."
