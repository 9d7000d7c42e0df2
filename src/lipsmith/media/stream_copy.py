"""Copies a part of a film as it is, without decoding it. Knows no network and no faces."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av

from lipsmith.errors import InvalidVideo


def copy_part(source: BinaryIO, out: Path, *, start_s: float, end_s: float | None) -> float:
    """Writes the part of a film between the two times to ``out``, an MP4; the time at which that begins, seconds.

    It begins with the last picture up to ``start_s`` that needs no other, and ends where one such follows ``end_s``. Of
    ``source`` only what lies there is read, and what tells where it lies. Raises InvalidVideo, also where nothing does.
    """
    try:
        with av.open(source, "r") as film, av.open(str(out), "w") as part:
            begins_s = _copied(film, part, start_s, end_s)
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise InvalidVideo(f"The film cannot be read or copied: {error}") from error
    if begins_s is None:
        raise InvalidVideo(f"The film has no picture after {start_s:g} s.")
    return begins_s


def _copied(
    film: av.container.InputContainer, part: av.container.OutputContainer, start_s: float, end_s: float | None
) -> float | None:
    image = film.streams.video[0]
    streams = [image, *film.streams.audio[:1]]
    copies = {stream.index: part.add_stream_from_template(stream) for stream in streams}
    zero_s = _seconds(image.start_time or 0, image.time_base)
    if start_s > 0:
        film.seek(int((zero_s + start_s) * av.time_base), backward=True)
    begins_s: float | None = None
    for packet in film.demux(streams):
        if packet.pts is None or packet.dts is None:
            continue
        at_s = _seconds(packet.pts, packet.time_base) - zero_s
        begins = packet.stream is image and packet.is_keyframe
        if begins_s is None and begins:
            begins_s = at_s
        if begins and end_s is not None and at_s > end_s:
            break
        if begins_s is None or (packet.stream is not image and at_s < begins_s):
            continue
        ticks = round(Fraction(begins_s + zero_s) / packet.time_base)
        packet.pts, packet.dts, packet.stream = packet.pts - ticks, packet.dts - ticks, copies[packet.stream.index]
        part.mux(packet)
    return begins_s


def _seconds(ticks: int, base: Fraction | None) -> float:
    return float(ticks * (base or 0))
