"""The lines that are shown for a first request work as they stand, with another key and port."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from servers import Server, server

__all__ = ["server"]

HOME = Path(__file__).resolve().parent.parent.parent
PAGES = [HOME / "README.md", HOME / "docs/howto/server.md"]
pytestmark = pytest.mark.slow


def shown(page: Path, beginning: str, server: Server) -> str:
    """The one text block of the page that begins so, or the line in one."""
    blocks = re.findall(r"^```text\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    [found] = [block[block.index(beginning) :] for block in blocks if re.search(f"^{beginning}", block, re.MULTILINE)]
    return str(found).replace("mhk_live_…", server.key).replace("http://127.0.0.1:8000", server.url)


@pytest.fixture(params=["portrait", "nobody"])
def has_face(request: pytest.FixtureRequest, room: Path) -> bool:
    """True if the image in the examples shows a face."""
    if request.param == "nobody":
        Image.new("RGB", (96, 96), "grey").save(room / "portrait.png")
    return bool(request.param == "portrait")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_is_the_server_well(page: Path, server: Server) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    done = subprocess.run(["bash", "-c", shown(page, "curl http", server)], capture_output=True, text=True)
    assert json.loads(done.stdout)["tier"] == "business"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_vendors_client(page: Path, server: Server, room: Path, has_face: bool) -> None:
    pytest.importorskip("magic_hour", reason="the vendor's client")
    program = shown(page, "from magic_hour", server).replace("end_seconds=10", "end_seconds=1")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=room)
    assert done.returncode == 0, done.stderr
    if has_face:
        [video] = re.findall(r"'(.+?\.mp4)'", done.stdout)
        assert (room / video).stat().st_size > 1000
    else:
        assert "No human face was found" in done.stdout


def test_the_whole_way_with_curl(server: Server, room: Path, has_face: bool) -> None:
    if not (shutil.which("curl") and shutil.which("jq")):
        pytest.skip("curl or jq is not installed")
    lines = shown(HOME / "docs/howto/server.md", "KEY=", server).replace("end_seconds: 10", "end_seconds: 1")
    done = subprocess.run(["bash", "-euc", lines], capture_output=True, text=True, cwd=room, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
    assert (room / "talking.mp4").exists() == has_face
    if has_face:
        assert "complete, 100 %" in done.stdout
        assert (room / "talking.mp4").stat().st_size > 1000
    else:
        assert done.stdout.splitlines()[-1].startswith("No human face was found")


def test_the_way_with_curl_ends_where_the_key_is_wrong(server: Server, room: Path) -> None:
    if not (shutil.which("curl") and shutil.which("jq")):
        pytest.skip("curl or jq is not installed")
    lines = shown(HOME / "docs/howto/server.md", "KEY=", server).replace(server.key, "mhk_live_nobody")
    done = subprocess.run(["bash", "-c", lines], capture_output=True, text=True, cwd=room, timeout=240)
    assert done.stdout.splitlines()[-1] == "Unauthorized"
    assert not (room / "talking.mp4").exists()
