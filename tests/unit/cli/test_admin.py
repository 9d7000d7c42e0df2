"""Commands for administrators load what they need and nothing that renders, queues or serves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("numpy", "cv2", "mediapipe", "numba", "scipy", "av", "dbos", "fastapi", "uvicorn", "boto3", "alembic")

LISTING = (
    "import json, sys\n"
    "from lipsmith.cli.main import run\n"
    "code = run(sys.argv[1:])\n"
    f"print(json.dumps([name for name in {HEAVY} if name in sys.modules]), file=sys.stderr)\n"
    "sys.exit(code)\n"
)


@pytest.mark.parametrize(
    "command", [["account", "list"], ["key", "list"], ["webhook", "list"], ["project", "list"]], ids=" ".join
)
def test_commands_load_nothing_heavy(command: list[str], tmp_path: Path) -> None:
    options = ["--data-dir", str(tmp_path), "--json"]
    subprocess.run([sys.executable, "-c", LISTING, "account", "create", *options], check=True, capture_output=True)
    done = subprocess.run([sys.executable, "-c", LISTING, *command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)
    assert json.loads(done.stderr) == []
