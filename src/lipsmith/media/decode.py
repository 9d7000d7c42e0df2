"""Sound and frames out of files, block by block. Never holds a whole recording or clip."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from lipsmith.errors import InputError, InvalidAudio, SilentAudio, WindowOutOfRange
from lipsmith.media.clip import F32, U8
from lipsmith.media.probe import AUDIO_RATES_HZ, MAX_FRAME_PIXELS, AudioInfo, audio_info, audio_track, open_media
from lipsmith.media.timeline import check_window, seconds_to_samples

INAUDIBLE_PEAK_DBFS = -70.0  # below the noise of the quietest room on 16-bit gear; speech at -50 LUFS peaks near -30
LOUDEST_PEAK = 16.0  # +24 dB: beyond it a float file was written in the steps of an integer, up to 32768
EMPTY_CHANNEL_DB = 20.0  # a channel this far below the other carries only crosstalk
CANCELLING_DB = 6.0  # the mean of unrelated channels lies 3 dB below them; far more means they cancel
MISSING_SHARE = 0.02  # headers round; a file that lacks more than this of its announced length was cut off
MISSING_S = 0.5
LONGEST_LEAD_S = 600.0  # a start later than this is a broken clock, not a late start
SHORTEST_GAP_S = 0.1  # clocks of containers are rounded; less than this between two packets is no gap
_BLOCK_SAMPLES = 16_384  # enough to make numpy's cost per call vanish, 128 kB of stereo
_LAYOUTS = {1: "mono", 2: "stereo"}

_UNNAMED_MATRIX = 2  # AVCOL_SPC_UNSPECIFIED
_HD_FROM_HEIGHT = 720  # the usual guess for clips that do not name their matrix
_EXACT_SCALING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@dataclass(kw_only=True)
class _Levels:
    """What a pass over a sound has heard; grows by `add`."""

    channels: int
    samples: int = 0
    highest: F32 = field(init=False)
    lowest: F32 = field(init=False)
    energy: np.ndarray[tuple[int], np.dtype[np.float64]] = field(init=False)
    mean_energy: float = 0.0

    def __post_init__(self) -> None:
        self.highest = np.full(self.channels, -np.inf, dtype=np.float32)
        self.lowest = np.full(self.channels, np.inf, dtype=np.float32)
        self.energy = np.zeros(self.channels)

    def add(self, block: F32) -> None:
        """Takes in a (channels, n) block."""
        self.samples += block.shape[1]
        with np.errstate(all="ignore"):  # samples that are no numbers are judged at the end, by `fault`
            self.highest = np.maximum(self.highest, block.max(axis=1))
            self.lowest = np.minimum(self.lowest, block.min(axis=1))
            self.energy += np.einsum("cn,cn->c", block, block, dtype=np.float64)
            mean = block.mean(axis=0)
            self.mean_energy += float(np.dot(mean, mean))

    @property
    def fault(self) -> str | None:
        """Why this cannot be played, as the end of a sentence; None where it can."""
        if not (np.isfinite(self.highest).all() and np.isfinite(self.lowest).all()):
            return "holds samples that are no numbers. Export it again."
        if self.peak > LOUDEST_PEAK:
            return f"holds samples of {self.peak:.3g} times full scale. Export it again with samples between -1 and 1."
        return None

    @property
    def peak(self) -> float:
        """Largest distance from zero, full scale 1."""
        return float(max(self.highest.max(), -self.lowest.min())) if self.samples else 0.0

    @property
    def audible_dbfs(self) -> float:
        """Half the largest swing, in dB of full scale; a constant offset makes no sound."""
        swing = float((self.highest - self.lowest).max()) / 2 if self.samples else 0.0
        return 20 * math.log10(swing) if swing > 0 else -math.inf

    @property
    def mono_channel(self) -> int | None:
        """Which channel speaks for all when one is wanted; None where their mean does."""
        if self.channels == 1:
            return 0
        loud, soft = float(self.energy.max()), float(self.energy.min())
        one_is_empty = soft < loud * 10 ** (-EMPTY_CHANNEL_DB / 10)
        they_cancel = self.mean_energy < float(self.energy.mean()) * 10 ** (-CANCELLING_DB / 10)
        return int(self.energy.argmax()) if one_is_empty or they_cancel else None


class FileAudio:
    """The sound of a file, or a window of it; decoded anew each time it is played. Implements `Audio`."""

    def __init__(
        self,
        path: Path,
        *,
        info: AudioInfo,
        first_sample: int,
        gain: float,
        levels: _Levels,
        warnings: tuple[str, ...],
    ) -> None:
        self._path = path
        self._info = info
        self._first_sample = first_sample
        self._gain = gain
        self._levels = levels
        self.warnings = warnings
        """What its owner may want to know, such as a file that was cut off."""

    @property
    def duration_s(self) -> float:
        """Length of the decoded window, seconds."""
        return self._levels.samples / self.rate_hz

    @property
    def channels(self) -> int:
        """1 or 2."""
        return self._levels.channels

    @property
    def rate_hz(self) -> int:
        """The file's own rate."""
        return self._info.rate_hz

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """(channels, n) float32 blocks at ``rate_hz``, together exactly ``duration_s`` long."""
        with open_media(self._path, InvalidAudio) as container:
            decoded = _decoded(container, self._path, self._info, _DecodingFaults())
            window = _cut(decoded, self._first_sample, self._first_sample + self._levels.samples)
            mixed = (_mix(block * np.float32(self._gain), channels, self._levels) for block in window)
            yield from _at_rate(mixed, self.rate_hz, rate_hz, self._levels.samples)


class MemoryAudio:
    """Sound that lies in memory, such as a spoken text. Implements `Audio`.

    ``samples`` is (channels, n) float32 with 1 or 2 channels, full scale ±1. Raises InvalidAudio for another shape, for
    a rate outside 4–384 kHz, or for samples that are not finite or far beyond full scale.
    """

    def __init__(self, samples: F32, rate_hz: int) -> None:
        if rate_hz not in AUDIO_RATES_HZ:
            raise InvalidAudio(f"Sound at {rate_hz} samples per second cannot be used.")
        samples = np.ascontiguousarray(samples, dtype=np.float32)
        if samples.ndim != 2 or samples.shape[0] not in (1, 2) or not samples.shape[1]:
            raise InvalidAudio(f"Sound in memory has to be (1 or 2 channels, samples), not {samples.shape}.")
        self._samples = samples
        self._rate_hz = rate_hz
        self._levels = _Levels(channels=samples.shape[0])
        self._levels.add(samples)
        if self._levels.fault is not None:
            raise InvalidAudio(f"The sound {self._levels.fault}")
        self.warnings: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self._samples.shape[1] / self._rate_hz

    @property
    def channels(self) -> int:
        """1 or 2."""
        return self._samples.shape[0]

    @property
    def rate_hz(self) -> int:
        """The rate the samples were given at."""
        return self._rate_hz

    def window(self, start_s: float | None = None, end_s: float | None = None) -> MemoryAudio:
        """The part between two times; raises WindowOutOfRange."""
        start, end = check_window(start_s, end_s, self.duration_s)
        first, last = seconds_to_samples(start, self._rate_hz), seconds_to_samples(end, self._rate_hz)
        if first >= last:
            raise WindowOutOfRange(f"The window from {start:g} to {end:g} s is shorter than one sample.")
        return MemoryAudio(self._samples[:, first:last], self._rate_hz)

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """(channels, n) float32 blocks at ``rate_hz``, together exactly ``duration_s`` long."""
        count = self._samples.shape[1]
        split_text = (self._samples[:, at : at + _BLOCK_SAMPLES] for at in range(0, count, _BLOCK_SAMPLES))
        mixed = (_mix(piece, channels, self._levels) for piece in split_text)
        yield from _at_rate(mixed, self._rate_hz, rate_hz, count)


def open_audio(path: str | Path, *, start_s: float | None = None, end_s: float | None = None) -> FileAudio:
    """Opens the first sound track of a file and hears it once through, to know its true length and levels.

    A sound file runs on its own clock, from its first sample; a track that starts late within a video is led by
    silence, so that it stays with the pictures.

    Raises InvalidAudio, SilentAudio or WindowOutOfRange.
    """
    path = Path(path)
    start, end = check_window(start_s, end_s)
    faults = _DecodingFaults()
    with open_media(path, InvalidAudio) as container:
        info = audio_info(container, audio_track(container, path), path)
        levels = _Levels(channels=min(2, info.channels))
        first = seconds_to_samples(start, info.rate_hz)
        last = None if math.isinf(end) else seconds_to_samples(end, info.rate_hz)
        heard = _measure_levels(_decoded(container, path, info, faults), first, last, levels)
    _refuse_nothing(path, heard)
    if last is None or heard < last:
        check_window(start_s, end_s, heard / info.rate_hz)
    _refuse_unheard(path, levels)
    gain, gain_notes = _room_for_peaks(info, levels)
    notes = (*_other_tracks(path, info), *_what_is_missing(path, info, heard, last, faults), *gain_notes)
    return FileAudio(path, info=info, first_sample=first, gain=gain, levels=levels, warnings=notes)


@dataclass(kw_only=True)
class _DecodingFaults:
    """What went wrong on the way through a file."""

    packets: int = 0
    broke_off: bool = False


def _measure_levels(blocks: Iterable[F32], first: int, last: int | None, levels: _Levels) -> int:
    """Hears the samples from ``first`` to ``last``; returns how many were decoded, counted from the very start."""
    heard = 0
    for block in blocks:
        part = block[:, max(0, first - heard) : None if last is None else max(0, last - heard)]
        heard += block.shape[1]
        if part.shape[1]:
            levels.add(part)
        if last is not None and heard >= last:
            break
    return heard


def _refuse_nothing(path: Path, heard: int) -> None:
    if not heard:
        raise InvalidAudio(
            f"{path.name!r} has a sound track, but not a single sample in it. Record or export it again."
        )


def _refuse_unheard(path: Path, levels: _Levels) -> None:
    if not levels.samples:
        raise WindowOutOfRange(f"The window into {path.name!r} is shorter than one sample. Choose a longer one.")
    if levels.fault is not None:
        raise InvalidAudio(f"{path.name!r} {levels.fault}")
    if levels.audible_dbfs < INAUDIBLE_PEAK_DBFS:
        raise SilentAudio(
            f"Nothing can be heard in {path.name!r}: its loudest sample lies below {INAUDIBLE_PEAK_DBFS:g} dB of full "
            "scale. Check that the microphone was not muted and that the window holds speech."
        )


def _room_for_peaks(info: AudioInfo, levels: _Levels) -> tuple[float, tuple[str, ...]]:
    """The gain that keeps a mix of many channels from clipping; sound of one or two is never touched."""
    if info.channels <= 2:
        return 1.0, ()
    note = f"The {info.channels} channels were mixed down to stereo"
    if levels.peak <= 1.0:
        return 1.0, (f"{note}.",)
    return 1.0 / levels.peak, (f"{note}, {20 * math.log10(levels.peak):.1f} dB softer so that no peak clips.",)


def _other_tracks(path: Path, info: AudioInfo) -> tuple[str, ...]:
    if info.tracks < 2:
        return ()
    return (f"{path.name!r} has {info.tracks} sound tracks; only the first is used.",)


def _what_is_missing(
    path: Path, info: AudioInfo, heard: int, last: int | None, faults: _DecodingFaults
) -> tuple[str, ...]:
    read_s = heard / info.rate_hz
    if last is not None and heard >= last:
        return ()
    if info.announced_s is not None and info.announced_s - read_s > max(MISSING_S, MISSING_SHARE * read_s):
        return (
            f"{path.name!r} announces {info.announced_s:.2f} s of sound, but only {read_s:.2f} s could be read: "
            "it was probably cut off or damaged.",
        )
    if faults.broke_off or faults.packets:
        return (f"{path.name!r} is damaged in places; {read_s:.2f} s of sound could be read.",)
    return ()


def _decoded(container: InputContainer, path: Path, info: AudioInfo, faults: _DecodingFaults) -> Iterator[F32]:
    """(1 or 2, n) float32 blocks at the file's rate, from the first sample, or from the start of its video."""
    channels = min(2, info.channels)
    resampler: AudioResampler | None = None
    seen: tuple[str, str, int] | None = None
    for lost_s, frame in _audio_frames(container, info, faults):
        yield from _silence(channels, seconds_to_samples(lost_s, info.rate_hz))  # what follows stays in its place
        if seen is None and info.has_video:
            yield from _silence(channels, _lead_samples(container, frame.time, info.rate_hz))
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != seen:  # joined recordings may change in the middle
            if resampler is not None:
                yield from _read_ahead(resampler, None, path)
            resampler = AudioResampler("fltp", _LAYOUTS[channels], info.rate_hz)
            seen = kind
        assert resampler is not None
        frame.pts = None  # the clock of a hostile file must not open gaps in the filter
        yield from _read_ahead(resampler, frame, path)
    if resampler is not None:
        yield from _read_ahead(resampler, None, path)


def _read_ahead(resampler: AudioResampler, frame: AudioFrame | None, path: Path) -> Iterator[F32]:
    try:
        for piece in resampler.resample(frame):
            yield piece.to_ndarray()  # type: ignore[misc]  # fltp is float32
    except (av.FFmpegError, ValueError) as fault:
        raise InvalidAudio(
            f"The channels of {path.name!r} cannot be mixed down to two. Save it again as stereo or mono."
        ) from fault


def _audio_frames(
    container: InputContainer, info: AudioInfo, faults: _DecodingFaults
) -> Iterator[tuple[float, AudioFrame]]:
    """Every frame that can be decoded, with the seconds that are missing before it; a broken file just ends."""
    packets = container.demux(container.streams.audio[0])
    due_s: float | None = None
    lost, filled_s = False, 0.0
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.FFmpegError, OSError, IndexError):  # a track that appears late breaks PyAV's count
            faults.broke_off = True
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            faults.packets += 1
            lost = True
            continue
        for frame in frames:
            gap_s = 0.0 if due_s is None or frame.time is None else frame.time - due_s
            told = gap_s > 0 and (lost or (info.has_video and gap_s >= SHORTEST_GAP_S))
            missing_s = gap_s if told and filled_s + gap_s <= LONGEST_LEAD_S else 0.0
            filled_s += missing_s
            lost, due_s = False, None if frame.time is None else frame.time + frame.samples / frame.sample_rate
            yield missing_s, frame


def _lead_samples(container: InputContainer, first_s: float | None, rate_hz: int) -> int:
    """How much later than its container a track starts, samples; 0 for a clock that makes no sense."""
    if first_s is None or container.start_time is None:
        return 0
    lead_s = first_s - container.start_time / av.time_base
    return seconds_to_samples(lead_s, rate_hz) if 0 < lead_s <= LONGEST_LEAD_S else 0


def _silence(channels: int, samples: int) -> Iterator[F32]:
    for at in range(0, samples, _BLOCK_SAMPLES):
        yield np.zeros((channels, min(_BLOCK_SAMPLES, samples - at)), dtype=np.float32)


def _cut(blocks: Iterable[F32], first: int, last: int) -> Iterator[F32]:
    """The samples from ``first`` to ``last`` of a stream of blocks, in blocks."""
    at = 0
    for block in blocks:
        part = block[:, max(0, first - at) : max(0, last - at)]
        at += block.shape[1]
        if part.shape[1]:
            yield part
        if at >= last:
            return


def _mix(block: F32, channels: int, levels: _Levels) -> F32:
    """``block`` with ``channels`` channels: doubled, as it is, or brought to one."""
    if channels == block.shape[0]:
        return block
    if channels == 2:
        return np.repeat(block, 2, axis=0)
    chosen = levels.mono_channel
    return block.mean(axis=0, keepdims=True) if chosen is None else block[chosen : chosen + 1]


def _at_rate(blocks: Iterable[F32], from_hz: int, to_hz: int, samples: int) -> Iterator[F32]:
    """The blocks, together ``samples`` long, at another rate: exactly as many samples as that length asks for."""
    left = seconds_to_samples(Fraction(samples, from_hz), to_hz)
    channels = 1
    for block in blocks if from_hz == to_hz else _resampled(blocks, from_hz, to_hz):
        channels = block.shape[0]
        piece = block[:, :left]
        left -= piece.shape[1]
        if piece.shape[1]:
            yield np.ascontiguousarray(piece)
    if left:  # the filter's tail may be a sample short
        yield np.zeros((channels, left), dtype=np.float32)


def _resampled(blocks: Iterable[F32], from_hz: int, to_hz: int) -> Iterator[F32]:
    resampler: AudioResampler | None = None
    for block in blocks:
        layout = _LAYOUTS[block.shape[0]]
        resampler = resampler or AudioResampler("fltp", layout, to_hz)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
        frame.sample_rate = from_hz
        for piece in resampler.resample(frame):
            yield piece.to_ndarray()  # type: ignore[misc]  # fltp is float32
    if resampler is not None:
        for piece in resampler.resample(None):
            yield piece.to_ndarray()  # type: ignore[misc]


class FileFrames:
    """The pictures of a video file, upright, decoded anew each time they are walked through."""

    def __init__(self, path: Path, *, fps: Fraction, frame_count: int, width: int, height: int) -> None:
        self._path = path
        self.fps = fps
        """Average rate over the whole clip."""
        self.frame_count = frame_count
        """Pictures in the file, counted without decoding them."""
        self.width = width
        """As shown, after any turn, pixels."""
        self.height = height

    def __len__(self) -> int:
        return self.frame_count

    def __iter__(self) -> Iterator[U8]:
        """(height, width, 3) uint8 RGB, one frame at a time, in the order they are shown."""
        reformatter = VideoReformatter()
        with open_media(self._path, InputError) as container:
            stream = _video_stream(container, self._path)
            stream.thread_type = "AUTO"
            with _video_faults(self._path):
                for frame in container.decode(stream):
                    yield _upright_rgb(frame, reformatter)


def read_frames(path: str | Path) -> FileFrames:
    """Opens the pictures of a video; raises InputError for a file without any."""
    path = Path(path)
    with open_media(path, InputError) as container, _video_faults(path):
        stream = _video_stream(container, path)
        fps = Fraction(stream.average_rate or stream.guessed_rate or 25)
        count = sum(1 for packet in container.demux(stream) if packet.size)
    with open_media(path, InputError) as container, _video_faults(path):
        frame = next(container.decode(_video_stream(container, path)), None)
    if frame is None:
        raise InputError(f"{path.name!r} has a video track without a single picture. Export the video again.")
    turned = frame.rotation % 180 != 0
    width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
    return FileFrames(path, fps=fps, frame_count=count, width=width, height=height)


@contextmanager
def _video_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, IndexError) as fault:  # the second from PyAV, where a track appears late
        raise InputError(f"The pictures of {path.name!r} are damaged. Export the video again.") from fault


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    if not container.streams.video:
        raise InputError(f"{path.name!r} has no pictures. Choose a video.")
    stream = container.streams.video[0]
    if getattr(stream, "codec_context", None) is None:
        raise InputError(f"The pictures of {path.name!r} have a coding that is not known here. Save it as H.264.")
    _refuse_large_frames(stream.width, stream.height)
    return stream


def _refuse_large_frames(width: int, height: int) -> None:
    if width * height > MAX_FRAME_PIXELS:
        raise InputError(
            f"The pictures of the video have {width} x {height} pixels; at most {MAX_FRAME_PIXELS // 1_000_000} "
            "megapixels can be used. Scale the video down."
        )


def _upright_rgb(frame: VideoFrame, reformatter: VideoReformatter) -> U8:
    """The frame in RGB by the matrix it was made with; FFmpeg alone would take BT.601 for everything unnamed."""
    _refuse_large_frames(frame.width, frame.height)
    matrix = frame.colorspace
    if matrix == _UNNAMED_MATRIX:
        matrix = Colorspace.ITU709 if frame.height >= _HD_FROM_HEIGHT else Colorspace.ITU601
    rgb: U8 = reformatter.reformat(
        frame,
        format="rgb24",
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=_range_of(frame),
        dst_color_range=ColorRange.JPEG,
        interpolation=_EXACT_SCALING,
    ).to_ndarray()  # type: ignore[assignment]  # rgb24 is uint8
    return np.ascontiguousarray(np.rot90(rgb, frame.rotation // 90)) if frame.rotation else rgb


def _range_of(frame: VideoFrame) -> int:
    if frame.format.name.startswith("yuvj"):
        return ColorRange.JPEG
    return frame.color_range or ColorRange.MPEG
