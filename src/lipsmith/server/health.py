"""Health for service managers and load balancers, and metrics for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import sqlalchemy as sa
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lipsmith.database.connection import Database
from lipsmith.database.tables import jobs, webhook_deliveries
from lipsmith.errors import LipsmithError
from lipsmith.service.jobs.heartbeat import RunnerRegistry
from lipsmith.service.processes.sandbox import SandboxLevel
from lipsmith.storage.contract import Storage

PATHS = ("/healthz", "/readyz", "/metrics")
BUCKETS_S = (0.005, 0.01, 0.02, 0.04, 0.08, 0.2, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """Counters of this process, and gauges that are read from the tables."""

    def __init__(self, database: Database, runners: RunnerRegistry, sandbox: SandboxLevel) -> None:
        self.registry = CollectorRegistry()
        self.sandbox = sandbox
        self.requests = Counter(
            "lipsmith_requests", "HTTP requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "lipsmith_request_seconds", "Time to the start of the answer", ["route"], buckets=BUCKETS_S,
            registry=self.registry,
        )  # fmt: skip
        level = Gauge("lipsmith_sandbox", "Guards that rendering processes need", ["level"], registry=self.registry)
        level.labels(sandbox).set(1)
        self.registry.register(_Tables(database, runners))


class _Tables(Collector):
    """Collector that reads the tables for each scrape."""

    def __init__(self, database: Database, runners: RunnerRegistry) -> None:
        self._database, self._runners = database, runners

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the tables may not exist yet."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield jobs and deliveries by state, and the processes that render."""
        for name, help, table in (
            ("lipsmith_jobs", "Jobs by state", jobs),
            ("lipsmith_webhook_deliveries", "Webhook deliveries by state", webhook_deliveries),
        ):
            gauge = GaugeMetricFamily(name, help, labels=["state"])
            query = sa.select(table.c.state, sa.func.count()).group_by(table.c.state)
            with self._database.read() as conn:
                for state, count in conn.execute(query):
                    gauge.add_metric([state], count)
            yield gauge
        alive = self._runners.alive()
        yield GaugeMetricFamily("lipsmith_workers", "Processes that render", value=len(alive))
        yield GaugeMetricFamily(
            "lipsmith_slots", "Videos that can be rendered at once", value=sum(w.slots for w in alive)
        )


class RequestMetrics:
    """Count requests by route, and measure the time to their answers."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        since = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")  # a template, without ids
                self._metrics.requests.labels(scope["method"][:10], route, message["status"]).inc()
                self._metrics.seconds.labels(route).observe(time.perf_counter() - since)
            await send(message)

        await self._app(scope, receive, counted)


def router(storage: Storage, runners: RunnerRegistry, metrics: Metrics) -> APIRouter:
    """Make /healthz, /readyz and /metrics."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/healthz")
    async def healthz() -> JSONResponse:  # in the event loop: it needs no thread, which may all wait for the database
        return JSONResponse({"status": "ok"})

    @routes.get("/readyz")
    def readyz() -> JSONResponse:
        checks = {"database": _works(runners.alive), "storage": _works(lambda: next(iter(storage.stored()), None))}
        slots = sum(runner.slots for runner in runners.alive()) if checks["database"] else 0
        ready = all(checks.values())
        answer = {"ready": ready, **checks, "slots": slots, "sandbox": metrics.sandbox}
        return JSONResponse(answer, status_code=200 if ready else 503)

    @routes.get("/metrics")
    def metrics_text() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return routes


def _works(part: Callable[[], object]) -> bool:
    try:
        part()
    except (sa.exc.SQLAlchemyError, LipsmithError, OSError):
        return False
    return True
