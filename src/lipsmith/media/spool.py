"""Generated audio in a temporary file, so that an hour needs no more memory than a minute."""

from __future__ import annotations

import os
import tempfile
import wave
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lipsmith.media.clip import F32
from lipsmith.media.decode import open_audio

_BLOCK_SAMPLES = 65_536


class SpooledAudio:
    """Mono audio in a temporary file, deleted with this object. Implements `Audio` after `finish`."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.samples = 0
        """Samples written so far."""
        handle, name = tempfile.mkstemp(prefix="lipsmith-", suffix=".wav")
        self._path = Path(name)
        self._file = os.fdopen(handle, "wb")
        self._wave = wave.Wave_write(self._file)
        weakref.finalize(self, _remove, self._wave, self._file, self._path)
        self._wave.setnchannels(1)
        self._wave.setsampwidth(2)
        self._wave.setframerate(rate_hz)

    def write(self, samples: F32) -> None:
        """Append (n,) float32, full scale ±1."""
        steps = np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2")
        self._wave.writeframesraw(steps.tobytes())
        self.samples += len(samples)

    def write_silence(self, samples: int) -> None:
        """Append ``samples`` zeros."""
        for at in range(0, samples, _BLOCK_SAMPLES):
            self.write(np.zeros(min(_BLOCK_SAMPLES, samples - at), np.float32))

    def finish(self) -> SpooledAudio:
        """Close the file for playback and return self. Raises SilentAudio if only silence was written."""
        self._wave.close()
        self._file.close()
        self._audio = open_audio(self._path)
        return self

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples / self.rate_hz

    @property
    def channels(self) -> int:
        """1."""
        return 1

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """Yield (channels, n) float32 blocks at ``rate_hz``, exactly ``duration_s`` long in total."""
        yield from self._audio.blocks(rate_hz, channels)


def _remove(writer: wave.Wave_write, file: BinaryIO, path: Path) -> None:
    writer.close()
    file.close()
    path.unlink(missing_ok=True)
