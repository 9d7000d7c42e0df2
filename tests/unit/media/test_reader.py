"""Clips: exact times, exact bytes, upright, within limits, and what is done about damage."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clip_makers import UNEVEN_TICKS, hurt, planes_of, save_planes
from media_makers import colour_image, save_audio, save_clip, save_image, tone

from lipsmith.errors import InputError, InvalidOption, InvalidVideo, VideoEncrypted, VideoTooLarge, WindowOutOfRange
from lipsmith.media import index, reader
from lipsmith.media.clip import U8, ClipFrame
from lipsmith.media.colour import rgb_patch
from lipsmith.media.planes import PlaneMaker
from lipsmith.media.reader import Clip, first_frame, open_clip
from lipsmith.media.timeline import FramePlan

SHORT_GOPS = {"qp": "0", "g": "5", "bf": "2"}


def shown(count: int) -> list[U8]:
    return [planes_of(number) for number in range(count)]


def numbers_of(frames: list[ClipFrame]) -> list[int]:
    """Return the index in `shown` of each frame, by its first pixel."""
    return [(int(frame.planes[0, 0]) - 40) // 7 for frame in frames]


def test_every_byte_and_every_time_comes_as_it_was(tmp_path: Path) -> None:
    path = save_planes(tmp_path / "clip.mp4", shown(8), ticks=UNEVEN_TICKS, end=9512)
    clip = open_clip(path)
    frames = list(clip.frames())
    for number, frame in enumerate(frames):
        assert (frame.planes == planes_of(number)).all()
    assert [frame.time_s for frame in frames] == [Fraction(tick, 12800) for tick in UNEVEN_TICKS] == clip.times_s
    ends = [*UNEVEN_TICKS[1:], 9512]
    durations = [Fraction(end - tick, 12800) for tick, end in zip(UNEVEN_TICKS, ends, strict=True)]
    assert [frame.duration_s for frame in frames] == durations == clip.durations_s
    info = clip.info
    assert (info.width, info.height, info.frames, len(clip)) == (96, 64, 8, 8)
    assert (info.time_base, info.duration_s, info.variable_rate) == (Fraction(1, 12800), Fraction(9512, 12800), True)
    assert info.fps == Fraction(8 * 12800, 9512)
    assert (info.exact, info.codec, info.has_audio, info.warnings) == (True, "h264", False, ())


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(25)])
def test_broadcast_rates_stay_exact(tmp_path: Path, fps: Fraction) -> None:
    clip = open_clip(save_planes(tmp_path / "clip.mp4", shown(9), fps=fps, time_base=1 / fps))
    assert (clip.info.fps, clip.info.variable_rate) == (fps, False)
    assert clip.times_s == [n / fps for n in range(9)]


def test_milliseconds_of_matroska_are_one_rate(tmp_path: Path) -> None:
    fps = Fraction(30000, 1001)
    clip = open_clip(save_planes(tmp_path / "clip.mkv", shown(40), fps=fps, time_base=Fraction(1, 1000)))
    assert (clip.info.fps, clip.info.variable_rate) == (fps, False)
    assert clip.times_s[39] == Fraction(1301, 1000)


def test_what_is_drawn_into_a_frame_stays_there(tmp_path: Path) -> None:
    clip = open_clip(save_planes(tmp_path / "clip.mp4", shown(6), options=SHORT_GOPS))
    for frame in clip.frames():
        frame.planes[:] = 0
    assert numbers_of(list(clip.frames())) == list(range(6))


@pytest.mark.parametrize("extension", ["mp4", "mkv", "avi"])
def test_any_part_is_the_same_as_in_the_whole(tmp_path: Path, extension: str) -> None:
    options = SHORT_GOPS if extension != "avi" else {"g": "5", "qscale": "2"}
    codec = "libx264" if extension != "avi" else "mpeg4"
    clip = open_clip(save_planes(tmp_path / f"clip.{extension}", shown(20), options=options, codec=codec))
    whole = list(clip.frames())
    for first, last in ((0, 3), (4, 5), (5, 11), (7, 8), (13, 20), (19, 30), (6, 6)):
        part = list(clip.frames(first, last))
        assert [frame.index for frame in part] == list(range(first, min(last, 20)))
        for frame in part:
            assert (frame.planes == whole[frame.index].planes).all()
            assert frame.time_s == whole[frame.index].time_s


@pytest.mark.parametrize(
    ("extension", "codec", "options"),
    [
        ("avi", "mpeg4", {"bf": "2", "g": "10", "qscale": "2"}),
        ("avi", "libx264", {"bf": "2", "g": "10", "qp": "0"}),  # with its times in decoding order
        ("ts", "libx264", {"bf": "2", "g": "10", "qp": "0"}),
        ("mpg", "mpeg2video", {"bf": "2", "g": "10", "qscale": "2"}),
        ("flv", "libx264", {"bf": "2", "g": "10", "qp": "0"}),
        ("wmv", "wmv2", {"qscale": "2"}),
        ("webm", "libvpx-vp9", {"lossless": "1", "g": "10", "lag-in-frames": "10", "auto-alt-ref": "1"}),
        ("mp4", "libx264", {"qp": "0", "x264-params": "open-gop=1:keyint=8:bframes=3"}),
    ],
)
def test_frames_of_any_container_come_in_order(
    tmp_path: Path, extension: str, codec: str, options: dict[str, str]
) -> None:
    path = save_planes(
        tmp_path / f"clip.{extension}", shown(20), codec=codec, options=options, time_base=Fraction(1, 25)
    )
    clip = open_clip(path)
    frames = list(clip.frames())
    assert (len(frames), clip.info.fps, clip.info.variable_rate, clip.damaged_s) == (20, 25, False, ())
    for frame in frames:
        away = [np.abs(frame.planes.astype(int) - planes).mean() for planes in shown(20)]
        assert np.argmin(away) == frame.index
    for first in (3, 10, 17):
        for frame in clip.frames(first, first + 3):
            assert (frame.planes == frames[frame.index].planes).all()


MATRICES = {
    # upright as (row, column) of the stored frame -> numpy
    "as it is": ((1, 0, 0, 1), lambda stored: stored),
    "clockwise": ((0, 1, -1, 0), lambda stored: np.rot90(stored, -1)),
    "upside down": ((-1, 0, 0, -1), lambda stored: np.rot90(stored, 2)),
    "counterclockwise": ((0, -1, 1, 0), lambda stored: np.rot90(stored, 1)),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "head over heels": ((1, 0, 0, -1), np.flipud),
    "along the diagonal": ((0, 1, 1, 0), np.transpose),
    "along the other": ((0, -1, -1, 0), lambda stored: np.rot90(stored, 2).T),
}
"""a, b, c, d of the display matrix: a stored point (x, y) is shown at (a x + c y, b x + d y)."""


@pytest.mark.parametrize("name", MATRICES)
def test_turned_clips_stand_upright(tmp_path: Path, name: str) -> None:
    (a, b, c, d), upright = MATRICES[name]
    fixed = [n * 65536 for n in (a, b)] + [0] + [n * 65536 for n in (c, d)] + [0, 0, 0, 1 << 30]
    path = save_planes(
        tmp_path / "clip.mp4",
        shown(2),
        aspect=Fraction(4, 3),
        orientation=lambda track: track.set_display_matrix(fixed),
    )
    clip = open_clip(path)
    frame = next(clip.frames())
    width, height = (64, 96) if a == 0 else (96, 64)
    assert (clip.info.width, clip.info.height) == (width, height)
    assert clip.info.pixel_aspect == (Fraction(3, 4) if a == 0 else Fraction(4, 3))
    stored = planes_of(0)
    assert (frame.planes[:height] == upright(stored[:64])).all()
    chroma = stored[64:].reshape(2, 32, 48)
    turned = frame.planes[height:].reshape(2, height // 2, width // 2)
    for plane in range(2):
        assert (turned[plane] == upright(chroma[plane])).all()
    # the matrix itself, point by point
    y, x = 10, 70
    shown_x, shown_y = a * x + c * y, b * x + d * y
    shown_x += 0 if a + c > 0 else width - 1
    shown_y += 0 if b + d > 0 else height - 1
    assert frame.planes[shown_y, shown_x] == stored[y, x]


def flat(rgb: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> U8:
    return np.full((size[1], size[0], 3), rgb, np.uint8)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "extension"),
    [
        ("libx264", "yuv420p10le", "mp4"),
        ("libx264", "yuv422p", "mp4"),
        ("libx264", "yuv444p", "mp4"),
        ("ffv1", "yuv422p10le", "mkv"),
        ("ffv1", "bgr0", "mkv"),
        ("libx264rgb", "rgb24", "mp4"),
        ("prores_ks", "yuv422p10le", "mov"),
        ("mjpeg", "yuvj422p", "avi"),
    ],
)
def test_other_kinds_of_frames_keep_their_colours(tmp_path: Path, codec: str, pix_fmt: str, extension: str) -> None:
    path = tmp_path / f"clip.{extension}"
    colours = [(200, 60, 40), (30, 180, 90), (60, 70, 220), (128, 128, 128), (250, 250, 250)]
    with av.open(path, "w") as container:
        track = container.add_stream(codec, rate=25, options={"qp": "0"} if "264" in codec else {})
        track.width, track.height, track.pix_fmt = 64, 48, pix_fmt
        for number, colour in enumerate(colours):
            frame = av.VideoFrame.from_ndarray(flat(colour), format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    clip = open_clip(path)
    assert not clip.info.exact
    assert clip.info.warnings == ()
    for frame, colour in zip(clip.frames(), colours, strict=True):
        rgb = rgb_patch(frame.planes, (0, 0, 64, 48), clip.info.colour)
        assert np.abs(rgb.astype(int) - colour).max() <= 4, (colour, rgb[10, 10])


def test_a_grey_clip_is_grey(tmp_path: Path) -> None:
    path = save_planes(tmp_path / "clip.mkv", shown(2), codec="ffv1", pix_fmt="gray")
    clip = open_clip(path)
    planes = next(clip.frames()).planes
    assert set(np.unique(planes[64:])) == {128}
    assert np.ptp(planes[:64].astype(int)) > 100


def test_full_range_keeps_its_levels(tmp_path: Path) -> None:
    clip = open_clip(save_planes(tmp_path / "clip.mp4", shown(2), pix_fmt="yuvj420p", tags=(1, 1, 1, 2)))
    assert (clip.info.colour.full_range, clip.info.exact) == (True, True)
    frame = next(clip.frames())
    assert (frame.planes == planes_of(0)).all()


def test_colour_tags_are_read(tmp_path: Path) -> None:
    clip = open_clip(save_planes(tmp_path / "clip.mp4", shown(2), tags=(6, 5, 4, 1)))
    colour = clip.info.colour
    assert (colour.matrix, colour.primaries, colour.transfer, colour.full_range) == (6, 5, 4, False)


def test_a_matrix_that_is_not_known_is_reported_and_kept(tmp_path: Path) -> None:
    info = open_clip(save_planes(tmp_path / "clip.mp4", shown(2), tags=(8, 1, 1, 1))).info
    assert info.colour.matrix == 8
    assert "unusual colour matrix (code 8)" in info.warnings[0]


def test_an_unnamed_matrix_stays_unnamed_and_is_guessed_by_size(tmp_path: Path) -> None:
    small = open_clip(save_planes(tmp_path / "small.mp4", shown(1))).info.colour
    large = open_clip(save_planes(tmp_path / "large.mp4", [planes_of(0, 1280, 720)])).info.colour
    assert (small.matrix, small.working_matrix) == (2, 6)
    assert (large.matrix, large.working_matrix) == (2, 1)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize(("transfer", "white"), [(16, 0.5807), (18, 0.75)])
def test_high_dynamic_range_comes_down_with_a_warning(tmp_path: Path, transfer: int, white: float, bits: int) -> None:
    """Graphics white, 203 cd/m2 (ITU-R BT.2408), becomes white; half as bright becomes a grey; neither has a colour."""
    path = tmp_path / "clip.mkv"
    pix_fmt, dtype = ("yuv420p", np.uint8) if bits == 8 else ("yuv420p10le", np.uint16)
    with av.open(path, "w") as container:
        track = container.add_stream("ffv1", rate=25)
        track.width, track.height, track.pix_fmt = 64, 48, pix_fmt
        frame = av.VideoFrame(64, 48, pix_fmt)
        unit = 1 << (bits - 8)
        for plane, level in zip(frame.planes, (round((16 + white * 219) * unit), 128 * unit, 128 * unit), strict=True):
            plane.update(np.full(plane.buffer_size // np.dtype(dtype).itemsize, level, dtype).tobytes())
        frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = 9, 9, transfer, 1
        context = track.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, transfer, 1
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    clip = open_clip(path)
    rgb = rgb_patch(next(clip.frames()).planes, (0, 0, 64, 48), clip.info.colour)
    assert np.abs(rgb.astype(int) - 253).max() <= 5
    assert (clip.info.colour.matrix, clip.info.colour.transfer, clip.info.exact) == (1, 1, False)
    assert "high dynamic range" in clip.info.warnings[0]


def perceptual_quantizer(light: np.ndarray) -> np.ndarray:
    """Signal 0-1 of light in cd/m2; SMPTE ST 2084."""
    power = (light / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


@pytest.mark.slow
@pytest.mark.parametrize("linear", [(0.5, 0.25, 0.15), (0.05, 0.03, 0.02), (0.1, 0.4, 0.2)])
def test_colours_survive_the_way_down(linear: tuple[float, float, float]) -> None:
    """Light of BT.709 primaries, put into BT.2020 and PQ by the book, comes back as a display shows it (BT.1886)."""
    wide = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # BT.2087
    red, green, blue = perceptual_quantizer(wide @ np.array(linear) * 203)
    luma = 0.2627 * red + 0.6780 * green + 0.0593 * blue
    levels = (64 + 876 * luma, 512 + 896 * (blue - luma) / 1.8814, 512 + 896 * (red - luma) / 1.4746)
    frame = av.VideoFrame(64, 48, "yuv420p10le")
    for plane, level in zip(frame.planes, levels, strict=True):
        plane.update(np.full(plane.buffer_size // 2, round(level), np.uint16).tobytes())
    frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = 9, 9, 16, 1
    maker = PlaneMaker(frame)
    rgb = rgb_patch(maker(frame), (0, 0, 64, 48), maker.colour)
    assert np.abs(rgb[5, 5] - 255 * np.array(linear) ** (1 / 2.4)).max() < 4


def test_odd_sides_lose_a_line(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(path, "w") as container:
        track = container.add_stream("ffv1", rate=25)
        track.width, track.height, track.pix_fmt = 65, 49, "yuv420p"
        frame = av.VideoFrame.from_ndarray(colour_image(65, 49), format="rgb24").reformat(format="yuv420p")
        luma = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(-1, frame.planes[0].line_size)[:48, :64]
        luma = luma.copy()
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    clip = open_clip(path)
    assert (clip.info.width, clip.info.height) == (64, 48)
    assert "lost its last column or row" in clip.info.warnings[0]
    assert (next(clip.frames()).planes[:48] == luma).all()


def test_an_absurd_shape_of_pixels_is_not_believed(tmp_path: Path) -> None:
    clip = open_clip(save_planes(tmp_path / "clip.mp4", shown(1), aspect=Fraction(40, 1)))
    assert clip.info.pixel_aspect == 1
    assert "aspect ratio of 40" in clip.info.warnings[0]


@pytest.mark.parametrize(
    ("start_s", "end_s", "first", "last"),
    [(None, None, 0, 20), (0.2, 0.4, 5, 10), (0.215, 0.385, 5, 10), (0.225, None, 6, 20), (0.4, 0.401, 10, 11)],
)
def test_a_window_begins_and_ends_with_whole_frames(
    tmp_path: Path, start_s: float | None, end_s: float | None, first: int, last: int
) -> None:
    path = save_planes(tmp_path / "clip.mp4", shown(20), options=SHORT_GOPS)
    clip = open_clip(path, start_s=start_s, end_s=end_s)
    frames = list(clip.frames())
    assert numbers_of(frames) == list(range(first, last))
    assert [frame.index for frame in frames] == list(range(last - first))
    assert [frame.time_s for frame in frames] == [Fraction(n, 25) for n in range(last - first)]
    assert (clip.info.window_start_s, clip.info.duration_s) == (Fraction(first, 25), Fraction(last - first, 25))


@pytest.mark.parametrize(("start_s", "end_s"), [(0.9, None), (0.2, 1.5), (-1.0, None), (0.5, 0.3)])
def test_windows_that_lie_outside(tmp_path: Path, start_s: float | None, end_s: float | None) -> None:
    path = save_planes(tmp_path / "clip.mp4", shown(20))
    with pytest.raises(WindowOutOfRange, match=r"clip|window"):
        open_clip(path, start_s=start_s, end_s=end_s)


@pytest.mark.parametrize(
    ("max_fps", "kept"),
    [
        (25, range(20)),
        (30, range(20)),
        ("12.5", range(0, 20, 2)),
        (5, range(0, 20, 5)),
        (10, (0, 2, 5, 7, 10, 12, 15, 17)),
    ],
)
def test_a_lower_rate_leaves_frames_out(tmp_path: Path, max_fps: float | str, kept: range) -> None:
    path = save_planes(tmp_path / "clip.mp4", shown(20))
    clip = open_clip(path, max_fps=max_fps)
    frames = list(clip.frames())
    assert numbers_of(frames) == list(kept)
    assert [frame.time_s for frame in frames] == [Fraction(n, 25) for n in kept]
    assert frames[-1].time_s + frames[-1].duration_s == clip.info.duration_s == Fraction(20, 25)
    assert clip.info.fps == Fraction(len(kept) * 25, 20)


def test_a_rate_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption):
        open_clip(save_planes(tmp_path / "clip.mp4", shown(2)), max_fps=0)


def test_too_fast_is_refused_but_may_be_thinned_out(tmp_path: Path) -> None:
    path = save_planes(tmp_path / "clip.mp4", shown(24), fps=Fraction(120), time_base=Fraction(1, 12000))
    with pytest.raises(VideoTooLarge, match=r"clip\.mp4.* has 120 frames per second.*--max-fps 60"):
        open_clip(path)
    clip = open_clip(path, max_fps=60)
    assert (len(clip), clip.info.fps) == (12, 60)


@pytest.mark.slow
def test_too_many_pixels(tmp_path: Path) -> None:
    path = save_planes(tmp_path / "clip.mp4", [planes_of(0, 4002, 2400)], options={"preset": "ultrafast"})
    with pytest.raises(VideoTooLarge, match="4002 x 2400 pixels"):
        open_clip(path)


@pytest.mark.parametrize("size", [(2, 96), (96, 14)])
def test_too_few_pixels(tmp_path: Path, size: tuple[int, int]) -> None:
    path = save_planes(tmp_path / "tiny.mp4", [planes_of(n, *size) for n in range(3)])
    with pytest.raises(InvalidVideo, match=f"{size[0]} x {size[1]} pixels; each side needs at least 16"):
        open_clip(path)


def test_too_many_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = save_planes(tmp_path / "claims.mp4", shown(20))
    silent = save_planes(tmp_path / "silent.mkv", shown(20))
    monkeypatch.setattr(reader, "MAX_FRAMES", 19)
    monkeypatch.setattr(index, "MAX_FRAMES", 19)
    with pytest.raises(VideoTooLarge, match="claims 20 frames"):
        open_clip(claims)
    with pytest.raises(VideoTooLarge, match="has more than 19 frames"):
        open_clip(silent)


def test_a_clock_that_jumps(tmp_path: Path) -> None:
    path = save_planes(tmp_path / "clip.mp4", shown(3), ticks=(0, 512, 512 + 601 * 12800))
    with pytest.raises(InvalidVideo, match=r"clock of 'clip\.mp4' jumps by more than 600 s"):
        open_clip(path)


def test_a_last_frame_that_claims_to_stay_for_hours(tmp_path: Path) -> None:
    clip = open_clip(save_planes(tmp_path / "clip.mp4", shown(3), ticks=(0, 512, 1024), end=1024 + 4000 * 12800))
    assert clip.info.duration_s == Fraction(3, 25)


def with_cover(path: Path) -> Path:
    """A song with its cover."""
    save_image(path.with_suffix(".jpg"), colour_image(96, 64))
    with av.open(path, "w") as container, av.open(path.with_suffix(".jpg")) as cover:
        frame = container.add_stream_from_template(cover.streams.video[0])
        frame.disposition = av.stream.Disposition.attached_pic
        played = container.add_stream("aac", rate=48_000, layout="mono")
        packet = next(cover.demux(cover.streams.video[0]))
        packet.stream = frame
        frame = av.AudioFrame.from_ndarray(tone(0.5, rate_hz=48_000), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        container.mux(packet)
        container.mux(played.encode(frame))
        container.mux(played.encode(None))
    return path


def encrypted(path: Path) -> Path:
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "00" * 15 + "01", "encryption_kid": "00" * 15 + "02"}
    return save_planes(path, shown(5), container_options=key)


def text_file(path: Path) -> Path:
    path.write_text("no clip at all, whatever the name says\n" * 50)
    return path


def empty_file(path: Path) -> Path:
    path.touch()
    return path


@pytest.mark.parametrize(
    ("make", "extension", "error", "says"),
    [
        (lambda path: path, "mp4", InvalidVideo, "There is no file"),
        (text_file, "mp4", InvalidVideo, "cannot be read"),
        (empty_file, "mp4", InvalidVideo, "is empty"),
        (lambda path: save_audio(path, tone(0.5)), "wav", InvalidVideo, "has no video track"),
        (with_cover, "mp4", InvalidVideo, "has only a cover image"),
        (encrypted, "mp4", VideoEncrypted, "is encrypted"),
    ],
)
def test_what_is_no_clip(
    tmp_path: Path, make: Callable[[Path], Path], extension: str, error: type[InputError], says: str
) -> None:
    with pytest.raises(error, match=rf"clip\.{extension}.*{re.escape(says)}|{re.escape(says)}.*clip\.{extension}"):
        open_clip(make(tmp_path / f"clip.{extension}"))


def test_the_default_of_several_tracks(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(path, "w") as container:
        tracks = []
        for size in (64, 96):
            track = container.add_stream("ffv1", rate=25)
            track.width, track.height, track.pix_fmt = size, 48, "yuv420p"
            tracks.append(track)
        tracks[0].disposition = av.stream.Disposition.comment
        tracks[1].disposition = av.stream.Disposition.default
        for track in tracks:
            frame = av.VideoFrame.from_ndarray(colour_image(track.width, 48), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = 0, Fraction(1, 25)
            container.mux(track.encode(frame))
            container.mux(track.encode(None))
    clip = open_clip(path)
    assert clip.info.width == 96
    assert clip.info.warnings == ("'clip.mkv' has 2 video tracks; only one is used.",)


def test_interlaced_lines_are_reported(tmp_path: Path) -> None:
    options = {"qp": "0", "x264-params": "interlaced=1"}
    clip = open_clip(save_planes(tmp_path / "clip.mp4", shown(3), options=options))
    assert "is marked as interlaced" in clip.info.warnings[0]


def damaged_clip(tmp_path: Path) -> Clip:
    """Twenty frames in groups of five, of which the group from ten on is hit."""
    path = save_planes(tmp_path / "clip.mp4", shown(20), options={"qp": "0", "g": "5", "bf": "0"})
    return open_clip(hurt(path, 0.55))


def test_a_damaged_middle_is_bridged_and_reported(tmp_path: Path) -> None:
    clip = damaged_clip(tmp_path)
    frames = list(clip.frames())
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.time_s for frame in frames] == [Fraction(n, 25) for n in range(20)]
    hit = [frame.index for frame in frames if frame.damaged]
    assert hit
    assert set(hit) <= set(range(10, 15))
    for frame in [*frames[:10], *frames[15:]]:
        assert (frame.planes == planes_of(frame.index)).all()
    assert clip.damaged_s == ((hit[0] / 25, 15 / 25),)  # up to the next key frame


def test_damage_looks_the_same_each_time(tmp_path: Path) -> None:
    clip = damaged_clip(tmp_path)
    once = list(clip.frames())
    for frame, again in zip(once, clip.frames(), strict=True):
        assert (frame.planes == again.planes).all()
        assert frame.damaged == again.damaged
    for frame in clip.frames(15, 18):
        assert (frame.planes == once[frame.index].planes).all()


def test_a_damaged_beginning_shows_the_first_good_frame(tmp_path: Path) -> None:
    path = save_planes(tmp_path / "clip.mp4", shown(20), options={"qp": "0", "g": "5", "bf": "0"})
    size = path.stat().st_size
    clip = open_clip(hurt(path, 0.0, size // 8))
    frames = list(clip.frames())
    assert [frame.index for frame in frames] == list(range(len(clip)))
    assert clip.info.frames >= 15
    assert (frames[-1].planes == planes_of(19)).all()


def test_a_clip_cut_off_says_how_much_is_left(tmp_path: Path) -> None:
    options = {"movflags": "+faststart"}
    path = save_planes(tmp_path / "clip.mp4", shown(60), options=SHORT_GOPS, container_options=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    clip = open_clip(path)
    assert "announces 2.40 s of video, but only" in clip.info.warnings[0]
    frames = list(clip.frames())
    assert 20 < len(frames) == len(clip) < 40
    assert (frames[20].planes == planes_of(20)).all()


@pytest.mark.parametrize("mode", ["loop", "bounce", "hold", "cut", "silence"])
def test_playing_by_a_plan(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_REVERSE_BUFFER_BYTES", 3 * 96 * 64 * 3 // 2)  # backwards three at a time
    clip = open_clip(save_planes(tmp_path / "clip.mp4", shown(8), ticks=UNEVEN_TICKS, end=9512, options=SHORT_GOPS))
    plan = FramePlan(durations_s=clip.durations_s, audio_s=2.5, mode=mode)  # type: ignore[arg-type]
    played = 0
    for planned, frame in zip(plan, clip.play(plan), strict=True):
        assert (frame.planes == planes_of(planned.source)).all()
        assert (frame.index, frame.time_s, frame.duration_s) == (planned.source, planned.time_s, planned.duration_s)
        frame.planes[:] = 0  # a frame that stays is not the one that was drawn into
        played += 1
    assert played == len(plan) >= 8


def joined_of_two_sizes(tmp_path: Path) -> Path:
    """Four frames of 96 x 64, then four of 64 x 48."""
    save_clip(tmp_path / "one.mp4", [colour_image(96, 64)] * 4)
    save_clip(tmp_path / "two.mp4", [colour_image(64, 48)] * 4)
    path = tmp_path / "clip.ts"
    with av.open(path, "w") as container:
        track, shift = None, 0
        for name in ("one.mp4", "two.mp4"):
            with av.open(tmp_path / name) as part:
                source = part.streams.video[0]
                track = track or container.add_stream_from_template(source)
                bits = av.bitstream.BitStreamFilterContext("h264_mp4toannexb", source)
                for packet in part.demux(source):
                    if packet.dts is None:
                        continue
                    for out in bits.filter(packet):
                        out.pts, out.dts = out.pts + shift, out.dts + shift
                        out.stream = track
                        container.mux(out)
                shift += 4 * 512
    return path


def test_frames_of_another_size_in_the_middle_are_fitted(tmp_path: Path) -> None:
    clip = open_clip(joined_of_two_sizes(tmp_path))
    frames = list(clip.frames())
    assert len(frames) == len(clip) == 8
    assert {frame.planes.shape for frame in frames} == {(96, 96)}
    rgb = rgb_patch(frames[-1].planes, (0, 0, 96, 64), clip.info.colour)
    assert np.abs(rgb.astype(int) - colour_image(96, 64)).mean() < 4


def test_a_part_after_another_size_is_fitted_like_the_whole(tmp_path: Path) -> None:
    clip = open_clip(joined_of_two_sizes(tmp_path))
    whole = list(clip.frames())
    assert all((frame.planes == whole[frame.index].planes).all() for frame in clip.frames(6, 8))


@pytest.mark.parametrize("turned", [False, True])
def test_large_frames_are_scaled_where_requested(tmp_path: Path, turned: bool) -> None:
    fixed = [n * 65536 for n in (0, 1)] + [0] + [n * 65536 for n in (-1, 0)] + [0, 0, 0, 1 << 30]
    slope = np.full((96, 96), 128, np.uint8)
    slope[:64] = 40 + np.add.outer(np.arange(64), np.arange(96))
    path = save_planes(
        tmp_path / "clip.mp4",
        [slope] * 3,
        orientation=lambda track: track.set_display_matrix(fixed) if turned else None,
    )
    whole, small = open_clip(path), open_clip(path, max_resolution=72)
    assert (small.info.width, small.info.height) == ((48, 72) if turned else (72, 48))
    assert (small.info.scale, small.info.exact, whole.info.exact) == (Fraction(3, 4), False, True)
    assert small.info.colour.matrix == small.info.colour.guessed_matrix  # was not said, and is guessed by size
    assert "96 x 64 pixels was scaled down" in small.info.warnings[0]
    before, after = next(whole.frames()).planes, next(small.frames()).planes
    corners = np.ix_([0, -1], [0, -1])
    assert np.abs(after[: small.info.height][corners].astype(int) - before[: whole.info.height][corners]).max() < 3
    assert (after[small.info.height :] == 128).all()


def test_frames_that_are_small_enough_keep_their_bytes(tmp_path: Path) -> None:
    clip = open_clip(save_planes(tmp_path / "clip.mp4", shown(4)), max_resolution=96)
    assert (clip.info.exact, clip.info.scale) == (True, 1)
    assert numbers_of(list(clip.frames())) == list(range(4))


def test_callback_is_reported_of_each_frame_may_end_the_walk(tmp_path: Path) -> None:
    seen: list[int] = []

    def enough() -> None:
        seen.append(len(seen))
        if len(seen) == 3:
            raise InterruptedError

    clip = open_clip(save_planes(tmp_path / "clip.mp4", shown(8)), on_frame=enough)
    with pytest.raises(InterruptedError):
        list(clip.frames())


def test_the_first_frame_has_the_colours_of_its_matrix(tmp_path: Path) -> None:
    colours = [(200, 40, 30), (30, 180, 60), (40, 60, 200), (128, 128, 128)]
    for colour in colours:  # untagged, BT.601, below HD
        path = save_clip(tmp_path / "a.mp4", [np.full((64, 96, 3), colour, np.uint8)] * 4, fps=Fraction(10))
        first = first_frame(path)
        assert first.shape == (64, 96, 3)
        np.testing.assert_allclose(first.reshape(-1, 3).mean(axis=0), colour, atol=4)


@pytest.mark.parametrize("seed", range(6))
def test_damaged_clips_give_a_clear_error_or_frames(tmp_path: Path, seed: int) -> None:
    path = save_clip(tmp_path / "hurt.mp4", [colour_image(96, 64)] * 20)
    data = bytearray(path.read_bytes())
    chosen = np.random.default_rng(seed).integers(0, len(data), 40)
    for at in chosen:
        data[at] ^= 0xFF
    path.write_bytes(data)
    try:
        assert first_frame(path).dtype == np.uint8
        for frame in open_clip(path).frames():
            assert frame.planes.dtype == np.uint8
    except InputError as error:
        assert "hurt.mp4" in error.message or "megapixels" in error.message


def test_audio_has_no_first_frame(tmp_path: Path) -> None:
    with pytest.raises(InvalidVideo, match="no video track"):
        first_frame(save_audio(tmp_path / "a.wav", tone(0.3)))
