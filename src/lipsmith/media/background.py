"""Mix a clip's own audio, attenuated, under new audio."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from lipsmith.errors import InvalidOption, SilentAudio, WindowOutOfRange
from lipsmith.limits import BACKGROUND_DB
from lipsmith.media.clip import F32, Audio, ClipInfo
from lipsmith.media.decode import FileAudio, open_audio
from lipsmith.media.reader import Clip
from lipsmith.media.sample_buffer import SampleBuffer
from lipsmith.media.timeline import seconds_to_samples

_BLOCK_SAMPLES = 16_384


def open_own_audio(clip: Clip) -> FileAudio | None:
    """Open the audio of a clip's window; its first sample belongs to `own_audio_delay_s`. None if it is silent.

    Raises InvalidAudio for an audio track that cannot be decoded.
    """
    info = clip.info
    if not info.has_audio:
        return None
    start_s = float(max(Fraction(0), info.window_start_s))
    end_s = float(info.window_start_s + info.duration_s)
    try:
        try:
            return open_audio(clip.path, start_s=start_s, end_s=end_s)
        except WindowOutOfRange:  # the audio ends before the frames
            return open_audio(clip.path, start_s=start_s)
    except (SilentAudio, WindowOutOfRange):  # silent, or over before the window starts
        return None


def own_audio_delay_s(info: ClipInfo) -> float:
    """Return the delay of a clip's audio after its first frame; frames may precede the audio clock."""
    return float(max(Fraction(0), -info.window_start_s))


class BackgroundMix:
    """Foreground audio mixed with background audio, exactly ``duration_s`` long. Implements `Audio`.

    Both are padded with silence or cut. ``background`` starts after ``delay_s`` and, with ``repeat_s``, restarts after
    each period of that many seconds, like the frames of a looped clip. The sum may exceed full scale.
    """

    def __init__(
        self,
        foreground: Audio,
        background: Audio,
        *,
        gain_db: float,
        duration_s: float | Fraction,
        delay_s: float = 0.0,
        repeat_s: float | Fraction | None = None,
    ) -> None:
        """``gain_db`` applies to the background. Raises InvalidOption outside `limits.BACKGROUND_DB`."""
        if gain_db not in BACKGROUND_DB:
            raise InvalidOption(
                f"Background gain {gain_db:g} dB is out of range. Use {BACKGROUND_DB.low:g} (barely audible) to "
                f"{BACKGROUND_DB.high:g} (unchanged)."
            )
        self._foreground, self._background = foreground, background
        self._gain = np.float32(10 ** (gain_db / 20))
        self._duration_s = Fraction(duration_s)
        self._delay_s = delay_s
        self._repeat_s = None if repeat_s is None else Fraction(repeat_s)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self._duration_s)

    @property
    def channels(self) -> int:
        """2 if either part has two."""
        return max(self._foreground.channels, self._background.channels)

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """Yield (channels, n) float32 blocks at ``rate_hz``, exactly ``duration_s`` long in total."""
        total = seconds_to_samples(self._duration_s, rate_hz)
        foreground = SampleBuffer(self._foreground, rate_hz, channels)
        background = self._background_blocks(rate_hz, channels)
        done = 0
        while done < total:
            block = next(background)[:, : total - done]
            yield foreground.take(block.shape[1]) + self._gain * block
            done += block.shape[1]

    def _background_blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """Yield the background without end."""
        repeat = 0
        while True:
            start = self._repeat_start(repeat, rate_hz)
            left = math.inf if self._repeat_s is None else self._repeat_start(repeat + 1, rate_hz) - start
            lead = seconds_to_samples(self._delay_s, rate_hz)
            buffer = SampleBuffer(self._background, rate_hz, channels)
            while left > 0:
                count = int(min(lead or _BLOCK_SAMPLES, left))
                yield np.zeros((channels, count), np.float32) if lead else buffer.take(count)
                left -= count
                lead = 0
            repeat += 1

    def _repeat_start(self, repeat: int, rate_hz: int) -> int:
        return seconds_to_samples(repeat * (self._repeat_s or 0), rate_hz)
