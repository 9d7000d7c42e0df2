"""Return of freed memory to the system, so that a server stays small for months."""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HEAPS = 2
"""Heaps for all threads together; they seldom wait for one, since the interpreter's lock comes first."""
EVERY_S = 60.0
_M_ARENA_MAX = -8  # of <malloc.h>


@contextmanager
def limit_memory() -> Iterator[None]:
    """Limit glibc to a few heaps, and return freed memory each minute. Enter before the threads start.

    By default glibc gives each thread a heap and keeps freed memory in it, and the interpreter collects cycles only
    when they are a quarter of all objects. Objects that survive the first minute are frozen, to keep collections short.
    """
    libc = ctypes.CDLL(None)
    is_glibc = hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")
    if is_glibc:
        libc.mallopt(_M_ARENA_MAX, HEAPS)
    stopped = threading.Event()

    def return_freed() -> None:
        while not stopped.wait(EVERY_S):
            gc.collect()
            if not gc.get_freeze_count():
                gc.freeze()
            if is_glibc:
                libc.malloc_trim(0)

    thread = threading.Thread(target=return_freed, name="memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        gc.unfreeze()
