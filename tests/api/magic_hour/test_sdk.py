"""The vendor's own Python clients, unmodified but for their base URL. Each runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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


def flow(server: Server, stock: Path, folder: Path, kind: str, more: str = "{}", **environment: str) -> dict[str, Any]:
    pytest.importorskip("magic_hour", reason="the vendor's client is not installed: pip install magic-hour==0.90.0")
    arguments = [
        server.url,
        server.key,
        str(stock / "portrait.png"),
        str(stock / "speech.wav"),
        str(folder),
        kind,
        more,
    ]
    done = subprocess.run(
        [sys.executable, str(FLOW), *arguments], capture_output=True, text=True, env=os.environ | environment
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # the client prints as well
    return answer


def check_video(told: dict[str, Any], folder: Path) -> None:
    assert (told["status"], told["error"]) == ("complete", None)
    assert told["credits_charged"] == told["total_frame_cost"] > 0
    [path] = told["downloaded_paths"]
    assert Path(path) == folder / f"{told['id']}.mp4"
    assert Path(path).read_bytes()[4:8] == b"ftyp"


REFUSALS = [[401, "Unauthorized"], [401, "Unauthorized"], [404, "Not Found"]]


def test_the_newest_client(server: Server, stock: Path, tmp_path: Path) -> None:
    told = flow(server, stock, tmp_path, "sync", '{"max_resolution": 256}')
    check_video(told, tmp_path)
    check_video(told["synced"], tmp_path)
    assert (max(told["width"], told["height"]), told["enabled"], told["refusals"]) == (256, False, REFUSALS)


def test_the_newest_client_asynchronously(server: Server, stock: Path, tmp_path: Path) -> None:
    told = flow(server, stock, tmp_path, "async")
    check_video(told, tmp_path)
    assert told["refusals"] == REFUSALS


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_old_client(server: Server, stock: Path, tmp_path: Path, old_client: Path, kind: str) -> None:
    told = flow(server, stock, tmp_path, kind, PYTHONPATH=str(old_client))
    assert told["module"].startswith(str(old_client))
    check_video(told, tmp_path)
    assert told["refusals"] == REFUSALS
