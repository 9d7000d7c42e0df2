"""HTTP application: the routes of all dialects, files, health and documentation; errors in the format of their API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse

import lipsmith
from lipsmith.database.connection import is_unavailable
from lipsmith.dialects.contract import PLAIN_ERRORS, Api, bearer_key
from lipsmith.errors import LipsmithError
from lipsmith.server import docs_page, files, health
from lipsmith.server.context import FILES_PATH, Context
from lipsmith.server.health import Metrics, RequestMetrics
from lipsmith.server.middleware import AllowedHosts, BodyLimits, CatchErrors, CrossOrigin, SecurityHeaders, own_hosts
from lipsmith.service.billing.accounts import Accounts
from lipsmith.service.errors import InvalidRequest, NotFound, Unauthorized
from lipsmith.storage.errors import StorageFailed

log = structlog.get_logger("lipsmith.server")

INVALID_JSON = "The request body is no valid JSON."
BROKEN = "Internal error in lipsmith. The server's log has the details."
RETRY_AFTER_S = "30"
"""Time after which a request beyond a quota may be repeated, seconds: about the time of one job."""
UNAVAILABLE = "The server cannot reach its database or its files at the moment. Try again later."


def application(context: Context) -> FastAPI:
    """Make the application."""
    app = FastAPI(
        title="lipsmith",
        version=lipsmith.__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # clients do not follow redirects
    )
    services = context.services()
    apis = {dialect.prefix: dialect.api(services) for dialect in context.dialects}
    for api in apis.values():
        app.include_router(api.router)
    app.include_router(files.router(context.storage, context.signed_links, context.assets, FILES_PATH))
    metrics = Metrics(context.database, context.runners, context.settings.sandbox)
    app.include_router(health.router(context.storage, context.runners, metrics))

    @app.get("/docs", include_in_schema=False)
    def documentation() -> HTMLResponse:
        page = docs_page.page(app.openapi(), [api.key_help for api in apis.values()])
        return HTMLResponse(page, headers={"Content-Security-Policy": docs_page.POLICY})

    answers = ErrorAnswers(apis, context.accounts)
    answers.register(app)
    settings = context.settings
    app.add_middleware(
        BodyLimits,
        free=(FILES_PATH, *(path for api in apis.values() for path in api.upload_paths)),
        is_known=lambda request: answers.authentication_error(request) is None,
        refuse=answers.unreadable,
        timeout_s=settings.stall_timeout_s,
    )
    app.add_middleware(
        AllowedHosts,
        allowed=own_hosts(settings.allowed_hosts, settings.public_url),
        free=health.PATHS,
        refuse=lambda request, why: answers.fail(request, 421, InvalidRequest(why), "invalid_request"),
    )
    app.add_middleware(CatchErrors, answer=answers.unexpected)
    app.add_middleware(CrossOrigin, prefixes=tuple(prefix for prefix, api in apis.items() if api.cross_origin))
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestMetrics, metrics=metrics)
    return app


class ErrorAnswers:
    """Answers to requests that fail, in the format of the API that a request's path belongs to."""

    def __init__(self, apis: Mapping[str, Api], accounts: Accounts) -> None:
        """``apis``: by the start of their paths."""
        self._apis, self._accounts = apis, accounts

    def register(self, app: FastAPI) -> None:
        """Handle all exceptions of ``app``."""
        handlers: list[tuple[Any, Callable[[Request, Any], JSONResponse]]] = [
            (LipsmithError, self._lipsmith_error),
            (RequestValidationError, lambda request, error: self.unreadable(request, _first_fault(error))),
            (HTTPException, self._http_error),
            (ClientDisconnect, lambda request, error: self.fail(request, 400, InvalidRequest(), None)),  # sent to none
            (sa.exc.SQLAlchemyError, self.unexpected),
            (Exception, self.unexpected),
        ]
        for kind, handler in handlers:
            app.add_exception_handler(kind, handler)

    def authentication_error(self, request: Request) -> Unauthorized | None:
        """Return why a request has no account; None if it has one."""
        api = self._api(request)
        try:
            if api is not None:
                api.authenticate(request.headers)
            else:
                self._accounts.authenticate(bearer_key(request.headers))
        except Unauthorized as error:
            return error
        return None

    def unreadable(self, request: Request, message: str) -> JSONResponse:
        """Answer a malformed request. Without a valid key the answer does not say what is wrong with it."""
        api = self._api(request)
        needs_key = api is not None and request.url.path not in api.open_paths
        if needs_key and (unauthorized := self.authentication_error(request)):
            return self._refuse(request, unauthorized)
        return self._refuse(request, InvalidRequest(message))

    def unexpected(self, request: Request, error: Exception) -> JSONResponse:
        """Answer after an exception that is not a LipsmithError."""
        if is_unavailable(error):
            return self._unavailable(request, str(error))
        log.error("request failed", path=request.url.path, exc_info=error)
        return self.fail(request, 500, LipsmithError(BROKEN), "failed")

    def fail(self, request: Request, status: int, error: LipsmithError, code: str | None) -> JSONResponse:
        """Answer with ``error``."""
        api = self._api(request)
        errors = PLAIN_ERRORS if api is None else api.errors
        headers = {"Retry-After": RETRY_AFTER_S} if status == 429 else None
        return JSONResponse(dict(errors.body(error, code)), status_code=status, headers=headers)

    def _lipsmith_error(self, request: Request, error: LipsmithError) -> JSONResponse:
        if isinstance(error, StorageFailed):
            return self._unavailable(request, error.message)
        if self._status(request, error) == 500:
            log.error("request failed", path=request.url.path, code=error.code, message=error.message)
            return self.fail(request, 500, LipsmithError(BROKEN), "failed")
        return self._refuse(request, error)

    def _http_error(self, request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400:  # invalid UTF-8, or a number of thousands of digits
            return self.unreadable(request, INVALID_JSON)
        if error.status_code in (404, 405):
            return self.fail(request, error.status_code, NotFound(), None)
        return self.fail(request, error.status_code, LipsmithError(str(error.detail)), None)

    def _refuse(self, request: Request, error: LipsmithError) -> JSONResponse:
        return self.fail(request, self._status(request, error), error, error.code)

    def _unavailable(self, request: Request, why: str) -> JSONResponse:
        log.warning("unavailable", path=request.url.path, why=why)
        return self.fail(request, 503, LipsmithError(UNAVAILABLE), "unavailable")

    def _status(self, request: Request, error: LipsmithError) -> int:
        api = self._api(request)
        return (PLAIN_ERRORS if api is None else api.errors).status(error)

    def _api(self, request: Request) -> Api | None:
        return next((api for prefix, api in self._apis.items() if request.url.path.startswith(prefix)), None)


def _first_fault(error: RequestValidationError) -> str:
    """Describe the first invalid field, with its name."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "header", "path"))
    if first["type"] == "missing":
        return f"{place}: this field is required." if place else "Missing request body"
    if first["type"] == "json_invalid":
        return INVALID_JSON
    return f"{place or 'body'}: {first['msg']}."
