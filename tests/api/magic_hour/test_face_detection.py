"""Faces are found, for free, and each can be used as an input."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from servers import Server


def detected(server: Server, **body: object) -> dict[str, Any]:
    created = server.client.post("/v1/face-detection", json=body)
    assert created.status_code == 200, created.text
    assert created.json()["credits_charged"] == 0
    for _ in range(600):
        shown: dict[str, Any] = server.client.get(f"/v1/face-detection/{created.json()['id']}").json()
        if shown["status"] not in ("queued", "rendering"):
            return shown
        time.sleep(0.1)
    raise AssertionError(shown)


def test_each_face_is_cut_out(server: Server, stock: Path) -> None:
    before = server.client.get("/v1/account").json()["credits"]
    shown = detected(server, assets={"target_file_path": server.upload(stock / "two.png", "image")})
    assert shown["status"] == "complete"
    assert len(shown["faces"]) == 2
    for face in shown["faces"]:
        assert face["path"].startswith("api-assets/")
        assert httpx.get(face["url"]).content.startswith(b"\x89PNG")
    assert server.client.get("/v1/account").json()["credits"] == before
    again = detected(server, assets={"target_file_path": shown["faces"][0]["path"]})
    assert len(again["faces"]) == 1


@pytest.mark.parametrize(("score", "faces"), [(0.0, 1), (1.0, 0)])
def test_the_confidence_asked_for_decides(server: Server, stock: Path, score: float, faces: int) -> None:
    target = server.upload(stock / "portrait.png", "image")
    shown = detected(server, assets={"target_file_path": target}, confidence_score=score)
    assert (shown["status"], len(shown["faces"])) == ("complete", faces)


def test_a_project_of_another_kind_is_not_found(server: Server, stock: Path) -> None:
    shown = detected(server, assets={"target_file_path": server.upload(stock / "portrait.png", "image")})
    answer = server.client.get(f"/v1/video-projects/{shown['id']}")
    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
