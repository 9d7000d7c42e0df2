"""Structured logs: one JSON object a line on stderr, without secrets."""

from __future__ import annotations

import logging
import re
import sys
import threading
from typing import Any

import structlog

from lipsmith.service.billing.keys import DEFAULT_PREFIX

_SECRET = r'whsec_\w+|(?<=signature=)[\w%-]+|(?<=://)[^/@\s"]+(?=@)'
"""Webhook secrets, signatures of links, and passwords in URLs."""
_CONTROL = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")
"""Characters that JSON does not escape and a terminal obeys: they move the cursor, reverse text or end a line."""


def configure(level: str, key_prefix: str = DEFAULT_PREFIX) -> None:
    """Set up the logs of this process. API keys, which start with ``key_prefix``, are masked."""
    secret = re.compile(rf"{re.escape(key_prefix)}\w+|{_SECRET}", re.IGNORECASE)
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
                lambda logger, method, line: secret.sub("***", str(line)),
                _escaped,
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
    http.setLevel(logging.ERROR)  # clients' bad requests are not worth a line
    http.addFilter(_is_new)


def _broken_thread(fault: threading.ExceptHookArgs) -> None:
    if fault.exc_value is not None and not issubclass(fault.exc_type, SystemExit):
        name = fault.thread.name if fault.thread else "unknown"
        structlog.get_logger("lipsmith").error("a thread broke off", thread=name, exc_info=fault.exc_value)


def _is_new(record: logging.LogRecord) -> bool:
    """Return False for errors of the application, which has logged them itself."""
    return not record.getMessage().startswith("Exception in ASGI application")


def _escaped(logger: Any, method: str, line: Any) -> Any:
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
