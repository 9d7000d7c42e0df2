"""Every refusal has the vendor's shape and names the field; nothing is charged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from servers import Server

GOOD: dict[str, Any] = {
    "assets": {"image_file_path": "https://example.org/a.png", "audio_file_path": "https://example.org/a.wav"},
    "start_seconds": 0,
    "end_seconds": 1,
}


def refused(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    message = answer.json()["message"]
    assert isinstance(message, str)
    assert "detail" not in answer.json()
    return message


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic x"}, {"Authorization": "Bearer mhk_live_nobody"}])
@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"9" * 5000, json.dumps(GOOD).encode()])
def test_without_a_key_nothing_else_is_looked_at(server: Server, header: dict[str, str], body: bytes) -> None:
    answer = httpx.post(f"{server.url}/v1/ai-talking-photo", content=body, headers=header)
    assert refused(answer, 401) == "Unauthorized"


def test_a_revoked_key_and_a_suspended_account_open_nothing(server: Server) -> None:
    account = server.admin("account", "create")
    key = account["api_key"]
    assert httpx.get(f"{server.url}/v1/account", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    [listed] = server.admin("key", "list", "--account", account["id"])["keys"]
    server.admin("key", "revoke", listed["id"])
    assert httpx.get(f"{server.url}/v1/account", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    key = server.admin("key", "create", account["id"])["api_key"]
    assert httpx.get(f"{server.url}/v1/account", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    server.admin("account", "suspend", account["id"])
    assert httpx.get(f"{server.url}/v1/account", headers={"Authorization": f"Bearer {key}"}).status_code == 401


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"assets": None}, "assets"),
        ({"assets": {"image_file_path": "a"}}, "assets.audio_file_path, assets.text"),
        ({"assets": {"image_file_path": "", "audio_file_path": "a"}}, "assets.image_file_path"),
        ({"start_seconds": -1}, "start_seconds"),
        ({"start_seconds": "0"}, "start_seconds"),
        ({"start_seconds": True}, "start_seconds"),
        ({"end_seconds": None}, "end_seconds"),
        ({"end_seconds": 0.05}, "end_seconds"),
        ({"start_seconds": 3, "end_seconds": 3}, "end_seconds"),
        ({"end_seconds": 61}, "end_seconds"),
        ({"style": {"generation_mode": "best"}}, "style.generation_mode"),
        ({"style": {"intensity": 3}}, "style.intensity"),
        ({"resolution": "4k"}, "resolution"),
        ({"max_resolution": 512.5}, "max_resolution"),
        ({"name": "a\x00b"}, "name"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(server: Server, change: dict[str, Any], named: str) -> None:
    message = refused(server.client.post("/v1/ai-talking-photo", json=GOOD | change), 400)
    assert message.startswith(f"{named}:")


def test_bodies_that_are_none(server: Server) -> None:
    assert refused(server.client.post("/v1/ai-talking-photo"), 400) == "Missing request body"
    assert "JSON" in refused(server.client.post("/v1/ai-talking-photo", content=b"{"), 400)
    assert "deep" in refused(server.client.post("/v1/ai-talking-photo", content=b"[" * 5000), 400)
    assert "larger" in refused(server.client.post("/v1/ai-talking-photo", content=b" " * 1_000_001), 400)
    refused(server.client.post("/v1/ai-talking-photo", content=b'{"start_seconds": NaN}'), 400)
    refused(server.client.post("/v1/ai-talking-photo", content=b'{"name": "\\ud800"}'), 400)
    refused(server.client.post("/v1/ai-talking-photo", content=b"\xff\xfe"), 400)


@pytest.mark.parametrize("path", ["/v1/video-projects/none", "/v1/saved-items", "/v1", "/v1/face-detection/x", "/"])
def test_what_is_not_there_is_not_found(server: Server, path: str) -> None:
    assert refused(server.client.get(path), 404) == "Not Found"


def test_a_stranger_sees_nothing_of_others(server: Server, stock: Path) -> None:
    key = server.upload(stock / "portrait.png", "image")
    other = {"Authorization": f"Bearer {server.admin('account', 'create')['api_key']}"}
    body = GOOD | {"assets": GOOD["assets"] | {"image_file_path": key}}
    mine = refused(server.client.post("/v1/ai-talking-photo", json=body | {"end_seconds": 61}), 400)
    theirs = httpx.post(f"{server.url}/v1/ai-talking-photo", json=body, headers=other)
    absent = httpx.post(
        f"{server.url}/v1/ai-talking-photo",
        json=GOOD | {"assets": GOOD["assets"] | {"image_file_path": key.replace("c", "d", 3)}},
        headers=other,
    )
    assert "end_seconds" in mine
    assert refused(theirs, 422).partition("'")[0] == refused(absent, 422).partition("'")[0]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("image_file_path", "api-assets/none/none.png", "uploaded"),
        ("image_file_path", "https://example.org/a.mp3", "end in"),
        ("audio_file_path", "https://example.org/a.png", "end in"),
        ("audio_file_path", "../../secret", "not an uploaded file"),
    ],
)
def test_a_file_that_cannot_serve_is_named(server: Server, field: str, value: str, why: str) -> None:
    message = refused(
        server.client.post("/v1/ai-talking-photo", json=GOOD | {"assets": GOOD["assets"] | {field: value}}), 422
    )
    assert message.startswith(f"assets.{field}:")
    assert why in message


def test_an_extension_of_another_type_lists_those_that_fit(server: Server) -> None:
    wish = {"items": [{"type": "image", "extension": "wav"}]}
    message = refused(server.client.post("/v1/files/upload-urls", json=wish), 422)
    assert "'wav'" in message
    assert "'image'" in message
    assert "png, jpg, jpeg" in message


def test_too_few_credits(server: Server) -> None:
    poor = server.admin("account", "create", "--plan", "pro", "--credits", "59")
    headers = {"Authorization": f"Bearer {poor['api_key']}"}
    answer = httpx.post(f"{server.url}/v1/ai-talking-photo", json=GOOD, headers=headers)
    assert "60 credits" in refused(answer, 402)
    assert server.admin("account", "show", poor["id"])["credits"] == 59
    assert server.admin("project", "list", "--account", poor["id"])["projects"] == []


@pytest.mark.parametrize("mode", ["standard", "pro"])
def test_a_mode_beyond_the_plan(server: Server, mode: str) -> None:
    free = server.admin("account", "create")
    body = {
        "assets": {
            "video_source": "file",
            "video_file_path": "https://example.org/a.mp4",
            "audio_file_path": "https://example.org/a.wav",
        },
        "start_seconds": 0,
        "end_seconds": 1,
        "style": {"generation_mode": mode},
    }
    headers = {"Authorization": f"Bearer {free['api_key']}"}
    message = refused(httpx.post(f"{server.url}/v1/lip-sync", json=body, headers=headers), 402)
    assert message.startswith("style.generation_mode:")


def test_upload_links(server: Server, stock: Path) -> None:
    wish = {"items": [{"type": "image", "extension": "png"}]}
    url = server.client.post("/v1/files/upload-urls", json=wish).json()["items"][0]["upload_url"]
    content = (stock / "portrait.png").read_bytes()
    assert httpx.put(url, content=iter([content])).status_code == 200  # chunked, no length, no type
    assert httpx.put(url, content=content, headers={"Content-Type": "application/octet-stream"}).status_code == 200
    refused(httpx.put(url.replace("signature=", "signature=x"), content=content), 403)
    refused(httpx.get(url), 403)
    refused(httpx.put(url.replace("limit=", "limit=9"), content=content), 403)
