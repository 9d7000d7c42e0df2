"""Ctrl-C: recorded once, so that it is not lost in a library that swallows exceptions."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Record of Ctrl-C. The first one also raises KeyboardInterrupt.

    Native code that calls back into Python may drop that exception; `seen` is asked at the next step and stops then.
    """

    def __init__(self) -> None:
        self.seen = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Record SIGINT and SIGTERM inside the block."""
        before = {signum: signal.signal(signum, self._hear) for signum in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def _hear(self, signum: int, frame: FrameType | None) -> None:
        if not self.seen:  # a second one must not cut the cleaning up after the first
            self.seen = True
            raise KeyboardInterrupt
