"""A whole server whose clock jumps by two days, forwards and back, between and in the middle of jobs.

A small library stands between the server and the system's clock. libfaketime, which does so too, breaks the sleep of
Python's newer versions.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from databases import fresh
from ledger_checks import check_ledger
from local_hosts import ALLOWED, ReceivedRequest, check_signature, local_host, wait_until
from preload_libraries import compiled
from servers import Server

GRANTED = 70_000
SECONDS = 0.4


@dataclass(frozen=True, kw_only=True)
class ShiftedClock:
    """The clock of all processes that were started with its environment."""

    file: Path
    library: Path

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a process with the shifted clock."""
        return {"LD_PRELOAD": str(self.library), "SHIFTED_CLOCK": str(self.file)}

    def jump(self, seconds: int) -> None:
        """From now on it goes ahead of the real one by so much."""
        with self.file.open("r+b") as file:  # processes look at this very file
            file.write(struct.pack("=q", seconds))


@pytest.fixture
def clock(tmp_path: Path) -> ShiftedClock:
    made = ShiftedClock(file=tmp_path / "clock", library=compiled("shifted_clock.c", tmp_path))
    made.file.touch()
    made.jump(0)
    return made


@pytest.fixture(params=["sqlite", "postgres"])
def environment(request: pytest.FixtureRequest, clock: ShiftedClock) -> Iterator[dict[str, str]]:
    """Settings of a server under the clock; a database server keeps its own."""
    common = clock.environment | {"LIPSMITH_FETCH_ALLOW": ALLOWED, "LIPSMITH_LOG_LEVEL": "warning"}
    if request.param == "sqlite":
        yield common
        return
    with fresh(request.getfixturevalue("postgres"), "clock_jumps") as url:
        yield common | {"LIPSMITH_DATABASE_URL": url}


def ordered(server: Server, stock: Path) -> str:
    answer = server.client.post("/v1/ai-talking-photo", json=server.photo_order(stock, SECONDS))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def told(received: list[ReceivedRequest]) -> set[str]:
    """The projects that were told."""
    return {json.loads(one.body)["payload"]["id"] for one in received}


def dated(server: Server, project: str) -> float:
    """Creation time by the server's clock, seconds since 1970."""
    shown = server.client.get(f"/v1/video-projects/{project}").json()
    return datetime.fromisoformat(shown["created_at"]).timestamp()


@pytest.mark.parametrize(
    ("environment", "hours"),
    [
        ("sqlite", 48),
        pytest.param("postgres", -48, marks=pytest.mark.release),
        pytest.param("sqlite", -48, marks=pytest.mark.release),
        pytest.param("postgres", 48, marks=pytest.mark.release),
    ],
    indirect=["environment"],
)
def test_a_life_with_jumps(
    hours: int,
    running: Callable[..., Server],
    environment: dict[str, str],
    clock: ShiftedClock,
    stock: Path,
    tmp_path: Path,
) -> None:
    with local_host() as receiver:
        receiver.statuses["/hook"] = [500]  # tells once more, across the jump
        server = running(**environment)
        secret = server.admin("webhook", "add", f"{receiver.url}/hook", "--event", "video.completed")["secret"]
        before = ordered(server, stock)
        server.finished(before)
        meanwhile = ordered(server, stock)
        waits = ordered(server, stock)
        server.wait(meanwhile, "rendering")
        clock.jump(hours * 3600)
        server.finished(waits)
        after = ordered(server, stock)
        server.finished(after)
        assert dated(server, after) == pytest.approx(time.time() + hours * 3600, abs=60)
        server.process.kill()
        server.process.wait()
        clock.jump(-hours * 3600)
        server = running(key=server.key, **environment)
        back = ordered(server, stock)
        all_of_them = [before, meanwhile, waits, after, back]
        shown = [server.finished(project) for project in all_of_them]
        assert [project["status"] for project in shown] == ["complete"] * len(shown)
        assert len({httpx.get(project["download"]["url"]).content for project in shown}) == 1
        wait_until(lambda: told(receiver.at("/hook")) >= set(all_of_them))
        for received in receiver.at("/hook"):
            check_signature(received, secret, ahead_s=(0, hours * 3600, -hours * 3600))
        assert server.stop() == 0
        database = environment.get("LIPSMITH_DATABASE_URL", f"sqlite:///{tmp_path / 'data/lipsmith.db'}")
        costs = check_ledger(database, tmp_path / "data", granted=GRANTED, killed=True)
        assert costs == dict.fromkeys(all_of_them, 2 * round(25 * SECONDS))
        assert "Traceback" not in server.log.read_text()
