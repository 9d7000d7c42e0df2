"""The table of contents of an MP4 file, read without a decoder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lipsmith.media.mp4_boxes import InvalidMp4, VideoTrack, read_video_track


def video(path: Path, frames: int, *, rate: Fraction = Fraction(25), options: str = "+faststart") -> Path:
    with av.open(str(path), "w", options={"movflags": options} if options else {}) as container:
        sound = container.add_stream("aac", rate=16_000)
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            shown = np.full((48, 64, 3), number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode())
        container.mux(sound.encode())
    return path


@pytest.mark.parametrize(("frames", "rate"), [(1, Fraction(25)), (30, Fraction(30000, 1001)), (77, Fraction(60))])
def test_frames_are_counted(tmp_path: Path, frames: int, rate: Fraction) -> None:
    track = read_video_track(video(tmp_path / "a.mp4", frames, rate=rate))
    assert (track.frames, track.width, track.height) == (frames, 64, 48)
    assert track.duration_s == pytest.approx(frames / rate, abs=0.002)


def test_a_table_of_contents_at_the_end_is_found(tmp_path: Path) -> None:
    assert read_video_track(video(tmp_path / "a.mp4", 5, options="")).frames == 5


def test_fragments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidMp4):
        read_video_track(video(tmp_path / "a.mp4", 60, options="frag_keyframe+empty_moov"))


@pytest.mark.parametrize("content", [b"", b"no video at all", bytes(100), b"\xff" * 64, b"\0\0\0\x08moov"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(InvalidMp4):
        read_video_track(path)


def test_a_damaged_file_gives_the_same_track_or_is_refused(tmp_path: Path) -> None:
    whole = video(tmp_path / "a.mp4", 20).read_bytes()
    start, end = whole.index(b"moov") - 4, whole.index(b"mdat")
    rng, path = np.random.default_rng(1), tmp_path / "b.mp4"
    outcomes = set()
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[int(rng.integers(start, end))] = int(rng.integers(256))
        path.write_bytes(damaged[: int(rng.integers(start, len(whole)))] if rng.random() < 0.2 else damaged)
        try:
            outcomes.add(type(read_video_track(path)))
        except InvalidMp4:
            outcomes.add(InvalidMp4)
    assert outcomes == {InvalidMp4, VideoTrack}
