"""Made-up inputs for compiling all loops: a drawn face, a hum, and a track that moves every channel."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsmith.motion.track import CHANNELS, MotionTrack

SIDE_PX = 256
FRAMES, FPS = 12, Fraction(25)
_SKIN, _HAIR, _LIPS = (215, 165, 140), (60, 40, 30), (190, 85, 85)


def drawn_face(*, laughs: bool) -> NDArray[np.uint8]:
    """Draw a simple face, (256, 256, 3) uint8 RGB, that the face finder detects with a score of .87.

    A laughing one shows teeth, which the renderer then takes from the image.
    """
    rgb = np.full((SIDE_PX, SIDE_PX, 3), (90, 110, 130), np.uint8)

    def spot(middle: tuple[int, int], axes: tuple[int, int], colour: tuple[int, int, int]) -> None:
        cv2.ellipse(rgb, middle, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)

    spot((128, 110), (78, 98), _HAIR)
    spot((128, 210), (34, 50), (190, 140, 115))  # neck
    spot((128, 130), (62, 82), _SKIN)
    for x in (102, 154):
        spot((x, 112), (13, 7), (245, 240, 235))
        spot((x, 112), (6, 6), _HAIR)
        cv2.ellipse(rgb, (x, 100), (17, 6), 0, 190, 350, _HAIR, 4, cv2.LINE_AA)
    cv2.ellipse(rgb, (128, 148), (10, 6), 0, 0, 180, (160, 105, 85), 3, cv2.LINE_AA)  # nose
    if laughs:
        spot((128, 178), (28, 17), _LIPS)
        spot((128, 178), (23, 12), (235, 230, 220))
    else:
        spot((128, 175), (24, 8), _LIPS)
        cv2.line(rgb, (105, 175), (151, 175), (120, 40, 45), 2, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), 1.2), np.uint8)


def every_motion() -> MotionTrack:
    """Return a track in which every channel moves."""
    away = np.sin(np.linspace(0, np.pi, FRAMES))
    moved = {name: rest + 0.4 * (high - rest) * away for name, (_, high, rest, _) in CHANNELS.items()}
    return MotionTrack.of(FPS, FRAMES, **moved)


def write_hum(path: Path) -> Path:
    """Write a mono WAV of a tone with syllables, as long as `every_motion`."""
    rate_hz = 16_000
    t = np.arange(round(FRAMES / FPS * rate_hz)) / rate_hz
    loud = 0.3 * (1 + np.sin(2 * np.pi * 5 * t)) * sum(np.sin(2 * np.pi * 130 * k * t) / k for k in range(1, 12)) / 4
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((loud * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    return path
