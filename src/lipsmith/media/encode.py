"""Write video and audio files that browsers play."""

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
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream

from lipsmith.errors import EncodingFailed, InvalidOption, OutputExists
from lipsmith.limits import CRF
from lipsmith.media.aac import AacEncoder, AudioPacket
from lipsmith.media.clip import F32, U8, Audio, TimedPlanes, VideoFormat
from lipsmith.media.colour import BT709, Colour
from lipsmith.media.planes import RGB_TO_PLANES
from lipsmith.media.sample_buffer import SampleBuffer
from lipsmith.media.timeline import check_fps, seconds_to_samples

AUDIO_RATE_HZ = 48_000
AUDIO_BITS_PER_SECOND = {1: 128_000, 2: 192_000}  # per number of channels
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}
"""File name extension -> FFmpeg muxer."""
AUDIO_EXTENSIONS = {
    ".wav": ("wav", "pcm_s16le", "s16"),
    ".mp3": ("mp3", "libmp3lame", "fltp"),
    ".m4a": ("ipod", "aac", "fltp"),
    ".flac": ("flac", "flac", "s16"),
}
"""File name extension -> FFmpeg muxer, encoder and sample format."""
PROVENANCE = "Made with lipsmith: the mouth and face movements in this video are synthetic."
SPEECH_PROVENANCE = "Made with lipsmith: this speech is synthetic."

_MAX_RATE_DENOMINATOR = 100_000  # x264 keeps rates in 32 bits; frame times stay exact
_PRESET = "veryfast"  # the fastest preset whose crf 18 still looks clean; rendering needs the same cores
_MAX_THREADS = 4
_LAYOUTS = {1: "mono", 2: "stereo"}
_NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_PHOTO_COLOUR = Colour(matrix=BT709, primaries=BT709, transfer=BT709, full_range=False)


def check_output(path: str | Path, *, overwrite: bool = False, extensions: Collection[str] = tuple(CONTAINERS)) -> Path:
    """Check an output path before any work is done, and return it.

    Raises OutputExists if the file exists and ``overwrite`` is off. Raises InvalidOption if the extension is not one
    of ``extensions``, or if the folder is missing or not writable.
    """
    path = Path(path)
    if path.suffix.lower() not in extensions:
        raise InvalidOption(f"Unsupported output extension in {str(path)!r}. Use one of {', '.join(extensions)}.")
    if path.is_dir():
        raise InvalidOption(f"{str(path)!r} is a folder. Choose the name of a file in it.")
    if path.exists() and not overwrite:
        raise OutputExists(f"{str(path)!r} already exists. Choose another name or allow overwriting (--overwrite).")
    if not path.parent.is_dir():
        raise InvalidOption(f"The folder {str(path.parent)!r} does not exist. Create it or choose another.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InvalidOption(f"The folder {str(path.parent)!r} is not writable. Choose another.")
    return path


def write_video(
    path: str | Path,
    fmt: VideoFormat,
    frames: Iterable[U8 | TimedPlanes],
    audio: Audio | None,
    *,
    on_frame: Callable[[int], None] | None = None,
    overwrite: bool = False,
) -> None:
    """Write ``frames`` as H.264 and ``audio`` as AAC, padded or cut to the length of the frames.

    An array is (height, width, 3) uint8 RGB or (height * 3 // 2, width) uint8 I420 in the colour of ``fmt``, and lasts
    ``1 / fps``. `TimedPlanes` carry their own times, which start at 0, leave no gaps and are multiples of
    ``fmt.time_base``; their planes reach the encoder unchanged. Without ``audio`` the file has no audio track.
    No metadata of the source is copied.

    ``on_frame`` receives the number of frames written so far. The file appears under its name only when it is complete;
    after an error nothing is left behind.

    Raises OutputExists, InvalidOption or EncodingFailed, and passes on errors of ``frames``, ``audio`` and
    ``on_frame``.
    """
    path = check_output(path, overwrite=overwrite)
    _check_format(fmt)
    with _temporary_output(path, overwrite=overwrite) as temporary:
        _write(temporary, CONTAINERS[path.suffix.lower()], fmt, frames, audio, on_frame)


def write_audio(path: str | Path, audio: Audio, *, overwrite: bool = False) -> None:
    """Write synthesized audio at 48 kHz as WAV, MP3, M4A (AAC) or FLAC, chosen by the extension.

    Otherwise like `write_video`, with the same errors.
    """
    path = check_output(path, overwrite=overwrite, extensions=AUDIO_EXTENSIONS)
    container_format, codec, samples = AUDIO_EXTENSIONS[path.suffix.lower()]
    with _temporary_output(path, overwrite=overwrite) as temporary:
        with _encoder_errors():
            container = av.open(temporary, "w", format=container_format)
        with _closing(container):
            container.metadata["comment"] = SPEECH_PROVENANCE
            _write_aac(container, audio) if codec == "aac" else _write_plain(container, audio, codec, samples)


@contextmanager
def _temporary_output(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary name; rename the file to ``path`` on success and delete it otherwise."""
    temporary = path.with_name(f".lipsmith-{uuid.uuid4().hex}.part")
    try:
        yield temporary
        check_output(path, overwrite=overwrite, extensions=(path.suffix.lower(),))  # it may have appeared meanwhile
        with _encoder_errors():
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _check_format(fmt: VideoFormat) -> None:
    if fmt.width < 2 or fmt.height < 2 or fmt.width % 2 or fmt.height % 2:
        raise InvalidOption(f"A video of {fmt.width} x {fmt.height} pixels cannot be written: both sides must be even.")
    if fmt.time_base is None:
        check_fps(fmt.fps)
    if fmt.crf is not None and fmt.crf not in CRF:
        raise InvalidOption(f"The quality crf {fmt.crf} is out of range. Use {CRF.low} (best) to {CRF.high}.")


def _write(
    path: Path,
    container_format: str,
    fmt: VideoFormat,
    frames: Iterable[U8 | TimedPlanes],
    audio: Audio | None,
    on_frame: Callable[[int], None] | None,
) -> None:
    with _encoder_errors():
        container = av.open(path, "w", format=container_format, options={"movflags": "+faststart"})
    with _closing(container):
        with _encoder_errors():
            container.metadata.update({"comment": PROVENANCE, "description": PROVENANCE})
            video_track = _video_track(container, fmt)
            audio_track = None if audio is None else _AudioTrack(container, audio)
        converter = _FrameConverter(fmt)
        for frame in frames:
            encodable = converter.convert(frame)
            with _encoder_errors():
                container.mux(video_track.encode(encodable))
            if audio_track is not None:
                audio_track.advance(seconds_to_samples(converter.end_s, AUDIO_RATE_HZ))
            if on_frame is not None:
                on_frame(converter.count)
        if not converter.count:
            raise EncodingFailed("There is not a single frame to write.")
        with _encoder_errors():
            container.mux(video_track.encode(None))
        if audio_track is not None:
            audio_track.finish()


def _write_aac(container: OutputContainer, audio: Audio) -> None:
    track = _AudioTrack(container, audio)
    track.advance(seconds_to_samples(audio.duration_s, AUDIO_RATE_HZ))
    track.finish()


def _write_plain(container: OutputContainer, audio: Audio, codec: str, sample_format: str) -> None:
    with _encoder_errors():
        track = container.add_stream(codec, rate=AUDIO_RATE_HZ, layout=_LAYOUTS[audio.channels])
        assert isinstance(track, AudioStream)
        track.codec_context.format = sample_format
    if codec == "libmp3lame":
        track.bit_rate = AUDIO_BITS_PER_SECOND[audio.channels]
    written = 0
    for block in audio.blocks(AUDIO_RATE_HZ, audio.channels):
        frame = _audio_frame(block, sample_format)
        frame.pts, frame.time_base = written, Fraction(1, AUDIO_RATE_HZ)
        written += block.shape[1]
        with _encoder_errors():
            container.mux(track.encode(frame))
    with _encoder_errors():
        container.mux(track.encode(None))


def _audio_frame(block: F32, sample_format: str) -> AudioFrame:
    layout = _LAYOUTS[block.shape[0]]
    if sample_format == "s16":
        steps = np.clip(np.rint(block * 32768), -32768, 32767).astype(np.int16)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(steps.T).reshape(1, -1), format="s16", layout=layout)
    else:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format=sample_format, layout=layout)
    frame.sample_rate = AUDIO_RATE_HZ
    return frame


@contextmanager
def _closing(container: OutputContainer) -> Iterator[None]:
    """Close a file; after an error, ignore further errors, since the file is deleted."""
    try:
        yield
    except BaseException:
        with suppress(av.FFmpegError, OSError, ValueError):
            container.close()
        raise
    with _encoder_errors():
        container.close()


@contextmanager
def _encoder_errors() -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        reason = error.strerror or str(error)
        cure = "Free some disk space" if error.errno in _NO_SPACE else "Choose another size or folder"
        raise EncodingFailed(f"The file could not be written ({reason}). {cure} and try again.") from error


def _video_track(container: OutputContainer, fmt: VideoFormat) -> VideoStream:
    track = container.add_stream("libx264", rate=fmt.fps.limit_denominator(_MAX_RATE_DENOMINATOR))
    track.width, track.height = fmt.width, fmt.height
    track.pix_fmt = "yuv420p"
    context = track.codec_context
    context.time_base = fmt.time_base or 1 / fmt.fps
    if fmt.pixel_aspect is not None:
        context.sample_aspect_ratio = fmt.pixel_aspect
    context.thread_count = min(_MAX_THREADS, os.cpu_count() or 1)
    colour = fmt.colour or _PHOTO_COLOUR
    context.colorspace = colour.matrix
    context.color_primaries = colour.primaries
    context.color_trc = colour.transfer
    context.color_range = _range_of(colour)
    context.flags |= Flags.frame_duration  # only this flag keeps the duration of the last frame
    quality = {"crf": "0"} if fmt.crf is None else {"crf": str(fmt.crf), "profile": "high"}
    context.options = {"preset": _PRESET, **quality}
    return track


def _range_of(colour: Colour) -> ColorRange:
    return ColorRange.JPEG if colour.full_range else ColorRange.MPEG


class _FrameConverter:
    """Convert arrays and timed planes to encoder frames, and check that they follow one another."""

    def __init__(self, fmt: VideoFormat) -> None:
        self._fmt = fmt
        self._time_base = fmt.time_base or 1 / fmt.fps
        self._colour = fmt.colour or _PHOTO_COLOUR
        self._reformatter = VideoReformatter()
        self.count = 0
        """Frames converted so far."""
        self.end_s = Fraction(0)
        """End of the last of them."""

    def convert(self, frame: U8 | TimedPlanes) -> VideoFrame:
        if isinstance(frame, np.ndarray):
            image, time_s, duration_s = self._image(frame), self.count / self._fmt.fps, 1 / self._fmt.fps
        else:
            image, time_s, duration_s = self._image(frame.planes), frame.time_s, frame.duration_s
        pts, duration = time_s / self._time_base, duration_s / self._time_base
        if time_s != self.end_s or pts.denominator != 1 or duration.denominator != 1 or duration <= 0:
            raise EncodingFailed(
                f"Frame {self.count} starts at {time_s} s and lasts {duration_s} s. It should start at {self.end_s} s "
                f"and last a multiple of {self._time_base} s."
            )
        image.pts, image.duration, image.time_base = int(pts), int(duration), self._time_base
        image.colorspace, image.color_range = self._colour.matrix, _range_of(self._colour)
        self.count += 1
        self.end_s = time_s + duration_s
        return image

    def _image(self, pixels: U8) -> VideoFrame:
        rgb_shape = (self._fmt.height, self._fmt.width, 3)
        planes_shape = (self._fmt.height * 3 // 2, self._fmt.width)
        if pixels.shape == planes_shape:
            return VideoFrame.from_ndarray(pixels, format="yuv420p")
        if pixels.shape != rgb_shape:
            raise EncodingFailed(
                f"Frame {self.count} has the shape {pixels.shape} instead of {rgb_shape} or {planes_shape}."
            )
        return self._reformatter.reformat(
            VideoFrame.from_ndarray(pixels, format="rgb24"),
            format="yuv420p",
            src_colorspace=self._colour.working_matrix,
            dst_colorspace=self._colour.working_matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=_range_of(self._colour),
            interpolation=RGB_TO_PLANES,
        )


class _AudioTrack:
    """Feed audio to the encoder in step with the frames, so that the file interleaves them."""

    def __init__(self, container: OutputContainer, audio: Audio) -> None:
        self._container = container
        self._buffer = SampleBuffer(audio, AUDIO_RATE_HZ, audio.channels)
        self._written = 0
        bits_per_second = AUDIO_BITS_PER_SECOND[audio.channels]
        self._encoder = AacEncoder(AUDIO_RATE_HZ, audio.channels, bits_per_second)
        # The track's own encoder writes only the header.
        self._track: AudioStream = container.add_stream("aac", rate=AUDIO_RATE_HZ, layout=_LAYOUTS[audio.channels])
        self._track.bit_rate = bits_per_second

    def advance(self, until_sample: int) -> None:
        """Write audio up to a sample; write silence after its end."""
        missing = until_sample - self._written
        if missing <= 0:
            return
        samples = self._buffer.take(missing)
        self._written += missing
        self._mux(self._encoder.encode(samples))

    def finish(self) -> None:
        """Flush the encoder."""
        self._mux(self._encoder.finish())

    def _mux(self, packets: Iterator[AudioPacket]) -> None:
        with _encoder_errors():
            for packet in packets:
                packet.stream = self._track
                self._container.mux(packet)
