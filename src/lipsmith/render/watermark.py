"""Small visible watermark in the corner of every frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from lipsmith.media.clip import F32, U8, TimedPlanes

HEIGHT = 0.045
"""Height of the letters, as a part of the frame's shorter side."""
MIN_HEIGHT_PX = 9
"""Smallest readable height."""
OPACITY = 0.65
_FONT = cv2.FONT_HERSHEY_DUPLEX
_WHITE_RGB, _WHITE_LUMA, _GREY_CHROMA = 255.0, 235.0, 128.0


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """White letters on a dark rim, in the lower right corner of frames of one size."""

    rows: slice
    """Place in pixels; even borders."""
    columns: slice
    alpha: F32
    """(rows, columns) float32, 0–1: opacity."""
    light: F32
    """(rows, columns) float32: 1 in the letters, 0 in their rim."""

    @classmethod
    def of(cls, text: str, width: int, height: int) -> Watermark:
        """Make the watermark for frames of ``width`` × ``height`` pixels, both even."""
        letter_px = max(MIN_HEIGHT_PX, round(HEIGHT * min(width, height)))
        scale = cv2.getFontScaleFromHeight(_FONT, letter_px)
        (text_px, _), below_px = cv2.getTextSize(text, _FONT, scale, 1)
        margin_px = 2 * (letter_px // 2)
        box_h, box_w = min(height, 2 * (letter_px + below_px)), min(width, 2 * (text_px // 2 + letter_px))
        origin = (letter_px // 2, letter_px + below_px)
        letters, rim = (np.zeros((box_h, box_w), np.uint8) for _ in range(2))
        cv2.putText(letters, text, origin, _FONT, scale, 255, 1, cv2.LINE_AA)
        cv2.putText(rim, text, origin, _FONT, scale, 255, 3, cv2.LINE_AA)
        top, left = max(0, height - box_h - margin_px) // 2 * 2, max(0, width - box_w - margin_px) // 2 * 2
        return cls(
            rows=slice(top, top + box_h // 2 * 2),
            columns=slice(left, left + box_w // 2 * 2),
            alpha=_alpha(np.maximum(letters, rim)) * np.float32(OPACITY),
            light=_alpha(letters),
        )

    def on(self, frame: U8) -> U8:
        """Return a copy of the frame with the watermark.

        ``frame`` is (height, width, 3) uint8 RGB, or (height * 3 // 2, width) uint8 I420 planes.
        """
        watermarked = frame.copy()
        if frame.ndim == 3:
            _blend(watermarked[self.rows, self.columns], self.alpha[..., None], self.light[..., None] * _WHITE_RGB)
            return watermarked
        height, width = frame.shape[0] * 2 // 3, frame.shape[1]
        _blend(watermarked[self.rows, self.columns], self.alpha, 16 + self.light * (_WHITE_LUMA - 16))
        alpha = cv2.resize(self.alpha, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        chroma = watermarked[height:].reshape(2, height // 2, width // 2)
        rows = slice(self.rows.start // 2, self.rows.stop // 2)
        columns = slice(self.columns.start // 2, self.columns.stop // 2)
        for plane in chroma:
            _blend(plane[rows, columns], np.asarray(alpha, dtype=np.float32), np.float32(_GREY_CHROMA))
        return watermarked


def watermarked(frames: Iterable[U8], text: str, width: int, height: int) -> Iterator[U8]:
    """Yield the frames with the watermark."""
    watermark = Watermark.of(text, width, height)
    for frame in frames:
        yield watermark.on(frame)


def watermarked_clip(frames: Iterable[TimedPlanes], text: str, width: int, height: int) -> Iterator[TimedPlanes]:
    """Yield the frames of a clip, at their times, with the watermark."""
    watermark = Watermark.of(text, width, height)
    for frame in frames:
        yield _WatermarkedFrame(planes=watermark.on(frame.planes), time_s=frame.time_s, duration_s=frame.duration_s)


@dataclass(frozen=True, kw_only=True)
class _WatermarkedFrame:
    """Frame with a watermark; implements `TimedPlanes`."""

    planes: U8
    time_s: Fraction
    duration_s: Fraction


def _alpha(mask: U8) -> F32:
    """Crop to even sides and scale to 0–1, float32."""
    even = mask[: mask.shape[0] // 2 * 2, : mask.shape[1] // 2 * 2]
    return even.astype(np.float32) / np.float32(255)


def _blend(pixels: U8, alpha: F32, colour: F32 | np.float32) -> None:
    pixels[...] = np.rint(pixels * (1 - alpha) + colour * alpha).astype(np.uint8)
