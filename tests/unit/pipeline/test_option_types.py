"""Misspelt options are type errors wherever a request is made or changed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mypy import api

HOME = Path(__file__).resolve().parents[3]
PROGRAM = """
from dataclasses import replace

from lipsmith import SyncRequest, TalkRequest, lip_sync, talking_photo
from lipsmith.service.jobs.orders import JobRequest

request: JobRequest = TalkRequest("image", "audio", fps=24)
talking_photo(TalkRequest("a.png", "a.wav"))
talking_photo("a.png", "a.wav", fpz=24)
lip_sync("a.mp4", "a.wav", duration_mod="cut")
TalkRequest("a.png", "a.wav", head_motion="wild")
replace(TalkRequest("a.png", "a.wav"), see=3)
SyncRequest("a.mp4", "a.wav").head_motion
"""


@pytest.mark.slow
def test_a_misspelt_option_is_a_type_error(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    options = ["--config-file", str(HOME / "pyproject.toml"), "--cache-dir", str(HOME / ".mypy_cache")]
    report, _, _ = api.run([*options, "--python-executable", sys.executable, str(program)])
    faults = [int(line.split(":")[1]) for line in report.splitlines() if ": error:" in line]
    assert sorted(set(faults)) == [9, 10, 11, 12, 13], report
