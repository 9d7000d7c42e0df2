"""Frames drawn in threads, a few ahead of whoever takes them. Knows nothing of what is drawn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import cv2

Result = TypeVar("Result")

MAX_PENDING = 6
"""Frames drawn before the encoder asks for them: enough to keep all threads busy, few enough to stay small."""


def prefetch(jobs: Iterable[Callable[[], Result]], threads: int) -> Iterator[Result]:
    """What each of ``jobs`` answers, in their order; ``threads`` of them run at the same time.

    A job is fetched only when there is room for it. What waits when nobody takes any more is cancelled.
    """
    cv2.setNumThreads(1)  # frames are what is drawn in parallel; threads inside each would only get in the way
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
