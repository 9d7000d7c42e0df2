"""Windows that end beyond what there is: programs round lengths up, and get what is there."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import pytest

from servers import Server


@pytest.fixture(scope="module")
def uploads(server: Server, stock: Path) -> dict[str, str]:
    """The picture, the recording and the clip (1 s), by what they are."""
    return {
        "image": server.upload(stock / "portrait.png", "image"),
        "audio": server.upload(stock / "speech.wav", "audio"),
        "video": server.upload(stock / "clip.mp4", "video"),
    }


@pytest.fixture(scope="module")
def recording_s(stock: Path) -> float:
    """Length of the recording."""
    with wave.open(str(stock / "speech.wav")) as file:
        return file.getnframes() / file.getframerate()


def talked(server: Server, uploads: dict[str, str], start_s: float, end_s: float) -> dict[str, Any]:
    assets = {"image_file_path": uploads["image"], "audio_file_path": uploads["audio"]}
    body = {"assets": assets, "start_seconds": start_s, "end_seconds": end_s}
    return server.finished(server.client.post("/v1/ai-talking-photo", json=body).json()["id"])


def synced(server: Server, uploads: dict[str, str], start_s: float, end_s: float) -> dict[str, Any]:
    assets = {
        "video_source": "file",
        "video_file_path": uploads["video"],
        "audio_file_path": uploads["audio"],
    }
    body = {"assets": assets, "start_seconds": start_s, "end_seconds": end_s}
    return server.finished(server.client.post("/v1/lip-sync", json=body).json()["id"])


def test_a_photo_talks_until_its_recording_ends(server: Server, uploads: dict[str, str], recording_s: float) -> None:
    start_s = recording_s - 0.5
    shown = talked(server, uploads, start_s, recording_s + 20)
    assert (shown["status"], shown["error"]) == ("complete", None)
    assert shown["credits_charged"] == 12 * 2  # half a second at 24 fps; the rest of the hold came back
    assert shown["end_seconds"] == recording_s + 20  # as requested
    assert any("the video ends there" in warning for warning in shown["warnings"])


def test_lips_follow_until_the_clip_ends(server: Server, uploads: dict[str, str]) -> None:
    shown = synced(server, uploads, 0.6, 15)
    assert (shown["status"], shown["error"], shown["credits_charged"]) == ("complete", None, 10)
    assert any("the video ends there" in warning for warning in shown["warnings"])


def test_a_window_within_says_nothing(server: Server, uploads: dict[str, str]) -> None:
    shown = talked(server, uploads, 0, 0.3)
    assert (shown["status"], shown["credits_charged"], shown["warnings"]) == ("complete", 8 * 2, [])


@pytest.mark.parametrize("missing_s", [-0.05, 0.0, 3.0])
def test_a_window_with_next_to_nothing_in_it_is_an_error(
    server: Server, uploads: dict[str, str], recording_s: float, missing_s: float
) -> None:
    shown = talked(server, uploads, recording_s + missing_s, recording_s + 10)
    assert (shown["status"], shown["error"]["code"], shown["credits_charged"]) == ("error", "window_out_of_range", 0)
    shown = synced(server, uploads, 1 + missing_s, 11)
    assert (shown["status"], shown["error"]["code"], shown["credits_charged"]) == ("error", "window_out_of_range", 0)
