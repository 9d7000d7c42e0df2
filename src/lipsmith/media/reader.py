"""Read the frames of a clip one by one, with their exact times.

A clip can be read any number of times, whole or in parts, and yields the same frames each time. Only a few frames are
in memory at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from lipsmith.errors import InvalidVideo, VideoTooLarge
from lipsmith.limits import FPS
from lipsmith.media.clip import U8, ClipFrame, ClipInfo
from lipsmith.media.colour import UNNAMED, names_matrix
from lipsmith.media.index import MAX_FRAMES, FrameIndex, Ticks, index_decoded, index_packets, named_rate
from lipsmith.media.planes import PlaneMaker, upright_rgb
from lipsmith.media.probe import MAX_FRAME_PIXELS, is_cut_short, open_media
from lipsmith.media.timeline import PlannedFrame, check_fps, check_window, thin_out

MAX_PIXEL_ASPECT = 10  # pixels wider or taller than this come from a broken header
MIN_FRAME_SIDE_PX = 16
_FPS_SLACK = Fraction(1, 100)  # clocks of phones run a little fast
_DURATION_TAG = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_REVERSE_BUFFER_BYTES = 96 << 20  # frames kept to be shown backwards: 69 at 720p
_MAX_THREADS = 4  # each holds a frame or two
_VERIFIED_FRAMES = 12  # decoded frames whose times have to match the packets


class Clip:
    """Frames of a clip; created by `open_clip`."""

    def __init__(
        self,
        path: Path,
        info: ClipInfo,
        index: FrameIndex,
        plane_maker: Callable[[], PlaneMaker],
        on_frame: Callable[[], None] | None,
    ) -> None:
        self.path = path
        self.info = info
        self._index = index
        self._plane_maker = plane_maker
        self._on_frame = on_frame
        self._damaged: set[int] = set()

    def __len__(self) -> int:
        return len(self._index)

    @property
    def times_s(self) -> list[Fraction]:
        """Exact start of each frame, from the start of the window."""
        start = int(self._index.ticks[0])
        return [(int(tick) - start) * self._index.time_base for tick in self._index.ticks]

    @property
    def durations_s(self) -> list[Fraction]:
        """Exact duration of each frame."""
        return [int(length) * self._index.time_base for length in self._index.durations]

    @property
    def damaged_s(self) -> tuple[tuple[float, float], ...]:
        """Damaged parts found while frames were read, as (start, end) in seconds.

        Each part ends at the next key frame, since the frames before it depend on damaged ones.
        """
        times = [float(time_s) for time_s in (*self.times_s, self.info.duration_s)]
        parts: list[tuple[float, float]] = []
        for index in sorted(self._damaged):
            start, end = times[index], times[self._next_intact(index)]
            if parts and parts[-1][1] >= start:
                parts[-1] = (parts[-1][0], max(end, parts[-1][1]))
            else:
                parts.append((start, end))
        return tuple(parts)

    def _next_intact(self, damaged: int) -> int:
        """Return the next frame that does not depend on a damaged one; the end if key frames are unknown."""
        ticks, keys = self._index.ticks, self._index.key_ticks
        key = int(np.searchsorted(keys, ticks[damaged], side="right"))
        return len(ticks) if key == len(keys) else int(np.searchsorted(ticks, keys[key]))

    def frames(self, first: int = 0, last: int | None = None) -> Iterator[ClipFrame]:
        """Yield the frames from ``first`` to before ``last``, in display order.

        A frame that cannot be decoded is replaced by the last good one, or at the beginning by the first good one.
        Damaged regions, which decoders guess and smear until the next key frame, may differ slightly if reading starts
        at another key frame. Everything else is the same however it is read.

        Raises InvalidVideo if not a single frame can be decoded.
        """
        last = len(self) if last is None else min(last, len(self))
        ticks = self._index.ticks
        due = first
        good: VideoFrame | None = None
        if due >= last:
            return
        with open_media(self.path, InvalidVideo) as container:
            maker = self._plane_maker()
            for frame in _frames_from(container, self.path, self._index, int(ticks[first])):
                if self._on_frame is not None:
                    self._on_frame()
                while due < last and ticks[due] < _tick(frame):
                    yield self._frame(due, maker(good or frame), damaged=True)
                    due += 1
                if due >= last:
                    return
                if ticks[due] == _tick(frame):
                    yield self._frame(due, maker(frame), damaged=frame.is_corrupt)
                    due += 1
                good = frame
            if good is None:
                raise _nothing_decoded(self.path)
            for missing in range(due, last):
                yield self._frame(missing, maker(good), damaged=True)

    def play(self, plan: Iterable[PlannedFrame]) -> Iterator[ClipFrame]:
        """Yield the frames of a plan at its times; ``index`` stays the frame's number in the clip.

        Playing forwards, backwards and freezing need little memory: backwards, a short part is decoded at a time.
        """
        source: Iterator[ClipFrame] = iter(())
        position, step = -1, 0
        current: ClipFrame | None = None
        for planned in plan:
            if current is None or planned.source != position:
                if planned.source - position != step or step == 0:
                    step = -1 if planned.source == position - 1 else 1
                    source = self._backwards(planned.source) if step < 0 else self.frames(planned.source)
                current, position = next(source), planned.source
            yield replace(current, planes=current.planes.copy(), time_s=planned.time_s, duration_s=planned.duration_s)

    def _backwards(self, last: int) -> Iterator[ClipFrame]:
        """Yield the frames from ``last`` back to the first."""
        buffered = max(1, _REVERSE_BUFFER_BYTES // (self.info.width * self.info.height * 3 // 2))
        for end in range(last + 1, 0, -buffered):
            yield from reversed(list(self.frames(max(0, end - buffered), end)))

    def _frame(self, index: int, planes: U8, *, damaged: bool) -> ClipFrame:
        if damaged:
            self._damaged.add(index)
        ticks, time_base = self._index.ticks, self._index.time_base
        after = self._index.end if index + 1 == len(ticks) else int(ticks[index + 1])
        return ClipFrame(
            index=index,
            planes=planes,
            time_s=int(ticks[index] - ticks[0]) * time_base,
            duration_s=(after - int(ticks[index])) * time_base,
            damaged=damaged,
        )


def open_clip(
    path: str | Path,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    max_fps: Fraction | float | str | None = None,
    max_resolution: int | None = None,
    on_frame: Callable[[], None] | None = None,
) -> Clip:
    """Open a video, or the part between two times counted from its first frame.

    The window starts and ends with the frames that start nearest to the two times. ``max_fps`` drops frames above that
    rate and never adds any. ``max_resolution`` is the longest side in pixels; larger frames are scaled down, others
    keep every byte. ``on_frame`` is called for each decoded frame; its exceptions end the work.

    Raises InvalidVideo, VideoTooLarge, VideoEncrypted, WindowOutOfRange or InvalidOption.
    """
    path = Path(path)
    limit = None if max_fps is None else check_fps(max_fps)
    with open_media(path, InvalidVideo) as container:
        track = _video_track(container, path)
        index = index_packets(container, track, path)
    first, ticks = _first_frames(path)
    if index is not None and ticks != sorted(ticks):
        index = index.counted()
    elif index is None or ticks != index.ticks[: len(ticks)].tolist():  # fields may have packets of their own
        with open_media(path, InvalidVideo) as container:
            times = map(_tick, _rising(_reported(_decoded(container, path), on_frame)))
            index = index_decoded(times, _video_track(container, path).time_base or Fraction(1, 1000), path)
    _check_not_tiny(first.width, first.height, path)
    chosen = _window(index, start_s, end_s)
    if limit is not None:
        chosen = chosen.only(thin_out(chosen.ticks, chosen.time_base, limit))
    _check_rate(chosen, path)
    with open_media(path, InvalidVideo) as container:
        info = _clip_info(container, path, chosen, PlaneMaker(first, max_resolution), first)
        missing = _missing_parts(_video_track(container, path), index, path)
    info = replace(info, warnings=(*info.warnings, *missing))
    return Clip(path, info, chosen, partial(PlaneMaker, first, max_resolution), on_frame)


def first_frame(path: str | Path) -> U8:
    """Return the first frame that can be decoded, (height, width, 3) uint8 RGB; raises as `open_clip` does."""
    return upright_rgb(_first_frames(Path(path), 1)[0])


def _reported(frames: Iterable[VideoFrame], on_frame: Callable[[], None] | None) -> Iterator[VideoFrame]:
    for frame in frames:
        if on_frame is not None:
            on_frame()
        yield frame


def _window(index: FrameIndex, start_s: float | None, end_s: float | None) -> FrameIndex:
    if start_s is None and end_s is None:
        return index
    start, end = check_window(start_s, end_s, float(index.duration_s), of="clip")
    edges = np.append(index.ticks, index.end)
    first, last = (_nearest(edges, edges[0] + edge / float(index.time_base)) for edge in (start, end))
    first = min(first, len(index) - 1)
    return index.part(first, max(first + 1, last))


def _nearest(edges: np.ndarray[tuple[int], np.dtype[np.int64]], tick: float) -> int:
    return int(np.argmin(np.abs(edges - tick)))


def _first_frames(path: Path, count: int = _VERIFIED_FRAMES) -> tuple[VideoFrame, list[int]]:
    """Return the first decodable frame and the times of the first ``count``; raises InvalidVideo without a frame."""
    with open_media(path, InvalidVideo) as container:
        frames = (frame for frame in _decoded(container, path) if frame.pts is not None)
        first = next(frames, None)
        if first is None:
            raise _nothing_decoded(path)
        return first, [_tick(first), *map(_tick, islice(frames, count - 1))]


def _nothing_decoded(path: Path) -> InvalidVideo:
    return InvalidVideo(f"Not one frame of {path.name!r} can be decoded: it is damaged. Download or export it again.")


def _tick(frame: VideoFrame) -> int:
    assert frame.pts is not None  # frames without a time were dropped
    return frame.pts


def _frames_from(container: InputContainer, path: Path, index: FrameIndex, tick: int) -> Iterator[VideoFrame]:
    """Yield frames with rising times, from the last key frame at or before ``tick``, or from an earlier one."""
    key = int(np.searchsorted(index.key_ticks, tick, side="right")) - 1
    if key > 0:
        frames = _rising(_decoded(container, path, seek=int(index.key_seeks[key])))
        first = next(frames, None)
        if first is not None and _tick(first) <= tick:
            yield first
            yield from frames
            return
    with open_media(path, InvalidVideo) as again:
        frames = _decoded(again, path)
        yield from _rising(frames) if index.in_order is None else _numbered(frames, index.in_order)


def _rising(frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
    """Yield the frames that have a time later than that of the frame before."""
    last: int | None = None
    for frame in frames:
        if frame.pts is not None and (last is None or frame.pts > last):
            last = frame.pts
            yield frame


def _numbered(frames: Iterable[VideoFrame], ticks: Ticks) -> Iterator[VideoFrame]:
    """Give each frame the time of its number, as long as there are times."""
    for frame, tick in zip(frames, ticks.tolist(), strict=False):
        frame.pts = tick
        yield frame


def _decoded(container: InputContainer, path: Path, *, seek: int | None = None) -> Iterator[VideoFrame]:
    """Yield every frame that can be decoded, in display order."""
    track = _video_track(container, path)
    track.thread_type = "AUTO"
    track.codec_context.thread_count = min(_MAX_THREADS, os.cpu_count() or 1)
    if seek is not None:
        try:
            container.seek(seek, stream=track)
        except (av.FFmpegError, OSError):
            return
    packets = container.demux(track)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError, OSError, IndexError):  # see `index`
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        for frame in frames:
            _check_not_large(frame.width, frame.height, path)
            yield frame


def _video_track(container: InputContainer, path: Path) -> VideoStream:
    """Return the default video track, or the first; cover images do not count."""
    moving = [track for track in container.streams.video if not _is_cover(track)]
    if not moving:
        content = "only a cover image" if container.streams.video else "no video track"
        raise InvalidVideo(f"{path.name!r} has {content}. Choose a video of a person.")
    known = [track for track in moving if getattr(track, "codec_context", None) is not None]
    if not known:
        raise InvalidVideo(f"{path.name!r} uses an unknown video codec. Save it as H.264.")
    track = next((track for track in known if Disposition.default in track.disposition), known[0])
    _check_not_large(track.width, track.height, path)
    if track.frames > MAX_FRAMES:
        raise VideoTooLarge(
            f"{path.name!r} claims {track.frames:,} frames; the limit is {MAX_FRAMES:,}. Split it into shorter clips."
        )
    return track


def _is_cover(track: VideoStream) -> bool:
    return bool(track.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _check_not_large(width: int, height: int, path: Path) -> None:
    if width * height > MAX_FRAME_PIXELS:
        raise VideoTooLarge(
            f"The frames of {path.name!r} have {width} x {height} pixels; the limit is "
            f"{MAX_FRAME_PIXELS // 1_000_000} megapixels. Scale the video down."
        )


def _check_not_tiny(width: int, height: int, path: Path) -> None:
    if min(width, height) < MIN_FRAME_SIDE_PX:
        raise InvalidVideo(
            f"The frames of {path.name!r} have {width} x {height} pixels; each side needs at least "
            f"{MIN_FRAME_SIDE_PX}. Choose a larger video."
        )


def _check_rate(index: FrameIndex, path: Path) -> None:
    if len(index) > 1 and index.fps > FPS.high * (1 + _FPS_SLACK):
        raise VideoTooLarge(
            f"{path.name!r} has {float(index.fps):.4g} frames per second; the limit is {FPS.high}. "
            f"Lower its rate (--max-fps {FPS.high})."
        )


def _clip_info(
    container: InputContainer, path: Path, index: FrameIndex, maker: PlaneMaker, frame: VideoFrame
) -> ClipInfo:
    track = _video_track(container, path)
    aspect, aspect_notes = _pixel_aspect(track, maker)
    start_s = int(index.ticks[0]) * index.time_base - Fraction(container.start_time or 0, av.time_base)
    notes = (*_other_tracks(container, path), *aspect_notes, *_frame_notes(path, maker, frame))
    return ClipInfo(
        name=path.name,
        codec=track.codec_context.name,
        width=maker.width,
        height=maker.height,
        scale=maker.scale,
        frames=len(index),
        fps=named_rate(index.fps, track.average_rate),
        variable_rate=index.is_variable_rate,
        time_base=index.time_base,
        duration_s=index.duration_s,
        window_start_s=start_s,
        pixel_aspect=aspect,
        colour=maker.colour,
        exact=maker.is_exact,
        has_audio=any(getattr(audio, "codec_context", None) is not None for audio in container.streams.audio),
        warnings=notes,
    )


def _pixel_aspect(track: VideoStream, maker: PlaneMaker) -> tuple[Fraction, tuple[str, ...]]:
    aspect = track.sample_aspect_ratio or Fraction(1)
    if maker.orientation.is_rotated_sideways and aspect > 0:
        aspect = 1 / aspect
    if Fraction(1, MAX_PIXEL_ASPECT) <= aspect <= MAX_PIXEL_ASPECT:
        return aspect, ()
    return Fraction(1), (f"The clip claims a pixel aspect ratio of {aspect}; its pixels are treated as square.",)


def _other_tracks(container: InputContainer, path: Path) -> tuple[str, ...]:
    count = sum(not _is_cover(track) for track in container.streams.video)
    if count < 2:
        return ()
    return (f"{path.name!r} has {count} video tracks; only one is used.",)


def _missing_parts(track: VideoStream, index: FrameIndex, path: Path) -> tuple[str, ...]:
    decoded_s, announced_s = float(index.duration_s), _announced_s(track)
    if not is_cut_short(announced_s, decoded_s):
        return ()
    return (
        f"{path.name!r} announces {announced_s:.2f} s of video, but only {decoded_s:.2f} s could be read: it was "
        "probably cut off or damaged.",
    )


def _announced_s(track: VideoStream) -> float | None:
    """Return the length in the header; Matroska stores it as a tag."""
    if track.duration is not None and track.time_base is not None:
        return float(track.duration * track.time_base)
    tag = _DURATION_TAG.fullmatch(track.metadata.get("DURATION", ""))
    if tag is None:
        return None
    hours, minutes, seconds = tag.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _frame_notes(path: Path, maker: PlaneMaker, frame: VideoFrame) -> tuple[str, ...]:
    notes = []
    if frame.interlaced_frame:
        notes.append(
            f"{path.name!r} is marked as interlaced. Its lines are used as they are; if moving edges show combs, "
            "deinterlace it first."
        )
    if maker.tone_mapped:
        notes.append(
            f"{path.name!r} has high dynamic range; the new video has standard range, and highlights brighter than "
            "white paper become white."
        )
    if maker.colour.matrix != UNNAMED and not names_matrix(maker.colour.matrix):
        notes.append(f"{path.name!r} has an unusual colour matrix (code {maker.colour.matrix}); its colours may shift.")
    width, height = maker.stored_size
    if maker.is_scaled:
        notes.append(f"The clip of {width} x {height} pixels was scaled down to {maker.width} x {maker.height}.")
    if maker.is_cropped:
        notes.append(f"The clip of {width} x {height} pixels lost its last column or row: both sides have to be even.")
    return tuple(notes)
