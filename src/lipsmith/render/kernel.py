"""Compiled per-pixel loops: how they are built and kept. Knows nothing of what they compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def kernel(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Compiles a loop to machine code that runs without the interpreter's lock, and keeps it for the next start.

    Where nothing can be kept (package and home both read-only) it is compiled anew each time, which takes seconds.
    """
    try:
        compiled: Callable[Arguments, Answer] = njit(cache=True, nogil=True, fastmath=True)(function)
    except RuntimeError:  # numba finds no folder that it may write to
        compiled = njit(nogil=True, fastmath=True)(function)
    return compiled
