"""Downscaling of finished frames: small faces are drawn at a larger size, at which lips can be shaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from lipsmith.media.clip import U8


def downscaled(frames: Iterable[U8], width: int, height: int) -> Iterator[U8]:
    """Yield the frames at ``width`` × ``height`` pixels, both even and not above their own size, in the same format.

    Each is (height, width, 3) uint8 RGB, or (height * 3 // 2, width) uint8 I420 planes.
    """
    for frame in frames:
        yield _smaller(frame, width, height) if frame.ndim == 3 else _smaller_planes(frame, width, height)


def _smaller_planes(frame: U8, width: int, height: int) -> U8:
    wide = frame.shape[1]
    high = frame.shape[0] * 2 // 3
    luma, chroma = frame[:high], frame[high:].reshape(2, high // 2, wide // 2)
    parts = (_smaller(luma, width, height), *(_smaller(plane, width // 2, height // 2) for plane in chroma))
    return np.concatenate([part.ravel() for part in parts]).reshape(height * 3 // 2, width)


def _smaller(plane: U8, width: int, height: int) -> U8:
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
