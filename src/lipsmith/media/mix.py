"""Mixed and shortened audio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lipsmith.media.clip import F32, Audio
from lipsmith.media.sample_buffer import SampleBuffer
from lipsmith.media.timeline import seconds_to_samples

_BLOCK_SAMPLES = 16_384


@dataclass(frozen=True, kw_only=True)
class MixedAudio:
    """Sum of several recordings, each at its own level, until the last one ends. Implements `Audio`.

    The sum may exceed full scale.
    """

    parts: Sequence[tuple[Audio, float]]
    """Recordings with their start times in seconds."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return max(at_s + audio.duration_s for audio, at_s in self.parts)

    @property
    def channels(self) -> int:
        """2 if any part has two."""
        return max(audio.channels for audio, _ in self.parts)

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """Yield (channels, n) float32 blocks at ``rate_hz``, exactly ``duration_s`` long in total."""
        total = seconds_to_samples(Fraction(self.duration_s), rate_hz)
        starts = [seconds_to_samples(at_s, rate_hz) for _, at_s in self.parts]
        buffers = [SampleBuffer(audio, rate_hz, channels) for audio, _ in self.parts]
        for at in range(0, total, _BLOCK_SAMPLES):
            mixed = np.zeros((channels, min(_BLOCK_SAMPLES, total - at)), np.float32)
            for buffer, start in zip(buffers, starts, strict=True):
                silent = min(max(start - at, 0), mixed.shape[1])
                if silent < mixed.shape[1]:
                    mixed[:, silent:] += buffer.take(mixed.shape[1] - silent)
            yield mixed


@dataclass(frozen=True, kw_only=True)
class AudioStart:
    """The first ``max_s`` seconds of audio; the rest is not decoded. Implements `Audio`."""

    audio: Audio
    max_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return min(self.audio.duration_s, self.max_s)

    @property
    def channels(self) -> int:
        """Channels of the whole audio."""
        return self.audio.channels

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """Yield (channels, n) float32 blocks at ``rate_hz``, exactly ``duration_s`` long in total."""
        left = seconds_to_samples(Fraction(self.duration_s), rate_hz)
        for block in self.audio.blocks(rate_hz, channels):
            yield block[:, :left]
            left -= block.shape[1]
            if left <= 0:
                return
