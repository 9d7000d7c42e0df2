"""Two accounts and every route of the API's description: nothing of the other's is read, changed, or even noticed.

And what is secret lies nowhere in the data folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from in_process_server import InProcessServer, some_picture, some_sound
from lipsmith.server.app import application

CANARY = "CanaryNameOfAda"
PROMPT = "CanaryPromptOfAda"
VOLATILE = re.compile(r'"(upload_url|expires_at|file_path|url|id|_id|uid|token|create_time|created_at|data)":')
"""Fields that differ between two answers that say the same, where something was made."""


@dataclass(frozen=True, kw_only=True)
class Owned:
    """Ids and keys of the first account."""

    projects: Sequence[str]
    image: str
    audio: str


@pytest.fixture(scope="module")
def owned(in_process: InProcessServer) -> Owned:
    """A video, a face detection, the files they use, and a video of the second dialect."""
    image = in_process.upload("image", "png", some_picture())
    audio = in_process.upload("audio", "wav", some_sound())
    order = {"assets": {"image_file_path": image, "audio_file_path": audio}, "start_seconds": 0, "end_seconds": 1}
    video = in_process.client.post("/v1/ai-talking-photo", json=order | {"name": CANARY, "style": {"prompt": PROMPT}})
    faces = in_process.client.post("/v1/face-detection", json={"assets": {"target_file_path": image}})
    urls = {"talking_photo_url": "https://example.org/a.png", "audio_url": "https://example.org/a.wav"}
    other = in_process.client.post("/api/open/v3/content/video/createbytalkingphoto", json=urls | {"prompt": PROMPT})
    projects = [video.json()["id"], faces.json()["id"], other.json()["data"]["_id"]]
    return Owned(projects=projects, image=image, audio=audio)


@pytest.fixture(scope="module")
def stranger(in_process: InProcessServer) -> Iterator[httpx.Client]:
    """The other account."""
    made = in_process.context.accounts.create("business", credits_given=10**6)
    with httpx.Client(base_url=in_process.url, headers={"Authorization": f"Bearer {made.api_key}"}) as client:
        yield client


def absent(name: str) -> str:
    """A name of the same kind that nobody has."""
    folder, slash, rest = name.rpartition("/")
    stem, dot, extension = rest.partition(".")
    folder = "/".join("0" * len(part) if len(part) > 16 else part for part in folder.split("/"))
    return folder + slash + "0" * len(stem) + dot + extension


def requests(description: Mapping[str, Any], project: str, image: str, audio: str) -> Iterator[tuple[str, str, Any]]:
    """(method, path, JSON) of every operation, about these things."""
    files = {"image_file_path": image, "audio_file_path": audio, "target_file_path": image, "video_file_path": image}
    window = {"start_seconds": 0, "end_seconds": 1}
    body = {
        "assets": {**files, "video_source": "file"},
        **window,
        "ids": project,
        "clientId": project,
        "talking_photo_url": image,
        "audio_url": audio,
        "video_url": image,
        "clientSecret": "none",
        "prompt": "Hello.",
        "style": {"prompt": "Hello.", "voice_name": "Elon Musk"},
        "credits": 1,
    }
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            query = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
            place = path.replace("{id}", project) + "".join(f"?{name}={project}" for name in query[:1])
            yield method.upper(), place, body if method == "post" else None


def told(answer: httpx.Response, names: Sequence[str]) -> tuple[int, str]:
    """Status and body, with the names it was asked about left out."""
    text = answer.text
    for name in sorted(names, key=len, reverse=True):  # the short ones may be part of the long ones
        text = text.replace(name, "…")
    return answer.status_code, text


def differences(in_process: InProcessServer, owned: Owned, stranger: httpx.Client) -> list[str]:
    """Differences between answers for the other account's ids and for unknown ids."""
    found = []
    description = application(in_process.context).openapi()
    for project in owned.projects:
        theirs = (project, owned.image, owned.audio)
        nobodys = (absent(project), absent(owned.image), absent(owned.audio))
        pairs = zip(requests(description, *theirs), requests(description, *nobodys), strict=True)
        for (method, path, body), (_, other_path, other_body) in pairs:
            got = stranger.request(method, path, json=body)
            expected = stranger.request(method, other_path, json=other_body)
            if re.search(VOLATILE, got.text) and got.status_code == 200:
                alike = sorted(got.json()) == sorted(expected.json())
            else:
                alike = told(got, theirs) == told(expected, nobodys)
            if not alike or got.status_code >= 500:
                found.append(f"{method} {path}")
            found += [f"{method} {path}: {word}" for word in (CANARY, PROMPT, in_process.account) if word in got.text]
    return found


def test_absent_and_forbidden_look_alike(in_process: InProcessServer, owned: Owned, stranger: httpx.Client) -> None:
    assert differences(in_process, owned, stranger) == []


def test_where_accounts_are_mixed_up_it_is_found(
    in_process: InProcessServer, owned: Owned, stranger: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken twin: use cases that do not ask whose project it is."""
    show = in_process.context.projects.show
    monkeypatch.setattr(in_process.context.projects, "show", lambda account, project: show(in_process.account, project))
    monkeypatch.setattr(in_process.context.projects, "delete", lambda account, project: None)
    found = differences(in_process, owned, stranger)
    video = f"/v1/video-projects/{owned.projects[0]}"
    assert {f"GET {video}", f"GET {video}: {CANARY}", f"DELETE {video}"} <= set(found)


def test_every_route_is_asked(in_process: InProcessServer) -> None:
    description = application(in_process.context).openapi()
    asked = {(method, path.partition("?")[0]) for method, path, _ in requests(description, "{id}", "i", "a")}
    listed = {(way.upper(), path) for path, operations in description["paths"].items() for way in operations}
    assert asked == listed
    assert len(listed) >= 9


def test_nothing_of_the_owners_has_changed(in_process: InProcessServer, owned: Owned, stranger: httpx.Client) -> None:
    before = snapshot(in_process, owned)
    for project in owned.projects:
        for method, path, body in requests(
            application(in_process.context).openapi(), project, owned.image, owned.audio
        ):
            stranger.request(method, path, json=body)
    assert snapshot(in_process, owned) == before
    assert [status for status, _ in before[:2]] == [200, 200]
    assert CANARY in before[0][1]


def test_the_owner_sees_what_the_stranger_does_not(
    in_process: InProcessServer, owned: Owned, stranger: httpx.Client
) -> None:
    """The twin: somebody who may. The same comparison has to tell these apart."""
    path, other = (f"/v1/video-projects/{project}" for project in (owned.projects[0], absent(owned.projects[0])))
    names = (owned.projects[0], absent(owned.projects[0]))
    assert told(in_process.client.get(path), names) != told(in_process.client.get(other), names)
    assert CANARY in in_process.client.get(path).text
    assert told(stranger.get(path), names) == told(stranger.get(other), names)


def snapshot(in_process: InProcessServer, owned: Owned) -> list[tuple[int, str]]:
    """All that the owner sees."""
    video, faces, other = owned.projects
    paths = (f"/v1/video-projects/{video}", f"/v1/face-detection/{faces}", "/v1/account")
    paths = (*paths, f"/api/open/v3/content/video/infobymodelid?video_model_id={other}")
    return [told(in_process.client.get(path), ()) for path in paths]


def test_secrets_are_not_in_the_data_folder(in_process: InProcessServer, owned: Owned) -> None:
    made = in_process.context.accounts.create("pro")
    _, credentials = in_process.context.webhooks.add("https://example.org/hook?token=CanaryToken")
    _, key = in_process.context.accounts.add_key(made.account.id)
    link = in_process.context.links.download(owned.image, lifetime_s=60).url
    signature = link.partition("signature=")[2]
    files = [path.read_bytes() for path in in_process.context.settings.data_dir.rglob("*") if path.is_file()]
    assert any(CANARY.encode() in content for content in files)  # the twin: what may be kept is found there
    for secret in (in_process.key, key, made.api_key, made.client_secret, credentials.secret, signature):
        assert len(secret) > 20
        assert not any(secret.encode() in content for content in files)
