"""Recovery of a server that dies at each named point, and of one whose database disappears.

A real `lipsmith serve` on loopback is killed by SIGKILL while it handles an order, and is started again at once, as a
service manager would. The tests check its data (`tests/api/magic_hour/test_faults.py`).
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.__main__ import REPOSITORY
from benchmarks.bars import Bar
from benchmarks.server import SIZE, Served, Unborn, serving, uploaded
from benchmarks.speed import audio_file, portrait_file
from benchmarks.trust import Found

sys.path.insert(0, str(REPOSITORY / "tests"))  # databases of their own are the tests' business

from databases import Postgres, fresh, private
from dying_server import POINTS

ROUNDS = {False: 1, True: 5}
BEFORE_RENDERING = ("charged", "created")
TIMEOUT_S = 120.0
BARS = (
    Bar("sqlite_back_s", 0.0, 5.0, "SQLite: from a sudden death to the first good answer, the longest, seconds"),
    Bar("postgres_back_s", 0.0, 5.0, "PostgreSQL: the same"),
    Bar("database_back_s", 0.0, 5.0, "from PostgreSQL's return to the server's first good answer, the longest"),
    Bar("lost", 0.0, 0.0, "orders that were taken and did not end as a video"),
)


def measure(folder: Path, *, long: bool) -> Found:
    """Measure one death at each point and database, or five with ``long``, then restarts of the database."""
    rounds = ROUNDS[long]
    sqlite = lives(folder / "sqlite", rounds, {})
    values = {"sqlite_back_s": max(sqlite.back_s), "lost": float(sqlite.lost)}
    notes = [f"SQLite: median {np.median(sqlite.back_s):.1f} s of {len(sqlite.back_s)} deaths."]
    with private() as there, fresh(there.url, "deaths") as deaths, fresh(there.url, "restarts") as restarts:
        postgres = lives(folder / "postgres", rounds, {"LIPSMITH_DATABASE_URL": deaths})
        values["postgres_back_s"] = max(postgres.back_s)
        values["lost"] += postgres.lost
        away = database_restarts(folder / "restarts", there, restarts, rounds)
        values["database_back_s"] = max(away)
        notes += [
            f"PostgreSQL: median {np.median(postgres.back_s):.1f} s of {len(postgres.back_s)} deaths.",
            f"The database's restarts: median {np.median(away):.2f} s of {len(away)}.",
        ]
    return Found(
        values=values,
        size=f"{len(sqlite.back_s) + len(postgres.back_s)} deaths, {len(away)} restarts of the database",
        notes=notes,
    )


@dataclass(frozen=True, kw_only=True)
class Lives:
    """Results of a data folder whose servers died one after the other."""

    back_s: list[float]
    """Time from each death until the next server was ready."""
    lost: int


def lives(folder: Path, rounds: int, database: dict[str, str]) -> Lives:
    """Kill a server ``rounds`` times at each point, and check the orders at the end."""
    folder.mkdir()
    body: dict[str, Any] = {}
    projects: list[str] = []
    back_s: list[float] = []
    key, died_s = "", 0.0
    settings = database | {"LIPSMITH_LOG_LEVEL": "error", "LIPSMITH_MAX_ATTEMPTS": "99"}
    for point in POINTS * rounds:
        # A server that renders may reach its point with an older order, before its first request.
        workers = "0" if point in BEFORE_RENDERING else "1"
        with (
            suppress(Unborn),
            serving(folder / "data", "--concurrency", workers, key=key, environment=settings, dies_at=point) as dying,
        ):
            first, key = not key, dying.key
            with suppress(httpx.TransportError), asking(dying) as client:
                again_s = ready_s(dying)
                back_s += [] if first else [again_s - died_s]
                body = body or order(client, folder)
                projects.append(ordered(client, body))
            dying.process.wait(TIMEOUT_S)
        died_s = time.monotonic()
    with serving(folder / "data", key=key, environment=settings) as last, asking(last) as client:
        back_s.append(ready_s(last) - died_s)
        return Lives(back_s=back_s, lost=sum(not is_complete(client, project) for project in projects))


def database_restarts(folder: Path, there: Postgres, url: str, rounds: int) -> list[float]:
    """Return the time from each return of the database until the server is ready again, seconds."""
    folder.mkdir()
    environment = {"LIPSMITH_DATABASE_URL": url, "LIPSMITH_LOG_LEVEL": "error"}
    back_s = []
    with serving(folder / "data", environment=environment) as server:
        ready_s(server)
        for _ in range(rounds):
            there.stop()
            with asking(server) as client:
                assert client.get("/readyz").status_code == 503
            there.start()
            began_s = time.monotonic()
            back_s.append(ready_s(server) - began_s)
    return back_s


def asking(server: Served) -> httpx.Client:
    """Return a client of its first account."""
    return httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.key}"}, timeout=30)


def order(client: httpx.Client, folder: Path) -> dict[str, Any]:
    """Return the body of an order, after uploading its files."""
    return {
        "assets": {
            "image_file_path": uploaded(client, portrait_file(folder, SIZE), "image"),
            "audio_file_path": uploaded(client, audio_file(folder, 1.0), "audio"),
        },
        "start_seconds": 0,
        "end_seconds": 0.4,
    }


def ordered(client: httpx.Client, body: dict[str, Any]) -> str:
    """Return the id of a created project."""
    answer = client.post("/v1/ai-talking-photo", json=body)
    answer.raise_for_status()
    return str(answer.json()["id"])


def ready_s(server: Served) -> float:
    """Return the time at which it is ready, by the monotonic clock. Raises AssertionError if that takes too long."""
    deadline_s = time.monotonic() + TIMEOUT_S
    with asking(server) as client:
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
    return time.monotonic()


def is_complete(client: httpx.Client, project: str) -> bool:
    """Check that it becomes a video in time."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while (state := client.get(f"/v1/video-projects/{project}").json()["status"]) in ("queued", "rendering"):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.1)
    return bool(state == "complete")
