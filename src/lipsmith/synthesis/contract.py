"""Contract of text-to-speech engines; all engines pass one test suite."""

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
    """One voice of an engine."""

    name: str
    language: str
    """BCP 47 tag, such as ``en-GB``."""
    gender: str
    """``female``, ``male`` or ``neutral`` (neither, or unknown)."""
    description: str
    engine: str = ""
    """Name of its engine in the registry; set by `lipsmith.synthesis.voices`."""


@dataclass(frozen=True, kw_only=True)
class SynthesizedSpeech:
    """Audio of a text, with its phones."""

    audio: Audio
    phones: Sequence[Phone] | None
    """Phones on the clock of ``audio``; None if the synthesizer does not provide them."""

    @cached_property
    def speech(self) -> Speech | None:
        """Visemes from ``phones``; None without phones."""
        return None if self.phones is None else speech_of(self.audio, self.phones)


class Voice(Protocol):
    """Text-to-speech engine."""

    def voices(self) -> Sequence[VoiceInfo]:
        """Return all installed voices."""
        ...

    def speak(self, text: str, *, voice: str, rate: float) -> SynthesizedSpeech:
        """Synthesize ``text``; ``rate`` 1.0 is the voice's normal speed, 0.5–2.0.

        Raises UnknownVoice, EmptyText, MissingDependency or VoiceFailed.
        """
        ...


def speech_of(audio: Audio, phones: Sequence[Phone]) -> Speech:
    """Return the timed visemes of the phones, with the loudness and pitch of ``audio``."""
    features = measure(audio)
    return Speech(
        visemes=viseme_rows(phones, audio.duration_s),
        openness=None,
        loudness=at_rows(relative_loudness(features), audio.duration_s),
        pitch_hz=at_rows(steady_pitch(features), audio.duration_s),
        duration_s=audio.duration_s,
    )
