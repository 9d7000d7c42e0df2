"""Secrets stay where they belong: not in the log, not in answers that refuse, not in the numbers for curves."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
from test_talking_photo import order

from servers import Server

CANARIES = ("CanaryServerSecret" * 2, "CanaryQueryToken", "CanaryPrompt", "mhk_live_CanaryWrongKey")
HOOK = f"https://127.0.0.1:1/hook?token={CANARIES[1]}"


def signature(url: str) -> str:
    return parse_qs(urlsplit(url).query)["signature"][0]


def test_no_secret_is_told(running: Callable[..., Server], stock: Path) -> None:
    server = running(LIPSMITH_SECRET_KEY=CANARIES[0], LIPSMITH_LOG_LEVEL="debug", LIPSMITH_FETCH_ALLOW="127.0.0.1")
    told: list[str] = []
    account = server.admin("account", "create", "--plan", "pro")
    webhook = server.admin("webhook", "add", HOOK)
    key = server.admin("key", "create", account["id"])["api_key"]
    secrets = {*CANARIES, server.key, account["api_key"], account["client_secret"], webhook["secret"], key}

    wish = {"items": [{"type": "image", "extension": "png"}]}
    upload = server.client.post("/v1/files/upload-urls", json=wish).json()["items"][0]["upload_url"]
    secrets.add(signature(upload))
    bent = upload.replace("signature=", "signature=A")
    told += [httpx.put(bent, content=b"x").text, httpx.put(upload + "&more=1", content=b"x").text]

    project = server.client.post("/v1/ai-talking-photo", json=order(server, stock, style={"prompt": CANARIES[2]}))
    link = server.finished(project.json()["id"])["downloads"][0]["url"]
    secrets.add(signature(link))
    assert httpx.get(link).status_code == 200

    signed = f"http://127.0.0.1:1/a.png?signature={CANARIES[1]}"
    away = {"image_file_path": signed, "audio_file_path": "api-assets/x.wav"}
    for body in ({"assets": away, "start_seconds": 0, "end_seconds": 1}, {"assets": CANARIES[1]}):
        told.append(server.client.post("/v1/ai-talking-photo", json=body).text)
    wrong = httpx.get(f"{server.url}/v1/account", headers={"Authorization": f"Bearer {CANARIES[3]}"})
    assert wrong.status_code == 401
    told += [wrong.text, httpx.get(f"{server.url}/metrics").text, httpx.get(f"{server.url}/readyz").text]

    told.append(broken(server))
    assert server.stop() == 0
    log = server.log.read_text()
    assert log.count("\n") > 10
    for line in log.splitlines():
        assert {"event", "level", "timestamp"} <= set(json.loads(line))
    [fault] = [line for line in log.splitlines() if "Traceback" in line]  # of the request that broke, told once
    assert json.loads(fault)["path"] == "/v1/account"
    for text in (*told, log):
        assert [secret for secret in secrets if secret in text] == []
    for answer in told:
        assert "Traceback" not in answer
        assert "sqlite" not in answer.lower()


def broken(server: Server) -> str:
    """The answer to a request that fails in a way nobody thought of."""
    with closing(sqlite3.connect(server.data_dir / "lipsmith.db")) as conn:
        conn.execute("ALTER TABLE api_keys RENAME TO lost")
        conn.commit()
    answer = server.client.get("/v1/account")
    assert answer.status_code == 500
    assert answer.json() == {
        "message": "Internal error in lipsmith. The server's log has the details.",
        "code": "failed",
    }
    return answer.text
