"""A real `lipsmith serve` on loopback, with a data folder of its own, and a client that speaks plain HTTP to it."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lipsmith.service.processes.pool import ChildPool, Limits
from local_hosts import ALLOWED

COMMAND = str(Path(sys.executable).with_name("lipsmith"))
TIMEOUT_S = 240
"""The longest wait for what has to come, on however slow a machine."""
DYING = (sys.executable, str(Path(__file__).with_name("dying_server.py")))
FINAL = ("complete", "error", "canceled")


class NoServer(AssertionError):
    """It ended before it said where it serves; its exit status, and what it said."""


@dataclass
class Server:
    """One server process."""

    process: subprocess.Popen[str]
    data_dir: Path
    url: str
    key: str
    """Of the first account."""
    log: Path
    client: httpx.Client
    """Speaks for the first account."""
    environment: dict[str, str]
    """Its settings."""

    def admin(self, *arguments: str) -> Any:
        """Run a command for administrators on this server's data folder."""
        import json

        command = [COMMAND, *arguments, "--data-dir", str(self.data_dir), "--json"]
        own = os.environ | self.environment
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, env=own)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def upload(self, path: Path, kind: str, *, client: httpx.Client | None = None) -> str:
        """Uploads a file as the vendor's clients do; its file_path. ``client`` may speak for another account."""
        wish = {"type": kind, "extension": path.suffix.removeprefix(".")}
        answer = (client or self.client).post("/v1/files/upload-urls", json={"items": [wish]})
        assert answer.status_code == 200, answer.text
        [item] = answer.json()["items"]
        sent = httpx.put(item["upload_url"], content=path.read_bytes())
        assert sent.status_code == 200, sent.text
        return str(item["file_path"])

    def photo_order(self, stock: Path, seconds: float, *, audio: str = "speech.wav") -> dict[str, Any]:
        """The body of a request for a talking photo, with the stock's portrait and recording uploaded."""
        return {
            "assets": {
                "image_file_path": self.upload(stock / "portrait.png", "image"),
                "audio_file_path": self.upload(stock / audio, "audio"),
            },
            "start_seconds": 0,
            "end_seconds": seconds,
        }

    def finished(self, project: str, *, client: httpx.Client | None = None) -> dict[str, Any]:
        """The project, once it is in a final state."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            shown: dict[str, Any] = (client or self.client).get(f"/v1/video-projects/{project}").json()
            if shown["status"] in FINAL:
                return shown
            time.sleep(0.1)
        raise AssertionError(f"{project} is still {shown['status']}:\n{self.log.read_text()}")

    def wait(self, project: str, status: str) -> None:
        """Returns once the project has that status."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.client.get(f"/v1/video-projects/{project}").json()["status"] != status:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Asks it to stop and waits; its exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=TIMEOUT_S)


@cache
def compile_loops() -> None:
    """Compile what rendering processes compile, once for all servers and all runs of this version.

    A server does the same in the background when it starts, but most servers of tests stop before that is ready.
    """
    with tempfile.TemporaryDirectory() as folder, Path(tempfile.gettempdir(), "lipsmith-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other test processes wait for it, too
        pool = ChildPool(Limits(memory_mb=4096, cpu_s=600, file_mb=500), os.environ, Path(folder) / "pool")
        if not pool._prepared.is_dir():
            pool.prepare()


def start(data_dir: Path, *options: str, key: str = "", dies_at: str = "", **environment: str) -> Server:
    """Start a server on a free port. ``key`` is needed if the data folder has accounts already.

    ``dies_at``: point at which it kills itself, see `dying_server`.
    """
    program = (*DYING, dies_at) if dies_at else (COMMAND,)
    if "0" not in options:  # --concurrency 0 does not render
        compile_loops()
    log = data_dir.parent / f"{data_dir.name}.log"
    with log.open("a") as errors:
        process = subprocess.Popen(
            [*program, "serve", "--port", "0", "--data-dir", str(data_dir), *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | environment,
        )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"serves at (http://\S+)", line):
            first = re.search(r"mhk_live_\w+", said)
            known = first[0] if first else key
            client = httpx.Client(base_url=found[1], headers={"Authorization": f"Bearer {known}"}, timeout=240)
            return Server(process, data_dir, found[1], known, log, client, environment)
    process.stdout.close()
    raise NoServer(process.wait(timeout=TIMEOUT_S), f"{said}{log.read_text()}")


@contextmanager
def started(data_dir: Path, *options: str, key: str = "", dies_at: str = "", **environment: str) -> Iterator[Server]:
    """A server that is gone at the end, however that comes."""
    server = start(data_dir, *options, key=key, dies_at=dies_at, **environment)
    try:
        yield server
    finally:
        server.client.close()
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()
        assert server.process.stdout is not None
        server.process.stdout.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers that are gone when the test is; the first one's folder is ``tmp_path / "data"``."""
    with ExitStack() as stack:

        def start_one(*options: str, key: str = "", dies_at: str = "", **environment: str) -> Server:
            return stack.enter_context(started(tmp_path / "data", *options, key=key, dies_at=dies_at, **environment))

        yield start_one


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave no trace others would stumble over."""
    data_dir = tmp_path_factory.mktemp("server") / "data"
    with started(data_dir, LIPSMITH_LOG_LEVEL="warning", LIPSMITH_FETCH_ALLOW=ALLOWED) as shared:
        yield shared
        assert shared.log.read_text() == ""


@pytest.fixture(scope="session")
def astronaut_png(astronaut: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portrait as a file, small enough to be rendered quickly."""
    path = tmp_path_factory.mktemp("pictures") / "astronaut.png"
    Image.fromarray(astronaut[:320, 64:384]).save(path)
    return path
