"""Log messages of the queue, and those that are suppressed."""

from __future__ import annotations

import logging

import pytest
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
