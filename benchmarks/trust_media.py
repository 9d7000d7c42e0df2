"""Hostile images, audio and clips: checks in the sandbox, and orders with some of them.

Each file is checked in a new process in the sandbox of child processes. A server gets a part of the files as orders,
since each order costs a child process.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import httpx
import numpy as np

from benchmarks.__main__ import REPOSITORY, SHARED
from benchmarks.bars import INF, Bar
from benchmarks.server import Served, memory_mb, serving, uploaded
from benchmarks.speed import audio_file
from benchmarks.trust import Found

sys.path.insert(0, str(REPOSITORY / "tests" / "hostile"))  # the corpus belongs to the tests

from corpus import Case, by_hand, corpus, mutations
from file_checks import FileCheck, check_files

FILES, LONG_FILES = 400, 10_000
ORDERS, LONG_ORDERS = 12, 240
AT_ONCE = 2
SEED = 1
TIMEOUT_S = 60.0
"""An order that takes longer counts as hanging."""
BARS = (
    Bar("faults", 0.0, 0.0, "files that crash or break their process, or of which it says nothing within 10 s"),
    Bar("wrong", 0.0, 0.0, "labelled files accepted or refused against their label"),
    Bar("labelled", 100.0, INF, "files with a label"),
    Bar("slowest_s", 0.0, 2.0, "slowest check, processor seconds"),
    Bar("largest_mb", 0.0, 512.0, "most memory of a check, MB"),
    Bar("server_faults", 0.0, 0.0, "orders with hostile files that end in no final state, or in a fault of ours"),
    Bar("server_restarts", 0.0, 0.0, "crashes of the server"),
    Bar("server_growth_mb", -INF, 50.0, "what the server's memory grows by over these orders, MB"),
)


def measure(folder: Path, *, long: bool) -> Found:
    """Check the corpus, then send orders to a server."""
    shared = SHARED / "media" if long and (SHARED / "media").is_dir() else None
    count, orders = (LONG_FILES, LONG_ORDERS) if long else (FILES, ORDERS)
    checks: list[FileCheck] = []
    start = time.monotonic()
    for check in check_files(corpus(count, seed=SEED, large=long, shared=shared), folder):
        checks.append(check)
        if check.is_fault or check.is_wrong or check.cpu_s > 2 or check.peak_mb > 512:
            print(f"  {check}; {check.cpu_s:.2f} CPU s; must be refused: {check.case.refuse}", flush=True)
        if len(checks) % 500 == 0:
            print(f"  {len(checks)} of {count} after {time.monotonic() - start:.0f} s", flush=True)
    with serving(folder / "server", "--concurrency", str(AT_ONCE)) as server:
        served = through_server(server, folder, orders)
    codes = Counter(check.outcome for check in checks)
    return Found(
        values={
            "faults": sum(check.is_fault for check in checks),
            "wrong": sum(check.is_wrong for check in checks),
            "labelled": sum(check.case.refuse is not None for check in checks),
            "slowest_s": max(check.cpu_s for check in checks),
            "largest_mb": max(check.peak_mb for check in checks),
            **served,
        },
        size=f"{len(checks):,} files, and {orders} orders to a server",
        notes=[
            "Outcomes: " + ", ".join(f"{outcome} {number:,}" for outcome, number in codes.most_common()),
            f"By the clock, with other programs on the machine: median {np.median([v.seconds for v in checks]):.3f} s, "
            f"99 % within {np.percentile([v.seconds for v in checks], 99):.2f} s, "
            f"slowest {max(v.seconds for v in checks):.2f} s.",
        ],
    )


def through_server(server: Served, folder: Path, count: int) -> dict[str, float]:
    """Order a few hostile files at a time; return results of orders and server."""
    cases = _mixed(count)
    audio = audio_file(folder, 1.0)
    faults = 0
    with httpx.Client(
        base_url=server.url, headers={"Authorization": f"Bearer {server.key}"}, timeout=TIMEOUT_S
    ) as client:
        speech = uploaded(client, audio, "audio")
        _finish(client, [_order(client, cases[0], folder, speech)])
        before_mb = memory_mb(server.pid, "VmRSS")
        for at in range(0, count, AT_ONCE):
            projects = [_order(client, case, folder, speech) for case in cases[at : at + AT_ONCE]]
            faults += _finish(client, projects)
        alive = client.get("/healthz").status_code == 200
        growth_mb = memory_mb(server.pid, "VmRSS") - before_mb
    return {"server_faults": faults, "server_restarts": 0 if alive else 1, "server_growth_mb": growth_mb}


def _mixed(count: int) -> Sequence[Case]:
    """Return files made by hand, spread evenly, and as many mutations."""
    made = [case for case in by_hand(large=False) if case.content]  # what is empty cannot even be uploaded
    some = [made[n] for n in np.linspace(0, len(made) - 1, count // 2).astype(int)]
    return [*some, *islice(mutations(SEED), count - len(some))]


def _order(client: httpx.Client, case: Case, folder: Path, speech: str) -> str:
    """Order something that must read the file; return the project's path."""
    extension = {"picture": "png", "sound": "wav", "clip": "mp4"}[case.kind]
    path = folder / f"hostile.{extension}"
    path.write_bytes(case.content)
    kind = {"picture": "image", "sound": "audio", "clip": "video"}[case.kind]
    key = uploaded(client, path, kind)
    if case.kind == "sound":
        photo = folder / "photo.png"
        if not photo.is_file():
            _write_photo(photo)
        assets = {"image_file_path": uploaded(client, photo, "image"), "audio_file_path": key}
        order = {"assets": assets, "start_seconds": 0, "end_seconds": 1}
        return _made(client, "/v1/ai-talking-photo", order, "/v1/video-projects/")
    if case.kind == "clip":
        assets = {"video_source": "file", "video_file_path": key, "audio_file_path": speech}
        order = {"assets": assets, "start_seconds": 0, "end_seconds": 1}
        return _made(client, "/v1/lip-sync", order, "/v1/video-projects/")
    return _made(client, "/v1/face-detection", {"assets": {"target_file_path": key}}, "/v1/face-detection/")


def _made(client: httpx.Client, path: str, order: object, shown_at: str) -> str:
    answer = client.post(path, json=order)
    answer.raise_for_status()
    return f"{shown_at}{answer.json()['id']}"


def _finish(client: httpx.Client, projects: Sequence[str]) -> int:
    """Wait, and return the number of orders that hung or failed by a fault of the server."""
    faults = 0
    for project in projects:
        deadline = time.monotonic() + TIMEOUT_S
        while (shown := client.get(project).json())["status"] not in ("complete", "error", "canceled"):
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        code = (shown.get("error") or {}).get("code")
        if shown["status"] not in ("complete", "error") or code in ("failed", "processing_failed"):
            print(f"  {project}: {shown['status']} {shown.get('error')}", flush=True)
            faults += 1
    return faults


def _write_photo(path: Path) -> None:
    import cv2

    from lipsmith.service.processes.jit_warmup import drawn_face

    cv2.imwrite(str(path), cv2.cvtColor(drawn_face(laughs=False), cv2.COLOR_RGB2BGR))
