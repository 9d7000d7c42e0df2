"""Seconds, frames, samples and frame sizes: the only module that rounds time.

Halves round up. The length of a video rounds up, so that the frames cover the audio.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipsmith.errors import AudioTooLong, InvalidOption, VideoTooLong, WindowOutOfRange
from lipsmith.limits import FPS
from lipsmith.media.durations import DURATION_MODES, DurationMode

WINDOW_SLACK_S = 0.05  # a window may end this much after the audio: people type rounded lengths
_MIN_EVEN_SIDE_PX = 2  # yuv420p shares chroma among 2 x 2 pixels
_FLOAT_NOISE_FRAMES = 1e-6  # 0.1 s * 30 fps is 3.0000000000000004 in floats; that is 3 frames, not 4
_FLOAT_NOISE_S = Fraction(1, 1_000_000)  # audio lengths are floats
_RATE_SLACK = Fraction(1, 200)  # 30 fps in whole milliseconds satisfies a limit of 29.97, and 29.97 one of 30
_BROADCAST_FPS = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001))


def frames_to_seconds(frames: int, fps: Fraction) -> float:
    """Return the start of frame ``frames``, which is also the length of that many frames."""
    return float(frames / fps)


def seconds_to_samples(seconds: float | Fraction, rate_hz: int) -> int:
    """Return the number of samples nearest to ``seconds``."""
    return _nearest(Fraction(seconds) * rate_hz)


def frame_count(duration_s: float, fps: Fraction) -> int:
    """Return the frames needed to cover audio of ``duration_s``, rounded up, at least 1."""
    return max(1, math.ceil(duration_s * float(fps) - _FLOAT_NOISE_FRAMES))


def check_fps(fps: Fraction | float | str) -> Fraction:
    """Return ``fps`` as an exact fraction; 23.976, 29.97 and 59.94 become the broadcast rates they stand for.

    Raises InvalidOption outside `limits.FPS`.
    """
    try:
        exact = Fraction(fps)
    except (ValueError, OverflowError, ZeroDivisionError, TypeError) as error:
        raise InvalidOption(f"The frame rate {fps!r} is not a number. Use a value such as 25 or 30000/1001.") from error
    if exact not in FPS:
        raise InvalidOption(f"The frame rate {fps} is out of range. Use {FPS.low} to {FPS.high}.")
    for broadcast in _BROADCAST_FPS:
        if exact.denominator != 1 and abs(exact - broadcast) < Fraction(1, 200):
            return broadcast
    return exact.limit_denominator(1001)


@dataclass(frozen=True, kw_only=True)
class PlannedFrame:
    """A frame of a clip at a time of the new video."""

    source: int
    """Number of the frame in the clip."""
    time_s: Fraction
    duration_s: Fraction


@dataclass(frozen=True, kw_only=True)
class FramePlan:
    """Order and times of a clip's frames in a new video; can be iterated any number of times."""

    durations_s: Sequence[Fraction]
    """Duration of each frame of the clip."""
    audio_s: float
    """Length of the new audio."""
    mode: DurationMode = "silence"

    def __post_init__(self) -> None:
        if self.mode not in DURATION_MODES:
            raise InvalidOption(f"Unknown duration mode {self.mode!r}. Use one of {', '.join(DURATION_MODES)}.")

    def __iter__(self) -> Iterator[PlannedFrame]:
        end_s = None if self.mode == "silence" else Fraction(self.audio_s) - _FLOAT_NOISE_S
        now = Fraction(0)
        for source, duration_s in self._endless():
            if end_s is not None and now >= end_s and now > 0:
                return
            yield PlannedFrame(source=source, time_s=now, duration_s=duration_s)
            now += duration_s

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def duration_s(self) -> Fraction:
        """Length of the new video."""
        return sum((frame.duration_s for frame in self), Fraction(0))

    def _endless(self) -> Iterator[tuple[int, Fraction]]:
        """Yield (frame number, duration) in the order of the mode; endless if the mode repeats."""
        durations = self.durations_s
        forwards = range(len(durations))
        yield from zip(forwards, durations, strict=True)
        if self.mode == "hold":
            usual = statistics.median_low(durations)
            while True:
                yield len(durations) - 1, usual
        backwards = range(len(durations) - 2, 0, -1) if self.mode == "bounce" else ()
        while self.mode in ("loop", "bounce"):
            for source in (*backwards, *forwards):
                yield source, durations[source]


def thin_out(ticks: NDArray[np.int64], time_base: Fraction, max_fps: Fraction) -> NDArray[np.bool_]:
    """Return which of the frames that start at ``ticks`` to keep for a rate of at most ``max_fps``.

    All are kept if the average is within the limit. Otherwise one is kept per period of a clock of that rate: the
    nearest, which may be early by half of the usual frame duration, but by no more than a quarter of a period.
    """
    kept = np.ones(len(ticks), np.bool_)
    period = 1 / (max_fps * time_base)
    if len(ticks) < 2 or (int(ticks[-1]) - int(ticks[0])) >= period * (len(ticks) - 1) * (1 - _RATE_SLACK):
        return kept
    early = min(period / 4, Fraction(int(np.median(np.diff(ticks)))) / 2)
    due = Fraction(int(ticks[0]))
    for n, tick in enumerate(ticks.tolist()):
        kept[n] = tick >= due - early
        if kept[n]:
            due = max(due + period, tick + period - early)
    return kept


def check_window(
    start_s: float | None, end_s: float | None, duration_s: float | None = None, *, of: str = "audio"
) -> tuple[float, float]:
    """Return the window as (start, end) in seconds; an open end is ``duration_s``, or infinity if that is unknown.

    ``of`` names the source of the window in messages.

    Raises WindowOutOfRange if an edge is negative or not a number, if the end is not after the start, or if the window
    exceeds ``duration_s`` by more than `WINDOW_SLACK_S`.
    """
    length_s = math.inf if duration_s is None else duration_s
    start = 0.0 if start_s is None else float(start_s)
    end = length_s if end_s is None else float(end_s)
    for name, edge in (("start", start), ("end", end)):
        if math.isnan(edge) or edge < 0 or (edge == math.inf and name == "start"):
            raise WindowOutOfRange(f"The {name} of the window is {edge} s. Use a number of 0 or more.")
    if start >= length_s:
        raise WindowOutOfRange(
            f"The window starts at {start:g} s, but the {of} ends at {length_s:.3f} s. Choose an earlier start."
        )
    if end <= start:
        raise WindowOutOfRange(f"The window ends at {end:g} s, which is not after its start at {start:g} s.")
    if end > length_s + WINDOW_SLACK_S:
        raise WindowOutOfRange(
            f"The window ends at {end:g} s, but the {of} ends at {length_s:.3f} s. Choose an earlier end or omit it."
        )
    return start, min(end, length_s)


def check_length(
    length_s: float, max_s: float | None, error: type[AudioTooLong] | type[VideoTooLong] = AudioTooLong
) -> None:
    """Raise ``error`` for a length above ``max_s`` by more than `WINDOW_SLACK_S`."""
    if max_s is not None and length_s > max_s + WINDOW_SLACK_S:
        noun, remedy = ("speech", "shorter text or audio") if error is AudioTooLong else ("video", "shorter clip")
        raise error(
            f"The {noun} would last {length_s:.1f} s; the limit is {max_s:g} s. Use a {remedy}.", length_s=length_s
        )


def fit_size(width: int, height: int, max_resolution: int | None = None) -> tuple[int, int]:
    """Return an even (width, height) of nearly the same aspect, its longer side at most ``max_resolution``.

    Never enlarges. Raises InvalidOption if ``max_resolution`` is below 2.
    """
    if max_resolution is not None and max_resolution < _MIN_EVEN_SIDE_PX:
        raise InvalidOption(f"A side of {max_resolution} pixels is too small. Use at least {_MIN_EVEN_SIDE_PX}.")
    longer = max(width, height)
    limit = longer if max_resolution is None else min(longer, max_resolution)
    scale = Fraction(limit, longer)
    return _even_side(width * scale, min(width, limit)), _even_side(height * scale, min(height, limit))


def _nearest(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def _even_side(side: Fraction, limit: int) -> int:
    """Return the even number nearest to ``side`` that does not exceed ``limit``, at least 2."""
    even = 2 * _nearest(side / 2)
    if even > limit:
        even = 2 * (limit // 2)
    return max(_MIN_EVEN_SIDE_PX, even)
