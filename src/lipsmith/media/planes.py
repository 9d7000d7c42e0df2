"""Convert one decoded frame to upright 8-bit I420 planes, or to RGB.

Frames that are 8-bit 4:2:0 already are copied byte by byte; FFmpeg's scaler converts all others once.
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

_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
RGB_TO_PLANES = _EXACT | Interpolation.FULL_CHR_H_INP
"""Scaler flags that read chroma at full width."""
PLANES_TO_RGB = _EXACT | Interpolation.FULL_CHR_H_INT
"""Scaler flags that interpolate chroma to full width."""
ANY_TO_PLANES = _EXACT | Interpolation.FULL_CHR_H_INP | Interpolation.FULL_CHR_H_INT
"""Scaler flags for sources of any kind."""

_COPIED_FORMATS = frozenset({"yuv420p", "yuvj420p", "yuva420p"})
_RGB_MATRIX = 0  # planes that hold green, blue and red themselves


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """Steps that make a stored frame upright: mirror it left to right, then turn it."""

    mirrored: bool = False
    turn: Turn = 0

    @property
    def is_rotated_sideways(self) -> bool:
        """True if width and height change places."""
        return self.turn % 2 == 1


class PlaneMaker:
    """Convert the decoded frames of one clip to upright planes of one even size.

    Planes of odd size lose their last column or row. ``max_resolution`` limits the longer side; larger frames are
    scaled down.
    """

    def __init__(self, first: VideoFrame, max_resolution: int | None = None) -> None:
        self.orientation = orientation_of(first)
        self.stored_size = first.width, first.height
        self.is_scaled = max_resolution is not None and max(self.stored_size) > max_resolution
        self.colour, self.tone_mapped = _output_colour(first, keeps_size=not self.is_scaled)
        self._format = first.format.name
        self._reformatter = VideoReformatter()
        self._size = fit_size(*self.stored_size, max_resolution) if self.is_scaled else self.stored_size
        width, height = (side // 2 * 2 for side in self._size)
        self.width, self.height = (height, width) if self.orientation.is_rotated_sideways else (width, height)

    @property
    def is_exact(self) -> bool:
        """True if the source's pixels are copied unchanged."""
        return self._format in _COPIED_FORMATS and not self.tone_mapped and not self.is_scaled

    @property
    def scale(self) -> Fraction:
        """Width of the planes over the stored width, before cropping to an even size."""
        return Fraction(self._size[0], self.stored_size[0])

    @property
    def is_cropped(self) -> bool:
        """True if a column or row is dropped to make the size even."""
        return any(side % 2 for side in self._size)

    def __call__(self, frame: VideoFrame) -> U8:
        """Return a new (height * 3 // 2, width) uint8 array."""
        if (frame.width, frame.height) != self._size or frame.format.name != self._format or not self.is_exact:
            frame = self._converted(frame)
        width, height = self._size
        planes = np.empty((self.height * 3 // 2, self.width), np.uint8)
        y = planes[: self.height]
        chroma = planes[self.height :].reshape(2, self.height // 2, self.width // 2)
        _copy_upright(_pixels(frame, 0, width // 2 * 2, height // 2 * 2), self.orientation, y)
        for number in (1, 2):
            _copy_upright(_pixels(frame, number, width // 2, height // 2), self.orientation, chroma[number - 1])
        return planes

    def _converted(self, frame: VideoFrame) -> VideoFrame:
        """Convert a frame of another format or, as in joined clips, of another size."""
        mapped = _is_hdr(frame)
        return self._reformatter.reformat(
            frame,
            *self._size,
            format="yuv420p",
            src_colorspace=_source_matrix(frame),
            dst_colorspace=self.colour.working_matrix,
            src_color_range=ColorRange.JPEG if _is_full(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG if self.colour.full_range else ColorRange.MPEG,
            dst_color_trc=ColorTrc.BT709 if mapped else None,
            dst_color_primaries=ColorPrimaries.BT709 if mapped else None,
            interpolation=ANY_TO_PLANES,
        )


def upright_rgb(frame: VideoFrame) -> U8:
    """Return a decoded frame as (height, width, 3) uint8 RGB; FFmpeg alone would guess BT.601 for every clip."""
    matrix = frame.colorspace if frame.colorspace != UNNAMED else guess_matrix(frame.height)
    full = frame.format.name.startswith("yuvj")
    frame_rgb = VideoReformatter().reformat(
        frame,
        format="rgb24",
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=ColorRange.JPEG if full else frame.color_range or ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=PLANES_TO_RGB,
    )
    rgb: U8 = frame_rgb.to_ndarray()  # type: ignore[assignment]  # rgb24 is uint8
    return np.ascontiguousarray(np.rot90(rgb, frame.rotation // 90)) if frame.rotation else rgb


def orientation_of(frame: VideoFrame) -> Orientation:
    """Return the orientation in the display matrix, to the nearest quarter turn; upright without a matrix."""
    notes = cast("Mapping[Type, SideData]", frame.side_data)  # PyAV's stubs know only one kind of side data
    if Type.DISPLAYMATRIX not in notes:
        return Orientation()
    a, b, _, c, d = struct.unpack("=9i", bytes(notes[Type.DISPLAYMATRIX]))[:5]
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b  # after the mirror, a pure rotation remains
    if abs(a) >= abs(b):
        return Orientation(mirrored=mirrored, turn=0 if a > 0 else 2)
    return Orientation(mirrored=mirrored, turn=3 if b > 0 else 1)


def _copy_upright(stored: U8, orientation: Orientation, upright: U8) -> None:
    """Copy a plane, mirrored and turned, without changing a byte."""
    mirrored = stored[:, ::-1] if orientation.mirrored else stored
    upright[:] = np.rot90(mirrored, orientation.turn)


def _pixels(frame: VideoFrame, plane: int, width: int, height: int) -> U8:
    """View the upper left part of a plane of bytes."""
    source = frame.planes[plane]
    rows = np.frombuffer(memoryview(source), np.uint8).reshape(-1, source.line_size)
    return rows[:height, :width]


def _output_colour(frame: VideoFrame, *, keeps_size: bool) -> tuple[Colour, bool]:
    """Return the colour of the converted planes, and whether high dynamic range is mapped down."""
    guess = guess_matrix(frame.height)
    if _is_hdr(frame):
        return Colour(matrix=BT709, primaries=BT709, transfer=BT709, full_range=False), True
    exact = frame.format.name in _COPIED_FORMATS
    upright = orientation_of(frame) == Orientation()
    matrix = frame.colorspace
    if not names_matrix(matrix):
        # Players guess the matrix from the size; if the size changes, the guess has to be written down.
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
    """Pass on an unknown matrix; the code for RGB makes no sense for these planes."""
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
