"""The HTTP application: all routes, and every error in the vendor's own shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse

import lipsmith
from lipsmith.database.connection import is_away
from lipsmith.dialects.akool import routes as akool
from lipsmith.dialects.akool.translate import to_refusal
from lipsmith.dialects.magic_hour import routes as magic_hour
from lipsmith.dialects.magic_hour import translate
from lipsmith.errors import InputError, LipsmithError
from lipsmith.server import docs_page, files, health
from lipsmith.server.context import FILES_PATH, Context
from lipsmith.server.health import Metrics, RequestMetrics
from lipsmith.server.middleware import AllowedHosts, BodyLimits, CatchErrors, CrossOrigin, SecurityHeaders, own_hosts
from lipsmith.service.billing.accounts import Accounts
from lipsmith.service.errors import InvalidRequest, NotFound, Unauthorized
from lipsmith.storage.errors import NotStored, StorageFailed

log = structlog.get_logger("lipsmith.server")

NO_JSON = "The request body is no valid JSON."
BROKEN = "The server could not do this."
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
    parts, others = context.magic_hour(), context.akool()
    app.include_router(magic_hour.router(parts))
    app.include_router(akool.router(others))
    app.include_router(files.router(context.storage, context.signed_links, context.assets, FILES_PATH))
    metrics = Metrics(context.database, context.workers)
    app.include_router(health.router(context.storage, context.workers, metrics))

    @app.get("/docs", include_in_schema=False)
    def documentation() -> HTMLResponse:
        return HTMLResponse(docs_page.page(app.openapi()), headers={"Content-Security-Policy": docs_page.POLICY})

    authenticator = Authenticator(parts.accounts)
    _tell_errors(app, authenticator)
    settings = context.settings
    app.add_middleware(
        BodyLimits,
        free=(FILES_PATH, akool.UPLOAD_PATH),
        is_known=lambda request: authenticator.refusal(request) is None,
        refuse=lambda request, why: _unreadable(request, why, authenticator),
        timeout_s=settings.stall_timeout_s,
    )
    app.add_middleware(
        AllowedHosts,
        allowed=own_hosts(settings.allowed_hosts, settings.public_url),
        free=health.PATHS,
        refuse=lambda request, why: _failure(request, 421, InvalidRequest(why), "invalid_request"),
    )
    app.add_middleware(CatchErrors, answer=_broken)
    app.add_middleware(CrossOrigin, prefix=akool.PREFIX)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestMetrics, metrics=metrics)
    return app


class Authenticator:
    """Who may come in by which path."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def refusal(self, request: Request) -> Unauthorized | None:
        """Why the sender is nobody; None where it is somebody."""
        try:
            if is_akool(request):
                akool.authenticate(self._accounts, request.headers)
            else:
                scheme, _, key = request.headers.get("authorization", "").partition(" ")
                self._accounts.authenticate(key.strip() if scheme.lower() == "bearer" else "")
        except Unauthorized as error:
            return error
        return None


def is_akool(request: Request) -> bool:
    """Whether a request speaks the second dialect."""
    return request.url.path.startswith(f"{akool.PREFIX}/")


def _tell_errors(app: FastAPI, authenticator: Authenticator) -> None:
    def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, LipsmithError)
        if isinstance(error, StorageFailed):
            return _unavailable(request, error.message)
        status = 404 if isinstance(error, NotStored) else translate.to_status(error)
        if status == 500 and not (is_akool(request) and isinstance(error, InputError)):
            log.error("request failed", path=request.url.path, code=error.code, message=error.message)
            return _failure(request, 500, LipsmithError(BROKEN), "failed")
        return _refusal(request, status, error)

    def malformed(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return _unreadable(request, _fault(error), authenticator)

    def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if error.status_code == 400:  # bytes that are no text, a number of thousands of digits
            return _unreadable(request, NO_JSON, authenticator)
        if error.status_code in (404, 405):
            return _failure(request, error.status_code, NotFound(), None)
        return _failure(request, error.status_code, LipsmithError(str(error.detail)), None)

    def gone(request: Request, error: Exception) -> JSONResponse:
        return _failure(request, 400, InvalidRequest("The caller went away."), None)  # which nobody hears

    handlers: list[tuple[Any, Callable[[Request, Exception], JSONResponse]]] = [
        (LipsmithError, ours),
        (RequestValidationError, malformed),
        (HTTPException, refused),
        (ClientDisconnect, gone),
        (sa.exc.SQLAlchemyError, _broken),
        (Exception, _broken),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def _broken(request: Request, error: Exception) -> JSONResponse:
    if is_away(error):
        return _unavailable(request, str(error))
    log.error("request failed", path=request.url.path, exc_info=error)
    return _failure(request, 500, LipsmithError(BROKEN), "failed")


def _unreadable(request: Request, message: str, authenticator: Authenticator) -> JSONResponse:
    """Says what is wrong with a request, to those with a key; others learn nothing from it."""
    needs_key = request.url.path.startswith("/v1/") or (is_akool(request) and request.url.path != akool.TOKEN_PATH)
    if needs_key and (why := authenticator.refusal(request)):
        return _refusal(request, 401, why)
    return _refusal(request, 400, InvalidRequest(message))


def _refusal(request: Request, status: int, error: LipsmithError) -> JSONResponse:
    """What the caller can mend. The second dialect answers it with the status 200 and a number."""
    return _failure(request, 200 if is_akool(request) else status, error, error.code)


def _failure(request: Request, status: int, error: LipsmithError, code: str | None) -> JSONResponse:
    if is_akool(request):
        return JSONResponse(to_refusal(error).model_dump(), status_code=status)
    return JSONResponse({"message": error.message} | ({"code": code} if code else {}), status_code=status)


def _unavailable(request: Request, why: str) -> JSONResponse:
    log.warning("unavailable", path=request.url.path, why=why)
    return _failure(request, 503, LipsmithError(UNAVAILABLE), "unavailable")


def _fault(error: RequestValidationError) -> str:
    """The first thing that is wrong, by the name of its field."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "header", "path"))
    if first["type"] == "missing":
        return f"{place}: this field is required." if place else "Missing request body"
    if first["type"] == "json_invalid":
        return NO_JSON
    return f"{place or 'body'}: {first['msg']}."
