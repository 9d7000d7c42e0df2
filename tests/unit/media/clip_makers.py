"""Small clips made by code, with any times, planes, colours and tags; independent of the code under test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from media_makers import whole

from lipsmith.media.clip import F32, U8, Audio

UNEVEN_TICKS = (0, 512, 1024, 3072, 3600, 4096, 4109, 9000)
"""Start times of frames at a variable rate, in 1/12800 s."""


def planes_of(number: int, width: int = 96, height: int = 64) -> U8:
    """(height * 3 // 2, width) I420 without any symmetry; another one for each number."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    luma = 40 + (x + 2 * y + 7 * number) % 160
    half_x, half_y = x[: height // 2, : width // 2], y[: height // 2, : width // 2]
    blue, red = 80 + (half_x + number) % 90, 90 + (half_y * 2 + number) % 70
    return np.concatenate([part.astype(np.uint8).reshape(-1) for part in (luma, blue, red)]).reshape(-1, width)


def save_planes(
    path: Path,
    frames: Sequence[U8],
    *,
    ticks: Sequence[int] | None = None,
    end: int | None = None,
    time_base: Fraction = Fraction(1, 12800),
    fps: Fraction = Fraction(25),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    tags: tuple[int, int, int, int] = (2, 2, 2, 0),
    orientation: Callable[[av.video.stream.VideoStream], None] | None = None,
    audio: F32 | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write I420 frames without loss where the codec can; ``tags`` are matrix, primaries, transfer and range."""
    lossless = {"libx264": {"qp": "0"}, "libx265": {"x265-params": "lossless=1:log-level=none"}}
    with av.open(path, "w", options=container_options or {}) as container:
        track = container.add_stream(codec, rate=fps, options=options or lossless.get(codec, {}))
        track.height, track.width = frames[0].shape[0] * 2 // 3, frames[0].shape[1]
        track.pix_fmt = pix_fmt
        context = track.codec_context
        context.time_base = time_base
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = tags
        context.flags |= av.codec.context.Flags.frame_duration
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        if orientation is not None:
            orientation(track)
        audio_track = None if audio is None else container.add_stream("aac", rate=48_000, layout="mono")
        begins = list(ticks) if ticks is not None else [round(n / fps / time_base) for n in range(len(frames))]
        ends = [*begins[1:], end if end is not None else begins[-1] + round(1 / fps / time_base)]
        for planes, begin, until in zip(frames, begins, ends, strict=True):
            image = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            image.color_range = tags[3]
            if pix_fmt not in ("yuv420p", "yuvj420p"):
                image = image.reformat(format=pix_fmt)
            image.pts, image.duration, image.time_base = begin, until - begin, time_base
            image.colorspace, image.color_primaries, image.color_trc, image.color_range = tags
            container.mux(track.encode(image))
        container.mux(track.encode(None))
        if audio_track is not None:
            for at in range(0, audio.shape[1], 1024):
                piece = np.ascontiguousarray(audio[:, at : at + 1024])
                frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 48_000, at, Fraction(1, 48_000)
                container.mux(audio_track.encode(frame))
            container.mux(audio_track.encode(None))
    return path


def hurt(path: Path, at: float, count: int = 400) -> Path:
    """Overwrite some bytes of an MP4, starting at the share ``at`` of its frames."""
    data = bytearray(path.read_bytes())
    begin = data.find(b"mdat") + 4
    size = int.from_bytes(data[begin - 8 : begin - 4], "big") - 8
    middle = begin + int(size * at)
    data[middle : middle + count] = np.random.default_rng(5).bytes(count)
    path.write_bytes(data)
    return path


class Played:
    """Audio of samples at one rate."""

    def __init__(self, samples: F32, rate_hz: int = 48_000) -> None:
        self._samples, self._rate_hz = samples, rate_hz

    @property
    def duration_s(self) -> float:
        return self._samples.shape[1] / self._rate_hz

    @property
    def channels(self) -> int:
        return self._samples.shape[0]

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        assert rate_hz == self._rate_hz
        for at in range(0, self._samples.shape[1], 1000):
            yield np.repeat(self._samples[:, at : at + 1000], channels // self._samples.shape[0], axis=0)


def samples_of(audio: Audio, rate_hz: int = 48_000, channels: int = 1) -> F32:
    """All samples of a recording."""
    return whole(audio.blocks(rate_hz, channels))
