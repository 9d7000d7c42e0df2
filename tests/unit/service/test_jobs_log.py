"""Log messages of the queue, and those that are suppressed."""

from __future__ import annotations

import logging
import sqlite3

import pytest
import sqlalchemy as sa
from dbos import error
from service_parts import ServiceParts


def test_a_job_that_was_canceled_while_it_ran_is_no_error(
    service: ServiceParts, caplog: pytest.LogCaptureFixture
) -> None:
    service.queue.delayed()  # the queue is there, and its log is set up
    logger = logging.getLogger("dbos")
    logger.error("Exception encountered:", exc_info=error.DBOSAwaitedWorkflowCancelledError("a job"))
    logger.warning("Workflow a job outcome was not recorded")
    assert caplog.records == []
    logger.error("Exception encountered:", exc_info=ValueError("something else"))
    logger.warning("The database is away")
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_database_that_is_away_is_a_warning_without_a_traceback(
    service: ServiceParts, caplog: pytest.LogCaptureFixture
) -> None:
    service.queue.delayed()
    away = sa.exc.OperationalError("COMMIT", {}, sqlite3.OperationalError("database or disk is full"))
    away.orig.sqlite_errorcode = sqlite3.SQLITE_FULL  # type: ignore[union-attr]  # as the driver sets it
    logging.getLogger("dbos").error("Exception encountered in background workflow:", exc_info=away)
    [record] = caplog.records
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert "full" in record.getMessage()
