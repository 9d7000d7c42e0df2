"""Good pictures, sounds and clips in every usual form, made by code: what mutation begins with."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = (128, 96)
"""Width and height of pictures."""
CLIP_SIZE = (96, 64)
CLIP_FRAMES = 14
RATE_HZ = 24_000
SOUND_S = 0.5


def pixels(width: int = SIZE[0], height: int = SIZE[1], shift: int = 0) -> NDArray[np.uint8]:
    """(height, width, 3) with edges, ramps and some noise."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    noise = np.random.default_rng(7).integers(0, 24, (height, width))
    red, green = (3 * x + 5 * shift) % 256, (2 * y + x // 2 + shift) % 256
    return np.stack([red, green, 60 + noise + 80 * ((x // 16 + y // 16 + shift) % 2)], axis=2).astype(np.uint8)


def tone(seconds: float = SOUND_S, rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    """(n,) float32, clearly heard."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.3 * np.sin(2 * np.pi * 330 * t) * (1 + 0.5 * np.sin(2 * np.pi * 4 * t))).astype(np.float32)


def image(form: str, **options: Any) -> bytes:
    """`pixels` in one of Pillow's formats."""
    held = io.BytesIO()
    Image.fromarray(pixels()).save(held, form, **options)
    return held.getvalue()


def wav(samples: NDArray[np.float32], rate_hz: int = RATE_HZ) -> bytes:
    """A mono WAV of 16 bits."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return held.getvalue()


def audio(
    form: str,
    codec: str,
    *,
    rate_hz: int = RATE_HZ,
    seconds: float = SOUND_S,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """`tone` in one of FFmpeg's containers and codings."""
    held = io.BytesIO()
    with av.open(held, "w", format=form) as container:
        container.metadata.update(metadata or {})
        _write_sound(container, container.add_stream(codec, rate=rate_hz, layout="mono"), seconds)
    return held.getvalue()


def clip(
    form: str,
    codec: str,
    sound_codec: str | None = "aac",
    *,
    frames: int = CLIP_FRAMES,
    options: Mapping[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A short clip that moves, with a sound of its own unless ``sound_codec`` is None."""
    held = io.BytesIO()
    with av.open(held, "w", format=form, options=dict(options or {})) as container:
        container.metadata.update(metadata or {})
        video = container.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = *CLIP_SIZE, pix_fmt
        if codec == "libx265":
            video.options = {"x265-params": "log-level=none"}
        heard = None if sound_codec is None else container.add_stream(sound_codec, rate=48_000, layout="mono")
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(pixels(*CLIP_SIZE, shift=number), format="rgb24").reformat(
                format=pix_fmt
            )
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if heard is not None:
            _write_sound(container, heard, frames / 25)
    return held.getvalue()


def _write_sound(container: av.container.OutputContainer, track: av.AudioStream, seconds: float) -> None:
    rate_hz = track.rate
    resampler = av.AudioResampler(track.format.name, "mono", rate_hz, frame_size=track.frame_size or 1024)
    frame = av.AudioFrame.from_ndarray(tone(seconds, rate_hz)[np.newaxis], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
    for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
        container.mux(track.encode(piece))


PICTURES: Mapping[str, Callable[[], bytes]] = {
    "png": lambda: image("PNG"),
    "jpg": lambda: image("JPEG", quality=88),
    "progressive.jpg": lambda: image("JPEG", quality=80, progressive=True),
    "webp": lambda: image("WEBP", quality=80),
    "lossless.webp": lambda: image("WEBP", lossless=True),
    "avif": lambda: image("AVIF", quality=60),
    "bmp": lambda: image("BMP"),
    "tiff": lambda: image("TIFF"),
    "lzw.tiff": lambda: image("TIFF", compression="tiff_lzw"),
    "jp2": lambda: image("JPEG2000"),
    "gif": lambda: image("GIF"),
}
SOUNDS: Mapping[str, Callable[[], bytes]] = {
    "wav": lambda: wav(tone()),
    "float.wav": lambda: audio("wav", "pcm_f32le"),
    "flac": lambda: audio("flac", "flac"),
    "mp3": lambda: audio("mp3", "libmp3lame"),
    "m4a": lambda: audio("ipod", "aac"),
    "alac.m4a": lambda: audio("ipod", "alac"),
    "ogg": lambda: audio("ogg", "libopus"),
    "aiff": lambda: audio("aiff", "pcm_s16be"),
    "caf": lambda: audio("caf", "pcm_s16le"),
    "w64": lambda: audio("w64", "pcm_s16le"),
    "au": lambda: audio("au", "pcm_s16be"),
    "wv": lambda: audio("wv", "wavpack"),
    "ac3": lambda: audio("ac3", "ac3", rate_hz=48_000),
    "aac": lambda: audio("adts", "aac"),
    "mka": lambda: audio("matroska", "libopus"),
}
CLIPS: Mapping[str, Callable[[], bytes]] = {
    "mp4": lambda: clip("mp4", "libx264"),
    "fragmented.mp4": lambda: clip("mp4", "libx264", options={"movflags": "frag_keyframe+empty_moov"}),
    "hevc.mp4": lambda: clip("mp4", "libx265"),
    "mov": lambda: clip("mov", "mpeg4", "pcm_s16le"),
    "prores.mov": lambda: clip("mov", "prores", None, pix_fmt="yuv422p10le"),
    "mkv": lambda: clip("matroska", "libx264", "flac"),
    "webm": lambda: clip("webm", "libvpx-vp9", "libopus"),
    "vp8.webm": lambda: clip("webm", "libvpx", "libopus"),
    "avi": lambda: clip("avi", "mjpeg", "pcm_s16le", pix_fmt="yuvj420p"),
    "ts": lambda: clip("mpegts", "libx264"),
    "mpg": lambda: clip("mpeg", "mpeg2video", "mp2"),
    "flv": lambda: clip("flv", "flv", "libmp3lame"),
    "ffv1.mkv": lambda: clip("matroska", "ffv1", None),
}
KINDS: Mapping[str, Mapping[str, Callable[[], bytes]]] = {"picture": PICTURES, "sound": SOUNDS, "clip": CLIPS}


@cache
def good(kind: str, name: str) -> bytes:
    """The file of that kind and name."""
    return KINDS[kind][name]()


def names(kind: str) -> Iterator[str]:
    """Files of one kind."""
    yield from KINDS[kind]
