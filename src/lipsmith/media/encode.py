"""Writes frames and sound to a file that browsers play. Draws nothing."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from lipsmith.errors import EncodingFailed, InvalidOption, OutputExists
from lipsmith.media.aac import AacEncoder, AudioPacket
from lipsmith.media.clip import F32, U8, Audio, ClipInfo, TimedPlanes, VideoFormat
from lipsmith.media.sample_buffer import SampleBuffer
from lipsmith.media.timeline import check_fps, frames_to_samples, seconds_to_samples

AUDIO_RATE_HZ = 48_000
AUDIO_BITS_PER_SECOND = {1: 128_000, 2: 192_000}  # per number of channels
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}
"""File name ending -> FFmpeg's writer."""
AUDIO_EXTENSIONS = {
    ".wav": ("wav", "pcm_s16le", "s16"),
    ".mp3": ("mp3", "libmp3lame", "fltp"),
    ".m4a": ("ipod", "aac", "fltp"),
    ".flac": ("flac", "flac", "s16"),
}
"""File name ending -> FFmpeg's writer, its encoder, and the samples that one takes."""
PROVENANCE = "Made with lipsmith: the mouth and face movements in this video are synthetic."
SPEECH_PROVENANCE = "Made with lipsmith: this speech is synthetic."

CLIP_CRF = 16
"""Quality of a clip whose pictures were mostly left alone: its loss cannot be seen beside the source."""

_LARGEST_RATE_TERM = 100_000  # x264 keeps rates in 32 bits; the times of the frames are exact all the same
_PRESET = "veryfast"  # the fastest whose crf 18 still looks clean; drawing the frames shares the same cores
_MAX_THREADS = 4
_LAYOUTS = {1: "mono", 2: "stereo"}
_NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_EXACT_SCALING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


def check_output(path: str | Path, *, overwrite: bool = False, extensions: Collection[str] = tuple(CONTAINERS)) -> Path:
    """The path to write to, checked before any work is done.

    Raises OutputExists when it exists and ``overwrite`` is off, and InvalidOption when its ending is not one of
    ``extensions``, or its folder is missing or may not be written to.
    """
    path = Path(path)
    if path.suffix.lower() not in extensions:
        raise InvalidOption(f"{str(path)!r} has no ending that can be written. Use {', '.join(extensions)}.")
    if path.is_dir():
        raise InvalidOption(f"{str(path)!r} is a folder. Give the name of a file in it.")
    if path.exists() and not overwrite:
        raise OutputExists(f"{str(path)!r} exists already. Choose another name or allow overwriting (--overwrite).")
    if not path.parent.is_dir():
        raise InvalidOption(f"The folder {str(path.parent)!r} does not exist. Make it first or choose another.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InvalidOption(f"Nothing may be written to the folder {str(path.parent)!r}. Choose another.")
    return path


def write_video(
    path: str | Path,
    fmt: VideoFormat,
    frames: Iterable[U8],
    audio: Audio,
    *,
    on_frame: Callable[[int], None] | None = None,
    overwrite: bool = False,
) -> None:
    """Writes ``frames`` and ``audio`` as H.264 and AAC; the sound is padded or cut to the length of the pictures.

    A frame is (height, width, 3) uint8 RGB, or (height * 3 // 2, width) uint8 I420 planes, BT.709 limited range.
    ``on_frame`` is told the number of frames written so far, after each. The file appears under its name only when it
    is whole; whatever goes wrong, nothing is left behind.

    Raises OutputExists, InvalidOption or EncodingFailed, and lets through what ``frames``, ``audio`` and ``on_frame``
    raise.
    """
    path = check_output(path, overwrite=overwrite)
    _check_format(fmt)
    with _whole_or_not_at_all(path, overwrite=overwrite) as unfinished:
        _write(unfinished, CONTAINERS[path.suffix.lower()], fmt, frames, audio, on_frame)


def write_clip(
    path: str | Path,
    info: ClipInfo,
    frames: Iterable[TimedPlanes],
    audio: Audio | None,
    *,
    crf: int = CLIP_CRF,
    on_frame: Callable[[int], None] | None = None,
    overwrite: bool = False,
) -> None:
    """Writes pictures at their own times, as H.264 with AAC; the sound is padded or cut to the length of the pictures.

    Size, shape of pixels and colour are those of ``info``; so is the time base, of which all times have to be
    multiples. The pictures follow one another without gaps, the first at 0. The planes go to the encoder as they are.
    ``crf`` 16 is visually lossless; 0 would be lossless, for tests, in a form that few players know. Without ``audio``
    the file has no sound track. Nothing that the source says about itself goes over.

    Otherwise like `write_video`, with the same errors.
    """
    path = check_output(path, overwrite=overwrite)
    if not 0 <= crf <= 51:
        raise InvalidOption(f"The quality crf {crf} is out of range. Use 1 (best) to 51; 16 looks like the source.")
    with _whole_or_not_at_all(path, overwrite=overwrite) as unfinished:
        _write_clip(unfinished, CONTAINERS[path.suffix.lower()], info, frames, audio, crf, on_frame)


def write_audio(path: str | Path, audio: Audio, *, overwrite: bool = False) -> None:
    """Writes a synthesized sound as WAV, MP3, M4A (AAC) or FLAC, by the ending, at 48 kHz.

    Otherwise like `write_video`, with the same errors.
    """
    path = check_output(path, overwrite=overwrite, extensions=AUDIO_EXTENSIONS)
    container_format, codec, samples = AUDIO_EXTENSIONS[path.suffix.lower()]
    with _whole_or_not_at_all(path, overwrite=overwrite) as unfinished:
        with _encoder_faults():
            container = av.open(unfinished, "w", format=container_format)
        try:
            container.metadata["comment"] = SPEECH_PROVENANCE
            _write_aac(container, audio) if codec == "aac" else _write_plain(container, audio, codec, samples)
        except BaseException:
            _abandon(container)
            raise
        with _encoder_faults():
            container.close()


@contextmanager
def _whole_or_not_at_all(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A name to write under, which becomes ``path`` when all went well and disappears otherwise."""
    unfinished = path.with_name(f".lipsmith-{uuid.uuid4().hex}.part")
    try:
        yield unfinished
        check_output(path, overwrite=overwrite, extensions=(path.suffix.lower(),))  # someone may have been faster
        with _encoder_faults():
            os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _check_format(fmt: VideoFormat) -> None:
    if fmt.width < 2 or fmt.height < 2 or fmt.width % 2 or fmt.height % 2:
        raise InvalidOption(f"A video of {fmt.width} x {fmt.height} pixels cannot be written: both sides must be even.")
    check_fps(fmt.fps)
    if not 1 <= fmt.crf <= 51:
        raise InvalidOption(f"The quality crf {fmt.crf} is out of range. Use 1 (best) to 51; 18 looks like the source.")


def _write(
    path: Path,
    container_format: str,
    fmt: VideoFormat,
    frames: Iterable[U8],
    audio: Audio,
    on_frame: Callable[[int], None] | None,
) -> None:
    with _encoder_faults():
        container = av.open(path, "w", format=container_format, options={"movflags": "+faststart"})
    try:
        with _encoder_faults():
            container.metadata.update({"comment": PROVENANCE, "description": PROVENANCE})
            picture_track = _video_track(container, fmt)
            audio_track = _AudioTrack(container, audio)
        to_video = _FrameMaker(fmt)
        written = 0
        for pixels in frames:
            with _encoder_faults():
                container.mux(picture_track.encode(to_video(pixels, written)))
            written += 1
            audio_track.advance(frames_to_samples(written, fmt.fps, AUDIO_RATE_HZ))
            if on_frame is not None:
                on_frame(written)
        if not written:
            raise EncodingFailed("There is not a single frame to write.")
        with _encoder_faults():
            container.mux(picture_track.encode(None))
        audio_track.finish()
    except BaseException:
        _abandon(container)
        raise
    with _encoder_faults():
        container.close()


def _write_clip(
    path: Path,
    container_format: str,
    info: ClipInfo,
    frames: Iterable[TimedPlanes],
    audio: Audio | None,
    crf: int,
    on_frame: Callable[[int], None] | None,
) -> None:
    with _encoder_faults():
        container = av.open(path, "w", format=container_format, options={"movflags": "+faststart"})
    try:
        with _encoder_faults():
            container.metadata.update({"comment": PROVENANCE, "description": PROVENANCE})
            picture_track = _clip_track(container, info, crf)
            audio_track = None if audio is None else _AudioTrack(container, audio)
        written, ends_s = 0, Fraction(0)
        for frame in frames:
            image = _clip_frame(frame, info, due_s=ends_s)
            with _encoder_faults():
                container.mux(picture_track.encode(image))
            written += 1
            ends_s = frame.time_s + frame.duration_s
            if audio_track is not None:
                audio_track.advance(seconds_to_samples(ends_s, AUDIO_RATE_HZ))
            if on_frame is not None:
                on_frame(written)
        if not written:
            raise EncodingFailed("There is not a single frame to write.")
        with _encoder_faults():
            container.mux(picture_track.encode(None))
        if audio_track is not None:
            audio_track.finish()
    except BaseException:
        _abandon(container)
        raise
    with _encoder_faults():
        container.close()


def _write_aac(container: OutputContainer, audio: Audio) -> None:
    track = _AudioTrack(container, audio)
    track.advance(seconds_to_samples(audio.duration_s, AUDIO_RATE_HZ))
    track.finish()


def _write_plain(container: OutputContainer, audio: Audio, codec: str, kind: str) -> None:
    with _encoder_faults():
        track = container.add_stream(codec, rate=AUDIO_RATE_HZ, layout=_LAYOUTS[audio.channels])
        assert isinstance(track, AudioStream)
        track.codec_context.format = kind
    if codec == "libmp3lame":
        track.bit_rate = AUDIO_BITS_PER_SECOND[audio.channels]
    written = 0
    for block in audio.blocks(AUDIO_RATE_HZ, audio.channels):
        frame = _audio_frame(block, kind)
        frame.pts, frame.time_base = written, Fraction(1, AUDIO_RATE_HZ)
        written += block.shape[1]
        with _encoder_faults():
            container.mux(track.encode(frame))
    with _encoder_faults():
        container.mux(track.encode(None))


def _audio_frame(block: F32, kind: str) -> AudioFrame:
    layout = _LAYOUTS[block.shape[0]]
    if kind == "s16":
        steps = np.clip(np.rint(block * 32768), -32768, 32767).astype(np.int16)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(steps.T).reshape(1, -1), format="s16", layout=layout)
    else:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format=kind, layout=layout)
    frame.sample_rate = AUDIO_RATE_HZ
    return frame


def _abandon(container: OutputContainer) -> None:
    """Closes a file that will be thrown away; its own complaints no longer matter."""
    with suppress(av.FFmpegError, OSError, ValueError):
        container.close()


@contextmanager
def _encoder_faults() -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, OSError) as fault:
        reason = fault.strerror or str(fault)
        cure = "Make free space on the disk" if fault.errno in _NO_SPACE else "Choose another size or folder"
        raise EncodingFailed(f"The file could not be written ({reason}). {cure} and try again.") from fault


def _video_track(container: OutputContainer, fmt: VideoFormat) -> VideoStream:
    track = container.add_stream("libx264", rate=fmt.fps)
    track.width, track.height = fmt.width, fmt.height
    track.pix_fmt = "yuv420p"
    context = track.codec_context
    context.time_base = 1 / fmt.fps
    context.thread_count = min(_MAX_THREADS, os.cpu_count() or 1)
    context.colorspace = Colorspace.ITU709
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    context.color_range = ColorRange.MPEG
    context.options = {"preset": _PRESET, "crf": str(fmt.crf), "profile": "high"}
    return track


def _clip_track(container: OutputContainer, info: ClipInfo, crf: int) -> VideoStream:
    track = container.add_stream("libx264", rate=info.fps.limit_denominator(_LARGEST_RATE_TERM))
    track.width, track.height = info.width, info.height
    track.pix_fmt = "yuv420p"
    context = track.codec_context
    context.time_base = info.time_base
    context.sample_aspect_ratio = info.pixel_aspect
    context.thread_count = min(_MAX_THREADS, os.cpu_count() or 1)
    context.colorspace = info.colour.matrix
    context.color_primaries = info.colour.primaries
    context.color_trc = info.colour.transfer
    context.color_range = _range_of(info)
    context.flags |= Flags.frame_duration  # the last picture's length is told nowhere else
    context.options = {"preset": _PRESET, "crf": str(crf)} | ({"profile": "high"} if crf else {})
    return track


def _clip_frame(frame: TimedPlanes, info: ClipInfo, *, due_s: Fraction) -> VideoFrame:
    if frame.planes.shape != (info.height * 3 // 2, info.width):
        raise EncodingFailed(
            f"A frame has the shape {frame.planes.shape}; {(info.height * 3 // 2, info.width)} was agreed."
        )
    pts, duration = frame.time_s / info.time_base, frame.duration_s / info.time_base
    if frame.time_s != due_s or pts.denominator != 1 or duration.denominator != 1 or duration <= 0:
        raise EncodingFailed(
            f"A frame begins at {frame.time_s} s and stays {frame.duration_s} s; multiples of {info.time_base} s, one "
            f"after the other, were agreed, and {due_s} s is next."
        )
    image = VideoFrame.from_ndarray(frame.planes, format="yuv420p")
    image.pts, image.duration, image.time_base = int(pts), int(duration), info.time_base
    image.colorspace, image.color_range = info.colour.matrix, _range_of(info)
    return image


def _range_of(info: ClipInfo) -> ColorRange:
    return ColorRange.JPEG if info.colour.full_range else ColorRange.MPEG


class _FrameMaker:
    """Turns arrays into encoder frames."""

    def __init__(self, fmt: VideoFormat) -> None:
        self._fmt = fmt
        self._reformatter = VideoReformatter()

    def __call__(self, pixels: U8, number: int) -> VideoFrame:
        rgb_shape = (self._fmt.height, self._fmt.width, 3)
        i420_shape = (self._fmt.height * 3 // 2, self._fmt.width)
        if pixels.shape == i420_shape:
            frame = VideoFrame.from_ndarray(pixels, format="yuv420p")
        elif pixels.shape == rgb_shape:
            frame = self._from_rgb(pixels)
        else:
            raise EncodingFailed(
                f"Frame {number} has the shape {pixels.shape}; {rgb_shape} or {i420_shape} was agreed."
            )
        frame.pts = number
        frame.time_base = 1 / self._fmt.fps
        frame.colorspace, frame.color_range = Colorspace.ITU709, ColorRange.MPEG
        return frame

    def _from_rgb(self, pixels: U8) -> VideoFrame:
        return self._reformatter.reformat(
            VideoFrame.from_ndarray(pixels, format="rgb24"),
            format="yuv420p",
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=_EXACT_SCALING,
        )


class _AudioTrack:
    """Feeds sound to the encoder in step with the pictures, so that a player finds both side by side."""

    def __init__(self, container: OutputContainer, audio: Audio) -> None:
        self._container = container
        self._feed = SampleBuffer(audio, AUDIO_RATE_HZ, audio.channels)
        self._written = 0
        bits_per_second = AUDIO_BITS_PER_SECOND[audio.channels]
        self._encoder = AacEncoder(AUDIO_RATE_HZ, audio.channels, bits_per_second)
        # the track's own encoder writes the header and nothing else
        self._track: AudioStream = container.add_stream("aac", rate=AUDIO_RATE_HZ, layout=_LAYOUTS[audio.channels])
        self._track.bit_rate = bits_per_second

    def advance(self, until_sample: int) -> None:
        """Writes sound up to a sample; silence where the sound has ended."""
        missing = until_sample - self._written
        if missing <= 0:
            return
        samples = self._feed.take(missing)
        self._written += missing
        self._mux(self._encoder.encode(samples))

    def finish(self) -> None:
        """Empties the encoder."""
        self._mux(self._encoder.finish())

    def _mux(self, packets: Iterator[AudioPacket]) -> None:
        with _encoder_faults():
            for packet in packets:
                packet.stream = self._track
                self._container.mux(packet)
