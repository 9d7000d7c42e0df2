"""`lipsmith serve` that kills itself at a chosen point: ``python tests/dying_server.py POINT serve …``.

Points wrap methods of the service, so that the service itself has no hooks.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Literal, get_args
from unittest.mock import patch

Point = Literal["charged", "created", "begun", "rendered", "stored", "completed"]
POINTS: tuple[Point, ...] = get_args(Point)
"""In order: between the charge and the queue, after the order's transaction, after an attempt's beginning, before its
video is stored, after that, and after the transaction that completes it."""


@contextmanager
def dies_at(point: Point, die: Callable[[], Any]) -> Iterator[None]:
    """Call ``die`` whenever the process reaches ``point``."""
    from lipsmith.service.jobs.lifecycle import Lifecycle
    from lipsmith.service.jobs.orders import Projects
    from lipsmith.service.jobs.queue import JobQueue
    from lipsmith.service.jobs.runner import JobRunner

    owner, name, after = {
        "charged": (JobQueue, "enqueue", False),
        "created": (Projects, "_seal", False),
        "begun": (JobRunner, "_run_attempt", False),
        "rendered": (JobRunner, "_render", True),
        "stored": (JobRunner, "_render_and_store", True),
        "completed": (Lifecycle, "complete", True),
    }[point]
    original = getattr(owner, name)

    @wraps(original)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        if not after:
            die()
        result = original(*arguments, **options)
        if after and result is not False:  # a completion that came too late is none
            die()
        return result

    with patch.object(owner, name, wrapped):
        yield


if __name__ == "__main__":
    from lipsmith.cli.main import main

    chosen = sys.argv.pop(1)
    [point] = (known for known in POINTS if known == chosen)
    with dies_at(point, lambda: os.kill(os.getpid(), signal.SIGKILL)):
        main()
