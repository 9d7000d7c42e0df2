"""Inputs named by URL: nobody is asked whom the server's owner did not allow, and the project says that it failed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_hosts import ForbiddenHost, LocalHost, forbidden_host, local_host
from servers import Server


@pytest.fixture(scope="module")
def host(stock: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHost]:
    folder = tmp_path_factory.mktemp("host")
    shutil.copy(stock / "portrait.png", folder)
    (folder / "page.png").write_text("<html>Sign in</html>")
    with local_host(folder) as there:
        yield there


@pytest.fixture(scope="module")
def bird() -> Iterator[ForbiddenHost]:
    with forbidden_host() as listening:
        yield listening


@pytest.fixture(scope="module")
def audio(server: Server, stock: Path) -> str:
    return server.upload(stock / "speech.wav", "audio")


def made(server: Server, audio: str, url: str) -> dict[str, Any]:
    body = {
        "assets": {"image_file_path": url, "audio_file_path": audio},
        "start_seconds": 0,
        "end_seconds": 0.2,
    }
    created = server.client.post("/v1/ai-talking-photo", json=body)
    assert created.status_code == 200, created.text
    return server.finished(created.json()["id"])


@pytest.mark.parametrize(
    "spelling",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "169.254.169.254",
    ],
)
def test_no_spelling_leads_into_the_servers_own_network(
    server: Server, audio: str, bird: ForbiddenHost, spelling: str
) -> None:
    before = server.client.get("/v1/account").json()["credits"]
    shown = made(server, audio, f"http://{spelling}:{bird.port}/portrait.png")
    assert (shown["status"], shown["credits_charged"]) == ("error", 0)
    assert shown["error"]["code"] == "source_unreachable"
    assert str(bird.port) not in shown["error"]["message"]
    assert server.client.get("/v1/account").json()["credits"] == before
    assert bird.visits == 0


@pytest.mark.parametrize("spelling", ["0177.0.0.1", "user:word@127.0.0.1", "127.0.0.1%00.example.org"])
def test_what_is_no_sound_url_is_refused_at_once(
    server: Server, audio: str, bird: ForbiddenHost, spelling: str
) -> None:
    assets = {"image_file_path": f"http://{spelling}:{bird.port}/portrait.png", "audio_file_path": audio}
    body = {"assets": assets, "start_seconds": 0, "end_seconds": 0.2}
    answer = server.client.post("/v1/ai-talking-photo", json=body)
    assert (answer.status_code, bird.visits) == (422, 0)
    assert answer.json()["message"].startswith("assets.image_file_path: ")


def test_who_is_allowed_is_asked(server: Server, audio: str, host: LocalHost) -> None:
    shown = made(server, audio, f"{host.url}/portrait.png?signature=x")
    assert (shown["status"], shown["error"]) == ("complete", None)


@pytest.mark.parametrize(
    ("path", "code"), [("none.png", "source_refused"), ("page.png", "invalid_image")], ids=["absent", "no picture"]
)
def test_what_comes_is_looked_at(server: Server, audio: str, host: LocalHost, path: str, code: str) -> None:
    shown = made(server, audio, f"{host.url}/{path}")
    assert (shown["status"], shown["error"]["code"], shown["credits_charged"]) == ("error", code, 0)


def test_a_redirect_into_the_network_is_not_followed(
    server: Server, audio: str, host: LocalHost, bird: ForbiddenHost
) -> None:
    host.leads["/away.png"] = f"http://127.0.0.1:{bird.port}/portrait.png"
    shown = made(server, audio, f"{host.url}/away.png")
    assert (shown["status"], shown["error"]["code"], bird.visits) == ("error", "source_unreachable", 0)
