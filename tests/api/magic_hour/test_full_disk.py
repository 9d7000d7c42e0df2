"""The disk is full, from any write of an order's life on: nothing is lost, charged for nothing, or left half-written.

A small library refuses the server's writes into its data folder from a chosen one on, until there is room again. Each
test run tries some of them, from the first to the last; the release lane tries nearly all.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from lanes import amount
from ledger_checks import check_ledger
from local_hosts import ALLOWED, LocalHost, local_host, wait_until
from preload_libraries import ENDLESS, Disk, disk_of
from servers import FINAL, Server

GRANTED = 70_000
SECONDS = 0.2
TRIED = amount("WRITES", whole=6, release=200)
"""How many of an order's writes are the first to be refused."""
SEED = 1


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return disk_of(tmp_path / "data", tmp_path)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """Outcome of one order."""

    project: str | None
    """None where it was refused."""
    writes: int
    """How many were tried in all."""
    refused: int
    """How many of them."""


def tried(server: Server, disk: Disk, stock: Path, writes: int) -> Tried:
    """From uploads to the end of a job, on a disk that is full after so many writes, and has room again when the order
    was refused or its job met the end of the room."""
    disk.leave(writes)
    project = None
    try:
        body = {
            "assets": {
                "image_file_path": uploaded(server, stock / "portrait.png", "image"),
                "audio_file_path": uploaded(server, stock / "speech.wav", "audio"),
            },
            "start_seconds": 0,
            "end_seconds": SECONDS,
        }
        project = str(taken(server.client.post("/v1/ai-talking-photo", json=body)).json()["id"])
        wait_until(lambda: disk.state()[1] or is_final(server, project))
        time.sleep(0.3)  # whoever was refused tries what he will
    except Unavailable:
        pass
    left, refused = disk.state()
    disk.leave(ENDLESS)
    return Tried(project=project, writes=writes - left, refused=refused)


class Unavailable(Exception):
    """The server has said so."""


def taken(answer: httpx.Response) -> httpx.Response:
    if answer.status_code == 503:
        assert answer.json()["code"] == "unavailable", answer.text
        raise Unavailable
    assert answer.status_code == 200, answer.text
    return answer


def uploaded(server: Server, path: Path, kind: str) -> str:
    wish = {"items": [{"type": kind, "extension": path.suffix.removeprefix(".")}]}
    [item] = taken(server.client.post("/v1/files/upload-urls", json=wish)).json()["items"]
    taken(httpx.put(item["upload_url"], content=path.read_bytes()))
    return str(item["file_path"])


def is_final(server: Server, project: str | None) -> bool:
    return bool(server.client.get(f"/v1/video-projects/{project}").json()["status"] in FINAL)


def extensions(receiver: LocalHost) -> dict[str, str]:
    """Project -> the last that was told of it."""
    told = [json.loads(received.body) for received in receiver.at("/hook")]
    return {one["payload"]["id"]: one["type"] for one in told if one["type"] != "video.started"}


@pytest.mark.timeout(3600)
def test_from_any_write_on(running: Callable[..., Server], disk: Disk, stock: Path) -> None:
    with local_host() as receiver:
        settings = {"LIPSMITH_FETCH_ALLOW": ALLOWED, "LIPSMITH_LOG_LEVEL": "warning"}
        server = running(**settings, **disk.environment)
        server.admin("webhook", "add", f"{receiver.url}/hook")
        undisturbed = tried(server, disk, stock, ENDLESS - 1)
        assert undisturbed.project is not None
        shown = server.finished(undisturbed.project)
        assert (shown["status"], undisturbed.refused) == ("complete", 0)
        video = httpx.get(shown["download"]["url"]).content
        expected = {undisturbed.project: "video.completed"}
        for writes in sorted(random.Random(SEED).sample(range(undisturbed.writes), min(TRIED, undisturbed.writes))):
            one = tried(server, disk, stock, writes)
            if one.project is None:
                assert one.refused, writes
                continue
            shown = server.finished(one.project)
            if shown["status"] == "complete":
                assert httpx.get(shown["download"]["url"]).content == video, writes
                expected[one.project] = "video.completed"
            else:
                assert shown["error"]["code"] == "storage_failed", (writes, shown)
                expected[one.project] = "video.errored"
            assert shown["credits_charged"] == (2 * round(25 * SECONDS) if shown["status"] == "complete" else 0)
        wait_until(lambda: expected.items() <= extensions(receiver).items())
        assert extensions(receiver) == expected
        assert server.stop() == 0
    costs = check_ledger(f"sqlite:///{server.data_dir / 'lipsmith.db'}", server.data_dir, granted=GRANTED)
    assert costs.keys() == expected.keys()
    assert "Traceback" not in server.log.read_text()
