"""Decode audio files block by block, without ever holding a whole recording."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from lipsmith.errors import InvalidAudio, SilentAudio, WindowOutOfRange
from lipsmith.media.clip import F32
from lipsmith.media.levels import INAUDIBLE_PEAK_DBFS, Levels, measure_window
from lipsmith.media.probe import AUDIO_RATES_HZ, AudioInfo, audio_info, audio_track, is_cut_short, open_media
from lipsmith.media.timeline import check_window, seconds_to_samples

MAX_LEAD_S = 600.0  # a later start comes from a broken clock
MIN_GAP_S = 0.1  # container clocks are rounded; less than this between two packets is no gap
_BLOCK_SAMPLES = 16_384  # amortizes numpy's cost per call; 128 kB of stereo
_LAYOUTS = {1: "mono", 2: "stereo"}


class FileAudio:
    """Audio of a file or a window of it, decoded anew for each playback. Implements `Audio`."""

    def __init__(
        self,
        path: Path,
        *,
        info: AudioInfo,
        first_sample: int,
        gain: float,
        levels: Levels,
        warnings: tuple[str, ...],
    ) -> None:
        self._path = path
        self._info = info
        self._first_sample = first_sample
        self._gain = gain
        self._levels = levels
        self.warnings = warnings
        """Problems that the user may want to know, such as a file that was cut off."""

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
        """Sampling rate of the file."""
        return self._info.rate_hz

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """Yield (channels, n) float32 blocks at ``rate_hz``, exactly ``duration_s`` long in total."""
        with open_media(self._path, InvalidAudio) as container:
            decoded = _decoded(container, self._path, self._info, _DecodingFaults())
            window = _window(decoded, self._first_sample, self._first_sample + self._levels.samples)
            mixed = (self._levels.to_channels(block * np.float32(self._gain), channels) for block in window)
            yield from _at_rate(mixed, self.rate_hz, rate_hz, self._levels.samples)


class MemoryAudio:
    """Audio in memory, such as synthesized speech. Implements `Audio`.

    ``samples`` is (channels, n) float32 with 1 or 2 channels, full scale ±1. Raises InvalidAudio for another shape, for
    a rate outside 4–384 kHz, or for samples that are not finite or far beyond full scale.
    """

    def __init__(self, samples: F32, rate_hz: int) -> None:
        if rate_hz not in AUDIO_RATES_HZ:
            raise InvalidAudio(f"Audio at {rate_hz} samples per second cannot be used.")
        samples = np.ascontiguousarray(samples, dtype=np.float32)
        if samples.ndim != 2 or samples.shape[0] not in (1, 2) or not samples.shape[1]:
            raise InvalidAudio(f"Audio in memory must have the shape (1 or 2 channels, samples), not {samples.shape}.")
        self._samples = samples
        self._rate_hz = rate_hz
        self._levels = Levels(channels=samples.shape[0])
        self._levels.add(samples)
        if self._levels.fault is not None:
            raise InvalidAudio(f"The audio {self._levels.fault}")
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
        """Sampling rate of the samples."""
        return self._rate_hz

    def window(self, start_s: float | None = None, end_s: float | None = None) -> MemoryAudio:
        """Return the part between two times; raises WindowOutOfRange."""
        start, end = check_window(start_s, end_s, self.duration_s)
        first, last = seconds_to_samples(start, self._rate_hz), seconds_to_samples(end, self._rate_hz)
        if first >= last:
            raise WindowOutOfRange(f"The window from {start:g} to {end:g} s is shorter than one sample.")
        return MemoryAudio(self._samples[:, first:last], self._rate_hz)

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        """Yield (channels, n) float32 blocks at ``rate_hz``, exactly ``duration_s`` long in total."""
        count = self._samples.shape[1]
        blocks = (self._samples[:, at : at + _BLOCK_SAMPLES] for at in range(0, count, _BLOCK_SAMPLES))
        mixed = (self._levels.to_channels(block, channels) for block in blocks)
        yield from _at_rate(mixed, self._rate_hz, rate_hz, count)


def open_audio(path: str | Path, *, start_s: float | None = None, end_s: float | None = None) -> FileAudio:
    """Open the first audio track of a file and decode it once, to measure its true length and levels.

    The time of an audio file counts from its first sample. An audio track that starts late in a video is preceded by
    silence, so that it stays in step with the frames.

    Raises InvalidAudio, SilentAudio or WindowOutOfRange.
    """
    path = Path(path)
    start, end = check_window(start_s, end_s)
    faults = _DecodingFaults()
    with open_media(path, InvalidAudio) as container:
        info = audio_info(container, audio_track(container, path), path)
        levels = Levels(channels=min(2, info.channels))
        first = seconds_to_samples(start, info.rate_hz)
        last = None if math.isinf(end) else seconds_to_samples(end, info.rate_hz)
        decoded = measure_window(_decoded(container, path, info, faults), first, last, levels)
    if not decoded:
        raise InvalidAudio(f"{path.name!r} has an audio track without a single sample. Record or export it again.")
    if last is None or decoded < last:
        check_window(start_s, end_s, decoded / info.rate_hz)
    _check_levels(path, levels)
    gain, gain_notes = _gain_for_peaks(info, levels)
    notes = (*_other_tracks(path, info), *_missing_parts(path, info, decoded, last, faults), *gain_notes)
    return FileAudio(path, info=info, first_sample=first, gain=gain, levels=levels, warnings=notes)


@dataclass(kw_only=True)
class _DecodingFaults:
    """Errors met while a file was decoded."""

    packets: int = 0
    broke_off: bool = False


def _check_levels(path: Path, levels: Levels) -> None:
    if not levels.samples:
        raise WindowOutOfRange(f"The window into {path.name!r} is shorter than one sample. Choose a longer one.")
    if levels.fault is not None:
        raise InvalidAudio(f"{path.name!r} {levels.fault}")
    if levels.audible_dbfs < INAUDIBLE_PEAK_DBFS:
        raise SilentAudio(
            f"{path.name!r} is silent: its loudest sample lies below {INAUDIBLE_PEAK_DBFS:g} dB of full scale. Check "
            "that the microphone was not muted and that the window contains speech."
        )


def _gain_for_peaks(info: AudioInfo, levels: Levels) -> tuple[float, tuple[str, ...]]:
    """Return the gain that keeps a mix of many channels from clipping; mono and stereo keep their level."""
    if info.channels <= 2:
        return 1.0, ()
    note = f"The {info.channels} channels were mixed down to stereo"
    if levels.peak <= 1.0:
        return 1.0, (f"{note}.",)
    return 1.0 / levels.peak, (f"{note}, {20 * math.log10(levels.peak):.1f} dB softer so that no peak clips.",)


def _other_tracks(path: Path, info: AudioInfo) -> tuple[str, ...]:
    if info.tracks < 2:
        return ()
    return (f"{path.name!r} has {info.tracks} audio tracks; only the first is used.",)


def _missing_parts(
    path: Path, info: AudioInfo, decoded: int, last: int | None, faults: _DecodingFaults
) -> tuple[str, ...]:
    decoded_s = decoded / info.rate_hz
    if last is not None and decoded >= last:
        return ()
    if is_cut_short(info.announced_s, decoded_s):
        return (
            f"{path.name!r} announces {info.announced_s:.2f} s of audio, but only {decoded_s:.2f} s could be read: "
            "it was probably cut off or damaged.",
        )
    if faults.broke_off or faults.packets:
        return (f"{path.name!r} is damaged in places; {decoded_s:.2f} s of audio could be read.",)
    return ()


def _decoded(container: InputContainer, path: Path, info: AudioInfo, faults: _DecodingFaults) -> Iterator[F32]:
    """Yield (1 or 2, n) float32 blocks at the file's rate, from the first sample or from the start of the video."""
    channels = min(2, info.channels)
    resampler: AudioResampler | None = None
    current_kind: tuple[str, str, int] | None = None
    for missing_s, frame in _audio_frames(container, info, faults):
        yield from _silence(channels, seconds_to_samples(missing_s, info.rate_hz))  # keeps the rest in its place
        if current_kind is None and info.has_video:
            yield from _silence(channels, _lead_samples(container, frame.time, info.rate_hz))
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != current_kind:  # joined recordings may change in the middle
            if resampler is not None:
                yield from _resample(resampler, None, path)
            resampler = AudioResampler("fltp", _LAYOUTS[channels], info.rate_hz)
            current_kind = kind
        assert resampler is not None
        frame.pts = None  # the clock of a hostile file must not open gaps in the filter
        yield from _resample(resampler, frame, path)
    if resampler is not None:
        yield from _resample(resampler, None, path)


def _resample(resampler: AudioResampler, frame: AudioFrame | None, path: Path) -> Iterator[F32]:
    try:
        for block in resampler.resample(frame):
            yield block.to_ndarray()  # type: ignore[misc]  # fltp is float32
    except (av.FFmpegError, ValueError) as error:
        raise InvalidAudio(
            f"The channels of {path.name!r} cannot be mixed down to two. Save it again as stereo or mono."
        ) from error


def _audio_frames(
    container: InputContainer, info: AudioInfo, faults: _DecodingFaults
) -> Iterator[tuple[float, AudioFrame]]:
    """Yield each decodable frame with the missing seconds before it; a broken file ends early."""
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
            is_gap = gap_s > 0 and (lost or (info.has_video and gap_s >= MIN_GAP_S))
            missing_s = gap_s if is_gap and filled_s + gap_s <= MAX_LEAD_S else 0.0
            filled_s += missing_s
            lost, due_s = False, None if frame.time is None else frame.time + frame.samples / frame.sample_rate
            yield missing_s, frame


def _lead_samples(container: InputContainer, first_s: float | None, rate_hz: int) -> int:
    """Return the delay of a track after its container's start, in samples; 0 for an implausible clock."""
    if first_s is None or container.start_time is None:
        return 0
    lead_s = first_s - container.start_time / av.time_base
    return seconds_to_samples(lead_s, rate_hz) if 0 < lead_s <= MAX_LEAD_S else 0


def _silence(channels: int, samples: int) -> Iterator[F32]:
    for at in range(0, samples, _BLOCK_SAMPLES):
        yield np.zeros((channels, min(_BLOCK_SAMPLES, samples - at)), dtype=np.float32)


def _window(blocks: Iterable[F32], first: int, last: int) -> Iterator[F32]:
    """Yield the samples from ``first`` to ``last`` of a stream of blocks."""
    at = 0
    for block in blocks:
        part = block[:, max(0, first - at) : max(0, last - at)]
        at += block.shape[1]
        if part.shape[1]:
            yield part
        if at >= last:
            return


def _at_rate(blocks: Iterable[F32], from_hz: int, to_hz: int, samples: int) -> Iterator[F32]:
    """Resample blocks of ``samples`` samples in total, to exactly the same length at the other rate."""
    left = seconds_to_samples(Fraction(samples, from_hz), to_hz)
    channels = 1
    for block in blocks if from_hz == to_hz else _resampled(blocks, from_hz, to_hz):
        channels = block.shape[0]
        part = block[:, :left]
        left -= part.shape[1]
        if part.shape[1]:
            yield np.ascontiguousarray(part)
    if left:  # the filter's tail may be a sample short
        yield np.zeros((channels, left), dtype=np.float32)


def _resampled(blocks: Iterable[F32], from_hz: int, to_hz: int) -> Iterator[F32]:
    resampler: AudioResampler | None = None
    for block in blocks:
        layout = _LAYOUTS[block.shape[0]]
        resampler = resampler or AudioResampler("fltp", layout, to_hz)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
        frame.sample_rate = from_hz
        for resampled in resampler.resample(frame):
            yield resampled.to_ndarray()  # type: ignore[misc]  # fltp is float32
    if resampler is not None:
        for resampled in resampler.resample(None):
            yield resampled.to_ndarray()  # type: ignore[misc]
