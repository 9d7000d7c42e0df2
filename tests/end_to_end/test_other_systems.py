"""Rendering needs no module that only POSIX systems have, and no library that is not among the dependencies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

POSIX_ONLY = ("fcntl", "grp", "posix_ipc", "pwd", "resource", "termios", "tty", "pty", "syslog")
NOT_REQUIRED = ("scipy", "mediapipe", "matplotlib", "skimage")
PROGRAM = """
import sys
blocked = sys.argv.pop(1).split(",")
for name in blocked:
    sys.modules[name] = None  # `import` then raises ModuleNotFoundError
from lipsmith.cli.main import main
main()
"""


def run(blocked: tuple[str, ...], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, ",".join(blocked), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, astronaut: object) -> Path:
    import cv2

    folder = tmp_path_factory.mktemp("inputs")
    cv2.imwrite(str(folder / "portrait.png"), astronaut[:320, 64:384, ::-1])  # type: ignore[index]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("blocked", [POSIX_ONLY, NOT_REQUIRED], ids=["other systems", "other libraries"])
def test_talk_speak_and_sync_run_without(blocked: tuple[str, ...], inputs: Path, tmp_path: Path) -> None:
    portrait, video, speech = inputs / "portrait.png", tmp_path / "talk.mp4", tmp_path / "speech.wav"
    done = run(blocked, "speak", "Good morning.", "-o", speech)
    assert done.returncode == 0, done.stderr
    done = run(blocked, "talk", portrait, speech, "-o", video)
    assert done.returncode == 0, done.stderr
    done = run(blocked, "sync", video, speech, "-o", tmp_path / "sync.mp4", "--mode", "lite")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sync.mp4").stat().st_size > 10_000
