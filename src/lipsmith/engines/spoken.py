"""What all voices share: how fast they may speak, the silence around, and what their sounds say to the lips."""

from __future__ import annotations

from collections.abc import Sequence

from lipsmith.engines.net_reader import NetReader
from lipsmith.errors import InvalidOption
from lipsmith.media.clip import Sound
from lipsmith.speech.features import at_rows, measure, relative_loudness, steady_pitch
from lipsmith.speech.visemes import Phone, Speech, viseme_rows, visemes_of

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


def speech_of(sound: Sound, phones: Sequence[Phone] | None) -> Speech:
    """The visemes of the phones, at their times; without phones, what is heard."""
    if phones is None:
        return NetReader().read(sound)
    features = measure(sound)
    return Speech(
        visemes=viseme_rows(phones, sound.duration_s),
        openness=None,
        loudness=at_rows(relative_loudness(features), sound.duration_s),
        pitch_hz=at_rows(steady_pitch(features), sound.duration_s),
        duration_s=sound.duration_s,
    )
