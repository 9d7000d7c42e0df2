"""What all voices share: how fast they may speak, the silence around, and what their sounds say to the lips."""

from __future__ import annotations

from collections.abc import Sequence

from lipsmith.errors import InvalidOption
from lipsmith.speech.visemes import Phone, visemes_of

RATE_RANGE = (0.5, 2.0)
"""Speaking rates; 1.0 is the voice's own."""
LEAD_S, TAIL_S = 0.25, 0.40
"""Silence around the words, so that the portrait begins and ends with its mouth at rest."""


def check_rate(rate: float) -> None:
    """Raises InvalidOption for a rate that nobody speaks at."""
    if not RATE_RANGE[0] <= rate <= RATE_RANGE[1]:
        raise InvalidOption(f"The speaking rate {rate:g} is outside {RATE_RANGE[0]}–{RATE_RANGE[1]}; 1.0 is normal.")


def phones_of(marks: Sequence[tuple[int, str]], rate_hz: int, samples: int) -> list[Phone]:
    """Marks (sample, IPA) as phones, each lasting until the next, the last until ``samples``.

    An empty mark is a pause; one without a sound of its own, such as a stress, lengthens the phone before.
    """
    heard = [(start, symbol) for start, symbol in marks if visemes_of(symbol) or not symbol]
    ends = [start for start, _ in heard[1:]] + [samples]
    return [
        Phone(symbol=symbol, start_s=start / rate_hz, end_s=end / rate_hz)
        for (start, symbol), end in zip(heard, ends, strict=True)
        if end > start
    ]
