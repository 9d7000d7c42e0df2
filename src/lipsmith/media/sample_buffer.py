"""Audio in parts of any length, taken from blocks of other lengths."""

from __future__ import annotations

import numpy as np

from lipsmith.media.clip import F32, Audio


class SampleBuffer:
    """One playback of audio, followed by silence."""

    def __init__(self, audio: Audio, rate_hz: int, channels: int) -> None:
        self._channels = channels
        self._blocks = iter(audio.blocks(rate_hz, channels))
        self._rest: F32 = np.zeros((channels, 0), dtype=np.float32)

    def take(self, count: int) -> F32:
        """Return the next (channels, ``count``) float32 samples."""
        while self._rest.shape[1] < count:
            block = next(self._blocks, None)
            if block is None:
                block = np.zeros((self._channels, count - self._rest.shape[1]), dtype=np.float32)
            self._rest = np.concatenate([self._rest, block], axis=1)
        taken, self._rest = self._rest[:, :count], self._rest[:, count:]
        return np.ascontiguousarray(taken)
