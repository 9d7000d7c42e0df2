"""The vendor's own Python clients, unmodified but for their base URL. Each runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from clients import check_flow, inputs

from servers import Server

FLOW = Path(__file__).with_name("sdk_flow.py")
OLD = "magic-hour==0.36.0"


@pytest.fixture(scope="session")
def old_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the old release in it, to be put before the new one."""
    folder = tmp_path_factory.mktemp("old-client")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), OLD]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{OLD} cannot be installed here: {done.stderr.strip()[-200:]}")
    return folder


def flow(given: dict[str, Any], **environment: str) -> dict[str, Any]:
    pytest.importorskip("magic_hour", reason="the vendor's client is not installed: pip install magic-hour==0.90.0")
    done = subprocess.run(
        [sys.executable, str(FLOW), json.dumps(given)], capture_output=True, text=True, env=os.environ | environment
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # the client prints as well
    return answer


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_newest_client(server: Server, stock: Path, tmp_path: Path, kind: str) -> None:
    with inputs(server, stock, tmp_path) as given:
        told = flow(given | {"newest": True, "async": kind == "async"})
    check_flow(told, Path(given["folder"]))
    if kind == "sync":
        assert (told["talked"]["width"], told["talked"]["height"]) == (256, 256)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_old_client(server: Server, stock: Path, tmp_path: Path, old_client: Path, kind: str) -> None:
    with inputs(server, stock, tmp_path) as given:
        told = flow(given | {"newest": False, "async": kind == "async"}, PYTHONPATH=str(old_client))
    assert told["module"].startswith(str(old_client))
    check_flow(told, Path(given["folder"]))
