"""Jobs of processes that end: by request, by a kill, or because another one has the folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image

from factories import SENTENCE, write_speech
from lipsmith.database.connection import Database
from lipsmith.database.tables import jobs
from local_hosts import wait_until
from servers import COMMAND, Server

Start = Callable[..., Server]


@pytest.fixture(autouse=True, scope="module")
def _long_speech(stock: Path) -> None:
    """Long enough to be interrupted."""
    write_speech(stock / "long.wav", f"{SENTENCE} " * 24)


def begun(server: Server, stock: Path, seconds: float = 5.0, **headers: str) -> str:
    """A job whose frames are being rendered."""
    project = created(server, stock, seconds, **headers)

    def has_begun() -> bool:
        shown = server.client.get(f"/v1/video-projects/{project}").json()
        assert shown["status"] in ("queued", "rendering"), shown["error"]
        return bool(shown["progress_stage"] == "video")

    wait_until(has_begun)
    return project


def created(server: Server, stock: Path, seconds: float = 5.0, **headers: str) -> str:
    body = server.photo_order(stock, seconds, audio="long.wav")
    answer = server.client.post("/v1/ai-talking-photo", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def state_of(server: Server, project: str) -> str:
    """The job's state in the database of a server that may have stopped."""
    database = Database(f"sqlite:///{server.data_dir / 'lipsmith.db'}")
    with database.read() as conn:
        state = str(conn.scalar(sa.select(jobs.c.state).where(jobs.c.project == project)))
    database.close()
    return state


def children(server: Server) -> list[int]:
    """Process ids of the server's rendering processes."""
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(server.process.pid)], capture_output=True, text=True)
    return [int(pid) for pid in listing.stdout.split()]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def settled(server: Server, project: str) -> dict[str, Any]:
    shown = server.finished(project)
    assert (shown["status"], shown["error"]) == ("complete", None)
    return shown


def test_asked_to_stop_it_puts_jobs_back_and_the_next_server_finishes_them(
    running: Start, stock: Path, tmp_path: Path
) -> None:
    first = running(LIPSMITH_DRAIN_S="0")
    before = first.client.get("/v1/account").json()["credits"]
    project = begun(first, stock)
    rendering = children(first)
    for child in rendering:
        os.kill(child, signal.SIGSTOP)  # else the video may be finished before the server is asked to stop
    waiting = created(first, stock, 0.4)
    assert first.stop() == 0
    assert state_of(first, project) in ("queued", "rendering")  # it was not waited for
    assert all(map(is_gone, rendering))
    assert "Traceback" not in first.log.read_text()
    second = running(key=first.key)
    assert settled(second, project)["credits_charged"] == 240
    assert settled(second, waiting)["credits_charged"] == 20
    assert second.client.get("/v1/account").json()["credits"] == before - 260
    assert list((tmp_path / "data" / "files" / "unfinished").iterdir()) == []


def test_jobs_may_end_while_a_server_drains(running: Start, stock: Path) -> None:
    first = running(LIPSMITH_DRAIN_S="30")
    project = begun(first, stock, 1.0)
    assert first.stop() == 0
    second = running("--concurrency", "0", key=first.key)
    assert settled(second, project)["credits_charged"] == 48


@pytest.mark.release
def test_killed_without_warning_its_children_die_and_the_next_server_finishes_once(running: Start, stock: Path) -> None:
    first = running()
    before = first.client.get("/v1/account").json()["credits"]
    project = begun(first, stock)
    rendering = children(first)
    first.stop(signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, rendering)))
    second = running(key=first.key)
    assert settled(second, project)["credits_charged"] == 240
    assert second.client.get("/v1/account").json()["credits"] == before - 240


def test_a_rendering_process_that_dies_is_tried_three_times(running: Start, stock: Path) -> None:
    server = running()
    before = server.client.get("/v1/account").json()["credits"]
    project = created(server, stock)
    while (shown := server.client.get(f"/v1/video-projects/{project}").json())["status"] in ("queued", "rendering"):
        if shown["progress_stage"] == "video":
            for pid in children(server):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    assert (shown["status"], shown["error"]["code"]) == ("error", "processing_failed")
    assert server.client.get("/v1/account").json()["credits"] == before
    assert server.log.read_text().count("child process failed") == 3


def test_cancel_by_command_stops_the_child(running: Start, stock: Path, tmp_path: Path) -> None:
    large = tmp_path / "large"
    shutil.copytree(stock, large)  # takes longer to render than a command to start
    Image.open(stock / "portrait.png").resize((1280, 1280)).save(large / "portrait.png")
    server = running()
    before = server.client.get("/v1/account").json()["credits"]
    project = begun(server, large, 50)
    rendering = children(server)
    assert server.admin("project", "cancel", project)["state"] == "canceled"
    wait_until(lambda: any(map(is_gone, rendering)))  # it would go on to live for other jobs
    assert server.client.get(f"/v1/video-projects/{project}").json()["status"] == "canceled"
    assert server.client.get("/v1/account").json()["credits"] == before


def test_two_servers_do_not_share_a_folder(running: Start) -> None:
    first = running("--concurrency", "0")
    command = [COMMAND, "serve", "--port", "0", "--data-dir", str(first.data_dir)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert second.returncode == 1
    assert second.stderr.strip().endswith("[data_folder_in_use]")


def test_an_account_above_its_limit_waits_its_turn(running: Start, stock: Path) -> None:
    server = running("--concurrency", "2")
    free = server.admin("account", "create", "--plan", "free")
    header = {"Authorization": f"Bearer {free['api_key']}"}
    server.client.headers.update(header)
    first, second = created(server, stock, 1.0), created(server, stock, 0.4)
    states = set()
    while (shown := server.client.get(f"/v1/video-projects/{first}").json())["status"] in ("queued", "rendering"):
        waiting = server.client.get(f"/v1/video-projects/{second}").json()["status"]
        if server.client.get(f"/v1/video-projects/{first}").json()["status"] == "rendering":
            states.add(waiting)
        time.sleep(0.1)
    assert (shown["status"], states) == ("complete", {"queued"})
    settled(server, second)


@pytest.mark.parametrize("key", ["once", pytest.param("x" * 255, marks=pytest.mark.release)])
def test_a_repeated_request_is_the_same_project(running: Start, stock: Path, key: str) -> None:
    server = running("--concurrency", "0")
    body = {
        "assets": {
            "image_file_path": server.upload(stock / "portrait.png", "image"),
            "audio_file_path": server.upload(stock / "long.wav", "audio"),
        },
        "start_seconds": 0,
        "end_seconds": 1,
    }
    answers = [
        server.client.post("/v1/ai-talking-photo", json=body, headers={"Idempotency-Key": key}).json() for _ in range(3)
    ]
    assert answers[0] == answers[1] == answers[2]
    other = server.client.post("/v1/ai-talking-photo", json=body | {"end_seconds": 2}, headers={"Idempotency-Key": key})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert server.client.get("/v1/account").json()["credits"] == 70_000 - 60
