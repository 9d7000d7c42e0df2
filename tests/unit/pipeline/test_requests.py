"""Requests: checks, defaults, JSON, former names, and everything that is derived from their fields."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import lipsmith
from lipsmith import Speaker, SpeakRequest, SyncRequest, TalkRequest, lip_sync, speak_text, talking_photo
from lipsmith.cli.main import app
from lipsmith.cli.request_command import renamed_flags, with_current_flags
from lipsmith.pipeline.options import Record, option_fields
from lipsmith.pipeline.requests import DetectRequest, StandIn, StyleRequest

RECORDS: list[type[Record]] = [TalkRequest, SyncRequest, SpeakRequest, DetectRequest, StyleRequest, Speaker]
SOURCE = Path(lipsmith.__file__).parents[1]
COMMANDS = {"talk": TalkRequest, "sync": SyncRequest, "speak": SpeakRequest, "faces": DetectRequest}


@pytest.mark.parametrize("record", RECORDS)
def test_every_option_has_one_sentence_of_help(record: type[Record]) -> None:
    for field in option_fields(record):
        assert field.option.help[0].isupper() or field.option.help.split()[0] in ("realistic", "prompted")
        assert field.option.help.endswith(".")


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 2.1},
        {"rate": "fast"},
        {"rate": True},
        {"rate": float("nan")},
        {"intensity": 0.0},
        {"crf": 0},
        {"crf": 1.5},
        {"seed": -1},
        {"head_motion": "wild"},
        {"max_resolution": 10},
        {"text": 3},
        {"still": "yes"},
        {"face": [1]},
        {"engines": ["a"]},
        {"progress": 3},
        {"mode": "prompted"},
        {"mode": "prompted", "prompt": " "},
        {"audio": "a.wav", "voice": "en-us"},
        {"audio": "a.wav", "rate": 1.5},
        {"end_s": 1.0},
        {"photo": None},
    ],
)
def test_a_value_out_of_its_limits_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(lipsmith.LipsmithError) as caught:
        TalkRequest(**{"photo": "a.png", "text": "Hello.", **options})
    assert caught.value.code == "invalid_option"


def test_a_request_needs_something_to_say() -> None:
    with pytest.raises(lipsmith.LipsmithError) as caught:
        TalkRequest("a.png")
    assert caught.value.code == "invalid_option"


def test_a_stored_request_is_json_without_paths_and_defaults() -> None:
    request = TalkRequest("a.png", "b.wav", "c.mp4", fps=24, head_motion="lively", engines={"photo_animator": "x"})
    stored = json.loads(json.dumps(request.to_json()))
    assert stored == {"fps": 24, "head_motion": "lively", "engines": {"photo_animator": "x"}}
    assert TalkRequest.from_json(stored, photo="a.png", audio="b.wav", out="c.mp4") == request


def test_a_stored_stand_in_comes_back_as_a_record() -> None:
    request = SpeakRequest("Hello.", voice="Ann", stand_in=StandIn(gender="female"))
    assert SpeakRequest.from_json(json.loads(json.dumps(request.to_json()))) == request


def test_requests_that_an_earlier_release_stored_are_read() -> None:
    stored = {"fps": 24, "motion": "lively", "mark": "word", "intensity": 1.0, "mode": "realistic"}
    request = TalkRequest.from_json(stored, photo="a.png", audio="b.wav")
    assert (request.head_motion, request.watermark) == ("lively", "word")


def test_an_unknown_stored_option_is_refused() -> None:
    with pytest.raises(lipsmith.LipsmithError) as caught:
        TalkRequest.from_json({"volume": 3}, photo="a.png", text="Hello.")
    assert caught.value.code == "invalid_option"


def test_functions_take_the_fields_of_their_record() -> None:
    for function, record in ((talking_photo, TalkRequest), (lip_sync, SyncRequest), (speak_text, SpeakRequest)):
        assert [*inspect.signature(function).parameters] == [*inspect.signature(record).parameters]
        assert all(f"``{field.name}``" in (function.__doc__ or "") for field in option_fields(record))


@pytest.mark.slow
def test_functions_take_a_request_too(room: Path) -> None:
    request = TalkRequest("portrait.png", "speech.wav", "out.mp4", end_s=0.2)
    assert talking_photo(request).frames == 5


def test_former_names_are_accepted_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="head_motion"), pytest.raises(lipsmith.LipsmithError) as caught:
        talking_photo("missing.png", "b.wav", motion="calm")  # type: ignore[call-overload]
    assert caught.value.code == "invalid_image"
    with pytest.warns(DeprecationWarning, match="photo_animator"), pytest.raises(lipsmith.LipsmithError) as caught:
        talking_photo("missing.png", "b.wav", animator="none")  # type: ignore[call-overload]
    assert caught.value.code == "invalid_option"


def test_former_flags_are_replaced_with_a_warning() -> None:
    renamed = renamed_flags(TalkRequest)
    assert renamed["--motion"] == "--head-motion"
    assert renamed["--style"] == "--speaking-style"
    with pytest.warns(FutureWarning, match="--motion-track"):
        assert with_current_flags(["a", "--from-motion=x.json"], renamed) == ["a", "--motion-track=x.json"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_every_option_of_its_record(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    for field in option_fields(COMMANDS[command]):
        spelled = field.metavar if field.positional and field.option.short is None else None
        spelled = spelled or field.flags[0]
        assert (spelled in shown) == field.on_command_line, spelled


def test_a_speaker_of_a_clip_is_made_from_its_options() -> None:
    request = SyncRequest("clip.mp4", "a.wav", face=2, audio_start_s=1.0, speaking_style="me.style")
    assert request.single_speaker() == Speaker(audio="a.wav", face=2, start_s=1.0, speaking_style="me.style")
    with pytest.raises(lipsmith.LipsmithError):
        SyncRequest("clip.mp4", "a.wav", speakers=[Speaker(text="Hello.")])


MADE_UP = """    bow: Annotated[float, Option("Depth of a bow at the end, degrees.", metavar="DEG")] = 0.0
    still: Annotated["""
PROGRAM = """
import inspect, json, sys
from pathlib import Path
from typer.testing import CliRunner
from lipsmith import TalkRequest, talking_photo
from lipsmith.cli.main import app
shown = CliRunner().invoke(app, ["talk", "--help"], env={"COLUMNS": "200"}).output
request = TalkRequest("a.png", "b.wav", bow=5.0)
print(json.dumps({
    "help": "--bow DEG" in shown and "Depth of a bow" in shown,
    "function": "bow" in inspect.signature(talking_photo).parameters,
    "stored": request.to_json() == {"bow": 5.0},
    "read": TalkRequest.from_json({"bow": 5.0}, photo="a.png", audio="b.wav") == request,
    "step": talking_photo(TalkRequest("portrait.png", "speech.wav", "bow.mp4", end_s=0.2, bow=1.0)).warnings[-1],
}))
"""


@pytest.mark.slow
def test_a_new_option_is_written_in_its_record_and_its_step_only(room: Path, tmp_path: Path) -> None:
    """Add a made-up option to a copy of the source: a field, and a line in its step."""
    copied = tmp_path / "src"
    shutil.copytree(SOURCE / "lipsmith", copied / "lipsmith", ignore=shutil.ignore_patterns("__pycache__"))
    changes = {
        "requests.py": ("    still: Annotated[", MADE_UP),
        "talk.py": ("    *notes,\n", "    *notes,\n"),
    }
    step = copied / "lipsmith" / "pipeline" / "talk.py"
    changes["talk.py"] = (
        "            *_prompt_warnings(request, direction, visemes),\n",
        "            *_prompt_warnings(request, direction, visemes),\n"
        '            *([f"It bows by {request.bow:g} degrees."] if request.bow else []),\n',
    )
    for name, (before, after) in changes.items():
        path = step.with_name(name)
        text = path.read_text()
        assert text.count(before) == 1
        path.write_text(text.replace(before, after))
    environment = os.environ | {"PYTHONPATH": str(copied)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, cwd=room)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "help": True,
        "function": True,
        "stored": True,
        "read": True,
        "step": "It bows by 1 degrees.",
    }


def test_an_option_is_used_in_few_places() -> None:
    """Count the files above the engines that read an option from a request."""
    above = [path for name in ("pipeline", "cli") for path in (SOURCE / "lipsmith" / name).rglob("*.py")]
    for option in ("still", "head_motion", "seed", "background", "keep_background_db", "duration_mode", "watermark"):
        places = {path.name for path in above if re.search(rf"request\.{option}\b", path.read_text())}
        assert 1 <= len(places) <= 2, (option, places)
