"""The voices as the server knows them: asked of a process of its own, remembered, and nothing of theirs loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lipsmith.errors import UnknownVoice, VoiceFailed
from lipsmith.service.processes import voice_list
from lipsmith.service.processes.voice_list import InstalledVoices

HEAVY = ("numpy", "av", "cv2", "scipy", "onnxruntime", "numba", "PIL")


@pytest.fixture(scope="module")
def known() -> InstalledVoices:
    return InstalledVoices()


@pytest.mark.slow
def test_a_voice_is_found_by_its_very_name(known: InstalledVoices) -> None:
    names = [voice.name for voice in known.all()]
    assert {"en-us", "de", "en-us+f3"} <= set(names)
    found = known.find("en-us+f3")
    assert (found.language, found.gender) == ("en-US", "female")
    with pytest.raises(UnknownVoice):
        known.find("EN-US")


def test_the_answer_is_remembered_for_a_while(known: InstalledVoices, monkeypatch: pytest.MonkeyPatch) -> None:
    first = known.all()
    monkeypatch.setattr(voice_list, "_list_voices", list)
    assert known.all() is first
    monkeypatch.setattr(known, "_expires_s", 0.0)
    assert known.all() == []


def test_why_nobody_can_speak_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(VoiceFailed):
        InstalledVoices().all()


@pytest.mark.slow
def test_the_server_loads_nothing_that_renders() -> None:
    program = f"import sys, lipsmith.server.run; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
