"""Display times of a clip's frames, read from its packets without decoding.

Times are ticks of the track's own time base and are never rounded, so 29.97 fps and variable rates stay exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from lipsmith.errors import InvalidVideo, VideoEncrypted, VideoTooLarge

MAX_FRAMES = 500_000  # five and a half hours at 25 fps; to index them takes a second and 150 MB
MAX_FRAME_DURATION_S = 600  # a longer frame comes from a broken clock
VARIABLE_RATE_SHARE = (
    0.02  # frames whose lengths differ by more than this, and by more than a tick, come at a variable rate
)
_DEFAULT_DURATION_S = Fraction(1, 25)  # for a single frame without a duration
_NAMED_RATE_SHARE = Fraction(1, 1000)  # containers that count in milliseconds miss 30000/1001 by less

_ENCRYPTION_PACKETS = 1000  # this check costs as much as the rest; encryption starts early

Ticks = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class FrameIndex:
    """Times of a run of frames."""

    ticks: Ticks
    """Rising start times of the frames, in units of ``time_base``."""
    end: int
    """End of the last frame."""
    time_base: Fraction
    """Seconds per tick."""
    key_ticks: Ticks
    """Rising times of key frames, at which decoding can start."""
    key_seeks: Ticks
    """Seek target for each key frame; demuxers search in decoding order."""
    in_order: Ticks | None = None
    """Display times of all frames, if the container stores them in decoding order, as AVI does."""

    def __len__(self) -> int:
        return len(self.ticks)

    @property
    def durations(self) -> Ticks:
        """Duration of each frame, ticks."""
        return np.diff(self.ticks, append=self.end)

    @property
    def duration_s(self) -> Fraction:
        """Time from the start of the first frame to the end of the last."""
        return (self.end - int(self.ticks[0])) * self.time_base

    @property
    def fps(self) -> Fraction:
        """Average frames per second."""
        return len(self) / self.duration_s

    @property
    def is_variable_rate(self) -> bool:
        """True if the frames do not have one constant rate (VFR)."""
        durations = self.durations
        usual = float(np.median(durations))
        return bool(np.any(np.abs(durations - usual) > max(1.0, VARIABLE_RATE_SHARE * usual)))

    def part(self, first: int, last: int) -> FrameIndex:
        """Return the frames from ``first`` to before ``last``."""
        end = self.end if last == len(self) else int(self.ticks[last])
        return self._with(self.ticks[first:last], end)

    def only(self, kept: NDArray[np.bool_]) -> FrameIndex:
        """Return the ``kept`` frames, each shown until the next."""
        return self._with(self.ticks[kept], self.end)

    def counted(self) -> FrameIndex:
        """Return this index for frames that are identified by number, since they carry the times of others."""
        empty = np.zeros(0, np.int64)
        return replace(self, key_ticks=empty, key_seeks=empty, in_order=self.ticks)

    def _with(self, ticks: Ticks, end: int) -> FrameIndex:
        return replace(self, ticks=ticks, end=end)


def index_packets(container: InputContainer, track: VideoStream, path: Path) -> FrameIndex | None:
    """Index the packets of a track; None if some of them have no display time.

    Raises VideoEncrypted, VideoTooLarge or InvalidVideo.
    """
    times: list[int] = []
    keys: list[tuple[int, int]] = []
    last_duration, untimed = 0, False
    for number, packet in enumerate(_packets(container, track)):
        if number < _ENCRYPTION_PACKETS and packet.has_sidedata("encryption_info"):
            raise VideoEncrypted(f"{path.name!r} is encrypted. Save it without copy protection.")
        if packet.is_discard:
            continue
        if packet.pts is None:
            untimed = True
            continue
        if packet.is_keyframe:
            keys.append((packet.pts, packet.pts if packet.dts is None else min(packet.pts, packet.dts)))
        if not times or packet.pts >= max(times[-1], 0):
            last_duration = packet.duration or last_duration
        times.append(packet.pts)
        _check_count(len(times), path)
    if untimed:
        return None
    return _index(times, keys, last_duration, _time_base(track), path)


def index_decoded(times: Iterable[int], time_base: Fraction, path: Path) -> FrameIndex:
    """Index decoded frames by their times; decoding has to start at the first frame."""
    decoded: list[int] = []
    for tick in times:
        decoded.append(tick)
        _check_count(len(decoded), path)
    return _index(decoded, [], 0, time_base, path)


def named_rate(fps: Fraction, named: Fraction | None) -> Fraction:
    """Return the rate named by the file if it equals ``fps`` except for rounding, otherwise ``fps``."""
    if named is not None and named > 0 and abs(fps - named) <= named * _NAMED_RATE_SHARE:
        return named
    return fps


def _index(
    times: list[int], keys: list[tuple[int, int]], last_duration: int, time_base: Fraction, path: Path
) -> FrameIndex:
    if not times:
        raise InvalidVideo(f"{path.name!r} has a video track without a single frame. Export the video again.")
    ticks = np.unique(np.array(times, np.int64))
    durations = np.diff(ticks)
    if len(durations) and int(durations.max()) * time_base > MAX_FRAME_DURATION_S:
        raise InvalidVideo(
            f"The clock of {path.name!r} jumps by more than {MAX_FRAME_DURATION_S} s between frames. Export it again."
        )
    usual = int(np.median(durations)) if len(durations) else max(1, round(_DEFAULT_DURATION_S / time_base))
    is_plausible = 0 < last_duration * time_base <= MAX_FRAME_DURATION_S
    keys.sort()
    return FrameIndex(
        ticks=ticks,
        end=int(ticks[-1]) + (last_duration if is_plausible else usual),
        time_base=time_base,
        key_ticks=np.array([tick for tick, _ in keys], np.int64),
        key_seeks=np.array([seek for _, seek in keys], np.int64),
    )


def _packets(container: InputContainer, track: VideoStream) -> Iterable[av.Packet[VideoStream]]:
    """Yield packets with content; a truncated file ends early."""
    packets = container.demux(track)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError, OSError, IndexError):  # a track that appears late breaks PyAV's count
            return
        if packet.size:
            yield packet


def _time_base(track: VideoStream) -> Fraction:
    assert track.time_base is not None  # every track of an opened file has one
    return track.time_base


def _check_count(count: int, path: Path) -> None:
    if count > MAX_FRAMES:
        raise VideoTooLarge(f"{path.name!r} has more than {MAX_FRAMES:,} frames. Split it into shorter clips.")
