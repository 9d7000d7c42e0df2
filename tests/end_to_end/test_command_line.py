"""The installed command, as people run it: real processes, real files, real signals."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.cli.progress import WORDS
from lipsmith.pipeline import STAGES

COMMAND = str(Path(sys.executable).with_name("lipsmith"))
STOCK = {"portrait.png", "two.png", "small.png", "speech.wav", "clip.mp4", "pair.mp4"}


def lipsmith(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=240, env=os.environ | environment
    )


def made(room: Path) -> set[str]:
    return {path.name for path in room.iterdir()} - STOCK


def frames(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as film:
        return np.stack([frame.to_ndarray(format="yuv420p") for frame in film.decode(video=0)])


def test_a_recording_speaks(room: Path) -> None:
    done = lipsmith("talk", "portrait.png", "speech.wav", "--crf", "30")
    assert done.returncode == 0, done.stderr
    assert made(room) == {"portrait.mp4"}
    assert done.stdout.startswith("portrait.mp4 · ")
    assert done.stdout.count("\n") == 1
    assert done.stderr.splitlines() == [
        f"lipsmith: {words}" for words in (WORDS[stage] for stage in STAGES)
    ]  # and no library's chatter
    with av.open("portrait.mp4") as film:
        image, audio = film.streams.video[0], film.streams.audio[0]
        assert (image.codec_context.name, image.width, image.height) == ("h264", 320, 320)
        assert audio.codec_context.name == "aac"


def test_json_is_one_object_and_quiet_is_quiet(room: Path) -> None:
    done = lipsmith("talk", "portrait.png", "speech.wav", "-o", "a.mp4", "--end", "0.4", "--json", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert set(result) == {
        "path", "seconds", "frames", "fps", "width", "height", "face_box", "iod_px", "warnings", "stage_seconds",
    }  # fmt: skip
    assert (result["path"], result["frames"], result["fps"], result["seconds"]) == ("a.mp4", 10, 25.0, 0.4)


def test_a_text_speaks_and_its_motion_draws_the_same_frames_again(room: Path) -> None:
    said = ("--text", "Mama, hello!", "--quiet")
    first = lipsmith("talk", "portrait.png", *said, "-o", "a.mp4", "--export", "motion.json", "--seed", "5")
    assert first.returncode == 0, first.stderr
    again = lipsmith("talk", "portrait.png", *said, "-o", "b.mp4", "--from-motion", "motion.json")
    assert again.returncode == 0, again.stderr
    same_seed = lipsmith("talk", "portrait.png", *said, "-o", "c.mp4", "--seed", "5")
    assert same_seed.returncode == 0, same_seed.stderr
    shown = frames(room / "a.mp4")
    np.testing.assert_array_equal(shown, frames(room / "b.mp4"))
    np.testing.assert_array_equal(shown, frames(room / "c.mp4"))
    assert np.abs(shown.astype(int) - shown[0]).max() > 40  # something moves


def test_an_existing_file_stays_unless_overwriting_is_allowed(room: Path) -> None:
    Path("a.mp4").write_bytes(b"mine")
    refused = lipsmith("talk", "portrait.png", "speech.wav", "-o", "a.mp4", "--json")
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["error"]["code"] == "output_exists"
    assert refused.stderr.endswith("[output_exists]\n")
    assert Path("a.mp4").read_bytes() == b"mine"
    allowed = lipsmith("talk", "portrait.png", "speech.wav", "-o", "a.mp4", "--end", "0.2", "--overwrite")
    assert allowed.returncode == 0, allowed.stderr
    assert Path("a.mp4").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["talk"], "PHOTO"),
        (["talk", "portrait.png", "speech.wav", "--fps", "many"], "frame rate"),
        (["talk", "portrait.png", "speech.wav", "--motion", "wild"], "wild"),
        (["talk", "portrait.png", "speech.wav", "--no-such-option"], "--no-such-option"),
        (["dance"], "dance"),
    ],
)
def test_wrong_usage_leaves_with_2(room: Path, arguments: list[str], says: str) -> None:
    done = lipsmith(*arguments, "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "invalid_option"
    assert says in error["message"]
    assert says in done.stderr
    assert "Traceback" not in done.stderr


COUNTING = "One, two, three, four, five, six, seven, eight, nine, ten. " * 3
TALK = ("talk", "two.png", "--text", COUNTING, "--fps", "60")
SYNC = ("sync", "pair.mp4", "--text", COUNTING, "--length-mode", "bounce")


def stopped_in(stage: str, signum: int, room: Path, *command: str) -> None:
    """Starts a long video, sends the signal as soon as the stage begins, and looks at what is left."""
    with subprocess.Popen(
        [COMMAND, *command, "--export", "m.json", "-o", "a.mp4"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.strip().endswith(WORDS[stage]):
                process.send_signal(signum)
                break
        out, rest = process.communicate(timeout=240)
    assert process.returncode == 130, rest
    assert rest.endswith("lipsmith: The work was cancelled before it was done. Nothing was written. [cancelled]\n")
    assert "Traceback" not in rest
    assert out == ""
    assert made(room) == set()


@pytest.mark.parametrize(
    "stage", [pytest.param(s, marks=[] if s in ("face", "video") else pytest.mark.release) for s in STAGES]
)
def test_ctrl_c_in_any_stage_leaves_no_file(room: Path, stage: str) -> None:
    stopped_in(stage, signal.SIGINT, room, *TALK)


@pytest.mark.parametrize("stage", ["video", *(pytest.param(s, marks=pytest.mark.release) for s in ("clip", "face"))])
def test_ctrl_c_in_a_lip_sync_leaves_no_file(room: Path, stage: str) -> None:
    stopped_in(stage, signal.SIGINT, room, *SYNC)


def test_a_polite_kill_leaves_no_file_either(room: Path) -> None:
    stopped_in("video", signal.SIGTERM, room, *TALK)


def test_a_terminal_sees_a_bar_with_frames_and_time_left(room: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, "talk", "portrait.png", "speech.wav", "--fps", "60"],
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"},
    )
    os.close(follower)
    seen = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # how Linux says that the other end was closed
            break
        if not piece:
            break
        seen += piece
    os.close(leader)
    assert process.wait(timeout=240) == 0
    text = seen.decode()
    assert "drawing the video" in text
    assert " fps, 0:0" in text
    assert " left" in text


def test_voices_can_be_listed_and_filtered() -> None:
    done = lipsmith("voices", "--language", "pt-BR", "--json")
    voices = json.loads(done.stdout)["voices"]
    assert {voice["language"] for voice in voices} == {"pt-BR"}
    everyone = lipsmith("voices").stdout.splitlines()
    assert len({line.split()[1].split("-")[0] for line in everyone}) >= 100
    unknown = lipsmith("voices", "--language", "xx")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "[unknown_voice]" in unknown.stderr


def test_the_demo_renders(room: Path) -> None:
    done = lipsmith("demo", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["path"] == "demo.mp4"
    assert json.loads(done.stdout)["seconds"] > 5
    assert made(room) == {"demo.mp4"}


def test_the_demo_without_its_portrait_says_how_to_get_it(room: Path) -> None:
    (room / "skimage").mkdir()
    (room / "skimage" / "__init__.py").touch()
    done = lipsmith("demo", PYTHONPATH=str(room))
    assert done.returncode == 1
    assert "pip install 'scikit-image" in done.stderr


def test_version_and_help() -> None:
    assert lipsmith("--version").stdout == "lipsmith 0.1.0\n"
    module = subprocess.run([sys.executable, "-m", "lipsmith", "--version"], capture_output=True, text=True)
    assert module.stdout == "lipsmith 0.1.0\n"
    everything = lipsmith("--help").stdout
    for command in ("talk", "demo", "voices", "doctor", "--install-completion"):
        assert command in everything
    options = lipsmith("talk", "--help").stdout
    for option in ("--out", "--text", "--voice", "--rate", "--start", "--end", "--fps", "--max-resolution", "--face",
                   "--still", "--head-motion", "--seed", "--mode", "--prompt", "--intensity", "--crf",
                   "--background", "--export", "--motion-track",
                   "--overwrite", "--quiet", "--json"):  # fmt: skip
        assert option in options


def test_the_shell_completes() -> None:
    done = lipsmith(_LIPSMITH_COMPLETE="complete_bash", COMP_WORDS="lipsmith ta", COMP_CWORD="1")
    assert done.stdout.split() == ["talk"]


def findings(*path: Path) -> tuple[int, dict[str, Any]]:
    environment = {"PYTHONPATH": os.pathsep.join(map(str, path))} if path else {}
    done = lipsmith("doctor", "--json", **environment)
    answer = json.loads(done.stdout)
    assert answer["ok"] == (done.returncode == 0)
    return done.returncode, {finding["name"]: finding for finding in answer["findings"]}


def test_the_doctor_finds_all_well() -> None:
    code, found = findings()
    assert {name for name, finding in found.items() if not finding["ok"]} == set()
    assert code == 0
    assert len(found) == 15
    plain = lipsmith("doctor")
    assert plain.stdout.endswith("Everything works.\n")
    assert plain.stderr == ""


def test_the_doctor_names_a_missing_system_library_and_its_cure(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text(
        "raise ImportError('libstdc++.so.6: cannot open shared object file: No such file or directory')"
    )
    code, found = findings(tmp_path)
    assert code == 1
    assert found["pixels"]["cure"] == "apt-get install -y libstdc++6"
    assert found["Python"]["ok"]


def test_the_doctor_does_not_fail_for_what_is_optional(tmp_path: Path) -> None:
    (tmp_path / "pillow_heif.py").write_text("raise ModuleNotFoundError('not here', name='pillow_heif')")
    (tmp_path / "espeakng_loader.py").write_text("raise ModuleNotFoundError('not here', name='espeakng_loader')")
    (tmp_path / "pocketsphinx.py").write_text("raise ModuleNotFoundError('not here', name='pocketsphinx')")
    code, found = findings(tmp_path)
    assert code == 0
    assert not found["HEIC images"]["ok"]
    assert "pip install 'pillow-heif" in found["HEIC images"]["cure"]
    assert not found["text of a recording"]["ok"]
    assert "pip install 'pocketsphinx" in found["text of a recording"]["cure"]
    assert not found["text to speech"]["ok"]
    assert "pip install 'espeakng-loader" in found["text to speech"]["cure"]
