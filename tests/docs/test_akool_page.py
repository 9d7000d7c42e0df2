"""The page on AKOOL's API has every route, field and code: those we know, and those that the vendor documents."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from lipsmith.dialects.akool import translate, wire
from lipsmith.dialects.akool.events import Events
from lipsmith.service.network.webhooks import Credentials
from lipsmith.storage.contract import Link

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/akool.md").read_text()
VENDOR_CODES = {
    1000, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1013, 1014, 1015, 1016, 1017, 1101, 1102, 1103, 1104,
    1105, 1108, 1109, 1110, 1111, 1112, *range(1200, 1215),
}  # fmt: skip
"""As its documentation has them; those from 1214 on stand in one line."""
RECORD = {"_id", "create_time", "uid", "from"}
VIDEO = {
    *RECORD, "type", "video_id", "video_lock_duration", "deduction_lock_duration", "deduction_duration",
    "external_video", "video", "video_status", "faceswap_quality", "storage_loc", "__v",
}  # fmt: skip
SHAPES: list[tuple[str, str, type[BaseModel], set[str]]] = [
    ("POST getToken", "request", wire.TokenRequest, {"clientId", "clientSecret"}),
    ("POST getToken", "answer", wire.Token, {"code", "token"}),
    (
        "POST content/video/createbytalkingphoto",
        "request",
        wire.TalkingPhotoRequest,
        {"talking_photo_url", "audio_url", "prompt", "resolution", "webhookUrl"},
    ),
    (
        "POST content/video/createbytalkingphoto",
        "answer",
        wire.TalkingPhoto,
        {*VIDEO, "talking_photo", "prompt", "resolution"},
    ),
    ("POST content/video/lipsync", "request", wire.LipSyncRequest, {"video_url", "audio_url", "webhookUrl"}),
    (
        "POST content/video/lipsync",
        "answer",
        wire.LipSync,
        {*VIDEO, "target_video", "input_audio", "task_id", "lipsync", "webhookUrl"},
    ),
    ("GET content/video/infobymodelid", "answer", wire.Failed, {"error_code", "error_reason"}),
    ("POST audio/create", "request", wire.AudioRequest, {"input_text", "voice_id", "rate", "webhookUrl"}),
    ("POST audio/create", "answer", wire.Audio, {*RECORD, "input_text", "rate", "voice_model_id", "url", "status"}),
    (
        "GET voice/list",
        "answer",
        wire.Voice,
        {*RECORD, "voice_id", "gender", "accent", "name", "description", "useCase", "type", "preview"},
    ),
    ("GET faceswap/quota/info", "answer", wire.Credit, {"credit"}),
    ("POST faceswap/result/delbyids", "request", wire.DeleteRequest, {"_ids"}),
    ("POST upload", "answer", wire.Upload, set()),
]
"""Section, table, our record, and the fields that the vendor documents."""


def rows(section: str, table: str) -> dict[str, str]:
    """First and second cell of the table whose first heading is ``table``."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    block = text.split(f"| {table} |")[1].split("\n\n")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", block, re.MULTILINE))


def names(shape: type[BaseModel]) -> set[str]:
    """All fields, as they are called outside."""
    return {field.serialization_alias or field.alias or name for name, field in shape.model_fields.items()}


@pytest.mark.parametrize(("section", "table", "ours", "theirs"), SHAPES, ids=lambda part: getattr(part, "__name__", ""))
def test_every_field_is_listed(section: str, table: str, ours: type[BaseModel], theirs: set[str]) -> None:
    listed = rows(section, table)
    assert listed.keys() == names(ours)
    assert theirs <= names(ours)
    if theirs and table == "answer":
        assert {name for name, about in listed.items() if "*Ours*" in about} == names(ours) - theirs


def test_every_code_is_listed() -> None:
    listed = {int(code): about for code, about in rows("Codes", "code").items()}
    assert listed.keys() == VENDOR_CODES
    said = {
        *(translate.SUCCESS, translate.TOKEN_MISSING, translate.SUSPENDED, translate.NOT_POSSIBLE),
        *translate.CODES.values(),
        *translate.FAULTS.values(),
    }
    assert {code for code, about in listed.items() if not about.startswith("Never")} == said


def test_webhooks_are_listed() -> None:
    formatter = Events(lambda key: Link(url=key, expires_at_s=0))
    _, body = formatter.test_event(0)
    request = formatter.request(Credentials(id="i" * 16, secret="s" * 24), body, 0)
    assert rows("Webhooks", "key").keys() == json.loads(request.body).keys()
    within = rows("Webhooks", "key within")
    assert within.keys() == json.loads(body).keys()
    assert set(re.findall(r"`([^`]+)`", within["type"])) == set(translate.TYPES.values())


def test_every_route_has_a_section() -> None:
    from lipsmith.dialects.akool import routes

    source = Path(routes.__file__).read_text()
    for method, path in re.findall(r'@routes\.(get|post)\("/([^"]+)"\)', source):
        assert f"\n## {method.upper()} {path}\n" in PAGE or f"{method.upper()} `{path}`" in PAGE, path
