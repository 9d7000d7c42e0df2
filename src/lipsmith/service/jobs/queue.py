"""Job queue on DBOS; no other module imports it.

The tables of DBOS are in the same database as ours, so a job enters the queue in the transaction that holds its
credits. Our tables store the state of a job. The queue only hands its id to a runner, again after a release, until the
runner reports that it is done. DBOS is slow to import, so it is imported on first use.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lipsmith.database.connection import Database, is_unavailable
from lipsmith.limits import DAY_S

if TYPE_CHECKING:
    from dbos import DBOSClient, DBOSConfig, EnqueueOptions

APPLICATION = "lipsmith"
VERSION = "1"
"""Constant across releases, so that a new release finishes the jobs of an old one."""
QUEUE = "render"
POLL_S = 0.15
"""Interval at which an idle runner looks for a job."""
_UNTIL_RELEASED_S = 10 * 365.0 * DAY_S
"""Delay of jobs above an account's limit; `JobQueue.release` ends it."""
_UNFINISHED = ["ENQUEUED", "PENDING", "DELAYED"]


class JobQueue:
    """Put jobs into the queue, release and cancel them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._client: DBOSClient | None = None
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Create the tables of DBOS, or migrate them."""
        from dbos import DBOS

        _quiet()
        DBOS.migrate(self._database.engine.url.render_as_string(hide_password=False))

    def enqueue(self, conn: sa.Connection, job: str, *, priority: int, waits: bool) -> None:
        """Add the job in the caller's transaction. With ``waits`` it waits for `release`."""
        options: EnqueueOptions = {
            "workflow_name": "render",
            "queue_name": QUEUE,
            "workflow_id": job,
            "app_version": VERSION,
            "priority": priority,
        }
        if waits:
            options["delay_seconds"] = _UNTIL_RELEASED_S
        self._dbos.enqueue_in_transaction(conn, options, job)

    def release(self, job: str) -> None:
        """Let a waiting job run, or a job whose runner died run again."""
        self._dbos.resume_workflow(job, queue_name=QUEUE)

    def cancel(self, job: str) -> None:
        """Remove the job."""
        self._dbos.cancel_workflow(job)

    def delayed(self) -> set[str]:
        """Return jobs that wait for `release`."""
        return {flow.workflow_id for flow in self._dbos.list_workflows(status="DELAYED", load_input=False)}

    def taken(self, *, excluding: Collection[str]) -> dict[str, str]:
        """Return the runner of each running job, without the runners in ``excluding``."""
        flows = self._dbos.list_workflows(status="PENDING", queue_name=QUEUE, load_input=False)
        return {f.workflow_id: f.executor_id or "" for f in flows if f.executor_id not in excluding}

    def unfinished(self) -> set[str]:
        """Return all jobs that are waiting or running."""
        return {flow.workflow_id for flow in self._dbos.list_workflows(status=_UNFINISHED, load_input=False)}

    def close(self) -> None:
        """Release the database."""
        if self._client:
            self._client.destroy()

    @property
    def _dbos(self) -> DBOSClient:
        with self._lock:
            if self._client is None:
                from dbos import DBOSClient

                _quiet()
                self._client = DBOSClient(
                    system_database_engine=self._database.engine, application_name=APPLICATION, lazy=True
                )
            return self._client


class JobConsumer:
    """Take jobs from the queue, several at once, each in a thread of its own. One per process."""

    def __init__(self, database: Database, run: Callable[[str], bool], *, runner: str, concurrency: int) -> None:
        """Call ``run`` with each job's id. It returns True when the job needs no further run, and raises nothing."""
        self._database, self._run, self._runner, self._concurrency = database, run, runner, concurrency

    def start(self) -> None:
        """Start to take jobs."""
        from dbos import DBOS

        _quiet()
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": self._database.engine.url.render_as_string(hide_password=False),
            "system_database_engine": self._database.engine,
            "application_version": VERSION,
            "executor_id": self._runner,
            "run_migrations": False,
            "enable_otlp": False,
            "log_level": "WARNING",
        }

        def render(job: str) -> None:
            if not self._run(job):
                raise _LeftToOtherRunner

        DBOS(config=config)
        DBOS.workflow(name="render")(render)
        DBOS.launch()
        DBOS.register_queue(
            QUEUE, worker_concurrency=self._concurrency, polling_interval_sec=POLL_S, on_conflict="always_update"
        )

    def stop(self, *, timeout_s: int) -> None:
        """Take no more jobs, and wait for the running ones."""
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=timeout_s)


class _LeftToOtherRunner(BaseException):
    """End a job's thread without a result. The queue keeps the job as ours until our heartbeats stop."""


def _quiet() -> None:
    """Log warnings of DBOS through our handlers, and drop its messages about every start and stop."""
    logger = logging.getLogger("dbos")
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.addFilter(_filter_record)  # a repeated call adds it once


def _filter_record(record: logging.LogRecord) -> bool:
    """Drop the error that DBOS logs when a canceled job ends, and lost results: ours are in our tables.

    The error of an unavailable database becomes a warning without a traceback.
    """
    from dbos import error

    fault = record.exc_info[1] if record.exc_info else None
    if fault is not None and is_unavailable(fault):  # a full disk or a restart: DBOS tries again
        record.msg, record.args, record.exc_info = f"The queue cannot reach the database: {fault}", (), None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    lost = "outcome was not recorded" in record.getMessage()
    return not (isinstance(fault, error.DBOSAwaitedWorkflowCancelledError) or lost)
