"""Points at which a process can be made to die, to test that nothing is lost or charged twice."""

from __future__ import annotations

import os
import signal
from typing import Literal, get_args

Point = Literal["charged", "created", "begun", "rendered", "stored", "completed"]
POINTS: tuple[Point, ...] = get_args(Point)
"""In order: between the charge and the queue, after the order's transaction, after a try's beginning, before its
video is stored, after that, and after the transaction that completes it."""


class FaultInjection:
    """Kills this process, as hard as possible, at one chosen point; at none where no point is chosen."""

    def __init__(self, point: Point | None = None) -> None:
        self._point = point

    def reach(self, point: Point) -> None:
        """The process is at that point."""
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)
