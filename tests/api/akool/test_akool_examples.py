"""Requests and answers of AKOOL's API as the vendor documents them, with values of our own: one file each.

In requests, ``<image>``, ``<audio>``, ``<project>``, ``<client>``, ``<secret>`` and ``<token>`` stand for what is
there.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from documented import differences, filled
from in_process_server import InProcessServer, some_picture, some_sound
from lipsmith.database.tables import projects
from lipsmith.service.project import Failure, JobResult

PREFIX = "/api/open/v3"
EXAMPLES = sorted(Path(__file__).with_name("examples").glob("*.json"))
PATTERNS = {
    "<id>": r"[0-9a-f]{24}",
    "<uuid>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<token text>": r"[A-Za-z0-9_=-]{100,}",
    "<image>": r"http://127\.0\.0\.1:\d+/files/[a-z-]+/\S+\.png\?\S+",
    "<audio>": r"http://127\.0\.0\.1:\d+/files/[a-z-]+/\S+\.wav\?\S+",
    "<video>": r"http://127\.0\.0\.1:\d+/files/outputs/c[0-9a-f]{24}/1/c[0-9a-f]{24}\.mp4\?\S+",
    "<sound>": r"http://127\.0\.0\.1:\d+/files/outputs/c[0-9a-f]{24}/1/c[0-9a-f]{24}\.mp3\?\S+",
}
FAILURES = {"error": ("no_source_face", "No face."), "died": ("processing_failed", "It broke off.")}
VIDEO = JobResult(frames=292, fps=25.0, width=720, height=960, warnings=("A word of warning.",))


@pytest.fixture(scope="module")
def words(in_process: InProcessServer) -> dict[str, str]:
    """Real values for the placeholders of the examples."""
    client = in_process.context.accounts.client(in_process.account)
    assert client is not None
    token = in_process.context.accounts.make_token(client.id, client.secret)
    known = {"<client>": client.id, "<secret>": client.secret, "<token>": token}
    for word, name, content in (("<image>", "a.png", some_picture()), ("<audio>", "a.wav", some_sound())):
        sent = httpx.post(
            f"{in_process.url}{PREFIX}/upload", files={"file": (name, content)}, headers={"x-api-key": client.secret}
        )
        known[word] = sent.json()["data"]["url"]
    return known


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(in_process: InProcessServer, words: dict[str, str], path: Path) -> None:
    example = json.loads(path.read_text())
    known = dict(words)
    if "state" in example:
        known["<project>"] = project_in(in_process, words, example["kind"], example["state"])
    asked = filled(example["request"], known)
    body = {"json": asked["body"]} if "body" in asked else {"content": asked.get("raw", "")}
    answer = httpx.request(asked["method"], in_process.url + asked["path"], headers=asked["headers"], **body)
    assert answer.status_code == example["answer"]["status"], answer.text
    assert answer.headers["content-type"] == "application/json"
    assert differences(example["answer"]["body"], answer.json(), PATTERNS) == []


def project_in(in_process: InProcessServer, words: dict[str, str], kind: str, state: str) -> str:
    """Something that came to that state as a worker brings it there; what the vendor calls it."""
    shown = str(ordered(in_process, words, kind)["_id"])
    project = f"c{shown}"
    if state == "queued":
        return shown
    if state == "canceled":
        in_process.context.projects.cancel(project)
        return shown
    lifecycle = in_process.context.lifecycle
    attempt = lifecycle.begin(in_process.job(project), "worker")
    assert attempt is not None
    if state == "rendering":
        assert lifecycle.report(attempt, progress=0.5, stage="video", left_s=3.5)
    elif state in FAILURES:
        code, message = FAILURES[state]
        assert lifecycle.fail(attempt, Failure(code=code, message=message))
    else:
        extension, result = ("mp3", JobResult(duration_s=2.0)) if kind == "voice" else ("mp4", VIDEO)
        keys = (f"outputs/{project}/1/{project}.{extension}",)
        assert lifecycle.complete(attempt, replace(result, keys=keys))
    if state == "deleted":
        in_process.context.projects.delete(in_process.account, project)
    if state == "expired":
        change = projects.update().where(projects.c.id == project, projects.c.expires_ms > sa.literal(0))
        with in_process.context.database.write() as conn:
            assert conn.execute(change.values(expires_ms=in_process.context.clock.now_ms() - 1)).rowcount == 1
    return shown


def ordered(in_process: InProcessServer, words: dict[str, str], kind: str) -> dict[str, Any]:
    """Answer to the request that creates it."""
    path, body = {
        "talking_photo": (
            "/content/video/createbytalkingphoto",
            {"talking_photo_url": words["<image>"], "audio_url": words["<audio>"]},
        ),
        "lip_sync": (
            "/content/video/lipsync",
            {"video_url": "https://example.org/clip", "audio_url": words["<audio>"]},
        ),
        "voice": ("/audio/create", {"input_text": "Hello, this is Ada.", "voice_id": "en-us+f3"}),
    }[kind]
    sent = httpx.post(f"{in_process.url}{PREFIX}{path}", json=body, headers={"x-api-key": words["<secret>"]})
    assert sent.json()["code"] == 1000, sent.text
    return dict(sent.json()["data"])
