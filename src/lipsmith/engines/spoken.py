"""What a synthesizer's sounds say to the lips."""

from __future__ import annotations

from collections.abc import Sequence

from lipsmith.engines.net_reader import NetReader
from lipsmith.media.clip import Sound
from lipsmith.speech.features import at_rows, measure, relative_loudness, steady_pitch
from lipsmith.speech.visemes import Phone, Speech, viseme_rows


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
