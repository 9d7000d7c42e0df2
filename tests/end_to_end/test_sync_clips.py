"""Lip sync of every clip of the shared test media, each with what has to come out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from factories import write_clip_of
from lipsmith import LipsmithError, SyncResult, learn_style, lip_sync
from lipsmith.media.decode import open_audio
from lipsmith.media.reader import open_clip

SPEECH = "audio/ljspeech_LJ001-0004_5s.wav"
FIRST = (0.0, 0.8)

CLIPS: dict[str, tuple[tuple[float, float] | None, int, str, int, int, int, int] | str] = {
    # file: (window, frames, average rate, width, height, which face, of how many), or the code of the error
    "odd/anim.gif": (FIRST, 8, "10", 160, 160, 1, 1),
    "odd/audio_shorter.mp4": (FIRST, 20, "25", 512, 512, 1, 1),
    "odd/audio_starts_late.mp4": (FIRST, 20, "25", 512, 512, 1, 1),
    "odd/cuts.mp4": ((1.6, 2.4), 20, "25", 512, 512, 2, 2),
    "odd/face_leaves.mp4": ((2.2, 3.4), 30, "25", 512, 512, 1, 1),
    "odd/fps10.mp4": (FIRST, 8, "10", 512, 512, 1, 1),
    "odd/fps24.mp4": (FIRST, 19, "24", 512, 512, 1, 1),
    "odd/fps50_interlaced_flag.mp4": (FIRST, 40, "50", 512, 512, 1, 1),
    "odd/fps60.mp4": (FIRST, 48, "60", 512, 512, 1, 1),
    "odd/h264.mkv": (FIRST, 20, "25", 512, 512, 1, 1),
    "odd/hevc_10bit.mp4": (FIRST, 20, "25", 512, 512, 1, 1),
    "odd/mjpeg.avi": (None, 50, "625/26", 320, 320, 1, 1),
    "odd/no_audio.mp4": (FIRST, 20, "25", 512, 512, 1, 1),
    "odd/one_frame.mp4": (None, 1, "25", 512, 512, 1, 1),
    "odd/prores_like.mov": (None, 20, "25", 256, 256, 1, 1),
    "odd/rotated_metadata.mp4": (FIRST, 20, "25", 384, 512, 1, 1),
    "odd/silent_audio.mp4": (FIRST, 20, "25", 512, 512, 1, 1),
    "odd/tiny_128.mp4": (FIRST, 20, "25", 128, 128, 1, 1),
    "odd/truncated.mp4": "invalid_video",
    "odd/two_audio_tracks.mp4": (FIRST, 20, "25", 512, 512, 1, 1),
    "odd/two_faces.mp4": (FIRST, 20, "25", 1024, 512, 1, 2),
    "odd/vfr.mp4": ((0.0, 1.6), 31, "", 512, 512, 1, 1),
    "odd/vp9.webm": (FIRST, 20, "25", 512, 512, 1, 1),
    "odd/wide_1920x1080.mp4": (FIRST, 20, "25", 1920, 1080, 1, 1),
    "odd/yuv444_odd.mp4": (FIRST, 20, "25", 400, 398, 1, 1),
    "video/man_beard_half_body_hevc.mp4": (FIRST, 20, "25", 1080, 1920, 1, 1),
    "video/man_glasses_29.97fps_2s.mp4": (FIRST, 24, "30000/1001", 512, 512, 1, 1),
    "video/man_glasses_nosound_6s_30fps.mp4": (FIRST, 24, "30", 720, 1280, 1, 1),
    "video/man_green_silent_3s.mp4": (FIRST, 20, "25", 512, 512, 1, 1),
    "video/man_head_turns_25fps.mp4": (FIRST, 20, "25", 512, 512, 1, 1),
    "video/man_map_25fps_5s.mp4": (FIRST, 20, "25", 844, 844, 1, 1),
    "video/man_suit_22fps_6s.mp4": (FIRST, 17, "", 700, 700, 1, 1),
    "video/no_face_road_4k.mp4": "no_source_face",
    "video/vidtimit_woman_5s.mp4": (FIRST, 20, "25", 512, 384, 1, 1),
    "video/woman_29.97fps_4.6s.mp4": (FIRST, 24, "30000/1001", 512, 512, 1, 1),
    "video/woman_flag_25fps_8s.mp4": (FIRST, 20, "25", 512, 512, 1, 1),
    "video/woman_seated_small_face_hevc.mp4": (FIRST, 20, "25", 1080, 1920, 1, 1),
}
"""An empty rate: whatever these pictures come at."""

UNCHANGED = {
    # file: (start, end) in seconds of the video; all others have none
    "odd/cuts.mp4": (0.4, 0.8),  # a man, between two scenes with the woman who is longer to be seen
    "odd/face_leaves.mp4": (0.56, 1.2),
}

WARNINGS = {
    # file: parts of the warnings, beside the one about the longer sound; all others give none
    "odd/anim.gif": ["The face is small"],
    "odd/cuts.mp4": ["face is not seen"],
    "odd/face_leaves.mp4": ["face is not seen"],
    "odd/fps50_interlaced_flag.mp4": ["interlaced"],
    "odd/one_frame.mp4": ["No speech was found"],
    "odd/tiny_128.mp4": ["The face is small"],
    "odd/yuv444_odd.mp4": ["lost its last column or row"],
}


def test_the_table_names_every_clip_and_no_other(shared_media: Path) -> None:
    kinds = (".mp4", ".mkv", ".avi", ".mov", ".webm")
    there = {f"{path.parent.name}/{path.name}" for path in shared_media.glob("[ov]*/*") if path.suffix in kinds}
    assert there | {"odd/anim.gif"} == set(CLIPS)


IN_WHOLE_LANE = {
    "odd/anim.gif", "odd/audio_starts_late.mp4", "odd/cuts.mp4", "odd/face_leaves.mp4", "odd/hevc_10bit.mp4",
    "odd/no_audio.mp4", "odd/one_frame.mp4", "odd/rotated_metadata.mp4", "odd/truncated.mp4", "odd/two_faces.mp4",
    "odd/vfr.mp4", "odd/wide_1920x1080.mp4", "odd/yuv444_odd.mp4", "video/man_head_turns_25fps.mp4",
    "video/no_face_road_4k.mp4", "video/woman_flag_25fps_8s.mp4",
}  # fmt: skip
"""One clip of each kind; `tests/unit/media` and `tests/unit/face` read the others, too."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in IN_WHOLE_LANE else pytest.mark.release) for name in CLIPS]
)
def test_every_clip_gets_new_lips(shared_media: Path, tmp_path: Path, name: str) -> None:
    expected, out = CLIPS[name], tmp_path / "out.mp4"
    if isinstance(expected, str):
        with pytest.raises(LipsmithError) as caught:
            lip_sync(shared_media / name, shared_media / SPEECH, out, mode="lite")
        assert caught.value.code == expected
        assert list(tmp_path.iterdir()) == []
        return
    window, frames, rate, width, height, face, found = expected
    start_s, end_s = window or (None, None)
    result = lip_sync(shared_media / name, shared_media / SPEECH, out, mode="lite", start_s=start_s, end_s=end_s)
    assert (result.frames, result.width, result.height) == (frames, width, height)
    assert str(result.fps) == (rate or str(result.fps))
    assert ([one.number for one in result.faces], result.faces_found) == ([face], found)
    _are_near(result.unchanged_s, [UNCHANGED[name]] if name in UNCHANGED else [])
    assert result.damaged_s == ()
    told = [warning for warning in result.warnings if "longer than the clip" not in warning]
    assert len(told) == len(WARNINGS.get(name, []))
    assert all(part in warning for part, warning in zip(WARNINGS.get(name, []), told, strict=True))
    _plays_like_its_clip(out, shared_media / name, result, start_s, end_s)


@pytest.mark.slow
def test_a_talking_clip_teaches_how_its_owner_speaks(shared_media: Path, tmp_path: Path) -> None:
    clip = shared_media / "video" / "vidtimit_woman_5s.mp4"
    result = lip_sync(clip, shared_media / SPEECH, tmp_path / "out.mp4", mode="standard")
    (face,) = result.faces
    assert face.learnt_s is not None
    assert face.learnt_s > 4
    assert face.own_offset_s is not None
    plain = lip_sync(clip, shared_media / SPEECH, tmp_path / "plain.mp4", mode="standard", adapt=False)
    assert plain.faces[0].learnt_s is None
    assert _largest_difference(tmp_path / "out.mp4", tmp_path / "plain.mp4") > 20


@pytest.mark.slow
def test_a_style_from_a_file_is_worn_as_if_learnt_from_the_clip(shared_media: Path, tmp_path: Path) -> None:
    clip = shared_media / "video" / "vidtimit_woman_5s.mp4"
    learn_style(clip, tmp_path / "me.style")
    style = tmp_path / "me.style"
    worn = lip_sync(clip, shared_media / SPEECH, tmp_path / "worn.mp4", mode="lite", speaking_style=style)
    learnt = lip_sync(clip, shared_media / SPEECH, tmp_path / "learnt.mp4", mode="lite")
    assert (worn.faces[0].learnt_s is None, learnt.faces[0].learnt_s is None) == (True, False)
    assert _largest_difference(tmp_path / "worn.mp4", tmp_path / "learnt.mp4") < 20  # the file's numbers are rounded


@pytest.mark.slow
def test_the_face_that_talks_is_found_or_named(shared_media: Path, tmp_path: Path) -> None:
    clip, out = shared_media / "odd" / "two_faces.mp4", tmp_path / "out.mp4"
    for number, face, end_s in ((1, "speaker", 4.0), (2, 2, 0.8), (2, (768.0, 200.0, 0.5), 0.8)):
        result = lip_sync(
            clip, shared_media / SPEECH, out, mode="lite", face=face, end_s=end_s, adapt=False, overwrite=True
        )
        assert [one.number for one in result.faces] == [number]


def test_a_damaged_middle_is_listed_and_the_rest_goes_on(astronaut: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_clip_of(path, astronaut[:320, 64:384], frames=40)
    data = bytearray(path.read_bytes())
    begin = data.find(b"mdat") + 4
    middle = begin + (len(data) - begin) * 7 // 10
    data[middle : middle + 600] = np.random.default_rng(5).bytes(600)
    path.write_bytes(data)
    result = lip_sync(path, None, tmp_path / "out.mp4", text="Papa sees a small boat.", mode="lite")
    assert result.frames == 40
    assert result.damaged_s
    assert any("The clip is damaged at" in warning for warning in result.warnings)
    assert len(open_clip(tmp_path / "out.mp4")) == 40


def _largest_difference(one: Path, other: Path) -> int:
    """Levels, over all pixels of all pictures."""
    pairs = zip(open_clip(one).frames(), open_clip(other).frames(), strict=True)
    return max(int(np.abs(a.planes.astype(int) - b.planes).max()) for a, b in pairs)


def _are_near(stretches: tuple[tuple[float, float], ...], expected: list[tuple[float, float]]) -> None:
    assert len(stretches) == len(expected)
    for stretch, near in zip(stretches, expected, strict=True):
        assert stretch == pytest.approx(near, abs=0.09)


def _plays_like_its_clip(
    out: Path, source: Path, result: SyncResult, start_s: float | None, end_s: float | None
) -> None:
    """Every picture at its own exact time, the colours as they were, and sound to the end."""
    before, after = open_clip(source, start_s=start_s, end_s=end_s), open_clip(out)
    assert after.times_s == before.times_s
    assert after.info.duration_s == before.info.duration_s == Fraction(result.seconds).limit_denominator(10**6)
    assert (after.info.colour, after.info.pixel_aspect) == (before.info.colour, before.info.pixel_aspect)
    assert sum(1 for _ in after.frames()) == result.frames
    assert after.damaged_s == ()
    audio = open_audio(out)
    assert audio.duration_s == pytest.approx(result.seconds, abs=0.022)  # at most one packet of AAC
    heard = np.concatenate(list(audio.blocks(16_000, 1)), axis=1)[0]
    given = np.concatenate(list(open_audio(source.parents[1] / SPEECH).blocks(16_000, 1)), axis=1)[0][: len(heard)]
    assert _lag_s(heard, given[: len(heard)]) == pytest.approx(0.0, abs=0.001) or result.seconds < 0.3


def _lag_s(heard: np.ndarray, given: np.ndarray) -> float:
    """Delay of the audio in the result, seconds."""
    spectra = [np.fft.rfft(values, 2 * len(heard)) for values in (heard, given)]
    match = np.fft.irfft(spectra[0] * np.conj(spectra[1]))
    best = int(np.argmax(match))
    return (best if best < len(heard) else best - 2 * len(heard)) / 16_000
