"""Memory that is not needed any more goes back to the system, so that a server of many months stays small."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HEAPS = 2
"""For all threads together: they wait for the interpreter's lock more than for each other's heap."""
EVERY_S = 60.0
_M_ARENA_MAX = -8  # of <malloc.h>


@contextmanager
def thrifty() -> Iterator[None]:
    """While the process has many threads: glibc would give each a heap of its own, and keep what is freed in them.

    Has to begin before the threads do. Where the C library is another, nothing is done.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        yield
        return
    libc.mallopt(_M_ARENA_MAX, HEAPS)
    stopped = threading.Event()

    def give_back() -> None:
        while not stopped.wait(EVERY_S):
            libc.malloc_trim(0)

    thread = threading.Thread(target=give_back, name="thrift", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
