"""One decoded picture as upright I420 planes of 8 bits. Knows nothing of files or times.

What already is 8-bit 4:2:0 is copied byte by byte; everything else is converted once, by FFmpeg's scaler.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias, cast

import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc, Interpolation, VideoReformatter

from lipsmith.media.clip import U8
from lipsmith.media.colour import BT709, HLG, PQ, UNNAMED, Colour, guess_matrix, names_matrix
from lipsmith.media.timeline import fit_size

Turn: TypeAlias = Literal[0, 1, 2, 3]
"""Quarter turns, counterclockwise."""

_AS_THEY_ARE = frozenset({"yuv420p", "yuvj420p", "yuva420p"})
_RGB_MATRIX = 0  # planes that hold green, blue and red themselves
_EXACT_SCALING = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP | Interpolation.FULL_CHR_H_INT
)
_ONE = 1 << 16  # display matrices hold 16.16 fixed-point numbers


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """How a stored picture becomes upright: first mirrored left to right, then turned."""

    mirrored: bool = False
    turn: Turn = 0

    @property
    def is_rotated_sideways(self) -> bool:
        """True when width and height change places."""
        return self.turn % 2 == 1


class PlaneMaker:
    """Turns the decoded pictures of one clip into upright planes of even size, all by the same rule.

    Planes of odd size lose their last column or row. Where ``max_resolution`` is given, larger pictures are scaled so
    that no side is longer.
    """

    def __init__(self, first: VideoFrame, max_resolution: int | None = None) -> None:
        self.orientation = orientation_of(first)
        self.stored_size = first.width, first.height
        self.is_scaled = max_resolution is not None and max(self.stored_size) > max_resolution
        self.colour, self.tone_mapped = _colour_after(first, keeps_size=not self.is_scaled)
        self._format = first.format.name
        self._reformatter = VideoReformatter()
        self._size = fit_size(*self.stored_size, max_resolution) if self.is_scaled else self.stored_size
        width, height = (side // 2 * 2 for side in self._size)
        self.width, self.height = (height, width) if self.orientation.is_rotated_sideways else (width, height)

    @property
    def is_exact(self) -> bool:
        """True when the source's pixels come out as they are."""
        return self._format in _AS_THEY_ARE and not self.tone_mapped and not self.is_scaled

    @property
    def scale(self) -> Fraction:
        """Width of the planes over that of the stored picture, before a line was left out."""
        return Fraction(self._size[0], self.stored_size[0])

    @property
    def is_cropped(self) -> bool:
        """True when a column or row was left out to make the size even."""
        return any(side % 2 for side in self._size)

    def __call__(self, frame: VideoFrame) -> U8:
        """(height * 3 // 2, width) uint8, writable, the caller's own."""
        if (frame.width, frame.height) != self._size or frame.format.name != self._format or not self.is_exact:
            frame = self._converted(frame)
        width, height = self._size
        planes = np.empty((self.height * 3 // 2, self.width), np.uint8)
        y = planes[: self.height]
        chroma = planes[self.height :].reshape(2, self.height // 2, self.width // 2)
        _stand_up(_pixels(frame, 0, width // 2 * 2, height // 2 * 2), self.orientation, y)
        for number in (1, 2):
            _stand_up(_pixels(frame, number, width // 2, height // 2), self.orientation, chroma[number - 1])
        return planes

    def _converted(self, frame: VideoFrame) -> VideoFrame:
        """A picture of another kind than is wanted, or, as joined clips have them, of another size."""
        source = _source_matrix(frame)
        mapped = _is_hdr(frame)
        return self._reformatter.reformat(
            frame,
            *self._size,
            format="yuv420p",
            src_colorspace=source,
            dst_colorspace=self.colour.working_matrix,
            src_color_range=ColorRange.JPEG if _is_full(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG if self.colour.full_range else ColorRange.MPEG,
            dst_color_trc=ColorTrc.BT709 if mapped else None,
            dst_color_primaries=ColorPrimaries.BT709 if mapped else None,
            interpolation=_EXACT_SCALING,
        )


def orientation_of(frame: VideoFrame) -> Orientation:
    """What the display matrix asks for, to the nearest quarter turn; upright where there is none."""
    notes = cast("Mapping[Type, SideData]", frame.side_data)  # PyAV's stubs know only one kind of side data
    if Type.DISPLAYMATRIX not in notes:
        return Orientation()
    a, b, _, c, d = struct.unpack("=9i", bytes(notes[Type.DISPLAYMATRIX]))[:5]
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b  # a mirror first: what stays is a turn
    if abs(a) >= abs(b):
        return Orientation(mirrored=mirrored, turn=0 if a > 0 else 2)
    return Orientation(mirrored=mirrored, turn=3 if b > 0 else 1)


def _stand_up(stored: U8, orientation: Orientation, upright: U8) -> None:
    """Copies a plane, mirrored and turned; moves bytes and changes none."""
    mirrored = stored[:, ::-1] if orientation.mirrored else stored
    upright[:] = np.rot90(mirrored, orientation.turn)


def _pixels(frame: VideoFrame, plane: int, width: int, height: int) -> U8:
    """A view of the upper left part of a plane of bytes."""
    source = frame.planes[plane]
    rows = np.frombuffer(memoryview(source), np.uint8).reshape(-1, source.line_size)
    return rows[:height, :width]


def _colour_after(frame: VideoFrame, *, keeps_size: bool) -> tuple[Colour, bool]:
    """The colour of the planes that will be made, and whether high dynamic range was mapped down for it."""
    guess = guess_matrix(frame.height)
    if _is_hdr(frame):
        return Colour(matrix=BT709, primaries=BT709, transfer=BT709, full_range=False), True
    exact = frame.format.name in _AS_THEY_ARE
    upright = orientation_of(frame) == Orientation()
    matrix = frame.colorspace
    if not names_matrix(matrix):
        # Players guess by the size: where that changes, what was guessed has to be said.
        matrix = _kept_code(matrix) if exact and upright and keeps_size else guess
    full = _is_full(frame) and not frame.format.is_rgb and not frame.format.name.startswith("gray")
    return Colour(
        matrix=matrix,
        primaries=frame.color_primaries,
        transfer=frame.color_trc,
        full_range=full,
        guessed_matrix=guess,
    ), False


def _kept_code(matrix: int) -> int:
    """A matrix that is not known here is passed on all the same; that of RGB makes no sense for these planes."""
    return UNNAMED if matrix == _RGB_MATRIX else matrix


def _source_matrix(frame: VideoFrame) -> int:
    return frame.colorspace if names_matrix(frame.colorspace) else guess_matrix(frame.height)


def _is_hdr(frame: VideoFrame) -> bool:
    return frame.color_trc in (PQ, HLG)


def _is_full(frame: VideoFrame) -> bool:
    name = frame.format.name
    if name.startswith("yuvj") or frame.format.is_rgb or name in ("pal8", "gray"):
        return True
    return frame.color_range == ColorRange.JPEG
