"""Structured logs: one JSON object a line on stderr, and never a secret in it."""

from __future__ import annotations

import logging
import re
import sys
import threading
from typing import Any

import structlog

_SECRET = re.compile(r'mhk_live_\w+|whsec_\w+|(?<=signature=)[\w%-]+|(?<=://)[^/@\s"]+(?=@)', re.IGNORECASE)
"""Keys, webhook secrets, signatures of links, and passwords in URLs."""
_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")
"""What JSON leaves as it is and a terminal obeys: it moves the cursor, turns the writing around or ends a line."""


def configure(level: str) -> None:
    """Sets up all logs of this process."""
    number = logging.getLevelNamesMapping()[level.upper()]
    steps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=steps,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
                _without_secrets,  # of the whole line, wherever in it they are
                _visible,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    threading.excepthook = _broken_thread
    root.setLevel(number)
    for noisy in ("httpx", "httpcore", "alembic", "uvicorn", "stamina"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    http = logging.getLogger("uvicorn.error")
    http.setLevel(logging.ERROR)  # a stranger's bad request is no news of ours
    http.addFilter(_is_not_told_yet)


def _broken_thread(fault: threading.ExceptHookArgs) -> None:
    if fault.exc_value is not None and not issubclass(fault.exc_type, SystemExit):
        name = fault.thread.name if fault.thread else "unknown"
        structlog.get_logger("lipsmith").error("a thread broke off", thread=name, exc_info=fault.exc_value)


def _is_not_told_yet(record: logging.LogRecord) -> bool:
    """The application tells of its own errors, and uvicorn once more."""
    return not record.getMessage().startswith("Exception in ASGI application")


def _without_secrets(logger: Any, method: str, line: Any) -> Any:
    return _SECRET.sub("***", line)


def _visible(logger: Any, method: str, line: Any) -> Any:
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
