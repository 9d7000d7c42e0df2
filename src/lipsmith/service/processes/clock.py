"""Time and ids: the only two things here that differ from one call to the next, replaceable in tests."""

from __future__ import annotations

import secrets
import time
from typing import Protocol


class Clock(Protocol):
    """Where the service takes time and ids from."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        ...

    def new_id(self) -> str:
        """A name nobody can guess, of 25 lower-case letters and digits."""
        ...


class SystemClock:
    """The machine's own."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def new_id(self) -> str:
        return "c" + secrets.token_hex(12)


class FrozenClock:
    """A clock for tests: stands still until it is set, and counts its ids."""

    def __init__(self, now_ms: int = 1_790_000_000_000) -> None:
        self.now = now_ms
        self._ids = 0

    def now_ms(self) -> int:
        return self.now

    def new_id(self) -> str:
        self._ids += 1
        return f"c{self._ids:024d}"

    def pass_s(self, seconds: float) -> None:
        """Lets time pass."""
        self.now += round(seconds * 1000)
