"""Small pictures and recordings made by code, so that a test says all it depends on."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from lipsmith.media.clip import F32, U8


def colour_picture(width: int = 96, height: int = 80) -> U8:
    """(height, width, 3): red grows to the right, green downwards, blue is a constant 40; no symmetry anywhere."""
    red = np.linspace(10, 240, width)[None, :].repeat(height, 0)
    green = np.linspace(20, 220, height)[:, None].repeat(width, 1)
    return np.stack([red, green, np.full((height, width), 40.0)], axis=2).round().astype(np.uint8)


def save_picture(path: Path, rgb: U8, **options: object) -> Path:
    """Saves ``rgb`` in the format of the ending of ``path``."""
    Image.fromarray(rgb).save(path, **options)
    return path


def tone(
    duration_s: float, *, rate_hz: int = 22_050, channels: int = 1, pitch_hz: float = 441.0, level: float = 0.3
) -> F32:
    """(channels, n) float32: a sine of the same phase on every channel."""
    t = np.arange(round(duration_s * rate_hz)) / rate_hz
    wave = (level * np.sin(2 * np.pi * pitch_hz * t)).astype(np.float32)
    return np.repeat(wave[None, :], channels, axis=0)


def save_sound(
    path: Path, samples: F32, rate_hz: int = 22_050, *, codec: str = "pcm_f32le", layout: str | None = None
) -> Path:
    """Writes (channels, n) float32 samples; the ending of ``path`` chooses the container."""
    with av.open(path, "w") as container:
        _add_sound(container, samples, rate_hz, codec, layout)
    return path


def save_clip(
    path: Path,
    frames: list[U8],
    *,
    fps: Fraction = Fraction(25),
    audio: F32 | None = None,
    rate_hz: int = 48_000,
    sound_starts_s: float = 0.0,
) -> Path:
    """Writes a small H.264 video, with AAC when there is ``audio``; knows nothing of the encoder under test."""
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=fps)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        audio = None
        if audio is not None:
            audio = container.add_stream("aac", rate=rate_hz, layout={1: "mono", 2: "stereo"}[audio.shape[0]])
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, 1 / fps
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            frame = _audio_frame(audio, rate_hz, {1: "mono", 2: "stereo"}[audio.shape[0]])
            frame.pts = round(sound_starts_s * rate_hz)
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def _add_sound(
    container: av.container.OutputContainer, samples: F32, rate_hz: int, codec: str, layout: str | None
) -> None:
    layout = layout or {1: "mono", 2: "stereo"}[samples.shape[0]]
    track = container.add_stream(codec, rate=rate_hz, layout=layout)
    for at in range(0, samples.shape[1], 4096):
        frame = _audio_frame(samples[:, at : at + 4096], rate_hz, layout)
        frame.pts = at
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def _audio_frame(samples: F32, rate_hz: int, layout: str) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
    frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
    return frame


def whole(blocks: Iterator[F32]) -> F32:
    """All blocks as one array."""
    return np.concatenate(list(blocks), axis=1)


def rms_db(samples: F32) -> float:
    """Root mean square over all channels, dB of full scale."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))
