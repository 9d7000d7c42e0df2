"""Small images, recordings and clips made by code, and a second way to read a clip."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from lipsmith.media.clip import F32, U8
from lipsmith.media.planes import upright_rgb


def colour_image(width: int = 96, height: int = 80) -> U8:
    """(height, width, 3): red grows to the right, green downwards, blue is a constant 40; no symmetry anywhere."""
    red = np.linspace(10, 240, width)[None, :].repeat(height, 0)
    green = np.linspace(20, 220, height)[:, None].repeat(width, 1)
    return np.stack([red, green, np.full((height, width), 40.0)], axis=2).round().astype(np.uint8)


def save_image(path: Path, rgb: U8, **options: object) -> Path:
    """Save ``rgb`` in the format named by the extension of ``path``."""
    Image.fromarray(rgb).save(path, **options)
    return path


def tone(
    duration_s: float, *, rate_hz: int = 22_050, channels: int = 1, pitch_hz: float = 441.0, level: float = 0.3
) -> F32:
    """(channels, n) float32: a sine of the same phase on every channel."""
    t = np.arange(round(duration_s * rate_hz)) / rate_hz
    wave = (level * np.sin(2 * np.pi * pitch_hz * t)).astype(np.float32)
    return np.repeat(wave[None, :], channels, axis=0)


def save_audio(
    path: Path, samples: F32, rate_hz: int = 22_050, *, codec: str = "pcm_f32le", layout: str | None = None
) -> Path:
    """Write (channels, n) float32 samples; the extension of ``path`` chooses the container."""
    with av.open(path, "w") as container:
        _add_audio(container, samples, rate_hz, codec, layout)
    return path


def save_clip(
    path: Path,
    frames: list[U8],
    *,
    fps: Fraction = Fraction(25),
    audio: F32 | None = None,
    rate_hz: int = 48_000,
    audio_start_s: float = 0.0,
) -> Path:
    """Write a small H.264 video, with AAC if there is ``audio``, independently of the encoder under test."""
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=fps)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        audio_track = None
        if audio is not None:
            audio_track = container.add_stream("aac", rate=rate_hz, layout={1: "mono", 2: "stereo"}[audio.shape[0]])
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, 1 / fps
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None and audio_track is not None:
            frame = _audio_frame(audio, rate_hz, {1: "mono", 2: "stereo"}[audio.shape[0]])
            frame.pts = round(audio_start_s * rate_hz)
            container.mux(audio_track.encode(frame))
            container.mux(audio_track.encode(None))
    return path


def _add_audio(
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


def rgb_frames(path: Path) -> list[U8]:
    """Frames of a clip in RGB, upright, converted by the module under test."""
    with av.open(path) as container:
        return [upright_rgb(frame) for frame in container.decode(video=0)]


def whole(blocks: Iterator[F32]) -> F32:
    """All blocks as one array."""
    return np.concatenate(list(blocks), axis=1)


def rms_db(samples: F32) -> float:
    """Root mean square over all channels, dB of full scale."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))
