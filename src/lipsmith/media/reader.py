"""Opens a clip and gives its pictures, one by one, with their exact times. Knows nothing of faces or sound.

A clip can be walked through as often as wanted, whole or in parts, and gives the same pictures each time. Never holds
more than a few of them.
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
from lipsmith.media.clip import U8, ClipFrame, ClipInfo
from lipsmith.media.colour import UNNAMED, names_matrix
from lipsmith.media.decode import MISSING_S, MISSING_SHARE
from lipsmith.media.index import MAX_FRAMES, FrameIndex, Ticks, index_decoded, index_packets, named_rate
from lipsmith.media.planes import PlaneMaker
from lipsmith.media.probe import MAX_FRAME_PIXELS, open_media
from lipsmith.media.timeline import MAX_FPS, PlannedFrame, check_fps, check_window, thin_out

MAX_ASPECT = 10  # pixels wider or taller than this come from a broken header
MIN_SIDE_PIXELS = 16  # a face needs more, but nothing can be counted in less
_FPS_SLACK = Fraction(1, 100)  # clocks of phones run a little fast
_CLOCK_TAG = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_HELD_BYTES = 96 << 20  # pictures kept to be shown backwards: 69 at 720p
_MAX_THREADS = 4  # each holds a picture or two
_FRAMES_TO_TRUST = 12  # so many decoded pictures have to appear where the packets said


class Clip:
    """The pictures of a clip; made by `open_clip`."""

    def __init__(
        self,
        path: Path,
        info: ClipInfo,
        index: FrameIndex,
        to_planes: Callable[[], PlaneMaker],
        on_frame: Callable[[], None] | None,
    ) -> None:
        self.path = path
        self.info = info
        self._index = index
        self._to_planes = to_planes
        self._on_frame = on_frame
        self._damaged: set[int] = set()

    def __len__(self) -> int:
        return len(self._index)

    @property
    def times_s(self) -> list[Fraction]:
        """When each picture begins, from the window's beginning; exact."""
        start = int(self._index.ticks[0])
        return [(int(tick) - start) * self._index.time_base for tick in self._index.ticks]

    @property
    def durations_s(self) -> list[Fraction]:
        """How long each picture stays; exact."""
        return [int(length) * self._index.time_base for length in self._index.durations]

    @property
    def damaged_s(self) -> tuple[tuple[float, float], ...]:
        """The stretches, (start, end) in seconds, that turned out damaged when they were walked through.

        Each reaches to the next key picture: until then the pictures are made from damaged ones.
        """
        times = [float(time_s) for time_s in (*self.times_s, self.info.duration_s)]
        stretches: list[tuple[float, float]] = []
        for index in sorted(self._damaged):
            start, end = times[index], times[self._well_again(index)]
            if stretches and stretches[-1][1] >= start:
                stretches[-1] = (stretches[-1][0], max(end, stretches[-1][1]))
            else:
                stretches.append((start, end))
        return tuple(stretches)

    def _well_again(self, damaged: int) -> int:
        """The next picture that does not lean on a damaged one; all after it do where key pictures are not known."""
        ticks, keys = self._index.ticks, self._index.key_ticks
        key = int(np.searchsorted(keys, ticks[damaged], side="right"))
        return len(ticks) if key == len(keys) else int(np.searchsorted(ticks, keys[key]))

    def frames(self, first: int = 0, last: int | None = None) -> Iterator[ClipFrame]:
        """The pictures from ``first`` to before ``last``, in the order they are shown.

        A picture that cannot be decoded is replaced by the last good one, or by the first good one at the beginning.
        What the decoder makes up for lost parts of a picture, and smears until the next key picture, can look a little
        different where a part of the clip begins at another key picture; all else is the same however it is read.
        Raises InvalidVideo when not a single picture can be decoded.
        """
        last = len(self) if last is None else min(last, len(self))
        ticks = self._index.ticks
        due = first
        good: VideoFrame | None = None
        if due >= last:
            return
        with open_media(self.path, InvalidVideo) as container:
            maker = self._to_planes()
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
        """The pictures that a plan asks for, at its times; ``index`` stays the number within the clip.

        Forwards, backwards and standing still cost little memory: backwards, a short stretch at a time is decoded.
        """
        source: Iterator[ClipFrame] = iter(())
        now, step = -1, 0
        still: ClipFrame | None = None
        for shown in plan:
            if still is None or shown.source != now:
                if shown.source - now != step or step == 0:
                    step = -1 if shown.source == now - 1 else 1
                    source = self._backwards(shown.source) if step < 0 else self.frames(shown.source)
                still, now = next(source), shown.source
            yield replace(still, planes=still.planes.copy(), time_s=shown.time_s, duration_s=shown.duration_s)

    def _backwards(self, last: int) -> Iterator[ClipFrame]:
        """The pictures from ``last`` down to the first."""
        at_once = max(1, _HELD_BYTES // (self.info.width * self.info.height * 3 // 2))
        for end in range(last + 1, 0, -at_once):
            yield from reversed(list(self.frames(max(0, end - at_once), end)))

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
    """Opens the moving pictures of a file, or the part between two times, counted from its first picture.

    The window begins and ends with the picture whose beginning lies nearest to the time asked for. ``max_fps`` leaves
    pictures out where more than that many come per second; it never adds any. ``max_resolution`` scales pictures with a
    longer side, in pixels, down to it; others stay as they are, byte by byte. ``on_frame`` is called for every
    picture that is decoded; what it raises ends the work.

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
    elif index is None or ticks != index.ticks[: len(ticks)].tolist():  # fields may come in packets of their own
        with open_media(path, InvalidVideo) as container:
            times = map(_tick, _rising(_reported(_decoded(container, path), on_frame)))
            index = index_decoded(times, _video_track(container, path).time_base or Fraction(1, 1000), path)
    _refuse_tiny(first.width, first.height, path)
    chosen = _window(index, start_s, end_s)
    if limit is not None:
        chosen = chosen.only(thin_out(chosen.ticks, chosen.time_base, limit))
    _refuse_fast(chosen, path)
    with open_media(path, InvalidVideo) as container:
        info = _clip_info(container, path, chosen, PlaneMaker(first, max_resolution), first)
        missing = _what_is_missing(_video_track(container, path), index, path)
    info = replace(info, warnings=(*info.warnings, *missing))
    return Clip(path, info, chosen, partial(PlaneMaker, first, max_resolution), on_frame)


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


def _first_frames(path: Path) -> tuple[VideoFrame, list[int]]:
    """The first picture that can be decoded, and the times of the first few; raises InvalidVideo when there is none."""
    with open_media(path, InvalidVideo) as container:
        frames = (frame for frame in _decoded(container, path) if frame.pts is not None)
        first = next(frames, None)
        if first is None:
            raise _nothing_decoded(path)
        return first, [_tick(first), *map(_tick, islice(frames, _FRAMES_TO_TRUST - 1))]


def _nothing_decoded(path: Path) -> InvalidVideo:
    return InvalidVideo(f"Not one picture of {path.name!r} can be decoded: it is damaged. Fetch or export it again.")


def _tick(frame: VideoFrame) -> int:
    assert frame.pts is not None  # others were left out
    return frame.pts


def _frames_from(container: InputContainer, path: Path, index: FrameIndex, tick: int) -> Iterator[VideoFrame]:
    """Pictures from the last key picture at or before ``tick`` on, or from an earlier one; their times rise."""
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
    """Those that come with a time, and later than the one before."""
    last: int | None = None
    for frame in frames:
        if frame.pts is not None and (last is None or frame.pts > last):
            last = frame.pts
            yield frame


def _numbered(frames: Iterable[VideoFrame], ticks: Ticks) -> Iterator[VideoFrame]:
    """As many as there are times; each gets the one of its number."""
    for frame, tick in zip(frames, ticks.tolist(), strict=False):
        frame.pts = tick
        yield frame


def _decoded(container: InputContainer, path: Path, *, seek: int | None = None) -> Iterator[VideoFrame]:
    """Every picture that can be decoded, in the order they are shown; what cannot is left out."""
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
            _refuse_large(frame.width, frame.height, path)
            yield frame


def _video_track(container: InputContainer, path: Path) -> VideoStream:
    """The track with moving pictures: the default one, or the first; a cover picture does not count."""
    moving = [track for track in container.streams.video if not _is_still(track)]
    if not moving:
        what = "only a cover picture" if container.streams.video else "no pictures"
        raise InvalidVideo(f"{path.name!r} has {what}. Choose a video in which somebody is seen.")
    known = [track for track in moving if getattr(track, "codec_context", None) is not None]
    if not known:
        raise InvalidVideo(f"The pictures of {path.name!r} have a coding that is not known here. Save it as H.264.")
    track = next((track for track in known if Disposition.default in track.disposition), known[0])
    _refuse_large(track.width, track.height, path)
    if track.frames > MAX_FRAMES:
        raise VideoTooLarge(
            f"{path.name!r} claims {track.frames:,} pictures; at most {MAX_FRAMES:,} can be used. Cut it into shorter "
            "clips and try again."
        )
    return track


def _is_still(track: VideoStream) -> bool:
    return bool(track.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _refuse_large(width: int, height: int, path: Path) -> None:
    if width * height > MAX_FRAME_PIXELS:
        raise VideoTooLarge(
            f"The pictures of {path.name!r} have {width} x {height} pixels; at most "
            f"{MAX_FRAME_PIXELS // 1_000_000} megapixels can be used. Scale the video down."
        )


def _refuse_tiny(width: int, height: int, path: Path) -> None:
    if min(width, height) < MIN_SIDE_PIXELS:
        raise InvalidVideo(
            f"The pictures of {path.name!r} have {width} x {height} pixels; each side needs at least "
            f"{MIN_SIDE_PIXELS}. Choose a video in which somebody is seen."
        )


def _refuse_fast(index: FrameIndex, path: Path) -> None:
    if len(index) > 1 and index.fps > MAX_FPS * (1 + _FPS_SLACK):
        raise VideoTooLarge(
            f"{path.name!r} has {float(index.fps):.4g} pictures per second; at most {MAX_FPS} can be used. "
            f"Lower its rate (--max-fps {MAX_FPS})."
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
    if Fraction(1, MAX_ASPECT) <= aspect <= MAX_ASPECT:
        return aspect, ()
    return Fraction(1), (f"The clip claims pixels of the shape {aspect}; they were taken as square.",)


def _other_tracks(container: InputContainer, path: Path) -> tuple[str, ...]:
    count = sum(not _is_still(track) for track in container.streams.video)
    if count < 2:
        return ()
    return (f"{path.name!r} has {count} video tracks; only one is used.",)


def _what_is_missing(track: VideoStream, index: FrameIndex, path: Path) -> tuple[str, ...]:
    read_s = float(index.duration_s)
    announced_s = _announced_s(track)
    if announced_s is None or announced_s - read_s <= max(MISSING_S, MISSING_SHARE * read_s):
        return ()
    return (
        f"{path.name!r} announces {announced_s:.2f} s of pictures, but only {read_s:.2f} s could be read: it was "
        "probably cut off or damaged.",
    )


def _announced_s(track: VideoStream) -> float | None:
    """Length the header claims; Matroska writes it as a tag."""
    if track.duration is not None and track.time_base is not None:
        return float(track.duration * track.time_base)
    said = _CLOCK_TAG.fullmatch(track.metadata.get("DURATION", ""))
    if said is None:
        return None
    hours, minutes, seconds = said.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _frame_notes(path: Path, maker: PlaneMaker, frame: VideoFrame) -> tuple[str, ...]:
    notes = []
    if frame.interlaced_frame:
        notes.append(
            f"{path.name!r} says that it is interlaced. Its lines are taken as they are; if you see combs at moving "
            "edges, deinterlace it first."
        )
    if maker.tone_mapped:
        notes.append(
            f"{path.name!r} has high dynamic range; the new video has the ordinary range, and lights brighter than "
            "white paper become white."
        )
    if maker.colour.matrix != UNNAMED and not names_matrix(maker.colour.matrix):
        notes.append(f"{path.name!r} has an unusual colour matrix (code {maker.colour.matrix}); its colours may shift.")
    if maker.is_scaled:
        width, height = maker.stored_size
        notes.append(f"The clip of {width} x {height} pixels was scaled down to {maker.width} x {maker.height}.")
    if maker.is_cropped:
        width, height = maker.stored_size
        notes.append(f"The clip of {width} x {height} pixels lost its last column or row: both sides have to be even.")
    return tuple(notes)
