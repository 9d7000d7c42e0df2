"""Translation of requests and answers."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
from typing import Any

import pytest

from lipsmith.dialects.contract import PLAIN_ERRORS
from lipsmith.dialects.magic_hour import texts, translate, wire
from lipsmith.dialects.magic_hour.events import Events
from lipsmith.dialects.magic_hour.settings import PLANS
from lipsmith.pipeline.requests import StandIn, TalkRequest
from lipsmith.service.billing.accounts import Account
from lipsmith.service.billing.prices import Price
from lipsmith.service.errors import InvalidRequest, PlanTooSmall, Unauthorized, UnusableAsset
from lipsmith.service.network.webhooks import Credentials
from lipsmith.service.project import Failure, JobParams, JobResult, Project
from lipsmith.storage.contract import Link
from lipsmith.synthesis import voices
from lipsmith.synthesis.long_text import synthesize

NOW_MS = 1_790_000_000_123
RULES = translate.Rules(
    max_talking_photo_s={"realistic": 60, "prompted": 45},
    max_lip_sync_frames=120_000,
    paid_lip_sync_modes=("standard", "pro"),
    max_text_characters=200,
    stand_in_voice=None,
    no_youtube=None,
)


def account(plan: str) -> Account:
    return Account(id="a", email=None, plan=PLANS[plan], client_id="c", suspended=False, created_ms=0)


def talking(plan: str = "business", **fields: Any) -> Any:
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
        ({"prompt": "Smile."}, {"mode": "realistic", "head_motion": "natural", "intensity": 1.0}),
        ({"generation_mode": "prompted"}, {"mode": "realistic", "head_motion": "lively", "intensity": 1.0}),
        (
            {"generation_mode": "prompted", "prompt": " Smile. ", "intensity": 2},
            {"mode": "prompted", "prompt": "Smile.", "head_motion": "lively", "intensity": 1.0},
        ),
        ({"generation_mode": "expressive"}, {"mode": "realistic", "head_motion": "lively", "intensity": 1.5}),
        (
            {"generation_mode": "expressive", "intensity": 0.25},
            {"mode": "realistic", "head_motion": "lively", "intensity": 0.25},
        ),
    ],
)
def test_directions(style: dict[str, Any], expected: dict[str, Any]) -> None:
    request = talking(style=style).request
    assert request.max_resolution > 0
    plain = TalkRequest(photo="image", audio="audio", fps=24, max_resolution=request.max_resolution)
    assert request == dataclasses.replace(plain, **expected)


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
def test_the_longest_side(plan: str, fields: dict[str, Any], side: int) -> None:
    assert talking(plan, **fields).request.max_resolution == side


def test_names_default_to_kind_and_time() -> None:
    assert talking().name == "Talking Photo - 2026-09-21 14:13"
    assert talking(name="").name == "Talking Photo - 2026-09-21 14:13"
    assert talking(name="Mine").name == "Mine"


def test_each_mode_has_its_longest_clip() -> None:
    assert talking(end_seconds=61).end_s == 61
    with pytest.raises(InvalidRequest, match=r"^end_seconds: .* realistic may last .*60 s"):
        talking(end_seconds=61.1)
    with pytest.raises(InvalidRequest, match=r"^end_seconds: .* prompted may last .*45 s"):
        talking(end_seconds=47, style={"generation_mode": "prompted"})


def spoken(text: str = "Hello there.", **fields: Any) -> Any:
    assets = {"image_file_path": "api-assets/i.png", "text": text, **fields.pop("assets", {})}
    request = wire.TalkingPhotoRequest.model_validate({"assets": assets, **fields})
    return translate.from_talking_photo(request, account("business"), RULES, NOW_MS)


def test_a_text_stands_for_a_sound() -> None:
    order = spoken(assets={"voice": "en-gb", "language": "en", "rate": 0.5})
    assert set(order.inputs) == {"image"}
    said = order.request
    assert (said.text, said.voice, said.language, said.rate) == ("Hello there.", "en-gb", "en", 0.5)
    assert (order.start_s, order.end_s, order.max_duration_s) == (0, texts.estimated_s("Hello there.", 0.5), 60)
    assert spoken("long " * 40, assets={"rate": 0.5}, start_seconds=3, end_seconds=1).end_s < 60
    prompted = spoken("12 " * 60, style={"generation_mode": "prompted"})
    assert (prompted.end_s, prompted.max_duration_s) == (45, 45)
    assert spoken(assets={"voice": None}).request.voice is None


@pytest.mark.parametrize("audio", [None, "api-assets/a.wav"])
def test_a_sound_and_a_text_exclude_each_other(audio: str | None) -> None:
    assets = {"image_file_path": "api-assets/i.png", "audio_file_path": audio}
    with pytest.raises(InvalidRequest, match=r"^assets\.audio_file_path, assets\.text: exactly one"):
        talking(assets=assets | ({"text": "Hello."} if audio else {}))


@pytest.mark.parametrize("field", ["start_seconds", "end_seconds"])
def test_a_sound_needs_its_window(field: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"^{field}: this field is required\.$"):
        talking(**{field: None})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("  \n ", "nothing"),
        ("...", "nothing"),
        ("x" * 201, "201 characters, and 200"),
        ("<speak>Now <blink>this</blink></speak>", "<blink>"),
        ("<speak>Now", "XML"),
    ],
)
def test_texts_that_nobody_can_speak_are_refused_at_once(text: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^assets\.text: ") as refused:
        spoken(text)
    assert why in refused.value.message or why == "nothing"
    with pytest.raises(InvalidRequest, match=r"^style\.prompt: "):
        voice(text)


def synced(url: str | None, rules: translate.Rules = RULES) -> Any:
    assets = {"audio_file_path": "api-assets/a.wav", "video_source": "youtube", "youtube_url": url}
    body = {"assets": assets, "start_seconds": 1, "end_seconds": 4}
    return translate.from_lip_sync(wire.LipSyncRequest.model_validate(body), account("business"), rules, NOW_MS)


def test_a_video_of_youtube_goes_by_its_plain_url() -> None:
    wanted = synced("https://youtu.be/aaaaaaaaaaa?si=x").inputs["video"]
    assert (wanted.text, wanted.needs_extension) == ("https://www.youtube.com/watch?v=aaaaaaaaaaa", False)
    with pytest.raises(UnusableAsset, match=r"^assets\.youtube_url: "):
        synced("https://www.youtube.com/playlist?list=PLx")
    with pytest.raises(InvalidRequest, match=r"^assets\.youtube_url: needed"):
        synced(None)
    with pytest.raises(UnusableAsset, match=r"^assets\.video_source: not today"):
        synced(None, dataclasses.replace(RULES, no_youtube="not today"))


def voice(prompt: str, name: str = "Queen of the Night", rules: translate.Rules = RULES) -> Any:
    request = wire.VoiceRequest.model_validate({"style": {"prompt": prompt, "voice_name": name}})
    return translate.from_voice(request, rules, NOW_MS)


@pytest.mark.parametrize(("characters", "credits"), [(1, 1), (10, 1), (11, 2), (200, 20)])
def test_a_voice_costs_by_the_character(characters: int, credits: int) -> None:
    assert voice("a" * characters).price.estimate(0) == credits


def test_who_speaks_for_a_voice_that_is_not_here() -> None:
    assert voice("Hi").request.stand_in == StandIn(gender="female")
    assert voice("Hi", "Nobody").request.stand_in == StandIn()
    ours = dataclasses.replace(RULES, stand_in_voice="en-gb+f3")
    assert voice("Hi", "Nobody", ours).request.stand_in == StandIn(voice="en-gb+f3")
    assert voice("Hi").name == "Voice Generator - 2026-09-21 14:13"


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox jumps over the lazy dog, and then it sleeps.",
        "On 24.12.1999 at 23:59, 1234567 people called +49 30 1234567.",
        "日本語の文章です。今日はいい天気ですね。",
        '<speak>One.<break time="3s"/><prosody rate="60%">Slowly goes the snail.</prosody></speak>',
    ],
)
@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_guesses_are_generous(text: str, rate: float) -> None:
    if "prosody" in text and rate == 0.5:
        rate = 0.9  # slower than anybody speaks
    said = synthesize(text, voices.choose_voice("ja" if "日" in text else "en"), rate).audio.duration_s
    assert said < texts.estimated_s(text, rate) < 6 * said


PARAMS = JobParams(inputs={}, options={}, start_s=1.0, end_s=4.0, fps=30, price=None)


def project(**changes: Any) -> Project:
    fields: dict[str, Any] = {
        "id": "c1", "account": "a", "dialect": "magic_hour", "kind": "talking_photo", "name": "n",
        "params": PARAMS, "state": "queued", "credits": 180, "result": None,
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
    result = JobResult(keys=("o/c1.mp4",), frames=72, fps=24.0, width=640, height=360, warnings=("Soft.",))
    done = project(state="complete", credits=144, result=result, progress=1.0)
    download = {"url": "https://here/o/c1.mp4", "expires_at": "2026-09-22T14:13:20.000Z"}
    changes = {
        "status": "complete", "width": 640, "height": 360, "total_frame_cost": 144, "credits_charged": 144,
        "fps": 24.0, "downloads": [download], "download": download, "progress": 1.0, "warnings": ["Soft."],
    }  # fmt: skip
    assert translate.to_video_project(done, linker).model_dump() == QUEUED | changes


def test_what_was_said_ends_where_the_video_does() -> None:
    params = dataclasses.replace(PARAMS, start_s=0.0, end_s=9.5, max_duration_s=60.0)
    assert translate.to_video_project(project(params=params), linker).end_seconds == 9.5
    result = JobResult(frames=60, fps=24.0, width=640, height=360)
    assert translate.to_video_project(project(params=params, result=result), linker).end_seconds == 2.5


def test_a_voice_is_told_in_its_own_words() -> None:
    result = JobResult(keys=("o/c1.mp3",), duration_s=2.5, warnings=("Somebody else.",))
    told = Events(linker).format_event(
        project(kind="voice", state="complete", result=result, progress=1.0), "completed"
    )
    assert told is not None
    name, body = told
    assert name == "audio.completed"
    assert json.loads(body) == {
        "type": "audio.completed",
        "payload": {
            "id": "c1", "name": "n", "status": "complete", "type": "VOICE_GENERATOR",
            "created_at": "2026-09-21T14:13:20.123Z", "enabled": True, "credits_charged": 180, "error": None,
            "downloads": [{"url": "https://here/o/c1.mp3", "expires_at": "2026-09-22T14:13:20.000Z"}],
            "progress": 1.0, "progress_stage": None, "progress_seconds_left": None, "warnings": ["Somebody else."],
        },
    }  # fmt: skip


def test_a_failed_one_says_why() -> None:
    unknown = project(state="error", error=Failure(code="unknown_voice", message="Who?"))
    assert translate.to_video_project(unknown, linker).error == wire.ProjectError(message="Who?", code="invalid_voice")
    failed = project(state="error", credits=0, error=Failure(code="no_source_face", message="No face."))
    shown = translate.to_video_project(failed, linker)
    assert shown.error == wire.ProjectError(message="No face.", code="no_source_face")


def test_errors_have_statuses() -> None:
    assert [PLAIN_ERRORS.status(error()) for error in (InvalidRequest, Unauthorized, PlanTooSmall)] == [400, 401, 402]


def test_a_webhook_is_signed_over_its_very_bytes() -> None:
    told = Events(linker).format_event(project(), "started")
    assert told is not None
    name, body = told
    assert name == "video.started"
    request = Events(linker).request(Credentials(id="", secret="whsec_x"), body, NOW_MS)
    assert request.body == body.encode()
    headers = request.headers
    expected = hmac.new(b"whsec_x", f"1790000000.{body}".encode(), hashlib.sha256).hexdigest()
    assert headers == {"magic-hour-event-signature": expected, "magic-hour-event-timestamp": "1790000000"}
