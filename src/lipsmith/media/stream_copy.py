"""Copy a part of a video without decoding it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av

from lipsmith.errors import InvalidVideo


def copy_part(source: BinaryIO, out: Path, *, start_s: float, end_s: float | None) -> float:
    """Write the part between two times to ``out``, an MP4; return the time at which the copy starts, in seconds.

    The copy starts with the last key frame up to ``start_s`` and ends before the first one after ``end_s``. Only that
    part of ``source`` and its index are read. Raises InvalidVideo, also if the part is empty.
    """
    try:
        with av.open(source, "r") as video, av.open(str(out), "w") as part:
            copy_start_s = _copy_packets(video, part, start_s, end_s)
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise InvalidVideo(f"The video cannot be read or copied: {error}") from error
    if copy_start_s is None:
        raise InvalidVideo(f"The video has no frame after {start_s:g} s.")
    return copy_start_s


def _copy_packets(
    video: av.container.InputContainer, part: av.container.OutputContainer, start_s: float, end_s: float | None
) -> float | None:
    track = video.streams.video[0]
    streams = [track, *video.streams.audio[:1]]
    copies = {stream.index: part.add_stream_from_template(stream) for stream in streams}
    zero_s = _seconds(track.start_time or 0, track.time_base)
    if start_s > 0:
        video.seek(int((zero_s + start_s) * av.time_base), backward=True)
    copy_start_s: float | None = None
    for packet in video.demux(streams):
        if packet.pts is None or packet.dts is None:
            continue
        at_s = _seconds(packet.pts, packet.time_base) - zero_s
        is_key_frame = packet.stream is track and packet.is_keyframe
        if copy_start_s is None and is_key_frame:
            copy_start_s = at_s
        if is_key_frame and end_s is not None and at_s > end_s:
            break
        if copy_start_s is None or (packet.stream is not track and at_s < copy_start_s):
            continue
        ticks = round(Fraction(copy_start_s + zero_s) / packet.time_base)
        packet.pts, packet.dts, packet.stream = packet.pts - ticks, packet.dts - ticks, copies[packet.stream.index]
        part.mux(packet)
    return copy_start_s


def _seconds(ticks: int, base: Fraction | None) -> float:
    return float(ticks * (base or 0))
