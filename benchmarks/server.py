"""Server under load: time to the first frame, status requests during renders, memory of many uploads.

Runs a real `lipsmith serve` on loopback, with requests like those of the vendor's clients.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import httpx
import numpy as np

from benchmarks.__main__ import REPOSITORY
from benchmarks.bars import Bar
from benchmarks.speed import audio_file, machine, portrait_file

SIZE = (512, 512)
RENDER_S = 10.0
STATUS_PER_S, STATUS_COUNT = 50, 500
UPLOADS, UPLOAD_BYTES = 300, 1_000_000
SETTLE_S = 6.0
"""Time after which an idle server has its spare child process ready."""
BARS = (
    Bar("first_frame_s", 0.0, 2.0, "create to first frame, idle server, 512x512, seconds, median"),
    Bar("status_p99_ms", 0.0, 40.0, f"GET status at {STATUS_PER_S}/s while two videos render, p99, ms"),
    Bar("upload_errors", 0.0, 0.0, f"{UPLOADS} uploads of 1 MB at once: errors"),
    Bar("upload_memory_mb", 0.0, 100.0, "the same: what the server's memory grows by, MB"),
)


@dataclass(frozen=True, kw_only=True)
class Served:
    """Running server."""

    url: str
    key: str
    process: subprocess.Popen[str]
    log: Path

    @property
    def pid(self) -> int:
        """Id of its process."""
        return self.process.pid


def run(repeats: int) -> int:
    """Measure, and print a line for each bar. Returns 1 if one is missed."""
    with tempfile.TemporaryDirectory(prefix="lipsmith-server-") as name:
        folder = Path(name)
        found: dict[str, float] = {}
        with serving(folder / "renders", "--concurrency", "2") as server:
            found |= renders(server, folder, repeats)
        with serving(folder / "uploads", "--concurrency", "0") as server:
            found |= asyncio.run(uploads(server))
    print(f"{machine()}; load of the minute before {os.getloadavg()[0]:.1f}")
    for bar in BARS:
        verdict = "holds" if bar.holds(found[bar.name]) else "MISSED"
        print(f"{bar.name:>18} {found[bar.name]:8.2f}  {bar.limits:>6}  {verdict:>6}  {bar.meaning}")
    return 0 if all(bar.holds(found[bar.name]) for bar in BARS) else 1


class Unborn(RuntimeError):
    """Server ended before it was ready."""


@contextmanager
def serving(
    data_dir: Path,
    *options: str,
    key: str = "",
    environment: Mapping[str, str] = MappingProxyType({}),
    dies_at: str = "",
) -> Iterator[Served]:
    """Start a server with its own data folder and settings in ``environment``; ``key`` if the folder is not new."""
    log = data_dir.with_suffix(".log")
    program = (
        [sys.executable, str(REPOSITORY / "tests/dying_server.py"), dies_at]
        if dies_at
        else [str(Path(sys.executable).with_name("lipsmith"))]
    )
    command = [*program, "serve", "--port", "0", "--data-dir", str(data_dir)]
    with log.open("a") as errors:
        process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, **environment}
        )
    assert process.stdout is not None
    said = ""
    try:
        for line in process.stdout:
            said += line
            if address := re.search(r"serves at (\S+)", line):
                [first] = re.findall(r"mhk_live_\w+", said) or [key]
                yield Served(url=address[1], key=first, process=process, log=log)
                return
        raise Unborn(f"The server did not start:\n{log.read_text()}")
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def renders(server: Served, folder: Path, repeats: int) -> dict[str, float]:
    """Measure the time to the first frame on an idle server, then status requests while two videos render."""
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        image, audio = portrait_file(folder, SIZE), audio_file(folder, RENDER_S)
        assets = {
            "image_file_path": uploaded(client, image, "image"),
            "audio_file_path": uploaded(client, audio, "audio"),
        }

        def create(end_s: float) -> str:
            order = {"assets": assets, "start_seconds": 0, "end_seconds": end_s}
            return str(client.post("/v1/ai-talking-photo", json=order).json()["id"])

        def status(project: str) -> str:
            return str(client.get(f"/v1/video-projects/{project}").json()["status"])

        waits = []
        for _ in range(repeats + 1):  # the first compiles what is not in the cache yet
            time.sleep(SETTLE_S)
            since = datetime.now(UTC)
            project = create(1.0)
            while status(project) not in ("complete", "error"):
                time.sleep(0.1)
            waits.append((first_frame(server.log, project) - since).total_seconds())
        both = [create(RENDER_S) for _ in range(2)]
        while {status(project) for project in both} != {"rendering"}:
            time.sleep(0.05)
        seconds = []
        start = time.perf_counter()
        for n in range(STATUS_COUNT):
            time.sleep(max(0.0, start + n / STATUS_PER_S - time.perf_counter()))
            requested = time.perf_counter()
            now = status(both[n % 2])
            seconds.append(time.perf_counter() - requested)
            if now != "rendering":  # what is finished costs nothing
                both[n % 2] = create(RENDER_S)
    return {
        "first_frame_s": float(np.median(waits[1:])),
        "status_p99_ms": 1000 * float(np.percentile(seconds, 99)),
    }


def first_frame(log: Path, project: str) -> datetime:
    """Return the time of the first frame, from the server's log."""
    for line in log.read_text().splitlines():
        reported: Mapping[str, str] = json.loads(line)
        if reported["event"] == "first frame" and reported["project"] == project:
            return datetime.fromisoformat(reported["timestamp"])
    raise RuntimeError(f"There was no first frame of {project}:\n{log.read_text()}")


def uploaded(client: httpx.Client, path: Path, kind: str) -> str:
    """Upload a file, and return its path on the server."""
    request = {"items": [{"type": kind, "extension": path.suffix[1:]}]}
    [item] = client.post("/v1/files/upload-urls", json=request).json()["items"]
    httpx.put(item["upload_url"], content=path.read_bytes(), timeout=60).raise_for_status()
    return str(item["file_path"])


async def uploads(server: Served) -> dict[str, float]:
    """Upload many files at once, from as many connections."""
    headers = {"Authorization": f"Bearer {server.key}"}
    limits = httpx.Limits(max_connections=UPLOADS)
    async with httpx.AsyncClient(base_url=server.url, headers=headers, limits=limits, timeout=120) as client:
        request = {"items": [{"type": "image", "extension": "png"}] * 100}
        places: list[str] = []
        while len(places) < UPLOADS:
            places += [
                item["upload_url"]
                for item in (await client.post("/v1/files/upload-urls", json=request)).json()["items"]
            ]
        before_mb = memory_mb(server.pid, "VmRSS")
        body = bytes(UPLOAD_BYTES)
        answers = await asyncio.gather(*[client.put(place, content=body) for place in places], return_exceptions=True)
    errors = sum(isinstance(answer, BaseException) or answer.status_code != 200 for answer in answers)
    return {"upload_errors": errors, "upload_memory_mb": memory_mb(server.pid, "VmHWM") - before_mb}


def memory_mb(pid: int, field: str) -> float:
    """Return the memory of the process: ``VmRSS`` is the current one, ``VmHWM`` the peak."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"There is no {field} of process {pid}.")
