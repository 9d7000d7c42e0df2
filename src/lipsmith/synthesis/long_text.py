"""Synthesis of text of any length, segment by segment, with the pauses in between.

Segments are short, so that memory does not grow with the text. Pauses, rate and emphasis are applied here and
therefore equal for all engines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lipsmith.errors import EmptyText, InvalidOption
from lipsmith.limits import RATE
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
from lipsmith.synthesis.synthesized_speech import LEAD_S, TAIL_S, check_rate

MAX_CHUNK_CHARACTERS = 600
"""Characters, about 40 s of speech."""

_SILENT = 10 ** (-50 / 20)
"""Share of a segment's peak; the silence around its speech lies below."""
_MARGIN_S = 0.010  # kept of the silence, since the end of an s is soft
_FADE_S = 0.005


@dataclass(frozen=True, kw_only=True)
class _Joined:
    """Segments joined so far."""

    audio: SpooledAudio
    phones: list[Phone]
    has_phones: list[bool]
    """True for each segment with known phones."""


def synthesize(text: str, voice: VoiceInfo, rate: float) -> SynthesizedSpeech:
    """Synthesize ``text``, plain or SSML; ``rate`` 1.0 is the voice's normal speed.

    Raises InvalidMarkup, InvalidOption for a rate of the text or of a part out of range, and the errors of
    `Voice.speak`.
    """
    check_rate(rate)
    segments = list(_short_segments(_segments(text)))
    if segments == [Segment(text=text.strip())]:  # nothing to join
        return voices.speak(text, voice, rate)
    _check_rates(segments, rate)
    joined: _Joined | None = None
    for number, segment in enumerate(segments):
        if not segment.text:
            continue
        following = segments[number + 1].text if number + 1 < len(segments) else ""
        try:
            speech = voices.speak(_with_continuation(segment.text, following), voice, rate * segment.rate)
        except EmptyText:  # a single segment without words, such as a dash between tags, is valid
            if joined is not None:
                _append_pause(joined, segment.pause_s)
            continue
        if joined is None:
            joined = _Joined(audio=SpooledAudio(_rate_of(speech.audio)), phones=[], has_phones=[])
            _append_pause(joined, LEAD_S + (0.0 if segments[0].text else segments[0].pause_s))
        _append(joined, speech, segment)
    if joined is None:
        raise EmptyText()
    _append_pause(joined, TAIL_S)
    return SynthesizedSpeech(audio=joined.audio.finish(), phones=joined.phones if all(joined.has_phones) else None)


def _segments(text: str) -> list[Segment]:
    return list(read_ssml(text)) if is_markup(text) else [Segment(text=text.strip())]


def _short_segments(segments: list[Segment]) -> Iterator[Segment]:
    """Split segments of more than `MAX_CHUNK_CHARACTERS`."""
    for segment in segments:
        if len(segment.text) <= MAX_CHUNK_CHARACTERS:
            yield segment
            continue
        parts = list(split_text(segment.text, MAX_CHUNK_CHARACTERS))
        yield from (replace(segment, text=part, pause_s=SENTENCE_PAUSE_S) for part in parts[:-1])
        yield replace(segment, text=parts[-1])


def _check_rates(segments: list[Segment], rate: float) -> None:
    for segment in segments:
        if rate * segment.rate not in RATE:
            raise InvalidOption(
                f"{segment.text[:40]!r} would be spoken at {rate * segment.rate:.2f} times the normal rate, outside "
                f"{RATE.low}–{RATE.high}. The rates of a text and of its parts are multiplied; lower one of them."
            )


def _with_continuation(text: str, following: str) -> str:
    """Append a comma to a segment in the middle of a sentence, to avoid the falling pitch of a sentence end."""
    continues = text[-1:].isalnum() and following[:1].isalnum() and not following[:1].isupper()
    return f"{text}," if continues else text


def _append(joined: _Joined, speech: SynthesizedSpeech, segment: Segment) -> None:
    """Append the audio, without the silence around it, and its phones at their new times."""
    rate_hz = joined.audio.rate_hz
    samples = np.concatenate(list(speech.audio.blocks(rate_hz, 1)), axis=1)[0]
    first, last = _audible_range(samples, rate_hz)
    shift_s = (joined.audio.samples - first) / rate_hz
    joined.has_phones.append(speech.phones is not None)
    joined.phones.extend(_shifted_phones(speech.phones or (), shift_s, joined, joined.audio.samples + last - first))
    joined.audio.write(_faded(samples[first:last], segment.gain_db, rate_hz))
    _append_pause(joined, segment.pause_s)


def _append_pause(joined: _Joined, length_s: float) -> None:
    joined.audio.write_silence(seconds_to_samples(length_s, joined.audio.rate_hz))


def _audible_range(samples: F32, rate_hz: int) -> tuple[int, int]:
    """Return the first and past-the-last audible sample, with a margin."""
    loud = np.flatnonzero(np.abs(samples) > _SILENT * float(np.abs(samples).max()))
    if not loud.size:
        return 0, len(samples)
    margin = seconds_to_samples(_MARGIN_S, rate_hz)
    return max(0, int(loud[0]) - margin), min(len(samples), int(loud[-1]) + 1 + margin)


def _shifted_phones(phones: Sequence[Phone], shift_s: float, joined: _Joined, end: int) -> Iterator[Phone]:
    """Yield phones, without pauses, on the joined clock; a closure at the start may reach into the pause before."""
    min_start_s = joined.phones[-1].end_s if joined.phones else 0.0
    max_end_s = end / joined.audio.rate_hz
    for phone in phones:
        start_s, end_s = max(phone.start_s + shift_s, min_start_s), min(phone.end_s + shift_s, max_end_s)
        if end_s > start_s and phone.symbol:
            yield Phone(symbol=phone.symbol, start_s=start_s, end_s=end_s)


def _faded(samples: F32, gain_db: float, rate_hz: int) -> F32:
    """Apply a gain within full scale, and fade the ends to avoid clicks."""
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
