"""A backup of a running server, restored elsewhere: the same accounts, keys, secrets and videos."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
from test_talking_photo import order

from servers import COMMAND, Server, started


def command(*arguments: str | Path) -> dict[str, object]:
    done = subprocess.run([COMMAND, *map(str, arguments), "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_restored_server_goes_on_where_the_backup_stopped(
    running: Callable[..., Server], stock: Path, tmp_path: Path
) -> None:
    server = running()
    project = server.client.post("/v1/ai-talking-photo", json=order(server, stock)).json()["id"]
    video = httpx.get(server.finished(project)["downloads"][0]["url"]).content
    account = server.client.get("/v1/account").json()
    uploaded = server.upload(stock / "portrait.png", "image")
    webhook = server.admin("webhook", "add", "https://example.org/hook")

    made = command("backup", tmp_path / "one.backup", "--data-dir", server.data_dir)
    assert (made["accounts"], made["projects"], made["has_secret"]) == (1, 1, True)
    assert server.client.delete(f"/v1/video-projects/{project}").status_code == 204  # later than the backup

    assert command("restore", tmp_path / "one.backup", "--data-dir", tmp_path / "other")["projects"] == 1
    with started(tmp_path / "other", key=server.key) as other:
        assert other.client.get("/v1/account").json() == account
        shown = other.client.get(f"/v1/video-projects/{project}").json()
        assert httpx.get(shown["downloads"][0]["url"]).content == video
        body = order(other, stock)
        body["assets"] = {**dict(body["assets"]), "image_file_path": uploaded}  # type: ignore[call-overload]
        again = other.client.post("/v1/ai-talking-photo", json=body).json()["id"]
        assert other.finished(again)["status"] == "complete"
        assert other.admin("webhook", "list")["webhooks"][0]["id"] == webhook["id"]
