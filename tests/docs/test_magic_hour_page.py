"""The page on Magic Hour's API has every field and code: those we know, and those that the vendor's client knows."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typing_extensions
from pydantic import BaseModel

from lipsmith import errors
from lipsmith.dialects.contract import STATUSES
from lipsmith.dialects.magic_hour import translate, wire
from lipsmith.dialects.magic_hour.events import TEST_EVENT
from lipsmith.service import errors as service_errors
from lipsmith.storage import errors as storage_errors

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/magic-hour.md").read_text()
VENDOR_CODES = {
    "no_source_face",
    "invalid_video_file",
    "invalid_file_format",
    "file_too_large",
    "insufficient_credits",
    "invalid_parameters",
    "processing_timeout",
    "content_policy_violation",
    "text_too_long",
    "invalid_voice",
    "unknown_error",
}
"""As its documentation has them."""
VENDOR_STATUSES = {400, 401, 402, 403, 404, 422, 429}
SHAPES: list[tuple[str, str, type[BaseModel], str]] = [
    ("POST /v1/files/upload-urls", "request", wire.UploadUrlsRequest, "params.V1FilesUploadUrlsCreateBody"),
    ("POST /v1/files/upload-urls", "answer", wire.UploadUrlsAnswer, "models.V1FilesUploadUrlsCreateResponse"),
    ("POST /v1/ai-talking-photo", "request", wire.TalkingPhotoRequest, "params.V1AiTalkingPhotoCreateBody"),
    ("POST /v1/ai-talking-photo", "answer", wire.Created, "models.V1AiTalkingPhotoCreateResponse"),
    ("POST /v1/lip-sync", "request", wire.LipSyncRequest, "params.V1LipSyncCreateBody"),
    ("POST /v1/lip-sync", "answer", wire.Created, "models.V1LipSyncCreateResponse"),
    ("GET /v1/video-projects/{id}", "answer", wire.VideoProject, "models.V1VideoProjectsGetResponse"),
    ("POST /v1/face-detection", "request", wire.FaceDetectionRequest, "params.V1FaceDetectionCreateBody"),
    ("POST /v1/face-detection", "answer", wire.FaceDetectionCreated, "models.V1FaceDetectionCreateResponse"),
    ("GET /v1/face-detection/{id}", "answer", wire.FaceDetection, "models.V1FaceDetectionGetResponse"),
    ("POST /v1/ai-voice-generator", "request", wire.VoiceRequest, "params.V1AiVoiceGeneratorCreateBody"),
    ("POST /v1/ai-voice-generator", "answer", wire.VoiceCreated, "models.V1AiVoiceGeneratorCreateResponse"),
    ("GET /v1/audio-projects/{id}", "answer", wire.AudioProject, "models.V1AudioProjectsGetResponse"),
    ("GET /v1/account", "answer", wire.AccountAnswer, "models.V1AccountListResponse"),
]


def rows(section: str, table: str) -> dict[str, str]:
    """First and second cell of the table whose first heading is ``table``."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    block = text.split(f"| {table} |")[1].split("\n\n")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", block, re.MULTILINE))


def names(shape: Any, before: str = "") -> Iterator[str]:
    """All fields of a record, those within it with dots; of pydantic's models and of typed dictionaries."""
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        fields = {field.alias or name: field.annotation for name, field in shape.model_fields.items()}
    elif typing_extensions.is_typeddict(shape):
        fields = typing.get_type_hints(shape)
    else:
        for part in typing.get_args(shape):
            yield from names(part, before)
        return
    for name, inner in fields.items():
        yield before + name.removesuffix("_")
        yield from names(inner, f"{before}{name.removesuffix('_')}.")


@pytest.mark.parametrize(("section", "table", "ours", "theirs"), SHAPES, ids=[shape[3] for shape in SHAPES])
def test_every_field_is_listed(section: str, table: str, ours: type[BaseModel], theirs: str) -> None:
    types = pytest.importorskip("magic_hour.types", reason="the vendor's client knows its fields")
    where, _, name = theirs.partition(".")
    listed, known = set(rows(section, table)), set(names(ours))
    assert len(set(names(getattr(getattr(types, where), name)))) > 1
    assert listed == known | set(names(getattr(getattr(types, where), name)))


@pytest.mark.parametrize(
    ("section", "table", "name"),
    [
        ("GET /v1/video-projects/{id}", "answer", "models.V1VideoProjectsGetResponse"),
        ("GET /v1/audio-projects/{id}", "answer", "models.V1AudioProjectsGetResponse"),
        ("POST /v1/ai-talking-photo", "request", "params.V1AiTalkingPhotoCreateBody"),
    ],
)
def test_what_is_ours_is_marked(section: str, table: str, name: str) -> None:
    types = pytest.importorskip("magic_hour.types", reason="the vendor's client knows its fields")
    where, _, shape = name.partition(".")
    theirs = set(names(getattr(getattr(types, where), shape)))
    shown = rows(section, table)
    assert {name for name, about in shown.items() if "*Ours*" in about} == shown.keys() - theirs


def test_every_status_and_code_is_listed() -> None:
    assert {int(status) for status in rows("Statuses", "status")} == {
        *VENDOR_STATUSES,
        *STATUSES.values(),
        500,
        503,
    }
    listed = rows("Codes of failed projects", "the vendor's code")
    assert listed.keys() == VENDOR_CODES
    kinds = [kind for module in (errors, storage_errors, service_errors) for kind in vars(module).values()]
    known = {kind.code for kind in kinds if isinstance(kind, type) and hasattr(kind, "code")}
    said = {translate.CODES.get(code, code) for code in known}
    for code, about in listed.items():
        if about.startswith("The same"):
            assert code in said
        elif not about.startswith("Never"):
            assert set(re.findall(r"`(\w+)`", about)) <= said


def test_every_event_is_listed() -> None:
    assert rows("Webhooks", "event").keys() == {
        *translate.EVENTS.values(),
        *translate.AUDIO_EVENTS.values(),
        TEST_EVENT,
    }
