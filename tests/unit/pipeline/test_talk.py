"""The story from photo to video: what is refused at the door, what is told on the way, what is left behind."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from factories import SENTENCE, turned_head, write_wav
from lipsmith import LipsmithError, MotionTrack, Progress, talking_photo
from lipsmith.pipeline import STAGES

STOCK = {"portrait.png", "two.png", "small.png", "speech.wav", "clip.mp4", "pair.mp4"}


def frames(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def refusal(**options: Any) -> LipsmithError:
    given = {"photo": "portrait.png", "audio": "speech.wav", "out": "out.mp4"} | options
    with pytest.raises(LipsmithError) as caught:
        talking_photo(**given)
    return caught.value


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"audio": None}, "invalid_option"),
        ({"rate": 0.8}, "invalid_option"),
        ({"seed": -1}, "invalid_option"),
        ({"seed": 1.5}, "invalid_option"),
        ({"crf": 0}, "invalid_option"),
        ({"crf": 18.5}, "invalid_option"),
        ({"face": "2"}, "no_such_face"),
        ({"face": (1, 2, 3)}, "invalid_option"),
        ({"face": True}, "invalid_option"),
        ({"max_resolution": 255.5}, "invalid_option"),
        ({"background": (0, 255, 0)}, "invalid_option"),
        ({"photo": None}, "invalid_option"),
        ({"fps": 0.5}, "invalid_option"),
        ({"landmarks": "none.json"}, "invalid_option"),
        ({"landmarks": "speech.wav"}, "invalid_option"),
        ({"landmarks": "marks.json", "face": 1}, "invalid_option"),
        ({"text": "Hello", "voice": "en-us"}, "invalid_option"),
        ({"text": "Hello", "rate": 0.8}, "invalid_option"),
        ({"audio": None, "text": "Hello", "end_s": 0.8}, "invalid_option"),
        ({"text": " "}, "empty_text"),
        ({"voice": "en-us"}, "invalid_option"),
        ({"audio": None, "text": "Hello", "start_s": 1.0}, "invalid_option"),
        ({"audio": None, "text": "Hello", "rate": 2.5}, "invalid_option"),
        ({"audio": None, "text": "Hello", "rate": float("nan")}, "invalid_option"),
        ({"fps": 61}, "invalid_option"),
        ({"fps": 0}, "invalid_option"),
        ({"max_resolution": 63}, "invalid_option"),
        ({"face": 0}, "invalid_option"),
        ({"head_motion": "wild"}, "invalid_option"),
        ({"crf": 52}, "invalid_option"),
        ({"mode": "wild"}, "invalid_option"),
        ({"mode": "prompted"}, "invalid_option"),
        ({"mode": "prompted", "prompt": " "}, "invalid_option"),
        ({"mode": "prompted", "prompt": "nod " * 501}, "invalid_option"),
        ({"mode": "prompted", "prompt": "nod", "motion_track": "m.json"}, "invalid_option"),
        ({"intensity": 0.05}, "invalid_option"),
        ({"intensity": float("nan")}, "invalid_option"),
        ({"background": "blurple"}, "invalid_option"),
        ({"engines": {"photo_animator": "nobody"}}, "invalid_option"),
        ({"start_s": 2.0, "end_s": 1.0}, "window_out_of_range"),
        ({"start_s": -1.0}, "window_out_of_range"),
        ({"start_s": 90.0}, "window_out_of_range"),
        ({"out": "out.avi"}, "invalid_option"),
        ({"out": "nowhere/out.mp4"}, "invalid_option"),
        ({"export": "nowhere/out.json"}, "invalid_option"),
        ({"export": "out.mp4"}, "invalid_option"),
        ({"export": "speech.wav", "overwrite": True}, "invalid_option"),
        ({"export": "two.png"}, "output_exists"),
        ({"export": "motion.csv"}, "invalid_option"),
        ({"export": "words.srt"}, "invalid_option"),
        ({"motion_track": "missing.json"}, "invalid_motion"),
        ({"motion_track": "portrait.png"}, "invalid_motion"),
        ({"photo": "missing.png"}, "invalid_image"),
        ({"photo": "speech.wav"}, "invalid_image"),
        ({"audio": "missing.wav"}, "invalid_audio"),
        ({"audio": "portrait.png"}, "invalid_audio"),
        ({"audio": None, "text": " "}, "empty_text"),
        ({"audio": None, "text": "Hello", "voice": "klingon-9"}, "unknown_voice"),
        ({"face": 2}, "no_such_face"),
        ({"face": (5.0, 310.0)}, "no_such_face"),
        ({"photo": "small.png"}, "face_too_small"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(room: Path, options: dict[str, Any], code: str) -> None:
    error = refusal(**options)
    assert error.code == code, error.message
    assert {path.name for path in room.iterdir()} == STOCK


@pytest.mark.slow
def test_a_head_turned_too_far_is_refused(room: Path, astronaut: NDArray[np.uint8]) -> None:
    head = np.array(Image.fromarray(astronaut[:300, 60:360]).resize((900, 900), Image.Resampling.BICUBIC))
    Image.fromarray(turned_head(head, 60)).save("turned.png")
    error = refusal(photo="turned.png")
    assert error.code == "face_turned_away"


@pytest.mark.slow
def test_a_head_turned_far_is_drawn_with_a_warning(room: Path, astronaut: NDArray[np.uint8]) -> None:
    head = np.array(Image.fromarray(astronaut[:300, 60:360]).resize((900, 900), Image.Resampling.BICUBIC))
    Image.fromarray(turned_head(head, 52)).save("turned.png")
    result = talking_photo("turned.png", "speech.wav", "out.mp4", fps=5, max_resolution=256)
    assert any("turned far" in warning for warning in result.warnings)


@pytest.mark.slow
def test_a_small_video_of_a_large_face_shows_what_a_large_one_does(room: Path) -> None:
    large = talking_photo("portrait.png", "speech.wav", "large.mp4", crf=8, still=True)
    small = talking_photo("portrait.png", "speech.wav", "small.mp4", crf=8, still=True, max_resolution=96)
    assert large.iod_px == pytest.approx(42, abs=1)
    assert (small.width, small.height, small.frames) == (96, 96, large.frames)
    assert small.iod_px == pytest.approx(42 * 96 / 320, abs=0.5)
    assert any("13 pixels between the eyes" in warning for warning in small.warnings)
    pairs = list(zip(frames(large.path), frames(small.path), strict=True))
    left, top, right, bottom = small.face_box
    faces = [(cv2.resize(one, (96, 96), interpolation=cv2.INTER_AREA), two) for one, two in pairs]
    apart = [np.abs(one.astype(int) - two)[top:bottom, left:right].mean() for one, two in faces]
    moved = [np.abs(two.astype(int) - faces[0][1])[(top + bottom) // 2 : bottom, left:right].mean() for _, two in faces]
    assert max(apart) < 4
    assert max(moved) > 4


@pytest.mark.slow
def test_a_photo_without_a_face_is_refused(room: Path) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (160, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save("noise.png")
    assert refusal(photo="noise.png").code == "no_source_face"


@pytest.mark.slow
def test_a_face_that_is_not_found_speaks_from_landmarks(room: Path) -> None:
    """A mask of two circles and a line."""
    picture = np.random.default_rng(7).normal(120, 6, (320, 320, 3)).clip(0, 255).astype(np.uint8)
    for x in (120, 200):
        cv2.circle(picture, (x, 120), 22, (230, 210, 60), -1)
        cv2.circle(picture, (x, 120), 9, (10, 10, 10), -1)
    cv2.line(picture, (125, 220), (195, 220), (60, 20, 20), 3)
    Image.fromarray(picture).save("mask.png")
    assert refusal(photo="mask.png").code == "no_source_face"
    points = {"left_eye": [120, 120], "right_eye": [200, 120], "mouth_left": [125, 220], "mouth_right": [195, 220]}
    Path("marks.json").write_text(json.dumps(points))
    result = talking_photo("mask.png", "speech.wav", "out.mp4", landmarks="marks.json", still=True)
    assert result.iod_px == pytest.approx(80, abs=0.1)
    shown = np.stack(frames(result.path)).astype(int)
    moved = np.abs(shown - shown[0]).max(axis=0).mean(axis=2)
    assert moved[200:250, 130:190].mean() > 15
    assert moved[:60].mean() < 6


@pytest.mark.slow
def test_the_result_tells_what_was_made(room: Path) -> None:
    result = talking_photo("portrait.png", "speech.wav", "out.mp4", fps=12.5, end_s=0.8, crf=30)
    assert (result.path, result.frames, result.fps, result.seconds) == (Path("out.mp4"), 10, Fraction(25, 2), 0.8)
    assert (result.width, result.height) == (320, 320)
    left, top, right, bottom = result.face_box
    assert (abs(left - 115), abs(top - 69), abs(right - 208), abs(bottom - 178)) < (6, 6, 6, 6)
    assert 40 < result.iod_px < 45
    assert result.warnings == ()
    assert tuple(result.stage_seconds) == STAGES
    assert {path.name for path in room.iterdir()} == STOCK | {"out.mp4"}


@pytest.mark.slow
def test_stages_are_told_in_order_and_frames_one_by_one(room: Path) -> None:
    told: list[Progress] = []
    talking_photo("portrait.png", None, "out.mp4", text="Oh.", fps=10, progress=told.append)
    assert list(dict.fromkeys(progress.stage for progress in told)) == list(STAGES)
    video = [progress for progress in told if progress.stage == "video"]
    assert [progress.done for progress in video] == list(range(video[-1].total + 1))
    assert video[-1].left_s == 0.0
    assert all(progress.fps > 0 for progress in video[1:])


@pytest.mark.parametrize("stage", STAGES)
def test_cancelling_in_any_stage_leaves_nothing(room: Path, stage: str) -> None:
    reached: list[str] = []
    with pytest.raises(LipsmithError) as caught:
        talking_photo(
            "portrait.png",
            "speech.wav",
            "out.mp4",
            export="motion.json",
            progress=lambda progress: reached.append(progress.stage),
            cancelled=lambda: stage in reached,
        )
    assert caught.value.code == "cancelled"
    assert reached[-1] == stage
    assert {path.name for path in room.iterdir()} == STOCK


@pytest.mark.slow
def test_an_error_while_drawing_leaves_an_older_video_alone(room: Path) -> None:
    Path("out.mp4").write_bytes(b"older")

    def trip(progress: Progress) -> None:
        if progress.stage == "video" and progress.done == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        talking_photo("portrait.png", "speech.wav", "out.mp4", overwrite=True, export="m.json", progress=trip)
    assert Path("out.mp4").read_bytes() == b"older"
    assert {path.name for path in room.iterdir()} == STOCK | {"out.mp4"}


@pytest.mark.slow
def test_a_recording_without_speech_is_told(room: Path) -> None:
    samples = np.random.default_rng(7).standard_normal(16000).astype(np.float32) * 0.05
    write_wav(Path("noise.wav"), samples, 16000)
    result = talking_photo("portrait.png", "noise.wav", "out.mp4")
    assert any("No speech was found" in warning for warning in result.warnings)


@pytest.mark.slow
def test_the_script_of_a_text_chooses_its_voice(room: Path) -> None:
    result = talking_photo("portrait.png", out="out.mp4", text="Привет")
    assert any("'ru'" in warning for warning in result.warnings)
    chosen = talking_photo("portrait.png", out="other.mp4", text="Привет", voice="ru")
    assert chosen.frames == result.frames
    assert not any("'ru'" in warning for warning in chosen.warnings)


@pytest.mark.slow
def test_a_program_without_a_terminal_works(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert talking_photo("portrait.png", "speech.wav", "out.mp4", end_s=0.2).frames == 5


def test_small_faces_and_shrunk_photos_are_told(room: Path) -> None:
    result = talking_photo("portrait.png", "speech.wav", "out.mp4", end_s=0.2, max_resolution=256)
    assert (result.width, result.height) == (256, 256)
    assert result.warnings == (
        "The face is small: 34 pixels between the eyes. From 40 pixels on, lips and teeth look sharp.",
    )


@pytest.mark.slow
def test_an_odd_row_and_column_are_cut_off(room: Path) -> None:
    Image.open("portrait.png").crop((0, 0, 319, 317)).save("odd.png")
    result = talking_photo("odd.png", "speech.wav", "out.mp4", end_s=0.2, max_resolution=4000)
    assert (result.width, result.height) == (318, 316)


@pytest.mark.slow
def test_the_face_may_be_chosen_by_number_or_point(room: Path) -> None:
    def middle(out: str, face: Any) -> int:
        box = talking_photo("two.png", "speech.wav", out, end_s=0.1, face=face).face_box
        return round((box[0] + box[2]) / 2 / 320)

    assert middle("second.mp4", 2) == 2  # 160 and 480 are the middles: halves go to the even number
    assert middle("point.mp4", (480.0, 130.0)) == 2
    assert middle("first.mp4", 1) == middle("by_point.mp4", (165.0, 120.0)) == 1


@pytest.mark.slow
def test_a_given_track_is_held_or_cut_to_the_speech(room: Path) -> None:
    talking_photo("portrait.png", "speech.wav", "first.mp4", end_s=0.4, export="motion.json")
    export_text_of = MotionTrack.from_json(Path("motion.json").read_text())
    assert len(export_text_of) == 10

    longer = talking_photo(
        "portrait.png", "speech.wav", "b.mp4", end_s=0.6, motion_track="motion.json", export="held.json"
    )
    held = json.loads(Path("held.json").read_text())["channels"]["aperture"]
    assert held[:10] == json.loads(Path("motion.json").read_text())["channels"]["aperture"]
    assert held[10:] == [held[9]] * 5
    assert longer.warnings == ("The motion track has 10 frames, and the speech needs 15: its last frame is held.",)
    assert "motion" not in longer.stage_seconds

    shorter = talking_photo("portrait.png", "speech.wav", "c.mp4", end_s=0.2, motion_track=export_text_of)
    assert shorter.warnings == ("The motion track has 10 frames, and the speech needs 5: its end is cut.",)


@pytest.mark.slow
def test_a_prompt_is_done_and_what_cannot_be_done_is_named(room: Path) -> None:
    said: dict[str, Any] = {"audio": "speech.wav", "end_s": 0.6, "export": "m.json", "overwrite": True}
    talking_photo("portrait.png", out="plain.mp4", **said)
    plain = MotionTrack.from_json(Path("m.json").read_text())
    result = talking_photo(
        "portrait.png", out="tilted.mp4", mode="prompted", prompt="Tilt left, then juggle.", intensity=0.5, **said
    )
    track = MotionTrack.from_json(Path("m.json").read_text())
    assert result.warnings == ('The prompt asks for "juggle", which lipsmith cannot act on.',)
    assert track["head_roll"][-1] < plain["head_roll"][-1] - 3.0
    np.testing.assert_allclose(track["aperture"], 0.5 * plain["aperture"], atol=1e-5)


@pytest.mark.slow
def test_the_realistic_mode_ignores_a_prompt_aloud(room: Path) -> None:
    said: dict[str, Any] = {"audio": "speech.wav", "end_s": 0.2, "export": "m.json", "overwrite": True}
    talking_photo("portrait.png", out="plain.mp4", **said)
    plain = Path("m.json").read_bytes()
    result = talking_photo("portrait.png", out="same.mp4", prompt="Tilt left.", **said)
    assert result.warnings == ("The mode realistic takes no prompt, so it was ignored. Choose the mode prompted.",)
    assert Path("m.json").read_bytes() == plain
    again = talking_photo("portrait.png", "speech.wav", "again.mp4", end_s=0.2, motion_track="m.json", prompt="Nod.")
    assert again.warnings == result.warnings


@pytest.mark.slow
@pytest.mark.parametrize("name", ["m.arkit.csv", "m.arkit.json", "m.cues.tsv", "m.cues.json", "m.srt", "m.vtt"])
def test_the_extension_of_the_export_chooses_the_format(room: Path, name: str) -> None:
    result = talking_photo("portrait.png", None, "out.mp4", text="Oh. Ah!", fps=10, export=name)
    written = Path(name).read_text()
    assert {path.name for path in room.iterdir()} == STOCK | {"out.mp4", name}
    if "arkit" in name:
        assert written.count("00:00:0" if name.endswith("csv") else '"time"') == result.frames
    elif "cues" in name:
        assert ("X\n" if name.endswith("tsv") else '"X"') in written
    else:
        assert "Oh.\n\n" in written and "Ah!\n\n" in written


@pytest.mark.slow
def test_a_known_text_moves_the_lips_of_a_recording(room: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="finds the words; scripts/test brings it")
    said: dict[str, Any] = {"fps": 50, "crf": 40}
    result = talking_photo("portrait.png", "speech.wav", "known.mp4", text=SENTENCE, export="known.cues.tsv", **said)
    assert result.warnings == ()
    talking_photo("portrait.png", "speech.wav", "heard.mp4", export="heard.cues.tsv", **said)
    known = Path("known.cues.tsv").read_text()
    assert known != Path("heard.cues.tsv").read_text()
    assert sum(line.endswith("\tA") for line in known.splitlines()) == 4  # p, p, m, b


@pytest.mark.slow
def test_a_known_text_gives_a_recording_its_captions(room: Path) -> None:
    result = talking_photo("portrait.png", "speech.wav", "out.mp4", text=SENTENCE, fps=10, export="words.srt")
    (first, times, words, *_) = Path("words.srt").read_text().splitlines()
    assert (first, words) == ("1", SENTENCE)
    start, end = (float(clock[6:].replace(",", ".")) for clock in times.split(" --> "))
    assert start < 0.2
    assert result.seconds - 0.6 < end <= result.seconds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Papa sees a small xyzzyx.", "Not in the English dictionary: xyzzyx."),
        ("Папа видит лодку.", "in another script"),
        ("Nobody told us that it was raining.", "Check that every word is in it"),
    ],
)
def test_a_text_that_is_not_found_gives_a_warning(room: Path, text: str, why: str) -> None:
    pytest.importorskip("pocketsphinx", reason="finds the words; scripts/test brings it")
    said: dict[str, Any] = {"fps": 5, "crf": 40, "overwrite": True, "export": "m.json"}
    talking_photo("portrait.png", "speech.wav", "out.mp4", **said)
    heard = Path("m.json").read_bytes()
    (warning,) = talking_photo("portrait.png", "speech.wav", "out.mp4", text=text, **said).warnings
    assert warning.startswith("The lips follow the recording, not the text. ")
    assert why in warning
    assert Path("m.json").read_bytes() == heard


@pytest.mark.slow
def test_a_known_text_without_its_library_is_told(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    (warning,) = talking_photo("portrait.png", "speech.wav", "out.mp4", text=SENTENCE, end_s=0.2).warnings
    assert "pip install 'lipsmith[align]'" in warning


@pytest.mark.slow
def test_cues_of_a_given_motion_are_heard(room: Path) -> None:
    track = MotionTrack.of(Fraction(25), 5)
    result = talking_photo("portrait.png", "speech.wav", "a.mp4", end_s=0.2, motion_track=track, export="m.cues.tsv")
    assert Path("m.cues.tsv").read_text().startswith("0.00\t")
    assert "speech" in result.stage_seconds and "motion" not in result.stage_seconds


@pytest.mark.slow
def test_a_given_motion_that_tells_what_is_said_keeps_its_cues(room: Path) -> None:
    said: dict[str, Any] = {"text": "Oh. Papa!", "fps": 25}
    talking_photo("portrait.png", None, "a.mp4", export="m.json", **said)
    track = MotionTrack.from_json(Path("m.json").read_text())
    seconds = len(track) / 25
    result = talking_photo(
        "portrait.png", "speech.wav", "b.mp4", end_s=seconds, motion_track=track, export="m.cues.tsv"
    )
    assert "speech" not in result.stage_seconds
    talking_photo("portrait.png", None, "c.mp4", export="n.cues.tsv", **said)
    ours, theirs = (
        [line.split("\t")[1] for line in Path(name).read_text().splitlines()] for name in ("m.cues.tsv", "n.cues.tsv")
    )
    assert ours == theirs
    assert "A" in ours


@pytest.mark.slow
def test_the_rate_of_a_given_track_is_its_own(room: Path) -> None:
    track = MotionTrack.of(Fraction(30), 6)
    assert "30 fps, not 25" in refusal(motion_track=track, fps=25).message
    assert talking_photo("portrait.png", "speech.wav", "out.mp4", end_s=0.2, motion_track=track).fps == 30


def exported(photo: str, audio: str, **options: Any) -> MotionTrack:
    talking_photo(photo, audio, "seeded.mp4", fps=10, crf=40, overwrite=True, export="seeded.json", **options)
    return MotionTrack.from_json(Path("seeded.json").read_text())


@pytest.mark.slow
def test_photo_and_speech_decide_the_performance_and_a_seed_another(room: Path) -> None:
    with Image.open("portrait.png") as photo:
        photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save("other.png")
    first, again = exported("portrait.png", "speech.wav"), exported("portrait.png", "speech.wav")
    other, seeded = exported("other.png", "speech.wav"), exported("portrait.png", "speech.wav", seed=7)
    np.testing.assert_array_equal(first["aperture"], other["aperture"])
    for name in ("head_pitch", "head_yaw", "head_roll"):
        np.testing.assert_array_equal(first[name], again[name])
        for unlike in (other, seeded):
            assert np.abs(first[name] - unlike[name]).max() > 0.1


@pytest.mark.slow
def test_an_emotion_shows_in_the_motion_and_takes_no_motion_track(room: Path) -> None:
    neutral = exported("portrait.png", "speech.wav", seed=1)
    sad = exported("portrait.png", "speech.wav", seed=1, emotion="sad")
    very = exported("portrait.png", "speech.wav", seed=1, emotion="sad", emotion_strength=1.6)
    lowered = [float((track["corner"] - neutral["corner"])[-1]) for track in (sad, very)]
    assert lowered[1] < lowered[0] < -0.02
    assert (sad["brow_inner"] - neutral["brow_inner"])[-1] > 0.3
    assert refusal(emotion="happy", motion_track="seeded.json").code == "invalid_option"
