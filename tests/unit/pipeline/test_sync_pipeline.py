"""The story from clip to new clip: what is refused at the door, what is told on the way, what is left behind."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from factories import write_clip_of, write_wav
from lipsmith import LipsmithError, MotionTrack, Progress, Speaker, SyncResult, lip_sync
from lipsmith.media.decode import open_audio
from lipsmith.media.reader import open_clip
from lipsmith.pipeline import SYNC_STAGES

STOCK = {"portrait.png", "two.png", "small.png", "speech.wav", "clip.mp4", "pair.mp4"}


def synced(**options: Any) -> SyncResult:
    given = {"video": "clip.mp4", "audio": "speech.wav", "out": "out.mp4", "mode": "lite"} | options
    return lip_sync(**given)


def refusal(**options: Any) -> LipsmithError:
    with pytest.raises(LipsmithError) as caught:
        synced(**options)
    return caught.value


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"audio": None}, "invalid_option"),
        ({"video": None}, "invalid_option"),
        ({"out": 3}, "invalid_option"),
        ({"audio": 3}, "invalid_option"),
        ({"text": 3}, "invalid_option"),
        ({"voice": "en-us"}, "invalid_option"),
        ({"rate": 0.8}, "invalid_option"),
        ({"audio": None, "text": "Oh.", "audio_end_s": 1.0}, "invalid_option"),
        ({"mode": "turbo"}, "invalid_option"),
        ({"duration_mode": "stretch"}, "invalid_option"),
        ({"face": "left"}, "invalid_option"),
        ({"face": 0}, "invalid_option"),
        ({"face": (1, 2, 3, 4)}, "invalid_option"),
        ({"face": (1, 2, 0.1), "start_s": 0.4}, "invalid_option"),
        ({"face": (1, 2, 0.9), "end_s": 0.4}, "invalid_option"),
        ({"max_fps": 0.5}, "invalid_option"),
        ({"max_fps": "many"}, "invalid_option"),
        ({"max_resolution": 63}, "invalid_option"),
        ({"max_resolution": 99.5}, "invalid_option"),
        ({"keep_background_db": 3}, "invalid_option"),
        ({"keep_background_db": float("nan")}, "invalid_option"),
        ({"keep_background_db": True}, "invalid_option"),
        ({"adapt": "no"}, "invalid_option"),
        ({"intensity": 0.0}, "invalid_option"),
        ({"crf": 0}, "invalid_option"),
        ({"crf": 52}, "invalid_option"),
        ({"crf": 16.5}, "invalid_option"),
        ({"engines": {"lip_syncer": "nobody"}}, "invalid_option"),
        ({"speaking_style": 3}, "invalid_option"),
        ({"speaking_style": "missing.style"}, "invalid_style"),
        ({"speaking_style": "portrait.png"}, "invalid_style"),
        ({"speakers": "missing.json", "audio": None}, "invalid_option"),
        ({"speakers": [Speaker(text="Oh.")]}, "invalid_option"),
        ({"speakers": [Speaker(text="Oh.")], "audio": None, "face": 2}, "invalid_option"),
        (
            {"speakers": [Speaker(text="Oh."), Speaker(text="No.")], "audio": None, "export": "m.json"},
            "invalid_option",
        ),
        ({"start_s": 2.0, "end_s": 1.0}, "window_out_of_range"),
        ({"start_s": -1.0}, "window_out_of_range"),
        ({"start_s": 90.0}, "window_out_of_range"),
        ({"audio_start_s": 90.0}, "window_out_of_range"),
        ({"out": "out.avi"}, "invalid_option"),
        ({"out": "nowhere/out.mp4"}, "invalid_option"),
        ({"out": "clip.mp4"}, "output_exists"),
        ({"out": "clip.mp4", "overwrite": True}, "invalid_option"),
        ({"export": "out.mp4"}, "invalid_option"),
        ({"export": "words.srt"}, "invalid_option"),
        ({"motion_track": "missing.json"}, "invalid_motion"),
        ({"video": "missing.mp4"}, "invalid_video"),
        ({"video": "speech.wav"}, "invalid_video"),
        ({"video": "portrait.png"}, "invalid_video"),
        ({"audio": "missing.wav"}, "invalid_audio"),
        ({"audio": "portrait.png"}, "invalid_audio"),
        ({"audio": None, "text": " "}, "empty_text"),
        ({"audio": None, "text": "Hello", "voice": "klingon-9"}, "unknown_voice"),
        ({"face": 2}, "no_such_face"),
        ({"face": (5.0, 310.0)}, "no_such_face"),
        ({"face": "speaker"}, "no_such_face"),
        ({"max_resolution": 128}, "face_too_small"),
        (
            {"speakers": [Speaker(face=1, text="Oh."), Speaker(text="No.")], "audio": None},
            "invalid_option",
        ),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(room: Path, options: dict[str, Any], code: str) -> None:
    error = refusal(**options)
    assert error.code == code, error.message
    assert {path.name for path in room.iterdir()} == STOCK


def test_a_clip_without_a_face_is_refused(room: Path) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    write_clip_of(Path("noise.mp4"), noise, frames=6)
    assert refusal(video="noise.mp4").code == "no_source_face"


def test_a_small_face_is_refused(room: Path) -> None:
    write_clip_of(Path("small.mp4"), np.array(Image.open("small.png")), frames=6)
    error = refusal(video="small.mp4")
    assert (error.code, "pixels between the eyes" in error.message) == ("face_too_small", True)


@pytest.mark.slow
def test_the_result_tells_what_was_made(room: Path) -> None:
    result = synced(crf=30)
    assert (result.path, result.frames, result.fps, result.seconds) == (Path("out.mp4"), 25, Fraction(25), 1.0)
    assert (result.width, result.height, result.faces_found) == (320, 320, 1)
    (face,) = result.faces
    assert (face.number, face.own_offset_s, face.learnt_s) == (1, None, None)
    assert 40 < face.iod_px < 45
    assert (result.unchanged_s, result.damaged_s) == ((), ())
    assert len(result.warnings) == 1
    assert "s longer than the clip, and its end was cut" in result.warnings[0]
    assert tuple(result.stage_seconds) == SYNC_STAGES
    assert {path.name for path in room.iterdir()} == STOCK | {"out.mp4"}
    clip = open_clip("out.mp4")
    assert (len(clip), clip.info.fps, clip.info.duration_s) == (25, 25, 1)
    assert open_audio("out.mp4").duration_s == pytest.approx(1.0, abs=0.03)


@pytest.mark.slow
def test_stages_are_told_in_order_and_frames_one_by_one(room: Path) -> None:
    told: list[Progress] = []
    synced(end_s=0.4, progress=told.append)
    assert list(dict.fromkeys(progress.stage for progress in told)) == list(SYNC_STAGES)
    for stage in ("face", "video"):
        frames = [progress for progress in told if progress.stage == stage]
        assert [progress.done for progress in frames] == list(range(11))
        assert {progress.total for progress in frames[1:]} == {10}
        assert frames[-1].left_s == 0.0
        assert all(progress.fps > 0 for progress in frames[1:])


@pytest.mark.parametrize("stage", SYNC_STAGES)
def test_cancelling_in_any_stage_leaves_nothing(room: Path, stage: str) -> None:
    reached: list[str] = []
    error = refusal(
        export="motion.json",
        progress=lambda progress: reached.append(progress.stage),
        cancelled=lambda: stage in reached,
    )
    assert error.code == "cancelled"
    assert reached[-1] == stage
    assert {path.name for path in room.iterdir()} == STOCK


@pytest.mark.slow
def test_cancelling_between_two_reports_is_heard(room: Path) -> None:
    """Cancel while frames are decoded and audio is read, between two reports."""
    asked: list[int] = []
    reports: list[int] = []

    def once_more() -> bool:
        asked.append(len(reports))
        return False

    synced(end_s=0.4, progress=lambda progress: reports.append(1), cancelled=once_more)
    assert len(asked) > len(reports) + 20


@pytest.mark.slow
def test_an_error_while_drawing_leaves_an_older_video_alone(room: Path) -> None:
    Path("out.mp4").write_bytes(b"older")

    def trip(progress: Progress) -> None:
        if progress.stage == "video" and progress.done == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        synced(overwrite=True, export="m.json", progress=trip)
    assert Path("out.mp4").read_bytes() == b"older"
    assert {path.name for path in room.iterdir()} == STOCK | {"out.mp4"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("duration_mode", "audio_end_s", "frames", "warns"),
    [
        ("silence", 1.6, 25, "0.60 s longer"),
        ("silence", 0.5, 25, "0.50 s before the clip"),
        ("silence", 1.05, 25, None),
        ("cut", 1.6, 25, None),
        ("cut", 0.5, 13, None),
        ("loop", 1.6, 40, None),
        ("loop", 0.5, 13, None),
        ("bounce", 1.6, 40, None),
        ("hold", 1.6, 40, None),
    ],
)
def test_clip_and_audio_of_different_length(
    room: Path, duration_mode: str, audio_end_s: float, frames: int, warns: str | None
) -> None:
    result = synced(duration_mode=duration_mode, audio_end_s=audio_end_s, adapt=False)
    assert (result.frames, result.seconds) == (frames, frames / 25)
    assert len(result.warnings) == (1 if warns else 0)
    assert all(warns and warns in warning for warning in result.warnings)
    clip = open_clip("out.mp4")
    assert clip.times_s == [Fraction(n, 25) for n in range(frames)]
    assert open_audio("out.mp4").duration_s == pytest.approx(frames / 25, abs=0.03)


@pytest.mark.slow
def test_a_text_is_spoken(room: Path) -> None:
    result = synced(audio=None, text="Papa.", duration_mode="hold", export="said.srt")
    assert result.seconds > 0.8
    assert "Papa." in Path("said.srt").read_text()


@pytest.mark.slow
def test_audio_without_speech_lets_the_lips_rest(room: Path) -> None:
    samples = np.random.default_rng(7).standard_normal(16000).astype(np.float32) * 0.05
    write_wav(Path("noise.wav"), samples, 16000)
    result = synced(audio="noise.wav")
    assert result.warnings == ("No speech was found, so the lips rest for the whole video.",)


@pytest.mark.slow
def test_two_speak_one_after_the_other(room: Path) -> None:
    result = synced(
        video="pair.mp4",
        audio=None,
        speakers=[Speaker(face=2, audio="speech.wav", end_s=0.5), Speaker(face=1, text="Oh.", at_s=0.6)],
        duration_mode="hold",
        keep_background_db=-20,
    )
    assert [face.number for face in result.faces] == [2, 1]
    assert result.faces_found == 2
    assert any("keep" in warning for warning in result.warnings)
    (before,), (after,) = (list(open_clip(name).frames(6, 7)) for name in ("pair.mp4", "out.mp4"))
    for side in (slice(0, 320), slice(320, 640)):
        assert np.abs(after.planes[130:200, side].astype(int) - before.planes[130:200, side]).mean() > 1


@pytest.mark.slow
def test_what_is_said_later_moves_the_lips_later(room: Path) -> None:
    apertures = []
    for at_s in (0.0, 0.4):
        speaker = Speaker(audio="speech.wav", end_s=0.5, at_s=at_s)
        result = synced(audio=None, speakers=[speaker], export="motion.json", overwrite=True, duration_mode="cut")
        apertures.append(MotionTrack.from_json(Path("motion.json").read_text())["aperture"])
        assert result.seconds == pytest.approx(at_s + 0.5, abs=0.04)
    at_once, later = apertures
    assert (later[:8] < 0.02).all()
    assert np.abs(later[13:22] - at_once[3:12]).max() < 0.01


@pytest.mark.slow
def test_the_rate_and_the_size_can_be_lowered(room: Path) -> None:
    result = synced(max_fps=5, max_resolution=240)
    assert (result.frames, result.fps, result.width, result.height) == (5, Fraction(5), 240, 240)
    assert any("scaled down to 240 x 240" in warning for warning in result.warnings)


@pytest.mark.slow
def test_a_place_is_meant_in_pixels_and_seconds_of_the_clip(room: Path) -> None:
    result = synced(
        video="pair.mp4",
        face=(480.0, 120.0, 0.8),
        start_s=0.4,
        max_resolution=480,
        audio_end_s=0.5,
        duration_mode="cut",
    )
    assert [face.number for face in result.faces] == [2]


@pytest.mark.slow
def test_motion_goes_out_and_comes_back(room: Path) -> None:
    synced(export="motion.json", crf=1)
    track = MotionTrack.from_json(Path("motion.json").read_text())
    assert (len(track), track.fps) == (25, 25)
    again = synced(out="again.mp4", motion_track="motion.json", crf=1)
    assert not any("rows" in warning for warning in again.warnings)
    pairs = zip(open_clip("out.mp4").frames(), open_clip("again.mp4").frames(), strict=True)
    # Not to the bit: of the same frames x264 now and then makes a file that differs by a level or three.
    assert max(np.abs(one.planes.astype(int) - other.planes).max() for one, other in pairs) <= 6


@pytest.mark.slow
def test_motion_of_another_length_or_rate(room: Path) -> None:
    track = MotionTrack.of(Fraction(25), 10, aperture=np.full(10, 0.1))
    result = synced(motion_track=track)
    assert any("10 rows" in warning and "25 frames" in warning for warning in result.warnings)
    faster = MotionTrack.of(Fraction(30), 10, aperture=np.full(10, 0.1))
    assert refusal(motion_track=faster, overwrite=True).code == "invalid_option"


@pytest.mark.slow
def test_intensity_opens_the_mouth_further(room: Path) -> None:
    apertures = []
    for intensity in (0.5, 1.5):
        synced(export="motion.json", intensity=intensity, overwrite=True)
        apertures.append(MotionTrack.from_json(Path("motion.json").read_text())["aperture"].max())
    assert apertures[1] > 2 * apertures[0]


@pytest.mark.slow
def test_the_audio_of_the_clip_is_kept_beneath(room: Path) -> None:
    synced(audio_end_s=0.4, keep_background_db=-20)
    (heard,) = [np.concatenate(list(open_audio("out.mp4").blocks(16000, 1)), axis=1)[0]]
    after = heard[int(0.6 * 16000) : int(0.95 * 16000)]  # the new audio is over, the hum goes on
    assert np.sqrt((after**2).mean()) == pytest.approx(0.1 * 0.1 / np.sqrt(2), rel=0.1)


@pytest.mark.slow
def test_a_face_that_leaves_is_left_alone(room: Path, astronaut: NDArray[np.uint8]) -> None:
    """Faceless frames keep every byte and are listed."""
    result = synced(video=_with_a_gap(), audio_end_s=1.0)
    ((start_s, end_s),) = result.unchanged_s
    assert start_s == pytest.approx(0.4, abs=0.09)
    assert end_s == 1.0
    assert any("face is not seen" in warning for warning in result.warnings)


def _with_a_gap() -> str:
    """Her for 0.4 s, then an empty room."""
    import av

    head = np.array(Image.open("portrait.png").convert("RGB"))
    empty = np.full_like(head, 90)
    with av.open("gap.mp4", "w") as container:
        track = container.add_stream("libx264", rate=25)
        track.height, track.width, track.pix_fmt = 320, 320, "yuv420p"
        for rgb in [head] * 10 + [empty] * 15:
            container.mux(track.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(track.encode(None))
    return "gap.mp4"


@pytest.mark.slow
def test_speakers_may_lie_in_a_file(room: Path) -> None:
    Path("who.json").write_text(json.dumps({"speakers": [{"face": 1, "audio": "speech.wav", "end_s": 0.5}]}))
    assert synced(audio=None, speakers="who.json", export="m.json").faces[0].number == 1
