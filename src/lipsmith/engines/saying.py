"""Lets a voice say a text of any length: stretch by stretch, with the pauses between, on one clock.

What a voice is asked for at a time is short, so that memory does not grow with the text. Pauses, rate and emphasis are
made here, and so are the same with every engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lipsmith.engines import voices
from lipsmith.engines.contract import Spoken, VoiceInfo
from lipsmith.engines.spoken import LEAD_S, RATE_RANGE, TAIL_S, check_rate
from lipsmith.errors import EmptyText, InvalidOption
from lipsmith.media.clip import F32, Sound
from lipsmith.media.decode import FileSound, MemorySound
from lipsmith.media.encode import SOUND_RATE_HZ
from lipsmith.media.spool import SpooledSound
from lipsmith.media.timeline import seconds_to_samples
from lipsmith.speech.sentences import pieces
from lipsmith.speech.ssml import SENTENCE_PAUSE_S, Stretch, is_markup, read_ssml
from lipsmith.speech.visemes import Phone

LONGEST_PIECE = 600
"""Characters, about 40 s of speech."""

_SILENT = 10 ** (-50 / 20)
"""Of a stretch's peak: what a voice leaves before its first sound and after its last lies below."""
_MARGIN_S = 0.010  # of what is below: the end of an s is soft
_FADE_S = 0.005


@dataclass(frozen=True, kw_only=True)
class _Joined:
    """What was said so far."""

    sound: SpooledSound
    phones: list[Phone]
    told: list[bool]
    """Of each stretch: whether its voice told when the sounds are made."""


def say(text: str, voice: VoiceInfo, rate: float) -> Spoken:
    """Speaks ``text``, plain or SSML, with the pauses that were asked for; ``rate`` 1.0 is the voice's own.

    Raises InvalidMarkup, InvalidOption for a rate out of range, also of a part alone, and what `Voice.speak` raises.
    """
    check_rate(rate)
    stretches = list(_short(_stretches(text)))
    if stretches == [Stretch(text=text.strip())]:  # nothing to join: as the voice says it
        return voices.speak(text, voice, rate)
    _check_rates(stretches, rate)
    joined: _Joined | None = None
    for number, stretch in enumerate(stretches):
        if not stretch.text:
            continue
        following = stretches[number + 1].text if number + 1 < len(stretches) else ""
        try:
            spoken = voices.speak(_unfinished(stretch.text, following), voice, rate * stretch.rate)
        except EmptyText:  # a lone dash between two tags is no fault; all of them together are
            if joined is not None:
                _rest(joined, stretch.pause_s)
            continue
        if joined is None:
            joined = _Joined(sound=SpooledSound(_rate_of(spoken.sound)), phones=[], told=[])
            _rest(joined, LEAD_S + (0.0 if stretches[0].text else stretches[0].pause_s))
        _append(joined, spoken, stretch)
    if joined is None:
        raise EmptyText()
    _rest(joined, TAIL_S)
    return Spoken(sound=joined.sound.finished(), phones=joined.phones if all(joined.told) else None)


def _stretches(text: str) -> list[Stretch]:
    return list(read_ssml(text)) if is_markup(text) else [Stretch(text=text.strip())]


def _short(stretches: list[Stretch]) -> Iterator[Stretch]:
    """None of them longer than a voice is asked for at a time."""
    for stretch in stretches:
        if len(stretch.text) <= LONGEST_PIECE:
            yield stretch
            continue
        parts = list(pieces(stretch.text, LONGEST_PIECE))
        yield from (replace(stretch, text=part, pause_s=SENTENCE_PAUSE_S) for part in parts[:-1])
        yield replace(stretch, text=parts[-1])


def _check_rates(stretches: list[Stretch], rate: float) -> None:
    for stretch in stretches:
        if not RATE_RANGE[0] <= rate * stretch.rate <= RATE_RANGE[1]:
            raise InvalidOption(
                f"{stretch.text[:40]!r} would be spoken {rate * stretch.rate:.2f} times as fast as usual, which is "
                f"outside {RATE_RANGE[0]}–{RATE_RANGE[1]}. The rates of a text and of its parts are multiplied."
            )


def _unfinished(text: str, following: str) -> str:
    """Words in the middle of a sentence end with a comma, so that the voice does not sink as at its end."""
    goes_on = text[-1:].isalnum() and following[:1].isalnum() and not following[:1].isupper()
    return f"{text}," if goes_on else text


def _append(joined: _Joined, spoken: Spoken, stretch: Stretch) -> None:
    """Puts the sound, without the silence around it, at the end, and its phones at their new times."""
    rate_hz = joined.sound.rate_hz
    samples = np.concatenate(list(spoken.sound.blocks(rate_hz, 1)), axis=1)[0]
    first, last = _heard(samples, rate_hz)
    shift_s = (joined.sound.samples - first) / rate_hz
    joined.told.append(spoken.phones is not None)
    joined.phones.extend(_moved(spoken.phones or (), shift_s, joined, joined.sound.samples + last - first))
    joined.sound.write(_faded(samples[first:last], stretch.gain_db, rate_hz))
    _rest(joined, stretch.pause_s)


def _rest(joined: _Joined, length_s: float) -> None:
    joined.sound.write_silence(seconds_to_samples(length_s, joined.sound.rate_hz))


def _heard(samples: F32, rate_hz: int) -> tuple[int, int]:
    """Where the first sound begins and the last one ends, with a margin."""
    loud = np.flatnonzero(np.abs(samples) > _SILENT * float(np.abs(samples).max()))
    if not loud.size:
        return 0, len(samples)
    margin = seconds_to_samples(_MARGIN_S, rate_hz)
    return max(0, int(loud[0]) - margin), min(len(samples), int(loud[-1]) + 1 + margin)


def _moved(phones: Sequence[Phone], shift_s: float, joined: _Joined, end: int) -> Iterator[Phone]:
    """Phones on the joined clock. A closure before the first sound reaches into the pause; a pause is nobody's."""
    begins_s = joined.phones[-1].end_s if joined.phones else 0.0
    ends_s = end / joined.sound.rate_hz
    for phone in phones:
        start_s, end_s = max(phone.start_s + shift_s, begins_s), min(phone.end_s + shift_s, ends_s)
        if end_s > start_s and phone.symbol:
            yield Phone(symbol=phone.symbol, start_s=start_s, end_s=end_s)


def _faded(samples: F32, gain_db: float, rate_hz: int) -> F32:
    """The stretch at its loudness, not pushed beyond full scale, with soft ends, so that nothing clicks."""
    gain = 10 ** (gain_db / 20)
    if gain > 1.0:
        gain = max(1.0, min(gain, 1.0 / max(float(np.abs(samples).max()), 1e-6)))
    faded = samples * np.float32(gain)
    fade = np.linspace(0.0, 1.0, min(seconds_to_samples(_FADE_S, rate_hz), len(faded)), dtype=np.float32)
    faded[: len(fade)] *= fade
    faded[len(faded) - len(fade) :] *= fade[::-1]
    return faded


def _rate_of(sound: Sound) -> int:
    return sound.rate_hz if isinstance(sound, MemorySound | FileSound) else SOUND_RATE_HZ
