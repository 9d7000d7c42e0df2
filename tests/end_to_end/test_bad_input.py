"""Every way in which input can be wrong, through the command line: the code, the exit code, and nothing left behind."""

from __future__ import annotations

import inspect
import json
import os
import resource
import struct
import subprocess
import sys
import wave
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from factories import turned_head
from lipsmith import errors
from lipsmith.cli.main import run
from lipsmith.service import errors as service_errors
from lipsmith.storage import errors as storage_errors
from preload_libraries import ENDLESS, disk_of

COMMAND = str(Path(sys.executable).with_name("lipsmith"))
GIVEN = ("portrait.png", "speech.wav", "-o", "out.mp4")

Maker = Callable[[Path], None]


def nothing(room: Path) -> None:
    """The stock is enough."""


def noise_picture(room: Path) -> None:
    Image.fromarray(np.random.default_rng(7).integers(0, 256, (160, 200, 3), dtype=np.uint8)).save(room / "bad.png")


def tiny_picture(room: Path) -> None:
    Image.new("RGB", (63, 90), "tan").save(room / "bad.png")


def text_named_picture(room: Path) -> None:
    (room / "bad.png").write_text("I am a letter.")


def empty_picture(room: Path) -> None:
    (room / "bad.png").touch()


def cut_picture(room: Path) -> None:
    whole = (room / "portrait.png").read_bytes()
    (room / "bad.png").write_bytes(whole[: len(whole) // 2])


def bomb(room: Path) -> None:
    """A PNG of a few hundred bytes that claims a gigapixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 32000, 32000, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (room / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + body)


def turned_picture(room: Path) -> None:
    head = Image.open(room / "portrait.png").crop((0, 0, 300, 300)).resize((900, 900), Image.Resampling.BICUBIC)
    Image.fromarray(turned_head(np.array(head), 60)).save(room / "bad.png")


def audio(samples: NDArray[np.int16]) -> Maker:
    def make(room: Path) -> None:
        with wave.open(str(room / "bad.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(samples.tobytes())

    return make


def text_named_sound(room: Path) -> None:
    (room / "bad.wav").write_text("I am a letter.")


def empty_sound(room: Path) -> None:
    (room / "bad.wav").touch()


def older_video(room: Path) -> None:
    (room / "out.mp4").write_text("older")


def strange_motion(room: Path) -> None:
    (room / "bad.json").write_text(
        '{"format": "lipsmith-motion-1", "fps": "25", "frames": 1, "channels": {"ears": [1]}}'
    )


def not_json(room: Path) -> None:
    (room / "bad.json").write_text("{")


PICTURE = ("bad.png", "speech.wav", "-o", "out.mp4")
SOUND = ("portrait.png", "bad.wav", "-o", "out.mp4")
SAID = ("portrait.png", "-o", "out.mp4", "--text")

CASES: list[tuple[str, Maker, tuple[str, ...]]] = [
    ("no_source_face", noise_picture, PICTURE),
    ("image_too_small", tiny_picture, PICTURE),
    ("image_too_large", bomb, PICTURE),
    ("invalid_image", text_named_picture, PICTURE),
    ("invalid_image", empty_picture, PICTURE),
    ("invalid_image", cut_picture, PICTURE),
    ("invalid_image", nothing, PICTURE),
    ("face_turned_away", turned_picture, PICTURE),
    ("face_too_small", nothing, ("small.png", "speech.wav", "-o", "out.mp4")),
    ("no_such_face", nothing, (*GIVEN, "--face", "2")),
    ("no_such_face", nothing, (*GIVEN, "--face", "5,310")),
    ("no_audible_sound", audio(np.zeros(16000, np.int16)), SOUND),
    ("invalid_audio", text_named_sound, SOUND),
    ("invalid_audio", empty_sound, SOUND),
    ("invalid_audio", audio(np.zeros(0, np.int16)), SOUND),
    ("invalid_audio", nothing, SOUND),
    ("window_out_of_range", nothing, (*GIVEN, "--start", "60")),
    ("window_out_of_range", nothing, (*GIVEN, "--end", "60")),
    ("window_out_of_range", nothing, (*GIVEN, "--start", "1", "--end", "1")),
    ("unknown_voice", nothing, (*SAID, "Hello", "--voice", "klingon-9")),
    ("empty_text", nothing, (*SAID, "")),
    ("invalid_markup", nothing, (*SAID, "<speak>Hello <audio/></speak>")),
    ("empty_text", nothing, (*SAID, " \n ")),
    ("invalid_motion", strange_motion, (*GIVEN, "--from-motion", "bad.json")),
    ("invalid_motion", not_json, (*GIVEN, "--from-motion", "bad.json")),
    ("invalid_option", nothing, (*GIVEN, "--text", "Hello", "--voice", "en-us")),
    ("empty_text", nothing, (*GIVEN, "--text", " ")),
    ("invalid_option", nothing, ("portrait.png",)),
    ("invalid_option", nothing, (*GIVEN, "--face", "left")),
    ("invalid_option", nothing, (*GIVEN, "--fps", "240")),
    ("output_exists", older_video, GIVEN),
]


@pytest.mark.parametrize(("code", "make", "arguments"), CASES, ids=lambda value: getattr(value, "__name__", None))
def test_bad_input_is_named_and_leaves_nothing(
    room: Path, capfd: pytest.CaptureFixture[str], code: str, make: Maker, arguments: tuple[str, ...]
) -> None:
    make(room)
    before = {path.name: path.stat().st_size for path in room.iterdir()}
    exit_code = run(["talk", *arguments, "--json"])
    out, err = capfd.readouterr()
    answer = json.loads(out)["error"]
    assert (answer["code"], exit_code) == (code, 2), answer["message"]
    assert err.endswith(f"{' '.join(answer['message'].split())} [{code}]\n")
    assert answer["message"].endswith((".", "listed.", ")"))  # sentences, not codes
    assert {path.name: path.stat().st_size for path in room.iterdir()} == before


def test_every_input_error_has_a_case() -> None:
    modules = (errors, storage_errors, service_errors)
    known = {kind for module in modules for kind in vars(module).values() if inspect.isclass(kind)}
    kinds = [kind for kind in known if issubclass(kind, errors.InputError)]
    leaves = {kind.code for kind in kinds if not kind.__subclasses__()}
    leaves -= {"transcript_not_used"}  # a warning of the command line, see tests/unit/pipeline/test_talk.py
    leaves -= {"sound_too_long"}  # an option of the library alone
    # Clips, styles, a server's files, URLs and requests are not what `talk` is given; their own tests name them.
    elsewhere = (
        *(errors.VideoError, storage_errors.FileError, service_errors.SourceError, service_errors.RequestError),
        *(errors.InvalidStyle, errors.StyleNotLearnt, service_errors.InvalidBackup, errors.InvalidVoiceFile),
    )
    leaves -= {kind.code for kind in kinds if issubclass(kind, elsewhere)}
    assert {code for code, _, _ in CASES} == leaves


def test_an_animal_is_no_face(room: Path, shared_media: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cat = str(shared_media / "photos" / "no_face_cat.png")
    assert run(["talk", cat, "speech.wav", "-o", "out.mp4"]) == 2
    assert capfd.readouterr().err.endswith("[no_source_face]\n")


def fails(
    room: Path, arguments: list[str], limit_bytes: int | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Runs a command that has to fail with 1, checks that it leaves no video, and answers its code."""

    def limit() -> None:
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    before = set(room.iterdir())
    done = subprocess.run(
        [COMMAND, "talk", *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=240,
        preexec_fn=limit,
        env=os.environ | {"PYTHONPATH": str(room)} | dict(environment or {}),
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in set(room.iterdir()) - before if path.suffix in (".mp4", ".part")]
    return str(json.loads(done.stdout)["error"]["code"])


def test_a_full_disk(room: Path) -> None:
    assert fails(room, list(GIVEN), limit_bytes=20_000) == "encoding_failed"


def test_a_disk_that_is_full_from_any_write_on(room: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    disk = disk_of(room, tmp_path_factory.mktemp("disk"))
    subprocess.run([COMMAND, "talk", *GIVEN], capture_output=True, env=os.environ | disk.environment, check=True)
    (room / "out.mp4").unlink()
    writes = ENDLESS - disk.state()[0]
    assert writes > 3
    for left in (0, writes // 2, writes - 1):
        disk.leave(left)
        assert fails(room, list(GIVEN), environment=disk.environment) == "encoding_failed"
        assert disk.state()[1] > 0


def test_a_synthesizer_that_is_not_installed(room: Path) -> None:
    (room / "espeakng_loader.py").write_text("raise ImportError('not here')")
    assert fails(room, [*SAID, "Hello"]) == "missing_dependency"


def test_a_synthesizer_that_breaks_off(room: Path) -> None:
    (room / "espeakng_loader.py").write_text(
        "import os\n\ndef get_library_path():\n    os._exit(3)\n\nget_data_path = get_library_path\n"
    )
    assert fails(room, [*SAID, "Hello"]) == "voice_failed"
