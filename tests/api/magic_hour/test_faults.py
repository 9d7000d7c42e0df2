"""The server is killed at each named point; afterwards nothing is lost, charged twice, or lying about."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from lipsmith.service.faults import POINTS
from servers import Server


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(point: str, running: Callable[..., Server], stock: Path, tmp_path: Path) -> None:
    first = running(LIPSMITH_FAULT=point)
    before = first.client.get("/v1/account").json()["credits"]
    body = {
        "assets": {
            "image_file_path": first.upload(stock / "portrait.png", "image"),
            "audio_file_path": first.upload(stock / "speech.wav", "audio"),
        },
        "start_seconds": 0,
        "end_seconds": 0.4,
    }
    repeat = {"Idempotency-Key": f"test-{point}"}
    with suppress(httpx.TransportError):  # it may die before it answers
        first.client.post("/v1/ai-talking-photo", json=body, headers=repeat)
    assert first.process.wait(timeout=60) == -9

    second = running(key=first.key)
    known = second.admin("project", "list")["projects"]
    assert len(known) == (0 if point == "charged" else 1)
    again = second.client.post("/v1/ai-talking-photo", json=body, headers=repeat)
    assert again.status_code == 200, again.text
    assert [project["id"] for project in known] in ([], [again.json()["id"]])
    shown = second.finished(again.json()["id"])
    assert (shown["status"], shown["credits_charged"]) == ("complete", 20)
    assert httpx.get(shown["download"]["url"]).status_code == 200
    assert second.client.get("/v1/account").json()["credits"] == before - 20
    assert len(second.admin("project", "list")["projects"]) == 1
    assert list((tmp_path / "data" / "files" / "unfinished").iterdir()) == []
