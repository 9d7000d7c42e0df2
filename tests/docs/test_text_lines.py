"""The examples that send a text to a server work unchanged, with another key, port and image."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from servers import Server, server

__all__ = ["server"]

PAGE = Path(__file__).resolve().parents[2] / "docs/howto/text.md"
pytestmark = pytest.mark.slow


def shown(beginning: str, server: Server) -> str:
    """The one text block of the page that begins so."""
    blocks = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    [found] = [block for block in blocks if block.startswith(beginning)]
    return str(found).replace("mhk_live_…", server.key).replace("http://127.0.0.1:8000", server.url)


def test_the_vendors_way(server: Server, room: Path) -> None:
    pytest.importorskip("magic_hour", reason="the vendor's client")
    program = shown("from magic_hour", server)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=room)
    assert done.returncode == 0, done.stderr
    [video] = re.findall(r"'(.+?\.mp4)'", done.stdout.splitlines()[-1])
    assert (room / video).stat().st_size > 1000


def test_the_short_way(server: Server, room: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    image = server.upload(room / "portrait.png", "image")
    lines = shown("curl", server).replace("https://example.org/portrait.png", image)
    done = subprocess.run(["bash", "-c", lines], capture_output=True, text=True)
    created = json.loads(done.stdout)
    shown_as = server.finished(created["id"])
    assert shown_as["status"] == "complete"
    assert 0 < shown_as["credits_charged"] <= created["credits_charged"]
    assert shown_as["end_seconds"] * shown_as["fps"] * 2 == pytest.approx(shown_as["credits_charged"], rel=1e-3)
