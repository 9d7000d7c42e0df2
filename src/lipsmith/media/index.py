"""When each picture of a clip is shown, read from its packets without decoding them. Makes no pixels.

Times are whole ticks of the track's own time base, so nothing is ever rounded: 29.97 fps stays what it is, and so does
a clip whose pictures come at a variable rate.
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
LONGEST_PAUSE_S = 600  # a picture that stays longer comes from a broken clock
UNEVEN_SHARE = 0.02  # frames whose lengths differ by more than this, and by more than a tick, come at a variable rate
_USUAL_RATE = Fraction(25)  # for a single picture that does not say how long it stays
_NAMED_RATE_SHARE = Fraction(1, 1000)  # containers that count in milliseconds miss 30000/1001 by less

_ENCRYPTION_PACKETS = 1000  # asking costs as much as all the rest; what is encrypted is so from early on

Ticks = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class FrameIndex:
    """The times of a run of pictures."""

    ticks: Ticks
    """When each picture begins, rising, in units of ``time_base``."""
    end: int
    """When the last one ends."""
    time_base: Fraction
    """Seconds per tick."""
    key_ticks: Ticks
    """Where decoding may begin: times of key pictures, rising."""
    key_seeks: Ticks
    """For each of them the time to seek to: readers search by decoding order."""
    in_order: Ticks | None = None
    """Where a container tells times in decoding order, as AVI does: the times of all its pictures as they are shown."""

    def __len__(self) -> int:
        return len(self.ticks)

    @property
    def durations(self) -> Ticks:
        """How long each picture stays, ticks."""
        return np.diff(self.ticks, append=self.end)

    @property
    def duration_s(self) -> Fraction:
        """From the first picture's beginning to the last one's end."""
        return (self.end - int(self.ticks[0])) * self.time_base

    @property
    def fps(self) -> Fraction:
        """Pictures per second, on average."""
        return len(self) / self.duration_s

    @property
    def is_variable_rate(self) -> bool:
        """True where the pictures do not come at one rate (VFR)."""
        durations = self.durations
        usual = float(np.median(durations))
        return bool(np.any(np.abs(durations - usual) > max(1.0, UNEVEN_SHARE * usual)))

    def part(self, first: int, last: int) -> FrameIndex:
        """The pictures from ``first`` to before ``last``."""
        end = self.end if last == len(self) else int(self.ticks[last])
        return self._with(self.ticks[first:last], end)

    def only(self, kept: NDArray[np.bool_]) -> FrameIndex:
        """The pictures that are ``kept``, each shown until the next."""
        return self._with(self.ticks[kept], self.end)

    def counted(self) -> FrameIndex:
        """The same for pictures that are told by their number, since they come with the times of others."""
        nowhere = np.zeros(0, np.int64)
        return replace(self, key_ticks=nowhere, key_seeks=nowhere, in_order=self.ticks)

    def _with(self, ticks: Ticks, end: int) -> FrameIndex:
        return replace(self, ticks=ticks, end=end)


def index_packets(container: InputContainer, track: VideoStream, path: Path) -> FrameIndex | None:
    """Walks through the packets of a track; None where they do not all say when they are shown.

    Raises VideoEncrypted, VideoTooLarge or InvalidVideo.
    """
    shown: list[int] = []
    keys: list[tuple[int, int]] = []
    last_length, untimed = 0, False
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
        if not shown or packet.pts >= max(shown[-1], 0):
            last_length = packet.duration or last_length
        shown.append(packet.pts)
        _refuse_many(len(shown), path)
    if untimed:
        return None
    return _index(shown, keys, last_length, _time_base(track), path)


def index_decoded(times: Iterable[int], time_base: Fraction, path: Path) -> FrameIndex:
    """The index of pictures that were decoded to learn their times; decoding has to begin at the first."""
    shown: list[int] = []
    for tick in times:
        shown.append(tick)
        _refuse_many(len(shown), path)
    return _index(shown, [], 0, time_base, path)


def named_rate(fps: Fraction, said: Fraction | None) -> Fraction:
    """``fps``, or the rate that the file names where that is the same but for rounding."""
    if said is not None and said > 0 and abs(fps - said) <= said * _NAMED_RATE_SHARE:
        return said
    return fps


def _index(
    shown: list[int], keys: list[tuple[int, int]], last_length: int, time_base: Fraction, path: Path
) -> FrameIndex:
    if not shown:
        raise InvalidVideo(f"{path.name!r} has a video track without a single picture. Export the video again.")
    ticks = np.unique(np.array(shown, np.int64))
    durations = np.diff(ticks)
    if len(durations) and int(durations.max()) * time_base > LONGEST_PAUSE_S:
        raise InvalidVideo(
            f"The clock of {path.name!r} jumps by more than {LONGEST_PAUSE_S} s between two pictures. Export it again."
        )
    usual = int(np.median(durations)) if len(durations) else max(1, round(1 / (_USUAL_RATE * time_base)))
    last_is_sane = 0 < last_length * time_base <= LONGEST_PAUSE_S
    keys.sort()
    return FrameIndex(
        ticks=ticks,
        end=int(ticks[-1]) + (last_length if last_is_sane else usual),
        time_base=time_base,
        key_ticks=np.array([tick for tick, _ in keys], np.int64),
        key_seeks=np.array([seek for _, seek in keys], np.int64),
    )


def _packets(container: InputContainer, track: VideoStream) -> Iterable[av.Packet[VideoStream]]:
    """Packets with content; a file that breaks off just ends."""
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


def _refuse_many(count: int, path: Path) -> None:
    if count > MAX_FRAMES:
        raise VideoTooLarge(
            f"{path.name!r} holds more than {MAX_FRAMES:,} pictures. Cut it into shorter clips and try again."
        )
