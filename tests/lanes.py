"""Lanes of the test suite: ``fast``, ``whole`` (the default) and ``release``, as CONTRIBUTING.md describes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

LANE = os.environ.get("LIPSMITH_TEST_LANE", "whole")
FAST_FOLDERS = ("unit", "contract", "docs", "golden")
FAST_FILES = ("api/conftest.py", "api/magic_hour/conftest.py", "api/magic_hour/test_sdk.py")
LONGEST_FIRST = (
    "api/magic_hour/test_faults.py",
    "api/magic_hour/test_clock_jumps.py",
    "end_to_end/test_sync_clips.py",
    "golden/test_drawn_faces.py",
    "api/magic_hour/test_interruptions.py",
    "api/magic_hour/test_workers.py",
    "hostile/test_hostile_files.py",
    "api/test_any_life.py",
    "end_to_end/test_command_line.py",
    "unit/face/test_face_follow.py",
)
"""Files that take longest, so that no process is still busy with one of them when the others have finished."""
_TESTS = Path(__file__).resolve().parent


def amount(name: str, *, whole: int, release: int) -> int:
    """Return how much of something a test tries: by lane, or as the variable LIPSMITH_TEST_<name> says."""
    return int(os.environ.get(f"LIPSMITH_TEST_{name}") or (release if LANE == "release" else whole))


def is_outside(path: Path) -> bool:
    """Tell whether no test of the file or folder runs in this lane."""
    if LANE != "fast" or not path.is_relative_to(_TESTS):
        return False
    inside = path.relative_to(_TESTS)
    if not inside.parts or (len(inside.parts) == 1 and inside.suffix == ".py"):
        return False
    if path.is_dir():
        return inside.parts[0] not in FAST_FOLDERS and inside.as_posix() not in ("api", "api/magic_hour")
    return inside.parts[0] not in FAST_FOLDERS and inside.as_posix() not in FAST_FILES


def runs(item: pytest.Item) -> bool:
    """Tell whether a collected test runs in this lane."""
    if item.get_closest_marker("release"):
        return LANE == "release"
    if LANE != "fast":
        return True
    parameters = getattr(item, "callspec", None)
    return not (
        item.get_closest_marker("slow")
        or {"postgres", "shared_media"} & set(getattr(item, "fixturenames", ()))
        or (
            parameters is not None
            and any(isinstance(value, str) and value == "postgres" for value in parameters.params.values())
        )
    )


def place(item: pytest.Item) -> int:
    """Return a sorting key: long files first, all others as they come."""
    name = item.path.relative_to(_TESTS).as_posix()
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)
