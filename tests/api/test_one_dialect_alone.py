"""Deleting the folder of one dialect leaves the other working."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lipsmith

TESTS = Path(__file__).parent
SUITES = {
    "magic_hour": ("magic_hour/test_documented_examples.py",),
    "akool": ("akool/test_akool_examples.py",),
}
"""Tests of each dialect that need no other one."""


@pytest.mark.parametrize(("deleted", "kept"), [("akool", "magic_hour"), ("magic_hour", "akool")])
def test_the_other_one_still_works(deleted: str, kept: str, tmp_path: Path) -> None:
    source = Path(lipsmith.__file__).parent
    shutil.copytree(source, tmp_path / "lipsmith", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(tmp_path / "lipsmith/dialects" / deleted)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, *(str(TESTS / test) for test in SUITES[kept])],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
