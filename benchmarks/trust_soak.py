"""Soak test of an hour: orders, uploads, refusals and deletions at once, while memory, files and storage are measured.

A real `lipsmith serve` on loopback renders. Slopes are fitted after a warm-up, in which caches and pools fill.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks.bars import INF, Bar
from benchmarks.server import SIZE, Served, memory_mb, serving, uploaded
from benchmarks.speed import audio_file, portrait_file
from benchmarks.trust import Found

LASTS_S = {False: 60.0, True: 3600.0}
WARM_SHARE = 0.25
"""Share of the time before memory is measured."""
LOOK_S = 2.0
CALLERS = 2
SETTLE_S = 10.0
"""Longest time until a deleted job stops."""
PAUSE_S = 1.0
"""Pause between two requests of a caller: the machine is busy, but not overloaded."""
BARS = (
    Bar("memory_mb_per_h", -INF, 1.0, "growth of the server's memory after the warm-up, MB an hour"),
    Bar("open_files_per_h", -1.0, 1.0, "growth of its open files, an hour"),
    Bar("orphans", 0.0, 0.0, "files at the end that no upload and no video explains"),
    Bar(
        "faults", 0.0, 0.0, "answers of 500 and above, projects that failed though they should not, and lines of error"
    ),
    Bar("videos", 1.0, INF, "videos made meanwhile"),
)


def measure(folder: Path, *, long: bool) -> Found:
    """Run for an hour with ``long``, else for a minute, which only shows that it works."""
    lasts_s = float(os.environ.get("LIPSMITH_SOAK_S", LASTS_S[long]))
    portrait = portrait_file(folder, SIZE)
    nobody = folder / "nobody.png"
    Image.new("RGB", SIZE, "grey").save(nobody)
    with serving(folder / "data", "--concurrency", "1", environment={"LIPSMITH_LOG_LEVEL": "warning"}) as server:
        end_s = time.monotonic() + lasts_s
        done: Counter[str] = Counter()
        faulty: list[str] = []
        callers = [
            threading.Thread(
                target=_call, args=(server, (portrait, nobody, audio_file(folder, 2.0)), n, end_s, done, faulty)
            )
            for n in range(CALLERS)
        ]
        _grant(folder / "data")
        for caller in callers:
            caller.start()
        seen = _watch(server.pid, end_s)
        for caller in callers:
            caller.join()
        time.sleep(SETTLE_S)
        areas = [folder / "data/files" / area for area in ("open", "sealed", "unfinished")]
        stored = {path.relative_to(area) for area in areas for path in area.rglob("*") if path.is_file()}
        faulty += [line[:1000] for line in server.log.read_text().splitlines() if '"level": "error"' in line]
    at_h, memory, files = seen[int(len(seen) * WARM_SHARE) :].T
    return Found(
        values={
            "memory_mb_per_h": _slope(at_h, memory),
            "open_files_per_h": _slope(at_h, files),
            "orphans": len(stored) - done["upload"],
            "faults": len(faulty),
            "videos": done["video"],
        },
        size=f"{lasts_s / 60:g} minutes, {done['video']:,} videos, {sum(done.values()):,} steps",
        notes=[
            f"Memory {memory[0]:.0f} MB after the warm-up, {memory[-1]:.0f} MB at the end, at most {memory.max():.0f}.",
            f"By quarters of that time: {', '.join(f'{part.mean():.1f}' for part in np.array_split(memory, 4))} MB.",
            f"Open files {files[0]:.0f} and {files[-1]:.0f}.",
            *faulty[:5],
        ],
    )


def _call(
    server: Served, files: tuple[Path, Path, Path], seed: int, end_s: float, done: Counter[str], faults: list[str]
) -> None:
    """Act as one caller: mostly valid requests, sometimes invalid ones."""
    chance = random.Random(seed)
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        while time.monotonic() < end_s:
            what = chance.choice(("video", "video", "delete early", "no face", "odd", "status"))
            try:
                _do(client, what, *files, done)
            except (httpx.HTTPError, AssertionError) as error:
                faults.append(f"{what}: {error!r}"[:300])
            time.sleep(PAUSE_S)


def _do(client: httpx.Client, what: str, portrait: Path, nobody: Path, audio: Path, done: Counter[str]) -> None:
    if what == "odd":
        assert client.post("/v1/ai-talking-photo", json={"assets": None}).status_code == 400
    elif what == "status":
        assert client.get("/v1/video-projects/none").status_code == 404
        assert client.get("/metrics").status_code == 200
    else:
        image = uploaded(client, nobody if what == "no face" else portrait, "image")
        audio = uploaded(client, audio, "audio")
        done["upload"] += 2
        body = {
            "assets": {"image_file_path": image, "audio_file_path": audio},
            "start_seconds": 0,
            "end_seconds": 1,
        }
        project = client.post("/v1/ai-talking-photo", json=body).json()["id"]
        if what == "video":
            shown = _finished(client, project)
            assert shown["status"] == "complete", shown
            assert client.get(shown["download"]["url"]).status_code == 200
        elif what == "no face":
            assert _finished(client, project)["status"] == "error"
        assert client.delete(f"/v1/video-projects/{project}").status_code == 204
    done[what] += 1


def _finished(client: httpx.Client, project: str) -> dict[str, Any]:
    while (shown := client.get(f"/v1/video-projects/{project}").json())["status"] in ("queued", "rendering"):
        time.sleep(0.2)
    return dict(shown)


def _watch(pid: int, end_s: float) -> np.ndarray:
    """Return hours since the start, MB, open files, (n, 3) float64."""
    start_s, seen = time.monotonic(), []
    while (now_s := time.monotonic()) < end_s:
        seen.append(((now_s - start_s) / 3600, memory_mb(pid, "VmRSS"), len(os.listdir(f"/proc/{pid}/fd"))))
        time.sleep(LOOK_S)
    return np.array(seen)


def _grant(data_dir: Path) -> None:
    """Grant credits for an hour."""
    command = Path(sys.executable).with_name("lipsmith")

    def ask(*words: str) -> Any:
        done = subprocess.run([command, *words, "--data-dir", data_dir, "--json"], capture_output=True, check=True)
        return json.loads(done.stdout)

    ask("account", "grant", ask("account", "list")["accounts"][0]["id"], "1000000000")


def _slope(at: Sequence[float] | np.ndarray, values: np.ndarray) -> float:
    return float(np.polyfit(at, values, 1)[0])
