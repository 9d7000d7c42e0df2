"""The clip's own sound, quietly beneath a new one. Knows nothing of what is said in either."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from lipsmith.errors import InvalidOption, SilentAudio, WindowOutOfRange
from lipsmith.media.clip import F32, Audio, ClipInfo
from lipsmith.media.decode import FileAudio, open_audio
from lipsmith.media.reader import Clip
from lipsmith.media.sample_buffer import SampleBuffer
from lipsmith.media.timeline import seconds_to_samples

QUIETEST_DB, LOUDEST_DB = -60.0, 0.0
_BLOCK_SAMPLES = 16_384


def open_own_audio(clip: Clip) -> FileAudio | None:
    """What is heard in a clip's window, its first sample at `own_audio_delay_s`; None where nothing can be heard.

    Raises InvalidAudio for a sound track that cannot be decoded.
    """
    info = clip.info
    if not info.has_audio:
        return None
    start_s = float(max(Fraction(0), info.window_start_s))
    end_s = float(info.window_start_s + info.duration_s)
    try:
        try:
            return open_audio(clip.path, start_s=start_s, end_s=end_s)
        except WindowOutOfRange:  # it ends before the pictures do
            return open_audio(clip.path, start_s=start_s)
    except (SilentAudio, WindowOutOfRange):  # silent, or at its end before the window begins
        return None


def own_audio_delay_s(info: ClipInfo) -> float:
    """How long after the window's first picture its own sound can begin: pictures may come before the file's clock."""
    return float(max(Fraction(0), -info.window_start_s))


class BackgroundMix:
    """A new sound with another one beneath it, exactly ``duration_s`` long. Implements `Audio`.

    Both are padded with silence or cut. ``behind`` begins ``delay_s`` late; with ``repeat_s`` it begins anew each time
    that so many seconds have passed, as the pictures of a repeated clip do. Where both are loud, their sum may leave
    full scale.
    """

    def __init__(
        self,
        front: Audio,
        behind: Audio,
        *,
        gain_db: float,
        duration_s: float | Fraction,
        delay_s: float = 0.0,
        repeat_s: float | Fraction | None = None,
    ) -> None:
        """``gain_db`` is -60 to 0. Raises InvalidOption for another."""
        if not QUIETEST_DB <= gain_db <= LOUDEST_DB:
            raise InvalidOption(
                f"The clip's own sound cannot be kept at {gain_db:g} dB. "
                f"Use {QUIETEST_DB:g} (hardly there) to {LOUDEST_DB:g} (as loud as it was)."
            )
        self._front, self._behind = front, behind
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
        """2 where either has two."""
        return max(self._front.channels, self._behind.channels)

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """(channels, n) float32 blocks at ``rate_hz``, together exactly ``duration_s`` long."""
        total = seconds_to_samples(self._duration_s, rate_hz)
        front = SampleBuffer(self._front, rate_hz, channels)
        behind = self._behind_blocks(rate_hz, channels)
        done = 0
        while done < total:
            quiet = next(behind)[:, : total - done]
            yield front.take(quiet.shape[1]) + self._gain * quiet
            done += quiet.shape[1]

    def _behind_blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """The sound beneath, in blocks without end."""
        turn = 0
        while True:
            begin = self._turn_begins(turn, rate_hz)
            left = math.inf if self._repeat_s is None else self._turn_begins(turn + 1, rate_hz) - begin
            lead = seconds_to_samples(self._delay_s, rate_hz)
            feed = SampleBuffer(self._behind, rate_hz, channels)
            while left > 0:
                count = int(min(lead or _BLOCK_SAMPLES, left))
                yield np.zeros((channels, count), np.float32) if lead else feed.take(count)
                left -= count
                lead = 0
            turn += 1

    def _turn_begins(self, turn: int, rate_hz: int) -> int:
        return seconds_to_samples(turn * (self._repeat_s or 0), rate_hz)
