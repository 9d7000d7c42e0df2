"""Lets a voice say a text of any length: stretch by stretch, with the pauses between, on one clock.

What a voice is asked for at a time is short, so that memory does not grow with the text. Pauses, rate and emphasis are
made here, and so are the same with every engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lipsmith.errors import EmptyText, InvalidOption
from lipsmith.media.clip import F32, Audio
from lipsmith.media.decode import FileAudio, MemoryAudio
from lipsmith.media.encode import AUDIO_RATE_HZ
from lipsmith.media.spool import SpooledAudio
from lipsmith.media.timeline import seconds_to_samples
from lipsmith.speech.sentences import split_text
from lipsmith.speech.ssml import SENTENCE_PAUSE_S, Segment, is_markup, read_ssml
from lipsmith.speech.visemes import Phone
from lipsmith.synthesis import voices
from lipsmith.synthesis.contract import SynthesizedSpeech, VoiceInfo
from lipsmith.synthesis.synthesized_speech import LEAD_S, RATE_RANGE, TAIL_S, check_rate

MAX_CHUNK_CHARACTERS = 600
"""Characters, about 40 s of speech."""

_SILENT = 10 ** (-50 / 20)
"""Of a stretch's peak: what a voice leaves before its first sound and after its last lies below."""
_MARGIN_S = 0.010  # of what is below: the end of an s is soft
_FADE_S = 0.005


@dataclass(frozen=True, kw_only=True)
class _Joined:
    """What was said so far."""

    audio: SpooledAudio
    phones: list[Phone]
    told: list[bool]
    """Of each stretch: whether its voice told when the sounds are made."""


def synthesize(text: str, voice: VoiceInfo, rate: float) -> SynthesizedSpeech:
    """Speaks ``text``, plain or SSML, with the pauses that were asked for; ``rate`` 1.0 is the voice's own.

    Raises InvalidMarkup, InvalidOption for a rate out of range, also of a part alone, and what `Voice.speak` raises.
    """
    check_rate(rate)
    segments = list(_short(_segments(text)))
    if segments == [Segment(text=text.strip())]:  # nothing to join: as the voice says it
        return voices.speak(text, voice, rate)
    _check_rates(segments, rate)
    joined: _Joined | None = None
    for number, segment in enumerate(segments):
        if not segment.text:
            continue
        following = segments[number + 1].text if number + 1 < len(segments) else ""
        try:
            spoken = voices.speak(_with_continuation(segment.text, following), voice, rate * segment.rate)
        except EmptyText:  # a lone dash between two tags is no fault; all of them together are
            if joined is not None:
                _append_pause(joined, segment.pause_s)
            continue
        if joined is None:
            joined = _Joined(audio=SpooledAudio(_rate_of(spoken.audio)), phones=[], told=[])
            _append_pause(joined, LEAD_S + (0.0 if segments[0].text else segments[0].pause_s))
        _append(joined, spoken, segment)
    if joined is None:
        raise EmptyText()
    _append_pause(joined, TAIL_S)
    return SynthesizedSpeech(audio=joined.audio.finish(), phones=joined.phones if all(joined.told) else None)


def _segments(text: str) -> list[Segment]:
    return list(read_ssml(text)) if is_markup(text) else [Segment(text=text.strip())]


def _short(segments: list[Segment]) -> Iterator[Segment]:
    """None of them longer than a voice is asked for at a time."""
    for segment in segments:
        if len(segment.text) <= MAX_CHUNK_CHARACTERS:
            yield segment
            continue
        parts = list(split_text(segment.text, MAX_CHUNK_CHARACTERS))
        yield from (replace(segment, text=part, pause_s=SENTENCE_PAUSE_S) for part in parts[:-1])
        yield replace(segment, text=parts[-1])


def _check_rates(segments: list[Segment], rate: float) -> None:
    for segment in segments:
        if not RATE_RANGE[0] <= rate * segment.rate <= RATE_RANGE[1]:
            raise InvalidOption(
                f"{segment.text[:40]!r} would be spoken {rate * segment.rate:.2f} times as fast as usual, which is "
                f"outside {RATE_RANGE[0]}–{RATE_RANGE[1]}. The rates of a text and of its parts are multiplied."
            )


def _with_continuation(text: str, following: str) -> str:
    """Words in the middle of a sentence end with a comma, so that the voice does not sink as at its end."""
    goes_on = text[-1:].isalnum() and following[:1].isalnum() and not following[:1].isupper()
    return f"{text}," if goes_on else text


def _append(joined: _Joined, spoken: SynthesizedSpeech, segment: Segment) -> None:
    """Puts the sound, without the silence around it, at the end, and its phones at their new times."""
    rate_hz = joined.audio.rate_hz
    samples = np.concatenate(list(spoken.audio.blocks(rate_hz, 1)), axis=1)[0]
    first, last = _audible_range(samples, rate_hz)
    shift_s = (joined.audio.samples - first) / rate_hz
    joined.told.append(spoken.phones is not None)
    joined.phones.extend(_shifted_phones(spoken.phones or (), shift_s, joined, joined.audio.samples + last - first))
    joined.audio.write(_faded(samples[first:last], segment.gain_db, rate_hz))
    _append_pause(joined, segment.pause_s)


def _append_pause(joined: _Joined, length_s: float) -> None:
    joined.audio.write_silence(seconds_to_samples(length_s, joined.audio.rate_hz))


def _audible_range(samples: F32, rate_hz: int) -> tuple[int, int]:
    """Where the first sound begins and the last one ends, with a margin."""
    loud = np.flatnonzero(np.abs(samples) > _SILENT * float(np.abs(samples).max()))
    if not loud.size:
        return 0, len(samples)
    margin = seconds_to_samples(_MARGIN_S, rate_hz)
    return max(0, int(loud[0]) - margin), min(len(samples), int(loud[-1]) + 1 + margin)


def _shifted_phones(phones: Sequence[Phone], shift_s: float, joined: _Joined, end: int) -> Iterator[Phone]:
    """Phones on the joined clock. A closure before the first sound reaches into the pause; a pause is nobody's."""
    begins_s = joined.phones[-1].end_s if joined.phones else 0.0
    ends_s = end / joined.audio.rate_hz
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


def _rate_of(audio: Audio) -> int:
    return audio.rate_hz if isinstance(audio, MemoryAudio | FileAudio) else AUDIO_RATE_HZ
