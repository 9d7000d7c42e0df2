"""Prices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Unit = Literal["frame", "10 s", "whole"]

ESTIMATE_FPS = 30
"""Frames per second in estimates; no result has more."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """Price: ``credits`` for each started unit ``per``."""

    credits: int
    per: Unit = "frame"

    def estimate(self, seconds: float) -> int:
        """Return the credits for a duration, before the number of frames is known.

        >>> Price(credits=1).estimate(15), Price(credits=10, per="10 s").estimate(15)
        (450, 20)
        """
        return self._of(max(1, math.ceil(round(seconds * ESTIMATE_FPS, 6))), seconds)

    def cost(self, frames: int, fps: float) -> int:
        """Return the credits for a result. The last frame may end after the audio; it starts no further ten seconds.

        >>> Price(credits=10, per="10 s").cost(250, 25.0), Price(credits=10, per="10 s").cost(252, 25.0)
        (10, 20)
        """
        return self._of(frames, (frames - 1) / fps if frames else 0.0)

    def affords(self, credits: int, seconds: float) -> float:
        """Return the part of ``seconds`` that ``credits`` pay for.

        >>> Price(credits=10, per="10 s").affords(25, 60), Price(credits=2).affords(61, 60)
        (20.0, 1.0)
        """
        steps = max(0, credits) // self.credits
        paid_s = {"frame": steps / ESTIMATE_FPS, "10 s": steps * 10.0, "whole": math.inf if steps else 0.0}[self.per]
        return min(paid_s, seconds)

    def _of(self, frames: int, seconds: float) -> int:
        steps = {"frame": frames, "10 s": max(1, math.ceil(round(seconds / 10, 6))), "whole": 1}[self.per]
        return steps * self.credits
