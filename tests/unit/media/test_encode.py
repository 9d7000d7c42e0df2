from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from media_makers import colour_image, rgb_frames, rms_db, save_clip, save_image, tone, whole

from lipsmith.errors import Cancelled, EncodingFailed, InvalidOption, OutputExists
from lipsmith.media.clip import F32, U8, VideoFormat
from lipsmith.media.decode import MemoryAudio, open_audio
from lipsmith.media.encode import PROVENANCE, check_output, write_video
from lipsmith.media.timeline import frame_count

RATE_HZ = 48_000


def small(fps: Fraction | int = 25, **changes: int) -> VideoFormat:
    return VideoFormat(**{"width": 96, "height": 64, "fps": Fraction(fps), **changes})


def still_frames(count: int, rgb: U8 | None = None) -> Iterator[U8]:
    rgb = colour_image(96, 64) if rgb is None else rgb
    return (rgb for _ in range(count))


def hum(duration_s: float = 1.0, channels: int = 1) -> MemoryAudio:
    return MemoryAudio(tone(duration_s, rate_hz=RATE_HZ, channels=channels), RATE_HZ)


def track_lengths_s(path: Path) -> tuple[float, float]:
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.start_time == audio.start_time == 0
        return float(video.duration * video.time_base), float(audio.duration * audio.time_base)


def test_what_a_browser_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    write_video(path, small(), still_frames(25), hum(channels=2))
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        context = video.codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
        assert (audio.codec_context.name, audio.rate, audio.channels) == ("aac", 48_000, 2)
        assert (video.average_rate, video.frames) == (25, 25)
        assert container.metadata["comment"] == container.metadata["description"] == PROVENANCE
        assert set(container.metadata) <= {
            "major_brand", "minor_version", "compatible_brands", "encoder", "comment", "description",
        }  # fmt: skip
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays while it is still loading


@pytest.mark.parametrize(
    "fps", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(10), Fraction(60)]
)
def test_a_flash_and_its_click_meet(tmp_path: Path, fps: Fraction) -> None:
    flash = int(fps * 2)
    click_s = float(flash / fps)
    samples = np.zeros((1, round(3.013 * RATE_HZ)), np.float32)
    at = round(click_s * RATE_HZ)
    samples[0, at : at + 240] = 0.9 * np.sin(np.arange(240) * 0.5)
    count = frame_count(3.013, fps)
    black, white = np.zeros((64, 96, 3), np.uint8), np.full((64, 96, 3), 255, np.uint8)
    path = tmp_path / "clap.mp4"
    write_video(path, small(fps), (white if n == flash else black for n in range(count)), MemoryAudio(samples, RATE_HZ))

    with av.open(str(path)) as container:
        flash_s = next(f.time for f in container.decode(video=0) if f.to_ndarray()[:64].mean() > 120)
    with av.open(str(path)) as container:
        decoded = [(f.time, f.to_ndarray()[0]) for f in container.decode(audio=0)]
    played = np.concatenate([piece for _, piece in decoded])
    click_at_s = decoded[0][0] + int(np.argmax(np.abs(played) > 0.3)) / RATE_HZ
    assert flash_s == pytest.approx(click_s, abs=1e-4)
    assert abs(click_at_s - flash_s) <= 0.010


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("audio_s", [0.2, 1.0, 1.777])
def test_audio_and_frame_are_equally_long(tmp_path: Path, fps: Fraction, audio_s: float) -> None:
    path = tmp_path / "out.mp4"
    count = frame_count(audio_s, fps)
    write_video(path, small(fps), still_frames(count), hum(audio_s))
    video_track_s, audio_track_s = track_lengths_s(path)
    assert video_track_s == pytest.approx(count / fps, abs=0.001)
    assert abs(video_track_s - audio_track_s) < 0.002
    assert audio_track_s >= audio_s - 0.001
    assert len(rgb_frames(path)) == count


@pytest.mark.parametrize(("frames", "audio_s"), [(50, 0.5), (10, 3.0)])
def test_the_frames_decide_the_length(tmp_path: Path, frames: int, audio_s: float) -> None:
    path = tmp_path / "out.mp4"
    write_video(path, small(), still_frames(frames), hum(audio_s))
    assert track_lengths_s(path) == pytest.approx((frames / 25, frames / 25), abs=0.001)
    played = whole(open_audio(path).blocks(RATE_HZ, 1))
    if audio_s < frames / 25:
        assert np.abs(played[:, round((audio_s + 0.05) * RATE_HZ) :]).max() < 0.001


def bt709(rgb: U8) -> tuple[float, float, float]:
    """Y, Cb, Cr of one colour in limited range, after ITU-R BT.709 §3."""
    red, green, blue = (channel / 255 for channel in rgb)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748


COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (201, 153, 117), (17, 93, 201)]


def i420_of(colour: tuple[int, int, int]) -> U8:
    planes = np.empty((96, 96), np.uint8)  # 64 rows of luma, then 16 + 16 rows of colour
    planes[:64], planes[64:80], planes[80:] = (round(value) for value in bt709(colour))
    return planes


@pytest.mark.parametrize("form", ["rgb", "i420"])
def test_colours_survive(tmp_path: Path, form: str) -> None:
    path = tmp_path / "out.mp4"
    frames = [np.full((64, 96, 3), colour, np.uint8) if form == "rgb" else i420_of(colour) for colour in COLOURS]
    write_video(path, small(5, crf=8), iter(frames), hum(1.4))
    means = [frame.reshape(-1, 3).mean(axis=0) for frame in rgb_frames(path)]
    np.testing.assert_allclose(means, COLOURS, atol=2.5)
    with av.open(str(path)) as container:
        for colour, frame in zip(COLOURS, container.decode(video=0), strict=True):
            planes = frame.to_ndarray()
            luma, blue, red = planes[:64].mean(), planes[64:80].mean(), planes[80:].mean()
            np.testing.assert_allclose((luma, blue, red), bt709(colour), atol=1.5)


def test_colour_edges_lie_where_they_were(tmp_path: Path) -> None:
    rgb = np.zeros((64, 96, 3), np.uint8)
    rgb[:, 48:] = (220, 30, 30)
    path = tmp_path / "out.mp4"
    write_video(path, small(crf=5), still_frames(5, rgb), hum(0.2))
    shown = rgb_frames(path)[0].astype(int)
    np.testing.assert_allclose(shown[:, 54:], rgb[:, 54:], atol=8)
    np.testing.assert_allclose(shown[:, :42], rgb[:, :42], atol=8)


def integrated_lufs(samples: F32) -> float:
    """Loudness after EBU R 128, measured by FFmpeg's own meter, LUFS; samples at 48 kHz."""
    layout = {1: "mono", 2: "stereo"}[samples.shape[0]]
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=RATE_HZ, format="fltp", layout=layout, time_base=Fraction(1, RATE_HZ))
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    loudness = -np.inf
    for at in range(0, samples.shape[1], 4800):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, at : at + 4800]), "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
        graph.push(frame)
        while True:
            try:
                loudness = float(graph.pull().metadata.get("lavfi.r128.I", loudness))
            except (BlockingIOError, EOFError):
                break
    return loudness


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "audio/jfk_en_11s.flac",
        "audio/ljspeech_LJ001-0004_5s.wav",
        "audio/speech_quiet_-50LUFS.wav",
        "audio/right_channel_only.wav",
        "audio/two_speakers_stereo_5s.wav",
        "audio/8k_mono.wav",
        "audio/zh_news_6s_48k.wav",  # peaks at full scale
        "audio/speech_clipped.wav",
        "audio/speech_noisy_0dB.wav",
        "audio/antiphase.wav",
        "audio/ja_5s_48k.flac",
    ],
)
def test_real_speech_keeps_its_loudness(shared_media: Path, tmp_path: Path, name: str) -> None:
    audio = open_audio(shared_media / name)
    path = tmp_path / "out.mp4"
    count = frame_count(audio.duration_s, Fraction(10))
    write_video(path, small(10), still_frames(count), audio)
    before = integrated_lufs(whole(audio.blocks(RATE_HZ, audio.channels)))
    after = integrated_lufs(whole(open_audio(path).blocks(RATE_HZ, audio.channels)))
    assert -60 < before < 0
    assert after == pytest.approx(before, abs=0.1)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_tone_keeps_its_level(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "out.mp4"
    write_video(path, small(), still_frames(50), hum(2.0, channels))
    played = open_audio(path)
    assert played.channels == channels
    middle = whole(played.blocks(RATE_HZ, channels))[:, 10_000:80_000]
    assert rms_db(middle) == pytest.approx(rms_db(tone(1.0)), abs=0.05)


def test_audio_lies_beside_its_frames_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    noise = np.random.default_rng(2).integers(0, 256, (100, 64, 96, 3), dtype=np.uint8)
    write_video(path, small(), iter(noise), hum(4.0))
    with av.open(str(path)) as container:
        packets = [(p.pos, p.stream.type, float(p.dts * p.time_base)) for p in container.demux() if p.size]
    last_s = {"video": 0.0, "audio": 0.0}
    for (_, kind, time_s), _ in pairwise(sorted(packets)):
        last_s[kind] = time_s
        assert abs(last_s["video"] - last_s["audio"]) < 1.5


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    seen: list[int] = []
    write_video(tmp_path / "out.mp4", small(), still_frames(5), hum(0.2), on_frame=seen.append)
    assert seen == [1, 2, 3, 4, 5]


def test_nothing_of_the_source_is_reported(tmp_path: Path) -> None:
    clip = save_clip(tmp_path / "in.mp4", [colour_image(96, 64)] * 25, audio=tone(1.0, rate_hz=RATE_HZ))
    path = tmp_path / "out.mp4"
    write_video(path, small(), iter(rgb_frames(clip)), open_audio(clip))
    with av.open(str(path)) as container:
        assert "in.mp4" not in str(container.metadata)
        assert {key for stream in container.streams for key in stream.metadata} <= {
            "language", "handler_name", "vendor_id", "encoder",
        }  # fmt: skip


def only(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_existing_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("precious")

    def frames() -> Iterator[U8]:
        raise AssertionError("no frame may be requested")
        yield

    with pytest.raises(OutputExists, match="--overwrite"):
        write_video(path, small(), frames(), hum())
    assert path.read_text() == "precious"
    write_video(path, small(), still_frames(5), hum(0.2), overwrite=True)
    assert len(rgb_frames(path)) == 5
    assert only(tmp_path) == ["out.mp4"]


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"

    def frames() -> Iterator[U8]:
        yield from still_frames(5)
        path.write_text("someone was faster")

    with pytest.raises(OutputExists):
        write_video(path, small(), frames(), hum(0.2))
    assert path.read_text() == "someone was faster"
    assert only(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), Cancelled(), RuntimeError("renderer"), ValueError("renderer")])
@pytest.mark.parametrize("overwrite", [False, True])
def test_whatever_goes_wrong_leaves_nothing_behind(tmp_path: Path, fault: BaseException, overwrite: bool) -> None:
    path = tmp_path / "out.mp4"
    if overwrite:
        path.write_text("the old one")

    def frames() -> Iterator[U8]:
        yield from still_frames(10)
        raise fault

    with pytest.raises(type(fault)):
        write_video(path, small(), frames(), hum(), overwrite=overwrite)
    assert only(tmp_path) == (["out.mp4"] if overwrite else [])
    assert not overwrite or path.read_text() == "the old one"


def test_cancelling_from_the_progress(tmp_path: Path) -> None:
    def cancel(written: int) -> None:
        if written == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_video(tmp_path / "out.mp4", small(), still_frames(50), hum(), on_frame=cancel)
    assert only(tmp_path) == []


def test_a_full_disk(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 64, 96, 3), dtype=np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(EncodingFailed, match="disk space"):
            write_video(tmp_path / "out.mp4", small(), iter(noise), hum(3.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert only(tmp_path) == []


@pytest.mark.parametrize(
    ("fmt", "says"),
    [
        (small(width=95), "both sides must be even"),
        (small(height=0), "both sides must be even"),
        (small(crf=52), "crf 52"),
        (small(crf=-1), "crf -1"),
        (small(crf=0), "crf 0"),
        (small(fps=61), "frame rate"),
        (small(fps=0), "frame rate"),
    ],
)
def test_formats_that_cannot_be_written(tmp_path: Path, fmt: VideoFormat, says: str) -> None:
    with pytest.raises(InvalidOption, match=says):
        write_video(tmp_path / "out.mp4", fmt, still_frames(2), hum())
    assert only(tmp_path) == []


def test_frames_of_a_wrong_shape(tmp_path: Path) -> None:
    with pytest.raises(EncodingFailed, match=r"Frame 2 .*\(64, 98, 3\)"):
        write_video(tmp_path / "out.mp4", small(), iter([*still_frames(2), np.zeros((64, 98, 3), np.uint8)]), hum())
    with pytest.raises(EncodingFailed, match="not a single frame"):
        write_video(tmp_path / "out.mp4", small(), iter([]), hum())
    assert only(tmp_path) == []


def test_names_that_cannot_be_written(tmp_path: Path) -> None:
    for name, says in (
        ("out.avi", "Unsupported output extension"),
        ("out", "Unsupported output extension"),
        ("gone/out.mp4", "does not exist"),
    ):
        with pytest.raises(InvalidOption, match=says):
            check_output(tmp_path / name)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(InvalidOption, match="is a folder"):
        check_output(tmp_path / "folder.mp4", overwrite=True)
    assert check_output(str(tmp_path / "Ünï code.MP4")) == tmp_path / "Ünï code.MP4"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InvalidOption, match="not writable"):
        check_output(tmp_path / "out.mp4")


@pytest.mark.parametrize("name", ["out.mov", "out.m4v", "a name with spaces & ünïcode.mp4", "x" * 240 + ".mp4"])
def test_names_that_can(tmp_path: Path, name: str) -> None:
    write_video(tmp_path / name, small(), still_frames(5), hum(0.2))
    assert only(tmp_path) == [name]
    assert len(rgb_frames(tmp_path / name)) == 5


def test_the_same_frames_give_the_same_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(9).integers(0, 256, (12, 64, 96, 3), dtype=np.uint8)
    for name in ("one.mp4", "two.mp4"):
        write_video(tmp_path / name, small(), iter(noise), hum(0.48))
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_a_frame_on_the_way_is_not_an_output(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption):
        check_output(save_image(tmp_path / "face.png", colour_image()), overwrite=True)
