"""Contract of a text-to-speech engine. Every engine passes the same tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from lipsmith.media.clip import Audio
from lipsmith.speech.features import at_rows, measure, relative_loudness, steady_pitch
from lipsmith.speech.visemes import Phone, Speech, viseme_rows


@dataclass(frozen=True, kw_only=True)
class VoiceInfo:
    """One voice that a `Voice` engine offers."""

    name: str
    language: str
    """BCP 47 tag, such as ``en-GB``."""
    gender: str
    """``female``, ``male`` or ``neutral``: neither, or nobody knows."""
    description: str
    engine: str = ""
    """Who speaks it, by its name in the registry; `lipsmith.synthesis.voices` fills it in."""


@dataclass(frozen=True, kw_only=True)
class SynthesizedSpeech:
    """A text, spoken."""

    audio: Audio
    phones: Sequence[Phone] | None
    """When each sound is made, on the clock of ``audio``; None where the synthesizer does not tell."""

    @cached_property
    def speech(self) -> Speech | None:
        """Visemes from ``phones``; None where there are none."""
        return None if self.phones is None else speech_of(self.audio, self.phones)


class Voice(Protocol):
    """Turns text into speech."""

    def voices(self) -> Sequence[VoiceInfo]:
        """All voices that are installed."""
        ...

    def speak(self, text: str, *, voice: str, rate: float) -> SynthesizedSpeech:
        """Speaks ``text``; ``rate`` 1.0 is the voice's normal speed, 0.5–2.0.

        Raises UnknownVoice, EmptyText, MissingDependency or VoiceFailed.
        """
        ...


def speech_of(audio: Audio, phones: Sequence[Phone]) -> Speech:
    """Visemes of the phones, at their times, with the loudness and pitch of ``audio``."""
    features = measure(audio)
    return Speech(
        visemes=viseme_rows(phones, audio.duration_s),
        openness=None,
        loudness=at_rows(relative_loudness(features), audio.duration_s),
        pitch_hz=at_rows(steady_pitch(features), audio.duration_s),
        duration_s=audio.duration_s,
    )
