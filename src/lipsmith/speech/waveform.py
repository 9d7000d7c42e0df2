"""Audio as overlapping windows on one time grid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lipsmith.media.clip import F32, Audio

RATE_HZ = 16000
HOP_SAMPLES = 160
"""10 ms."""
WINDOW_SAMPLES = 400
"""25 ms."""
WIDE_WINDOW_SAMPLES = 640
"""40 ms: two and a half periods of a voice of 62 Hz, for pitch."""

_BATCH_HOPS = 500  # 5 s; about 40 MB for pitch detection


def windows(audio: Audio, samples: int = WINDOW_SAMPLES, hop_samples: int = HOP_SAMPLES) -> Iterator[F32]:
    """Yield windows of the audio at 16 kHz mono, in batches of (up to 500, ``samples``) float32.

    Window ``j`` is centred on sample ``j * hop_samples``; the audio is padded with zeros. There is one window for each
    hop that starts inside the audio. Memory does not grow with the length.
    """
    half = samples // 2
    held: F32 = np.zeros(half, np.float32)
    for block in audio.blocks(RATE_HZ, 1):
        held = np.concatenate([held, block[0]])
        while len(held) >= _BATCH_HOPS * hop_samples + samples:
            yield _slices(held, samples, hop_samples, _BATCH_HOPS)
            held = held[_BATCH_HOPS * hop_samples :]
    left = len(held) - half  # samples after the centre of the next window
    count = -(-left // hop_samples)
    if count > 0:
        padded = np.concatenate([held, np.zeros(samples + hop_samples, np.float32)])
        for start in range(0, count, _BATCH_HOPS):
            size = min(_BATCH_HOPS, count - start)
            yield _slices(padded[start * hop_samples :], samples, hop_samples, size)


def decibels(power: NDArray[np.float32] | NDArray[np.float64]) -> F32:
    """Convert power to decibels, float32, at least -120 dB."""
    return (10.0 * np.log10(np.maximum(power, 1e-12))).astype(np.float32)


def _slices(held: F32, samples: int, hop_samples: int, count: int) -> F32:
    return np.lib.stride_tricks.sliding_window_view(held, samples)[: count * hop_samples : hop_samples]
