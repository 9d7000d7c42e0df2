"""Rectangular region of a clip's frame, in RGB with square pixels counted from its own corner.

The pixels of a clip need not be square. Drawings are written back as changes of the planes, so that unchanged pixels
keep their bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsmith.face.geometry import F64
from lipsmith.media.clip import U8
from lipsmith.media.colour import Box, Colour, put_patch, rgb_patch

MIN_SIDE_PX = 8


@dataclass(frozen=True, kw_only=True)
class Region:
    """Place of a region in its frame."""

    box: Box
    """Left, top, right, bottom in the planes' own pixels; even."""
    size: tuple[int, int]
    """Width and height, square pixels."""
    corner: F64
    """(3,) square pixels of the frame."""
    stretch: F64
    """(3,) pixels of the region per square pixel of the frame: 1, apart from rounding."""

    @classmethod
    def of(cls, low: F64, high: F64, *, aspect: float, frame: tuple[int, int]) -> Region:
        """Return the smallest region inside the frame that holds all from ``low`` to ``high``, (2,) square pixels.

        ``aspect``: width of a pixel divided by its height; ``frame``: width and height of the planes.
        """
        limits = np.array(frame)
        first = np.clip(np.floor(low / [aspect, 1.0]).astype(int) // 2 * 2, 0, limits)
        last = np.clip(np.ceil(high / [aspect, 1.0] / 2).astype(int) * 2, first, limits)
        (left, top), (right, bottom) = first.tolist(), last.tolist()
        width = round((right - left) * aspect)
        return cls(
            box=(left, top, right, bottom),
            size=(width, bottom - top),
            corner=np.array([left * aspect, top, 0.0]),
            stretch=np.array([width / max((right - left) * aspect, 1e-6), 1.0, 1.0]),
        )

    @property
    def is_too_small(self) -> bool:
        """True if no useful part lies inside the frame."""
        return min(self.size) < MIN_SIDE_PX

    def inside(self, points: F64) -> F64:
        """Convert (n, 3) square pixels of the frame to those of the region."""
        return (points - self.corner) * self.stretch

    def read(self, planes: U8, colour: Colour) -> U8:
        """Read the region from the planes of its frame: (height, width, 3) RGB."""
        return self._square(rgb_patch(planes, self.box, colour))

    def read_own(self, planes: U8, colour: Colour) -> U8:
        """Read the region from planes that hold only the region: (height, width, 3) RGB."""
        left, top, right, bottom = self.box
        return self._square(rgb_patch(planes, (0, 0, right - left, bottom - top), colour))

    def write(self, planes: U8, before: U8, drawn: U8, *, share: float, colour: Colour) -> None:
        """Write the change from ``before``, the region as read, to ``drawn`` into the planes, by ``share`` 0-1."""
        if share < 1.0:
            drawn = cv2.addWeighted(drawn, share, before, 1.0 - share, 0.0)
        left, top, right, bottom = self.box
        if before.shape[:2] == (bottom - top, right - left):
            put_patch(planes, self.box, before, drawn, (drawn != before).any(axis=2), colour)
            return
        # Only the change is resized, so that unchanged pixels are not softened.
        stored = rgb_patch(planes, self.box, colour)
        change = cv2.subtract(drawn, before, dtype=cv2.CV_32F)
        change = cv2.resize(change, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        after = cv2.add(stored, change, dtype=cv2.CV_8U)
        put_patch(planes, self.box, stored, after, (after != stored).any(axis=2), colour)

    def _square(self, rgb: U8) -> U8:
        if self.size == (rgb.shape[1], rgb.shape[0]):
            return np.ascontiguousarray(rgb)
        return np.asarray(cv2.resize(rgb, self.size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
