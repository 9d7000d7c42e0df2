"""Frames, duration and size of an MP4 video, read from its boxes in Python (ISO/IEC 14496-12).

No decoder is involved, so that a hostile file can do no more than be refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_HEADER_BYTES = 64 * 1024 * 1024
"""Largest table of contents; an hour of video needs less than 3 MB."""
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_MAX_BOXES = 100_000
_SIZE_AT = 40
"""Place of width and height in a sample description: after its count, and the fixed fields of the first entry."""


class InvalidMp4(ValueError):
    """The file is no complete MP4 video with exactly one video track and without fragments."""


@dataclass(frozen=True, kw_only=True)
class VideoTrack:
    """Video track of a file."""

    frames: int
    duration_s: float
    width: int
    """Pixels."""
    height: int
    """Pixels."""


def read_video_track(path: Path) -> VideoTrack:
    """Return the video track of a file. Raises InvalidMp4 or OSError."""
    with path.open("rb") as file:
        contents = _table_of_contents(file)
    tracks = [track for track in _tracks(contents) if track.get(b"hdlr", b"")[8:12] == b"vide"]
    if len(tracks) != 1:
        raise InvalidMp4(f"{len(tracks)} video tracks")
    try:
        return _described(tracks[0])
    except (KeyError, struct.error) as error:
        raise InvalidMp4(f"incomplete video track: {error}") from error


def _table_of_contents(file: BinaryIO) -> bytes:
    """Return the content of the box moov."""
    contents = None
    for _ in range(_MAX_BOXES):
        head = file.read(8)
        if not head:
            break
        size, kind, start = *_head(head), 8
        if size == 1:
            size, start = int.from_bytes(file.read(8), "big"), 16
        if size == 0:  # to the end of the file
            break
        if size < start or kind == b"moof":
            raise InvalidMp4("a broken or fragmented file")
        if kind == b"moov":
            if contents is not None or size > MAX_HEADER_BYTES:
                raise InvalidMp4("two tables of contents, or a huge one")
            contents = file.read(size - start)
            if len(contents) < size - start:
                raise InvalidMp4("it ends within the table of contents")
        else:
            file.seek(size - start, 1)
    if contents is None:
        raise InvalidMp4("no table of contents")
    return contents


def _head(head: bytes) -> tuple[int, bytes]:
    if len(head) < 8:
        raise InvalidMp4("it ends within a box")
    return int.from_bytes(head[:4], "big"), head[4:8]


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and content of each box in ``content``."""
    at = 0
    while at < len(content):
        size, kind = _head(content[at : at + 8])
        if size < 8 or at + size > len(content):
            raise InvalidMp4("a box is larger than the one around it")
        yield kind, content[at + 8 : at + size]
        at += size


def _tracks(contents: bytes) -> Iterator[dict[bytes, bytes]]:
    for kind, content in _boxes(contents):
        if kind == b"mvex":
            raise InvalidMp4("a fragmented file")
        if kind == b"trak":
            yield dict(_leaves(content))


def _leaves(content: bytes, depth: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Yield all boxes of a track that contain no others; a repeated kind is an error."""
    seen = set()
    for kind, inner in _boxes(content):
        if kind in seen:
            raise InvalidMp4(f"two boxes {kind!r}")
        seen.add(kind)
        if kind in _CONTAINERS and depth < len(_CONTAINERS):
            yield from _leaves(inner, depth + 1)
        else:
            yield kind, inner


def _described(track: dict[bytes, bytes]) -> VideoTrack:
    header, table, sizes = track[b"mdhd"], track[b"stts"], track[b"stsz"]
    scale = struct.unpack_from(">I", header, 20 if header[0] == 1 else 12)[0]
    [entries] = struct.unpack_from(">I", table, 4)
    if scale == 0 or entries * 8 > len(table) - 8:
        raise InvalidMp4("a broken table of times")
    frames = ticks = 0
    for number in range(entries):
        count, step = struct.unpack_from(">II", table, 8 + 8 * number)
        frames, ticks = frames + count, ticks + count * step
    if frames != struct.unpack_from(">I", sizes, 8)[0]:
        raise InvalidMp4("the tables of times and of sizes differ")
    width, height = struct.unpack_from(">HH", track[b"stsd"], _SIZE_AT)
    return VideoTrack(frames=frames, duration_s=ticks / scale, width=width, height=height)
