"""What a request means in our words, and what our records are in the vendor's."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from lipsmith.dialects.magic_hour import translate, wire
from lipsmith.dialects.magic_hour.events import Events
from lipsmith.errors import InvalidRequest, PlanTooSmall, Unauthorized
from lipsmith.service.accounts import Account
from lipsmith.service.plans import PLANS, PlanName
from lipsmith.service.prices import Price
from lipsmith.service.project import Failure, Project
from lipsmith.service.webhooks import Credentials
from lipsmith.storage.contract import Link

NOW_MS = 1_790_000_000_123
RULES = translate.Rules(
    max_talking_photo_s={"realistic": 60, "prompted": 45},
    max_lip_sync_frames=120_000,
    paid_lip_sync_modes=("standard", "pro"),
)


def account(plan: PlanName) -> Account:
    return Account(id="a", email=None, plan=PLANS[plan], client_id="c", suspended=False, created_ms=0)


def talking(plan: PlanName = "business", **fields: Any) -> Any:
    body = {
        "assets": {"image_file_path": "api-assets/i.png", "audio_file_path": "api-assets/a.wav"},
        "start_seconds": 1,
        "end_seconds": 4,
    }
    request = wire.TalkingPhotoRequest.model_validate(body | fields)
    return translate.from_talking_photo(request, account(plan), RULES, NOW_MS)


@pytest.mark.parametrize(
    ("name", "rate"),
    [("realistic", 2), ("pro", 2), ("stable", 2), ("prompted", 1), ("standard", 1), ("expressive", 1), (None, 2)],
)
def test_every_mode_has_its_rate(name: str | None, rate: int) -> None:
    assert talking(style={"generation_mode": name}).price == Price(credits=rate)


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ({"prompt": "Smile."}, {"mode": "realistic", "motion": "natural", "intensity": 1.0}),
        ({"generation_mode": "prompted"}, {"mode": "realistic", "motion": "lively", "intensity": 1.0}),
        (
            {"generation_mode": "prompted", "prompt": " Smile. ", "intensity": 2},
            {"mode": "prompted", "prompt": "Smile.", "motion": "lively", "intensity": 1.0},
        ),
        ({"generation_mode": "expressive"}, {"mode": "realistic", "motion": "lively", "intensity": 1.5}),
        (
            {"generation_mode": "expressive", "intensity": 0.25},
            {"mode": "realistic", "motion": "lively", "intensity": 0.25},
        ),
    ],
)
def test_directions(style: dict[str, Any], expected: dict[str, Any]) -> None:
    options = dict(talking(style=style).options)
    assert (options.pop("fps"), options.pop("max_resolution") > 0) == (24, True)
    assert options == expected


@pytest.mark.parametrize(
    ("plan", "fields", "side"),
    [
        ("business", {}, 1280),
        ("business", {"style": {"generation_mode": "prompted"}}, 854),
        ("business", {"max_resolution": 1000}, 854),
        ("business", {"max_resolution": 512}, 512),
        ("business", {"max_resolution": 4000}, 1280),
        ("business", {"max_resolution": 100, "resolution": "720p"}, 1280),
        ("business", {"resolution": "480p"}, 854),
        ("creator", {}, 1024),
        ("free", {}, 576),
        ("free", {"max_resolution": 300}, 300),
    ],
)
def test_the_longest_side(plan: PlanName, fields: dict[str, Any], side: int) -> None:
    assert talking(plan, **fields).options["max_resolution"] == side


def test_names_default_to_kind_and_time() -> None:
    assert talking().name == "Talking Photo - 2026-09-21 14:13"
    assert talking(name="").name == "Talking Photo - 2026-09-21 14:13"
    assert talking(name="Mine").name == "Mine"


def test_each_mode_has_its_longest_clip() -> None:
    assert talking(end_seconds=61).end_s == 61
    with pytest.raises(InvalidRequest, match=r"^end_seconds: .* realistic may last 60 s"):
        talking(end_seconds=61.1)
    with pytest.raises(InvalidRequest, match=r"^end_seconds: .* prompted may last 45 s"):
        talking(end_seconds=47, style={"generation_mode": "prompted"})


def project(**changes: Any) -> Project:
    fields: dict[str, Any] = {
        "id": "c1", "account": "a", "dialect": "magic_hour", "kind": "talking_photo", "name": "n",
        "params": {"start_s": 1.0, "end_s": 4.0, "fps": 30}, "state": "queued", "credits": 180, "result": None,
        "error": None, "created_ms": NOW_MS, "deleted": False, "expires_ms": None, "progress": 0.0, "stage": None,
            "left_s": None,
    }  # fmt: skip
    return Project(**fields | changes)


def linker(key: str) -> Link:
    return Link(url=f"https://here/{key}", expires_at_s=1_790_086_400)


QUEUED = {
    "id": "c1", "name": "n", "status": "queued", "type": "TALKING_PHOTO", "created_at": "2026-09-21T14:13:20.123Z",
    "width": -1, "height": -1, "enabled": True, "start_seconds": 1.0, "end_seconds": 4.0, "total_frame_cost": 180,
    "credits_charged": 180, "fps": 30.0, "error": None, "downloads": [], "download": None, "progress": 0.0,
    "progress_stage": None, "progress_seconds_left": None, "warnings": [],
}  # fmt: skip


def test_a_waiting_project_has_every_key() -> None:
    assert translate.to_video_project(project(), linker).model_dump() == QUEUED


def test_a_finished_one_has_its_video() -> None:
    result = {"keys": ["o/c1.mp4"], "frames": 72, "fps": 24.0, "width": 640, "height": 360, "warnings": ["Soft."]}
    done = project(state="complete", credits=144, result=result, progress=1.0)
    download = {"url": "https://here/o/c1.mp4", "expires_at": "2026-09-22T14:13:20.000Z"}
    changes = {
        "status": "complete", "width": 640, "height": 360, "total_frame_cost": 144, "credits_charged": 144,
        "fps": 24.0, "downloads": [download], "download": download, "progress": 1.0, "warnings": ["Soft."],
    }  # fmt: skip
    assert translate.to_video_project(done, linker).model_dump() == QUEUED | changes


def test_a_failed_one_says_why() -> None:
    failed = project(state="error", credits=0, error=Failure(code="no_source_face", message="No face."))
    shown = translate.to_video_project(failed, linker)
    assert shown.error == wire.ProjectError(message="No face.", code="no_source_face")


def test_errors_have_statuses() -> None:
    assert [translate.to_status(error()) for error in (InvalidRequest, Unauthorized, PlanTooSmall)] == [400, 401, 402]


def test_a_webhook_is_signed_over_its_very_bytes() -> None:
    told = Events(linker).told(project(), "started")
    assert told is not None
    name, body = told
    assert name == "video.started"
    letter = Events(linker).letter(Credentials(id="", secret="whsec_x"), body, NOW_MS)
    assert letter.body == body.encode()
    headers = letter.headers
    expected = hmac.new(b"whsec_x", f"1790000000.{body}".encode(), hashlib.sha256).hexdigest()
    assert headers == {"magic-hour-event-signature": expected, "magic-hour-event-timestamp": "1790000000"}
