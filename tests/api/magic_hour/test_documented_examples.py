"""Requests and answers as the vendor documents them, with values of our own: one file each.

In requests, ``<image>``, ``<audio>`` and ``<project>`` stand for what is there. In answers, ``<id>``, ``<time>``,
``<url>``, ``<video>``, ``<sound>``, ``<asset.mp4>`` and ``<whole>`` stand for anything of that kind, and
``<words: a | b>`` for a text with these in it.
"""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from documented import differences, filled
from in_process_server import InProcessServer, some_picture, some_sound
from lipsmith.service.project import Failure, JobResult

EXAMPLES = sorted(Path(__file__).with_name("examples").glob("*.json"))
ORDER = {"start_seconds": 0.5, "end_seconds": 2.5, "name": "Aunt Ada"}
PATTERNS = {
    "<id>": r"[A-Za-z0-9_-]+",
    "<time>": r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ",
    "<url>": r"http://127\.0\.0\.1:\d+/files/api-assets/\S+\?\S+",
    **{f"<asset.{extension}>": rf"api-assets/\w+/\w+\.{extension}" for extension in ("mp4", "m4a", "mpeg", "webp")},
    "<sound>": r"http://127\.0\.0\.1:\d+/files/outputs/[a-z0-9]+/[a-z0-9]+\.mp3\?\S+",
    "<video>": r"http://127\.0\.0\.1:\d+/files/outputs/[a-z0-9]+/[a-z0-9]+\.mp4\?\S+",
}


@pytest.fixture
def uploads(in_process: InProcessServer) -> dict[str, str]:
    """Real values for the placeholders of an example. A deleted project takes its uploads along."""
    return {
        "<image>": in_process.upload("image", "png", some_picture()),
        "<audio>": in_process.upload("audio", "wav", some_sound()),
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(in_process: InProcessServer, uploads: dict[str, str], path: Path) -> None:
    example = json.loads(path.read_text())
    words = dict(uploads)
    if "state" in example:
        words["<project>"] = project_in(in_process, uploads, example["state"])
    asked = filled(example["request"], words)
    headers = {"Authorization": f"Bearer {in_process.key}"} if asked.get("key", True) else {}
    body = {"json": asked["body"]} if "body" in asked else {}
    answer = httpx.request(asked["method"], in_process.url + asked["path"], headers=headers, **body)
    assert answer.status_code == example["answer"]["status"], answer.text
    if "body" in example["answer"]:
        assert answer.headers["content-type"] == "application/json"
        assert differences(example["answer"]["body"], answer.json(), PATTERNS) == []
    else:
        assert answer.content == b""


def project_in(in_process: InProcessServer, uploads: dict[str, str], state: str) -> str:
    """A project that came to that state as a worker brings it there."""
    assets = {"image_file_path": uploads["<image>"], "audio_file_path": uploads["<audio>"]}
    if state == "spoken":
        return spoken(in_process)
    project = str(in_process.client.post("/v1/ai-talking-photo", json={"assets": assets, **ORDER}).json()["id"])
    if state == "queued":
        return project
    if state == "canceled":
        in_process.context.projects.cancel(project)
        return project
    lifecycle = in_process.context.lifecycle
    attempt = lifecycle.begin(in_process.job(project), "worker")
    assert attempt is not None
    if state == "rendering":
        assert lifecycle.report(attempt, progress=0.5, stage="video", left_s=3.5)
    elif state in ("error", "bad_video"):
        failures = {"error": ("no_source_face", "No face."), "bad_video": ("invalid_video", "No video.")}
        code, message = failures[state]
        assert lifecycle.fail(attempt, Failure(code=code, message=message))
    else:
        result = JobResult(
            keys=(f"outputs/{project}/{project}.mp4",),
            frames=48,
            fps=24.0,
            width=720,
            height=960,
            warnings=("A word of warning.",),
        )
        assert lifecycle.complete(attempt, result)
    if state == "deleted":
        assert in_process.client.delete(f"/v1/video-projects/{project}").status_code == 204
    return project


def spoken(in_process: InProcessServer) -> str:
    """A text that a worker has spoken."""
    style = {"prompt": "Hello, how are you?", "voice_name": "Abraham Lincoln"}
    project = str(
        in_process.client.post("/v1/ai-voice-generator", json={"name": "Greeting", "style": style}).json()["id"]
    )
    attempt = in_process.context.lifecycle.begin(in_process.job(project), "worker")
    assert attempt is not None
    keys = (f"outputs/{project}/{project}.mp3",)
    result = JobResult(keys=keys, duration_s=1.5, warnings=("A word of warning.",))
    assert in_process.context.lifecycle.complete(attempt, result)
    return project
