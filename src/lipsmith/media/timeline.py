"""Seconds, frames, samples and frame sizes: the only place that rounds time. Knows no files.

One rule for nearest: halves go up. One rule for the length of a video: it covers its sound, so it is rounded up.
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
from lipsmith.media.durations import DURATION_MODES, DurationMode

MIN_FPS, MAX_FPS = 1, 60
MIN_SIDE_PIXELS = 2  # the smallest even side; yuv420p shares one colour among 2 x 2 pixels
WINDOW_SLACK_S = 0.05  # a window may end this much after the sound: people type rounded lengths
_FLOAT_NOISE_FRAMES = 1e-6  # 0.1 s * 30 fps is 3.0000000000000004 in floats; that is 3 frames, not 4
_RATE_SLACK = Fraction(1, 200)  # 30 fps in whole milliseconds, and 29.97 where 30 is asked, are no faster
_BROADCAST_FPS = (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001))


def seconds_to_frames(seconds: float | Fraction, fps: Fraction) -> int:
    """Number of the frame whose start lies nearest to ``seconds``."""
    return _nearest(Fraction(seconds) * fps)


def frames_to_seconds(frames: int, fps: Fraction) -> float:
    """The instant at which frame ``frames`` is first shown; also the length of that many frames."""
    return float(frames / fps)


def seconds_to_samples(seconds: float | Fraction, rate_hz: int) -> int:
    """Number of samples nearest to ``seconds``."""
    return _nearest(Fraction(seconds) * rate_hz)


def frames_to_samples(frames: int, fps: Fraction, rate_hz: int) -> int:
    """Number of samples nearest to the length of ``frames`` frames, without going through floats."""
    return _nearest(Fraction(frames) * rate_hz / fps)


def frame_count(duration_s: float, fps: Fraction) -> int:
    """How many frames a video needs to cover a sound of ``duration_s``: rounded up, at least 1."""
    return max(1, math.ceil(duration_s * float(fps) - _FLOAT_NOISE_FRAMES))


def check_fps(fps: Fraction | float | str) -> Fraction:
    """``fps`` as an exact fraction, 1 to 60; 29.97 and its sisters become the broadcast rates they stand for.

    Raises InvalidOption for anything else.
    """
    try:
        exact = Fraction(fps)
    except (ValueError, OverflowError, ZeroDivisionError, TypeError) as error:
        raise InvalidOption(f"The frame rate {fps!r} is not a number. Give something like 25 or 30000/1001.") from error
    if not MIN_FPS <= exact <= MAX_FPS:
        raise InvalidOption(f"The frame rate {fps} is out of range. It has to lie between {MIN_FPS} and {MAX_FPS}.")
    for broadcast in _BROADCAST_FPS:
        if exact.denominator != 1 and abs(exact - broadcast) < Fraction(1, 200):
            return broadcast
    return exact.limit_denominator(1001)


_FLOAT_NOISE_S = Fraction(1, 1_000_000)  # lengths of sounds are floats


@dataclass(frozen=True, kw_only=True)
class PlannedFrame:
    """A picture of a clip at a time of the new video."""

    source: int
    """Number of the picture in the clip."""
    time_s: Fraction
    duration_s: Fraction


@dataclass(frozen=True, kw_only=True)
class FramePlan:
    """Which picture of a clip is shown when; can be walked through as often as wanted, and is never held as a whole."""

    durations_s: Sequence[Fraction]
    """How long each picture of the clip stays."""
    audio_s: float
    """Length of the new sound."""
    mode: DurationMode = "silence"

    def __post_init__(self) -> None:
        if self.mode not in DURATION_MODES:
            raise InvalidOption(f"The length mode {self.mode!r} is not known. Use one of {', '.join(DURATION_MODES)}.")

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
        return sum((shown.duration_s for shown in self), Fraction(0))

    def _endless(self) -> Iterator[tuple[int, Fraction]]:
        """Pictures in the order of the mode, each with its length; without end where the mode repeats."""
        durations = self.durations_s
        forth = range(len(durations))
        yield from zip(forth, durations, strict=True)
        if self.mode == "hold":
            usual = statistics.median_low(durations)
            while True:
                yield len(durations) - 1, usual
        back = range(len(durations) - 2, 0, -1) if self.mode == "bounce" else ()
        while self.mode in ("loop", "bounce"):
            for source in (*back, *forth):
                yield source, durations[source]


def thin_out(ticks: NDArray[np.int64], time_base: Fraction, max_fps: Fraction) -> NDArray[np.bool_]:
    """Which of the pictures that begin at ``ticks`` stay when at most ``max_fps`` shall come per second.

    All stay where the average keeps the limit. Otherwise one stays for each turn of a clock of that rate; it may come
    early by half of what pictures usually stay, which makes it the nearest, but by no more than a quarter of a turn.
    """
    kept = np.ones(len(ticks), np.bool_)
    turn = 1 / (max_fps * time_base)
    if len(ticks) < 2 or (int(ticks[-1]) - int(ticks[0])) >= turn * (len(ticks) - 1) * (1 - _RATE_SLACK):
        return kept
    early = min(turn / 4, Fraction(int(np.median(np.diff(ticks)))) / 2)
    due = Fraction(int(ticks[0]))
    for n, tick in enumerate(ticks.tolist()):
        kept[n] = tick >= due - early
        if kept[n]:
            due = max(due + turn, tick + turn - early)
    return kept


def check_window(
    start_s: float | None, end_s: float | None, duration_s: float | None = None, *, of: str = "sound"
) -> tuple[float, float]:
    """The window as (start, end) in seconds; an open end is ``duration_s``, or infinity where that is not known yet.

    ``of`` names in messages what the window is cut from.

    Raises WindowOutOfRange when an edge is negative or no number, when the end is not after the start, or when the
    window leaves it by more than `WINDOW_SLACK_S`.
    """
    length_s = math.inf if duration_s is None else duration_s
    start = 0.0 if start_s is None else float(start_s)
    end = length_s if end_s is None else float(end_s)
    for name, edge in (("start", start), ("end", end)):
        if math.isnan(edge) or edge < 0 or (edge == math.inf and name == "start"):
            raise WindowOutOfRange(f"The {name} of the window is {edge} s. It has to be a number, 0 or more.")
    if start >= length_s:
        raise WindowOutOfRange(
            f"The window starts at {start:g} s, but the {of} ends at {length_s:.3f} s. Choose an earlier start."
        )
    if end <= start:
        raise WindowOutOfRange(f"The window ends at {end:g} s, which is not after its start at {start:g} s.")
    if end > length_s + WINDOW_SLACK_S:
        raise WindowOutOfRange(
            f"The window ends at {end:g} s, but the {of} ends at {length_s:.3f} s. "
            "Choose an earlier end or leave it out."
        )
    return start, min(end, length_s)


def check_length(
    length_s: float, longest_s: float | None, kind: type[AudioTooLong] | type[VideoTooLong] = AudioTooLong
) -> None:
    """Raises ``kind`` for what is longer than ``longest_s`` by more than `WINDOW_SLACK_S`."""
    if longest_s is not None and length_s > longest_s + WINDOW_SLACK_S:
        what = "speech" if kind is AudioTooLong else "video"
        raise kind(
            f"The {what} would last {length_s:.1f} s, and {longest_s:g} s are allowed. Give a shorter one.",
            length_s=length_s,
        )


def fit_size(width: int, height: int, max_resolution: int | None = None) -> tuple[int, int]:
    """Even (width, height), the longer side at most ``max_resolution``, near the same aspect, never enlarged.

    Raises InvalidOption when ``max_resolution`` is below 2.
    """
    if max_resolution is not None and max_resolution < MIN_SIDE_PIXELS:
        raise InvalidOption(f"A longer side of {max_resolution} pixels is too small. Use at least {MIN_SIDE_PIXELS}.")
    longer = max(width, height)
    limit = longer if max_resolution is None else min(longer, max_resolution)
    scale = Fraction(limit, longer)
    return _even_side(width * scale, min(width, limit)), _even_side(height * scale, min(height, limit))


def _nearest(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def _even_side(side: Fraction, limit: int) -> int:
    """The even number nearest to ``side`` that is not above ``limit``, at least 2."""
    even = 2 * _nearest(side / 2)
    if even > limit:
        even = 2 * (limit // 2)
    return max(MIN_SIDE_PIXELS, even)
