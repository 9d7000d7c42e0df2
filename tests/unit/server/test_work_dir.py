"""Folders of processes that render: each its own, and none outlives its process for long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lipsmith.server.work_dir import WorkDir

HOLDS = """
import sys
from pathlib import Path

from lipsmith.server.work_dir import WorkDir

place = WorkDir(Path(sys.argv[1]), "other")
place.open()
(place.folder / "face.png").write_bytes(b"a face")
print("open", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_left_goes_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    (tmp_path / "prepared-1").mkdir()  # nobody's own
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        first = WorkDir(tmp_path, "first")
        first.open()
        assert {path.name for path in tmp_path.glob("*/")} == {"prepared-1", "other", "first"}
        other.kill()
        other.wait()
    second = WorkDir(tmp_path, "second")
    second.open()
    assert {path.name for path in tmp_path.glob("*/")} == {"prepared-1", "first", "second"}
    first.close()
    second.close()
    assert [path.name for path in tmp_path.glob("*/")] == ["prepared-1"]
