"""Written clips: unchanged planes at their own times, and no metadata of the source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from clip_makers import UNEVEN_TICKS, Played, planes_of, samples_of, save_planes
from media_makers import tone

from lipsmith.errors import EncodingFailed, InvalidOption, OutputExists
from lipsmith.limits import CLIP_CRF
from lipsmith.media.clip import ClipFrame
from lipsmith.media.decode import open_audio
from lipsmith.media.encode import PROVENANCE, write_video
from lipsmith.media.reader import Clip, open_clip


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Eight frames at a variable rate, with pixels that are not square."""
    shown = [planes_of(number) for number in range(8)]
    path = save_planes(tmp_path / "source.mp4", shown, ticks=UNEVEN_TICKS, end=9512, aspect=Fraction(8, 9))
    return open_clip(path)


def test_planes_reach_the_encoder_byte_by_byte(clip: Clip, tmp_path: Path) -> None:
    write_video(tmp_path / "out.mp4", clip.info.video_format(None), clip.frames(), None)
    again = open_clip(tmp_path / "out.mp4")
    for frame in again.frames():
        assert (frame.planes == planes_of(frame.index)).all()
    assert len(again) == 8


@pytest.mark.parametrize("crf", [None, 16, 30])
@pytest.mark.parametrize("extension", ["mp4", "mov"])
def test_times_and_shape_stay(clip: Clip, tmp_path: Path, crf: int | None, extension: str) -> None:
    write_video(tmp_path / f"out.{extension}", clip.info.video_format(crf), clip.frames(), None)
    again = open_clip(tmp_path / f"out.{extension}")
    assert again.times_s == clip.times_s
    assert again.durations_s == clip.durations_s
    assert again.info.pixel_aspect == Fraction(8, 9)
    assert again.info.window_start_s == 0
    assert again.info.variable_rate


@pytest.mark.parametrize(
    ("fps", "time_base"),
    [
        (Fraction(30000, 1001), Fraction(1, 30000)),
        (Fraction(24000, 1001), Fraction(1001, 24000)),
        (Fraction(60000, 1001), Fraction(1, 90000)),
        (Fraction(25), Fraction(1, 25)),
        (Fraction(25), Fraction(1, 1000)),
        (Fraction(10_000_000, 333_667), Fraction(333_667, 10_000_000)),
    ],
)
def test_rates_stay_exact(tmp_path: Path, fps: Fraction, time_base: Fraction) -> None:
    shown = [planes_of(number) for number in range(12)]
    source = open_clip(save_planes(tmp_path / "source.mp4", shown))
    frames = [
        ClipFrame(index=n, planes=shown[n], time_s=round(n / fps / time_base) * time_base, duration_s=length)
        for n, length in enumerate([round(1 / fps / time_base) * time_base] * 12)
    ]
    frames = [replace(frame, duration_s=following.time_s - frame.time_s) for frame, following in pairwise(frames)]
    write_video(
        tmp_path / "out.mp4", replace(source.info, fps=fps, time_base=time_base).video_format(CLIP_CRF), frames, None
    )
    again = open_clip(tmp_path / "out.mp4")
    assert again.times_s == [frame.time_s for frame in frames]
    assert again.durations_s == [frame.duration_s for frame in frames]


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (6, 6, 6, 1), (5, 5, 4, 1), (9, 9, 14, 1), (1, 1, 13, 2), (2, 2, 2, 1)])
def test_colour_tags_go_over(tmp_path: Path, tags: tuple[int, int, int, int]) -> None:
    pix_fmt = "yuvj420p" if tags[3] == 2 else "yuv420p"
    source = open_clip(save_planes(tmp_path / "source.mp4", [planes_of(0)] * 3, tags=tags, pix_fmt=pix_fmt))
    write_video(tmp_path / "out.mp4", source.info.video_format(None), source.frames(), None)
    again = open_clip(tmp_path / "out.mp4")
    assert again.info.colour == source.info.colour
    colour = again.info.colour
    assert (colour.matrix, colour.primaries, colour.transfer, 1 + colour.full_range) == tags
    assert (next(again.frames()).planes == planes_of(0)).all()


def test_crf_16_can_hardly_be_reported_from_the_source(astronaut: np.ndarray, tmp_path: Path) -> None:
    frame = av.VideoFrame.from_ndarray(astronaut, format="rgb24").reformat(format="yuv420p")
    planes = frame.to_ndarray()
    source = open_clip(save_planes(tmp_path / "source.mp4", [planes] * 5))
    write_video(tmp_path / "out.mp4", source.info.video_format(CLIP_CRF), source.frames(), None)
    for again in open_clip(tmp_path / "out.mp4").frames():
        error = np.mean((again.planes[:512].astype(float) - planes[:512]) ** 2)
        assert 10 * np.log10(255**2 / error) > 42


@pytest.mark.parametrize("audio_s", [0.3, 2.0])
def test_audio_begins_and_ends_with_the_frames(clip: Clip, tmp_path: Path, audio_s: float) -> None:
    samples = tone(audio_s, rate_hz=48_000, level=0.5)
    write_video(tmp_path / "out.mp4", clip.info.video_format(CLIP_CRF), clip.frames(), Played(samples))
    again = samples_of(open_audio(tmp_path / "out.mp4"))[0]
    assert len(again) == pytest.approx(48_000 * 9512 / 12800, abs=1024)
    same = min(samples.shape[1], len(again)) - 2048
    assert np.abs(again[2048:same] - samples[0, 2048:same]).max() < 0.02  # a sample's shift alone would be 0.03
    if audio_s < 0.5:
        assert np.abs(again[samples.shape[1] + 2048 :]).max() < 0.01


def test_without_audio_there_is_no_track(clip: Clip, tmp_path: Path) -> None:
    write_video(tmp_path / "out.mp4", clip.info.video_format(CLIP_CRF), clip.frames(), None)
    with av.open(tmp_path / "out.mp4") as container:
        assert len(container.streams) == 1
        assert container.metadata["comment"] == PROVENANCE


def test_nothing_that_the_source_says_about_itself_goes_over(tmp_path: Path) -> None:
    path = save_planes(tmp_path / "plain.mp4", [planes_of(0)] * 3)
    with av.open(path) as plain, av.open(tmp_path / "source.mp4", "w") as container:
        container.metadata.update({"title": "Grandmother", "location": "+48.8577+002.295/", "artist": "Nobody"})
        source = plain.streams.video[0]
        track = container.add_stream_from_template(source)
        for packet in plain.demux(source):
            if packet.dts is not None:
                packet.stream = track
                container.mux(packet)
    assert b"Grandmother" in (tmp_path / "source.mp4").read_bytes()
    reported = open_clip(tmp_path / "source.mp4")
    write_video(tmp_path / "out.mp4", reported.info.video_format(CLIP_CRF), reported.frames(), None)
    data = (tmp_path / "out.mp4").read_bytes()
    for word in (b"Grandmother", b"48.8577", b"Nobody", b"source.mp4"):
        assert word not in data


def test_the_index_comes_before_the_frames(clip: Clip, tmp_path: Path) -> None:
    write_video(tmp_path / "out.mp4", clip.info.video_format(CLIP_CRF), clip.frames(), None)
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")


def test_progress_counts_every_frame(clip: Clip, tmp_path: Path) -> None:
    reported: list[int] = []
    write_video(tmp_path / "out.mp4", clip.info.video_format(CLIP_CRF), clip.frames(), None, on_frame=reported.append)
    assert reported == list(range(1, 9))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"time_s": Fraction(1, 7)}, "should start at 0 s"),
        ({"duration_s": Fraction(1, 7)}, "a multiple of 1/12800 s"),
        ({"duration_s": Fraction(0)}, "lasts 0 s"),
        ({"planes": planes_of(0, 64, 64)}, "instead of"),
    ],
)
def test_frames_that_do_not_fit(clip: Clip, tmp_path: Path, change: dict[str, object], says: str) -> None:
    frames = [replace(next(clip.frames()), **change)]
    with pytest.raises(EncodingFailed, match=says):
        write_video(tmp_path / "out.mp4", clip.info.video_format(CLIP_CRF), frames, None)
    assert not (tmp_path / "out.mp4").exists()


def test_no_frame_at_all(clip: Clip, tmp_path: Path) -> None:
    with pytest.raises(EncodingFailed, match="not a single frame"):
        write_video(tmp_path / "out.mp4", clip.info.video_format(CLIP_CRF), iter(()), None)


def test_whatever_goes_wrong_leaves_nothing_behind(clip: Clip, tmp_path: Path) -> None:
    def frames() -> Iterator[ClipFrame]:
        yield next(clip.frames())
        raise RuntimeError("drawing failed")

    with pytest.raises(RuntimeError, match="drawing failed"):
        write_video(tmp_path / "out.mp4", clip.info.video_format(CLIP_CRF), frames(), Played(tone(1.0, rate_hz=48_000)))
    assert [path.name for path in tmp_path.iterdir()] == ["source.mp4"]


def test_the_source_is_not_overwritten(clip: Clip) -> None:
    before = clip.path.read_bytes()
    with pytest.raises(OutputExists):
        write_video(clip.path, clip.info.video_format(CLIP_CRF), clip.frames(), None)
    assert clip.path.read_bytes() == before


@pytest.mark.parametrize("crf", [-1, 0, 52])
def test_qualities_that_do_not_exist(clip: Clip, tmp_path: Path, crf: int) -> None:
    with pytest.raises(InvalidOption, match=f"crf {crf} is out of range"):
        write_video(tmp_path / "out.mp4", clip.info.video_format(crf), clip.frames(), None)
