"""While the database is away, or has no room, the server says so at once and in the vendor's shape; afterwards all goes
on."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from databases import Postgres, fresh, private
from ledger_checks import check_ledger
from local_hosts import wait_until
from servers import Server

SECRET = "one secret for all of these machines"


@pytest.fixture(scope="module")
def stoppable() -> Iterator[Postgres]:
    """A PostgreSQL that nobody else needs."""
    with private() as server:
        yield server


def is_unavailable(answer: httpx.Response) -> bool:
    told = answer.json()
    return answer.status_code == 503 and told["code"] == "unavailable" and told["message"].endswith("later.")


def test_the_database_goes_and_comes_back(running: Callable[..., Server], stoppable: Postgres, stock: Path) -> None:
    with fresh(stoppable.url, "outage") as url:
        server = running(LIPSMITH_DATABASE_URL=url, LIPSMITH_SECRET_KEY=SECRET, LIPSMITH_LOG_LEVEL="warning")
        order = server.photo_order(stock, 0.4)
        project = server.client.post("/v1/ai-talking-photo", json=order).json()["id"]
        wish = {"items": [{"type": "audio", "extension": "wav"}]}
        [item] = server.client.post("/v1/files/upload-urls", json=wish).json()["items"]
        assert server.finished(project)["status"] == "complete"
        stoppable.stop()
        server.client.timeout = httpx.Timeout(120)  # no answer may take longer
        for method, path in (
            ("GET", "/v1/account"),
            ("GET", f"/v1/video-projects/{project}"),
            ("DELETE", f"/v1/video-projects/{project}"),
            ("POST", "/v1/ai-talking-photo"),
            ("POST", "/v1/files/upload-urls"),
            ("GET", "/metrics"),
        ):
            assert is_unavailable(server.client.request(method, path, json=order)), path
        assert is_unavailable(server.client.post("/v1/ai-talking-photo", content=b"{"))
        assert is_unavailable(httpx.put(item["upload_url"], content=b"RIFF", timeout=240))
        assert server.client.get("/healthz").status_code == 200
        ready = server.client.get("/readyz")
        assert (ready.status_code, ready.json()["database"], ready.json()["storage"]) == (503, False, True)
        stoppable.start()
        wait_until(lambda: server.client.get("/readyz").status_code == 200)
        assert httpx.put(item["upload_url"], content=b"RIFF").status_code == 200
        again = server.client.post("/v1/ai-talking-photo", json=order).json()["id"]
        assert server.finished(again)["status"] == "complete"
        assert server.stop() == 0
        assert set(check_ledger(url, server.data_dir, granted=70_000).values()) == {20}
        said = [json.loads(line) for line in server.log.read_text().splitlines()]
        assert not [line for line in said if "exception" in line]


def test_a_disk_without_room_for_the_database(running: Callable[..., Server], stock: Path) -> None:
    server = running(LIPSMITH_LOG_LEVEL="warning")
    order = server.photo_order(stock, 0.4)
    wish = {"items": [{"type": "audio", "extension": "wav"}]}
    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4000, before[1]))  # as if nothing more went in
    for _ in range(3):
        assert is_unavailable(server.client.post("/v1/ai-talking-photo", json=order))
        assert is_unavailable(server.client.post("/v1/files/upload-urls", json=wish))
    assert server.client.get("/v1/account").json()["credits"] == 70_000  # looking needs no room
    assert server.admin("project", "list")["projects"] == []
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)
    project = server.client.post("/v1/ai-talking-photo", json=order).json()["id"]
    assert server.finished(project)["status"] == "complete"
    assert server.stop() == 0
    assert check_ledger(f"sqlite:///{server.data_dir / 'lipsmith.db'}", server.data_dir, granted=70_000) == {
        project: 20
    }
    assert "Traceback" not in server.log.read_text()


def test_a_disk_that_fills_up_while_a_video_is_made(running: Callable[..., Server], stock: Path) -> None:
    server = running(LIPSMITH_LOG_LEVEL="warning")
    project = server.client.post("/v1/ai-talking-photo", json=server.photo_order(stock, 1)).json()["id"]
    server.wait(project, "rendering")
    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4000, before[1]))
    wait_until(lambda: "full" in server.log.read_text() or "I/O" in server.log.read_text())
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)
    shown = server.finished(project)
    assert (shown["status"], shown["error"] and shown["error"]["code"]) in [
        ("complete", None),
        ("error", "storage_failed"),
    ]
    assert server.stop() == 0
    costs = check_ledger(f"sqlite:///{server.data_dir / 'lipsmith.db'}", server.data_dir, granted=70_000)
    assert costs == {project: shown["credits_charged"]}
