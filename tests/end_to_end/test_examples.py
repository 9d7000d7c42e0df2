"""The examples run as they stand."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lipsmith

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"


def test_the_script_makes_a_video(room: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "talk.py", "portrait.png", "speech.wav", "a.mp4"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("a.mp4: ")
    failed = subprocess.run(
        [sys.executable, EXAMPLES / "talk.py", "speech.wav", "speech.wav", "b.mp4"], capture_output=True, text=True
    )
    assert failed.returncode == 1
    assert failed.stderr.endswith("[invalid_image]\n")


def test_the_custom_engine_draws_once_it_is_installed(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((EXAMPLES / "custom_engine/pyproject.toml").read_text())["project"]
    info = room / "site" / "lipsmith_puppet-0.1.0.dist-info"  # what installing it would write
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lipsmith-puppet\nVersion: 0.1.0\n")
    entries = project["entry-points"]["lipsmith.engines"].items()
    (info / "entry_points.txt").write_text("[lipsmith.engines]\n" + "\n".join(f"{k} = {v}" for k, v in entries))
    monkeypatch.syspath_prepend(str(info.parent))
    monkeypatch.syspath_prepend(str(EXAMPLES / "custom_engine"))
    result = lipsmith.talking_photo("portrait.png", "speech.wav", "a.mp4", engines={"photo_animator": "puppet"})
    assert result.path.stat().st_size > 1000
