"""The queue of jobs, by DBOS: the only file that knows it. Nothing here renders.

The queue's own tables lie in the same database as ours, so a job enters it in the transaction that charges for it. What
a job's state is, our tables say; the queue only carries its id to a worker, again and again until
it is done. It is slow to load, so it is loaded where it is used: most commands for administrators do without.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lipsmith.database.connection import Database

if TYPE_CHECKING:
    from dbos import DBOSClient, DBOSConfig, EnqueueOptions

APPLICATION = "lipsmith"
VERSION = "1"
"""The same for every release: a newer one finishes what an older one began."""
QUEUE = "render"
POLL_S = 0.15
"""How often an idle worker looks for a job."""
_FAR_S = 10 * 365 * 86_400.0
"""Jobs above an account's limit wait so long, or until they are released."""
_UNFINISHED = ["ENQUEUED", "PENDING", "DELAYED"]


class JobQueue:
    """Carries jobs from those who ask to those who render."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._client: DBOSClient | None = None
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Makes the queue's tables, or brings them to their newest form."""
        from dbos import DBOS

        _quiet()
        DBOS.migrate(self._database.engine.url.render_as_string(hide_password=False))

    def enqueue(self, conn: sa.Connection, job: str, *, priority: int, waits: bool) -> None:
        """Puts the job into the queue, as part of the caller's transaction; with ``waits`` it waits for `release`."""
        options: EnqueueOptions = {
            "workflow_name": "render",
            "queue_name": QUEUE,
            "workflow_id": job,
            "app_version": VERSION,
            "priority": priority,
        }
        if waits:
            options["delay_seconds"] = _FAR_S
        self._dbos.enqueue_in_transaction(conn, options, job)

    def release(self, job: str) -> None:
        """Lets a job go that waits, or that lost its worker."""
        self._dbos.resume_workflow(job, queue_name=QUEUE)

    def cancel(self, job: str) -> None:
        """Takes the job out, wherever it is."""
        self._dbos.cancel_workflow(job)

    def delayed(self) -> set[str]:
        """Jobs that wait for `release`."""
        return {flow.workflow_id for flow in self._dbos.list_workflows(status="DELAYED", load_input=False)}

    def taken(self, *, but_by: Collection[str]) -> dict[str, str]:
        """Jobs that a worker has which is not in ``but_by``, each with that worker."""
        flows = self._dbos.list_workflows(status="PENDING", queue_name=QUEUE, load_input=False)
        return {f.workflow_id: f.executor_id or "" for f in flows if f.executor_id not in but_by}

    def known(self) -> set[str]:
        """All jobs that the queue still means to hand out."""
        return {flow.workflow_id for flow in self._dbos.list_workflows(status=_UNFINISHED, load_input=False)}

    def close(self) -> None:
        """Lets go of the database."""
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
    """Takes jobs from the queue, a few at once, each in a thread of its own. One per process."""

    def __init__(self, database: Database, run: Callable[[str], bool], *, worker: str, slots: int) -> None:
        """``run`` is handed each job's id, and says at its end whether the job needs no more; it raises nothing."""
        self._database, self._run, self._worker, self._slots = database, run, worker, slots

    def start(self) -> None:
        """Begins to take jobs."""
        from dbos import DBOS

        _quiet()
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": self._database.engine.url.render_as_string(hide_password=False),
            "system_database_engine": self._database.engine,
            "application_version": VERSION,
            "executor_id": self._worker,
            "run_migrations": False,
            "enable_otlp": False,
            "log_level": "WARNING",
        }

        def render(job: str) -> None:
            if not self._run(job):
                raise _LeftForOtherRunner

        DBOS(config=config)
        DBOS.workflow(name="render")(render)
        DBOS.launch()
        DBOS.register_queue(
            QUEUE, worker_concurrency=self._slots, polling_interval_sec=POLL_S, on_conflict="always_update"
        )

    def stop(self, *, timeout_s: int) -> None:
        """Takes no more jobs, and waits for those it has."""
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=timeout_s)


class _LeftForOtherRunner(BaseException):
    """Ends a job's thread without a result. The queue still counts it as ours, until we are found to be no more."""


def _quiet() -> None:
    """Its news of every start and stop are not ours; its warnings go where ours go, not to a handler of its own."""
    logger = logging.getLogger("dbos")
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.addFilter(_is_news)  # once, however often it is added


def _is_news(record: logging.LogRecord) -> bool:
    """A job that was canceled while it ran is none, but the queue calls its end an error."""
    from dbos import error

    fault = record.exc_info[1] if record.exc_info else None
    lost = "outcome was not recorded" in record.getMessage()  # ours are in our own tables
    return not (isinstance(fault, error.DBOSAwaitedWorkflowCancelledError) or lost)
