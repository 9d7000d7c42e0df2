"""A photo speaks, by plain HTTP against a real server, with a real rendering."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import httpx
import numpy as np
from PIL import Image

from servers import Server


def order(server: Server, stock: Path, **changes: object) -> dict[str, object]:
    assets = {
        "image_file_path": server.upload(stock / "portrait.png", "image"),
        "audio_file_path": server.upload(stock / "speech.wav", "audio"),
    }
    return {"assets": assets, "start_seconds": 0, "end_seconds": 0.5, **changes}


def test_from_upload_to_deletion(server: Server, stock: Path, tmp_path: Path) -> None:
    before = server.client.get("/v1/account").json()["credits"]
    created = server.client.post("/v1/ai-talking-photo", json=order(server, stock, name="Hello"))
    assert created.status_code == 200, created.text
    project = created.json()["id"]
    assert created.json() == {"id": project, "credits_charged": 30, "estimated_frame_cost": 30}
    assert server.client.get("/v1/account").json()["credits"] == before - 30

    shown = server.finished(project)
    assert shown["error"] is None
    assert (shown["status"], shown["type"], shown["name"]) == ("complete", "TALKING_PHOTO", "Hello")
    assert (shown["width"], shown["height"], shown["fps"]) == (320, 320, 24.0)
    assert (shown["credits_charged"], shown["total_frame_cost"]) == (24, 24)
    assert server.client.get("/v1/account").json()["credits"] == before - 24
    [download] = shown["downloads"]
    assert shown["download"] == download
    assert download["url"].split("?")[0].endswith(f"/{project}.mp4")

    video = httpx.get(download["url"])  # no key, no redirect
    assert (video.status_code, video.headers["content-type"]) == (200, "video/mp4")
    part = httpx.get(download["url"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    head = httpx.head(download["url"])
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(video.content)))
    (tmp_path / "video.mp4").write_bytes(video.content)
    with av.open(str(tmp_path / "video.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 12

    gone = server.client.delete(f"/v1/video-projects/{project}")
    assert (gone.status_code, gone.content) == (204, b"")
    after = server.client.get(f"/v1/video-projects/{project}")
    assert after.status_code == 200
    assert (after.json()["enabled"], after.json()["downloads"], after.json()["download"]) == (False, [], None)
    assert httpx.get(download["url"]).status_code == 404
    assert server.client.delete(f"/v1/video-projects/{project}").status_code == 204


def test_deleting_while_it_renders_stops_it_and_gives_the_credits_back(server: Server, stock: Path) -> None:
    before = server.client.get("/v1/account").json()["credits"]
    project = server.client.post("/v1/ai-talking-photo", json=order(server, stock, end_seconds=1.5)).json()["id"]
    server.wait(project, "rendering")
    assert server.client.delete(f"/v1/video-projects/{project}").status_code == 204
    shown = server.client.get(f"/v1/video-projects/{project}").json()
    assert (shown["status"], shown["credits_charged"], shown["enabled"]) == ("canceled", 0, False)
    assert server.client.get("/v1/account").json()["credits"] == before


def test_what_cannot_be_made_says_why_and_costs_nothing(server: Server, stock: Path, tmp_path: Path) -> None:
    (tmp_path / "note.png").write_text("this is no picture")
    before = server.client.get("/v1/account").json()["credits"]
    body = order(server, stock)
    body["assets"]["image_file_path"] = server.upload(tmp_path / "note.png", "image")  # type: ignore[index]
    shown = server.finished(server.client.post("/v1/ai-talking-photo", json=body).json()["id"])
    assert (shown["status"], shown["error"]["code"], shown["credits_charged"]) == ("error", "invalid_image", 0)
    assert (shown["downloads"], shown["width"], shown["height"]) == ([], -1, -1)
    assert server.client.get("/v1/account").json()["credits"] == before


def test_a_free_account_gets_a_small_picture_with_a_mark(server: Server, stock: Path, tmp_path: Path) -> None:
    Image.open(stock / "portrait.png").resize((640, 640)).save(tmp_path / "large.png")
    corners = []
    for plan in ("free", "pro"):
        account = server.admin("account", "create", "--plan", plan)
        key = {"Authorization": f"Bearer {account['api_key']}"}
        client = httpx.Client(base_url=server.url, headers=key, timeout=240)
        theirs = replace(server, client=client)
        assets = {
            "image_file_path": theirs.upload(tmp_path / "large.png", "image"),
            "audio_file_path": theirs.upload(stock / "speech.wav", "audio"),
        }
        body = {"assets": assets, "start_seconds": 0, "end_seconds": 0.2, "max_resolution": 576, "resolution": None}
        shown = theirs.finished(client.post("/v1/ai-talking-photo", json=body).json()["id"])
        assert (shown["width"], shown["height"]) == (576, 576)
        (tmp_path / f"{plan}.mp4").write_bytes(httpx.get(shown["downloads"][0]["url"]).content)
        client.close()
        with av.open(str(tmp_path / f"{plan}.mp4")) as film:
            image = next(film.decode(video=0)).to_ndarray(format="gray").astype(float)
        corners.append(image)
    difference = np.abs(corners[0] - corners[1])
    assert difference[500:, 350:].max() > 60
    assert difference[:480].mean() < 2
