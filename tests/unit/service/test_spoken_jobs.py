"""Spoken texts of the child process, and stand-ins for voices that are not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lipsmith.errors import UnknownVoice
from lipsmith.media.decode import open_audio
from lipsmith.service.processes import child_main
from lipsmith.service.processes.messages import ProgressReport, Task, TaskResult


def spoken(folder: Path, **options: Any) -> TaskResult:
    reports: list[ProgressReport] = []
    plain = {"text": "Hello there.", "voice": None, "language": None, "rate": 1.0}
    task = Task(kind="voice", inputs={}, out=str(folder), options=plain | options)
    result = child_main.speak(task, reports.append)
    assert {report.stage for report in reports} == {"sound"}
    return result


def test_a_text_becomes_a_sound(tmp_path: Path) -> None:
    result = spoken(tmp_path, voice="en-gb", rate=0.8)
    assert (result.files, result.warnings) == (("voice.mp3",), ())
    made = open_audio(tmp_path / "voice.mp3")
    assert made.duration_s == pytest.approx(result.duration_s, abs=0.1)


def test_an_unknown_voice_fails_where_nobody_stands_in(tmp_path: Path) -> None:
    with pytest.raises(UnknownVoice):
        spoken(tmp_path, voice="Queen of the Night")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "stand_in", "speaker"),
    [
        ("Hello there.", {"voice": None, "gender": "female"}, "en-us+f2"),
        ("Hello there.", {"voice": "en-gb", "gender": "female"}, "en-gb"),
        ("Привет, мир.", {"voice": "en-gb", "gender": "female"}, "ru+f2"),
        ("Привет, мир.", {"voice": "ru", "gender": None}, "ru"),
    ],
)
def test_somebody_stands_in_who_speaks_the_language(
    tmp_path: Path, text: str, stand_in: dict[str, str | None], speaker: str
) -> None:
    result = spoken(tmp_path, text=text, voice="Queen of the Night", stand_in=stand_in)
    [note] = result.warnings
    assert "'Queen of the Night'" in note
    assert repr(speaker) in note


def test_nobody_stands_in_for_a_voice_that_is_there(tmp_path: Path) -> None:
    assert spoken(tmp_path, voice="en-gb", stand_in={"voice": "ru", "gender": "male"}).warnings == ()
