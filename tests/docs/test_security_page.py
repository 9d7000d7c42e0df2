"""Every test that SECURITY.md names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent.parent
PAGE = (HOME / "SECURITY.md").read_text("utf-8")
TESTS = "\n".join(path.read_text("utf-8") for path in (HOME / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[\w./]+)`", PAGE))))
def test_a_file_that_is_named_exists(path: str) -> None:
    assert (HOME / path).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)…?`", PAGE))))
def test_a_test_that_is_named_exists(name: str) -> None:
    assert f"def {name}" in TESTS
