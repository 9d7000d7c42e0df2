"""Drawing of frames in threads, a few ahead of the encoder."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import cv2

Result = TypeVar("Result")

MAX_PENDING = 6
"""Frames drawn ahead: enough to keep all threads busy, few enough to save memory."""


def prefetch(jobs: Iterable[Callable[[], Result]], threads: int) -> Iterator[Result]:
    """Yield the results of ``jobs``, in their order; ``threads`` of them run at the same time.

    A job is taken only when there is room for it. Pending jobs are cancelled when the iteration ends early.
    """
    cv2.setNumThreads(1)  # frames are drawn in parallel; threads within a frame would compete with each other
    with ThreadPoolExecutor(threads, thread_name_prefix="lipsmith-draw") as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for job in jobs:
                pending.append(pool.submit(job))
                if len(pending) > MAX_PENDING:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for waiting in pending:
                waiting.cancel()
