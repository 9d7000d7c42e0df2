"""Levels of a recording, measured in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from lipsmith.media.clip import F32

INAUDIBLE_PEAK_DBFS = -70.0  # below the noise of the quietest room on 16-bit gear; speech at -50 LUFS peaks near -30
MAX_PEAK = 16.0  # +24 dB; a float file above it holds integer steps, up to 32768
EMPTY_CHANNEL_DB = 20.0  # a channel this far below the other carries only crosstalk
CANCELLING_DB = 6.0  # the mean of unrelated channels lies 3 dB below them; far more means they cancel


@dataclass(kw_only=True)
class Levels:
    """Peaks and energies of the blocks added so far."""

    channels: int
    samples: int = 0
    highest: F32 = field(init=False)
    lowest: F32 = field(init=False)
    energy: np.ndarray[tuple[int], np.dtype[np.float64]] = field(init=False)
    mean_energy: float = 0.0

    def __post_init__(self) -> None:
        self.highest = np.full(self.channels, -np.inf, dtype=np.float32)
        self.lowest = np.full(self.channels, np.inf, dtype=np.float32)
        self.energy = np.zeros(self.channels)

    def add(self, block: F32) -> None:
        """Measure a (channels, n) block."""
        self.samples += block.shape[1]
        with np.errstate(all="ignore"):  # `fault` reports samples that are not finite
            self.highest = np.maximum(self.highest, block.max(axis=1))
            self.lowest = np.minimum(self.lowest, block.min(axis=1))
            self.energy += np.einsum("cn,cn->c", block, block, dtype=np.float64)
            mean = block.mean(axis=0)
            self.mean_energy += float(np.dot(mean, mean))

    @property
    def fault(self) -> str | None:
        """Reason why this audio cannot be played, as the end of a sentence; None if it can."""
        if not (np.isfinite(self.highest).all() and np.isfinite(self.lowest).all()):
            return "contains samples that are not finite numbers. Export it again."
        if self.peak > MAX_PEAK:
            return f"contains samples of {self.peak:.3g} times full scale. Export it with samples between -1 and 1."
        return None

    @property
    def peak(self) -> float:
        """Largest distance from zero; full scale is 1."""
        return float(max(self.highest.max(), -self.lowest.min())) if self.samples else 0.0

    @property
    def audible_dbfs(self) -> float:
        """Half the peak-to-peak amplitude, dB of full scale; a constant offset is inaudible."""
        swing = float((self.highest - self.lowest).max()) / 2 if self.samples else 0.0
        return 20 * math.log10(swing) if swing > 0 else -math.inf

    @property
    def mono_channel(self) -> int | None:
        """Channel that replaces the mix to mono; None if the mean is used."""
        if self.channels == 1:
            return 0
        loud, soft = float(self.energy.max()), float(self.energy.min())
        one_is_empty = soft < loud * 10 ** (-EMPTY_CHANNEL_DB / 10)
        they_cancel = self.mean_energy < float(self.energy.mean()) * 10 ** (-CANCELLING_DB / 10)
        return int(self.energy.argmax()) if one_is_empty or they_cancel else None

    def to_channels(self, block: F32, channels: int) -> F32:
        """Convert a block to ``channels`` channels: repeat it, or mix it to mono."""
        if channels == block.shape[0]:
            return block
        if channels == 2:
            return np.repeat(block, 2, axis=0)
        chosen = self.mono_channel
        return block.mean(axis=0, keepdims=True) if chosen is None else block[chosen : chosen + 1]


def measure_window(blocks: Iterable[F32], first: int, last: int | None, levels: Levels) -> int:
    """Add the samples from ``first`` to ``last`` to ``levels``; return how many samples were decoded in total."""
    decoded = 0
    for block in blocks:
        part = block[:, max(0, first - decoded) : None if last is None else max(0, last - decoded)]
        decoded += block.shape[1]
        if part.shape[1]:
            levels.add(part)
        if last is not None and decoded >= last:
            break
    return decoded
