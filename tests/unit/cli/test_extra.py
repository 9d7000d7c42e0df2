"""Without the extra `server`, everything else works, and the line to type is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCKED = (
    "import sys\n"
    "for name in ('fastapi', 'dbos', 'sqlalchemy', 'uvicorn', 'pydantic_settings', 'structlog'):\n"
    "    sys.modules[name] = None\n"
    "from lipsmith.cli.main import run\n"
    "sys.exit(run(sys.argv[1:]))\n"
)


@pytest.mark.parametrize("command", [["serve"], ["runner"], ["account", "list"], ["backup", "x"], ["restore", "x"]])
def test_a_missing_extra_tells_the_line_to_type(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKED, *command], capture_output=True, text=True)
    assert done.returncode == 1
    assert "python -m pip install 'lipsmith[server]'" in done.stderr
    assert done.stderr.strip().endswith("[missing_dependency]")


def test_other_commands_do_without_it() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKED, "--version"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
