"""The lines that are shown for a first request work as they stand, with another key and port."""

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

HOME = Path(__file__).resolve().parent.parent.parent
PAGES = [HOME / "README.md", HOME / "docs/howto/server.md"]


def shown(page: Path, beginning: str, server: Server) -> str:
    """The one text block of the page that begins so, or the line in one."""
    blocks = re.findall(r"^```text\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    [found] = [block[block.index(beginning) :] for block in blocks if re.search(f"^{beginning}", block, re.MULTILINE)]
    return str(found).replace("mhk_live_…", server.key).replace("http://127.0.0.1:8000", server.url)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_curl(page: Path, server: Server) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    done = subprocess.run(["bash", "-c", shown(page, "curl ", server)], capture_output=True, text=True)
    assert json.loads(done.stdout)["tier"] == "business"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_vendors_client(page: Path, server: Server, room: Path) -> None:
    pytest.importorskip("magic_hour", reason="the vendor's client")
    program = shown(page, "from magic_hour", server).replace("end_seconds=10", "end_seconds=1")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=room)
    assert done.returncode == 0, done.stderr
    [video] = re.findall(r"'(.+?\.mp4)'", done.stdout)
    assert (room / video).stat().st_size > 1000
