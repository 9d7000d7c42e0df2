"""Compilation of per-pixel loops by numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def kernel(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compile a loop to machine code that runs without the interpreter's lock, and cache it on disk.

    If neither the package nor the home folder is writable, it is compiled at every start, which takes seconds.
    """
    try:
        compiled: Callable[Arguments, Result] = njit(cache=True, nogil=True, fastmath=True)(function)
    except RuntimeError:  # numba finds no writable folder
        compiled = njit(nogil=True, fastmath=True)(function)
    return compiled
