"""At the edges of AKOOL's API: uploads, web pages, what is too large, and faults of the server, all in its shape."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from PIL import Image
from sqlalchemy.exc import OperationalError

from dialect_clients import Akool, NewAccount
from in_process_server import InProcessServer, some_picture
from lipsmith.errors import MissingDependency
from lipsmith.storage.errors import StorageFailed
from servers import Server

PREFIX = "/api/open/v3"


@pytest.fixture(scope="module")
def client(in_process: InProcessServer) -> Iterator[httpx.Client]:
    """Speaks for the account by its secret."""
    known = in_process.context.accounts.client(in_process.account)
    assert known is not None
    with httpx.Client(base_url=in_process.url + PREFIX, headers={"x-api-key": known.secret}, timeout=240) as one:
        yield one


@pytest.mark.parametrize(
    ("asked", "extension"),
    [
        ({"content": b"sound", "headers": {"Content-Type": "audio/mpeg"}}, "mp3"),
        ({"content": b"something"}, "bin"),
        ({"files": {"file": ("Ada.PNG", b"picture")}}, "png"),
        ({"files": {"anything": ("ada", b"picture", "image/webp")}}, "webp"),
    ],
)
def test_uploads_come_back_as_they_are(client: httpx.Client, asked: dict[str, object], extension: str) -> None:
    data = client.post("/upload", **asked).json()["data"]  # type: ignore[arg-type]
    there = httpx.get(data["url"])
    assert there.content in (b"sound", b"something", b"picture")
    assert (len(there.content), data["url"].split("?")[0].rpartition(".")[2]) == (data["size"], extension)


def test_an_upload_beyond_the_plan_leaves_nothing(in_process: InProcessServer, client: httpx.Client) -> None:
    plans = in_process.context.accounts.plans
    before = {stored.key for stored in in_process.context.storage.stored("api-assets/")}
    in_process.context.accounts.plans = {name: replace(plan, max_upload_bytes=10) for name, plan in plans.items()}
    try:
        for asked in ({"content": b"x" * 11}, {"files": {"file": ("a.png", b"x" * 11)}}):
            answer = client.post("/upload", **asked)  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()["code"]) == (200, 1207)
        assert client.post("/upload", content=b"x" * 10).json()["code"] == 1000
    finally:
        in_process.context.accounts.plans = plans
    after = {stored.key for stored in in_process.context.storage.stored("api-assets/")}
    assert len(after - before) == 1


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}])
def test_nobodys_upload_is_not_taken(in_process: InProcessServer, headers: dict[str, str]) -> None:
    before = {stored.key for stored in in_process.context.storage.stored("api-assets/")}
    answer = httpx.post(f"{in_process.url}{PREFIX}/upload", content=b"x", headers=headers)
    assert answer.json()["code"] == (1101 if headers else 1102)
    assert {stored.key for stored in in_process.context.storage.stored("api-assets/")} == before


def test_web_pages_may_ask(in_process: InProcessServer, client: httpx.Client) -> None:
    wish = {
        "Origin": "https://page.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-api-key,content-type",
    }
    allowed = httpx.options(f"{in_process.url}{PREFIX}/content/video/lipsync", headers=wish)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "*")
    assert allowed.headers["access-control-allow-headers"] == "authorization,x-api-key,content-type"
    for path in ("/faceswap/quota/info", "/nothing"):
        assert client.get(path, headers={"Origin": "null"}).headers["access-control-allow-origin"] == "*"
    refused = httpx.post(f"{in_process.url}{PREFIX}/getToken", content=b"{", headers={"Origin": "null"})
    assert (refused.json()["code"], refused.headers["access-control-allow-origin"]) == (1003, "*")


def test_other_routes_are_not_open_to_web_pages(in_process: InProcessServer) -> None:
    answer = in_process.client.get("/v1/account", headers={"Origin": "https://page.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("body", "about"),
    [(b'{"a": ' + b"[" * 40, "nested"), (b" " * 1_000_001, "larger than"), (b"\xff", "JSON"), (b"[1]", "body")],
)
def test_odd_bodies_are_refused_in_its_shape(client: httpx.Client, body: bytes, about: str) -> None:
    answer = client.post("/audio/create", content=body)
    assert (answer.status_code, answer.json()["code"], answer.json().keys()) == (200, 1003, {"code", "msg"})
    assert about in answer.json()["msg"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [(StorageFailed(), 503), (OperationalError("", None, Exception("locked")), 503), (MissingDependency(), 500)],
)
def test_faults_of_the_server_have_its_shape(
    in_process: InProcessServer, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: int
) -> None:
    def broken(*_: object) -> None:
        raise fault

    monkeypatch.setattr(in_process.context.accounts, "todays_balance", broken)
    answer = client.get("/faceswap/quota/info")
    assert (answer.status_code, answer.json()["code"], answer.json().keys()) == (status, 1010, {"code", "msg"})


def test_an_account_from_before_has_to_get_credentials_for_webhooks(
    in_process: InProcessServer, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_process.context.accounts, "client", lambda account: None)
    body = {"input_text": "Hello.", "voice_id": "en-us", "webhookUrl": "https://example.org/hook"}
    answer = client.post("/audio/create", json=body).json()
    assert answer["code"] == 1003
    assert answer["msg"].startswith("webhookUrl: ")
    assert client.post("/audio/create", json=body | {"webhookUrl": ""}).json()["code"] == 1000


def test_1080_has_1920_pixels_on_the_longer_side(server: Server, stock: Path) -> None:
    customer = Akool(server.url, NewAccount.of(server.admin("account", "create", "--plan", "business")))
    as_magic_hour = {"Authorization": f"Bearer {customer.account.api_key}"}
    with customer.client, httpx.Client(base_url=server.url, headers=as_magic_hour, timeout=240) as theirs:
        file = io.BytesIO()
        Image.open(stock / "portrait.png").resize((1400, 2000)).save(file, "PNG")
        photo = customer.client.post(f"{PREFIX}/upload", content=file.getvalue()).json()["data"]["url"]
        audio = customer.client.post(f"{PREFIX}/upload", content=beginning(stock / "speech.wav")).json()["data"]["url"]
        body = {"talking_photo_url": photo, "audio_url": audio, "resolution": 1080}
        made = customer.client.post(f"{PREFIX}/content/video/createbytalkingphoto", json=body).json()["data"]
        shown = server.finished(f"c{made['_id']}", client=theirs)
        assert (shown["status"], shown["width"], shown["height"]) == ("complete", 1344, 1920), shown


def beginning(recording: Path) -> bytes:
    """The first 0.2 s of a WAV file."""
    file = io.BytesIO()
    with wave.open(str(recording)) as whole, wave.open(file, "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(whole.getframerate() // 5))
    return file.getvalue()


def test_a_picture_is_needed_where_a_picture_is_asked_for(client: httpx.Client) -> None:
    url = client.post("/upload", content=some_picture()).json()["data"]["url"]
    body = {"video_url": url, "audio_url": url}
    assert client.post("/content/video/lipsync", json=body).json()["code"] == 1000  # what it is, the worker sees
