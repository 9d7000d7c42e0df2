"""Memory that is not needed any more goes back to the system, so that a server of many months stays small."""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HEAPS = 2
"""For all threads together: they wait for the interpreter's lock more than for each other's heap."""
EVERY_S = 60.0
_M_ARENA_MAX = -8  # of <malloc.h>


@contextmanager
def limit_memory() -> Iterator[None]:
    """While the process has many threads: glibc would give each a heap of its own, and keep what is freed in them.

    And the interpreter would look for unreachable cycles only when they are a quarter of all that it has loaded. What
    lives after the first while lives on, and is not looked at again: that keeps looking short. Has to begin before the
    threads do.
    """
    libc = ctypes.CDLL(None)
    is_glibc = hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")
    if is_glibc:
        libc.mallopt(_M_ARENA_MAX, HEAPS)
    stopped = threading.Event()

    def give_back() -> None:
        while not stopped.wait(EVERY_S):
            gc.collect()
            if not gc.get_freeze_count():
                gc.freeze()
            if is_glibc:
                libc.malloc_trim(0)

    thread = threading.Thread(target=give_back, name="thrift", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        gc.unfreeze()
