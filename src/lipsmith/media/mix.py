"""Sounds put together, each from its own moment on, and cut short. Knows nothing of what is said in them."""

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
    """The sum of sounds, as loud as each of them is; it ends with the last one. Implements `Audio`.

    Where several are loud at once, the sum may leave full scale.
    """

    parts: Sequence[tuple[Audio, float]]
    """Each sound, and how many seconds after the beginning it sets in."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return max(at_s + audio.duration_s for audio, at_s in self.parts)

    @property
    def channels(self) -> int:
        """2 where any of them has two."""
        return max(audio.channels for audio, _ in self.parts)

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """(channels, n) float32 blocks at ``rate_hz``, together exactly ``duration_s`` long."""
        total = seconds_to_samples(Fraction(self.duration_s), rate_hz)
        begins = [seconds_to_samples(at_s, rate_hz) for _, at_s in self.parts]
        feeds = [SampleBuffer(audio, rate_hz, channels) for audio, _ in self.parts]
        for start in range(0, total, _BLOCK_SAMPLES):
            mixed = np.zeros((channels, min(_BLOCK_SAMPLES, total - start)), np.float32)
            for feed, begin in zip(feeds, begins, strict=True):
                silent = min(max(begin - start, 0), mixed.shape[1])
                if silent < mixed.shape[1]:
                    mixed[:, silent:] += feed.take(mixed.shape[1] - silent)
            yield mixed


@dataclass(frozen=True, kw_only=True)
class AudioStart:
    """The first seconds of a sound; what comes later is not even decoded. Implements `Audio`."""

    whole: Audio
    most_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return min(self.whole.duration_s, self.most_s)

    @property
    def channels(self) -> int:
        """As of the whole."""
        return self.whole.channels

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """(channels, n) float32 blocks at ``rate_hz``, together exactly ``duration_s`` long."""
        left = seconds_to_samples(Fraction(self.duration_s), rate_hz)
        for block in self.whole.blocks(rate_hz, channels):
            yield block[:, :left]
            left -= block.shape[1]
            if left <= 0:
                return
