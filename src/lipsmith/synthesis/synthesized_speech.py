"""Helpers for all voices: speaking rate, silence around the speech, and phones."""

from __future__ import annotations

from collections.abc import Sequence

from lipsmith.errors import InvalidOption
from lipsmith.limits import RATE
from lipsmith.speech.visemes import Phone, visemes_of

LEAD_S, TAIL_S = 0.25, 0.40
"""Silence around the words, so that the portrait starts and ends with its mouth at rest."""


def check_rate(rate: float) -> None:
    """Raise InvalidOption for a rate outside `limits.RATE`."""
    if rate not in RATE:
        raise InvalidOption(f"The speaking rate {rate:g} is out of range. Use {RATE.low}–{RATE.high}; 1.0 is normal.")


def phones_of(marks: Sequence[tuple[int, str]], rate_hz: int, samples: int) -> list[Phone]:
    """Convert marks (sample, IPA) to phones, each lasting until the next, the last until ``samples``.

    An empty mark is a pause; a mark without letters, such as a stress, lengthens the phone before.
    """
    starts = [(start, symbol) for start, symbol in marks if visemes_of(symbol) or not symbol]
    ends = [start for start, _ in starts[1:]] + [samples]
    return [
        Phone(symbol=symbol, start_s=start / rate_hz, end_s=end / rate_hz)
        for (start, symbol), end in zip(starts, ends, strict=True)
        if end > start
    ]
