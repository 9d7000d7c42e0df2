"""Time and ids, replaceable in tests."""

from __future__ import annotations

import secrets
import time
from typing import Protocol


class Clock(Protocol):
    """Source of time and ids."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        ...

    def new_id(self) -> str:
        """Return an id that cannot be guessed: 25 lower-case letters and digits."""
        ...


class SystemClock:
    """Clock of this machine, with random ids."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def new_id(self) -> str:
        return "c" + secrets.token_hex(12)


class FrozenClock:
    """Clock for tests: stands still until it is moved, and counts its ids."""

    def __init__(self, now_ms: int = 1_790_000_000_000) -> None:
        self.now = now_ms
        self._ids = 0

    def now_ms(self) -> int:
        return self.now

    def new_id(self) -> str:
        self._ids += 1
        return f"c{self._ids:024d}"

    def pass_s(self, seconds: float) -> None:
        """Move the time forward."""
        self.now += round(seconds * 1000)
