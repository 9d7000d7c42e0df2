"""The lips in a video follow another recording; an own finished project serves as the video."""

from __future__ import annotations

from pathlib import Path

import pytest

from servers import Server


@pytest.fixture(scope="module")
def talking(server: Server, stock: Path) -> str:
    """A finished project of 0.6 s."""
    body = server.photo_order(stock, 0.6)
    shown = server.finished(server.client.post("/v1/ai-talking-photo", json=body).json()["id"])
    assert shown["status"] == "complete", shown
    return str(shown["id"])


@pytest.mark.parametrize("mode", ["lite", "standard", "pro"])
def test_each_mode_makes_a_video(server: Server, stock: Path, talking: str, mode: str) -> None:
    body = {
        "assets": {
            "video_source": "file",
            "video_file_path": talking,
            "audio_file_path": server.upload(stock / "speech.wav", "audio"),
        },
        "start_seconds": 0,
        "end_seconds": 0.5,
        "style": {"generation_mode": mode},
        "width": 512,  # sent by older clients, ignored
        "height": None,
    }
    created = server.client.post("/v1/lip-sync", json=body)
    assert created.status_code == 200, created.text
    rate = 2 if mode == "pro" else 1
    assert created.json()["credits_charged"] == 15 * rate
    shown = server.finished(created.json()["id"])
    assert (shown["status"], shown["type"], shown["error"]) == ("complete", "LIP_SYNC", None)
    assert shown["name"].startswith("Lip Sync - ")
    assert shown["credits_charged"] == 12 * rate


def test_youtube_is_refused_in_words(server: Server, stock: Path) -> None:
    assets = {
        "video_source": "youtube",
        "youtube_url": "https://www.youtube.com/watch?v=x",
        "audio_file_path": server.upload(stock / "speech.wav", "audio"),
    }
    answer = server.client.post("/v1/lip-sync", json={"assets": assets, "start_seconds": 0, "end_seconds": 1})
    assert answer.status_code == 422
    assert "video_source" in answer.json()["message"]
