"""Pure functions between the vendor's shapes and our records. No input, no output, no rules of the service."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from lipsmith.dialects.magic_hour import texts, wire
from lipsmith.errors import InvalidVideo, LipsmithError, UnknownVoice
from lipsmith.pipeline.requests import DetectRequest, SpeakRequest, StandIn, SyncRequest, TalkRequest
from lipsmith.service.billing.accounts import Account
from lipsmith.service.billing.plans import Plan
from lipsmith.service.billing.prices import ESTIMATE_FPS, Price
from lipsmith.service.errors import (
    InsufficientCredits,
    InvalidRequest,
    InvalidUrl,
    KeyReused,
    NotFound,
    PlanTooSmall,
    Unauthorized,
    UnusableAsset,
)
from lipsmith.service.jobs.orders import Order, Wanted
from lipsmith.service.network import youtube
from lipsmith.service.network.assets import EXTENSIONS, Offer
from lipsmith.service.project import Event, Failure, Project
from lipsmith.storage.contract import Link
from lipsmith.storage.errors import FileInUse, FileTooLarge, LinkRefused

NAME = "magic_hour"

LONGEST_480P_PX, LONGEST_720P_PX = 854, 1280
TALKING_PHOTO_FPS = 24
"""What the vendor renders; its prices per second are multiples of it."""
TALKING_PHOTO_RATES = {"realistic": 2, "prompted": 1}
"""Credits per frame."""
LIP_SYNC_RATES: Mapping[wire.LipSyncMode, int] = {"lite": 1, "standard": 1, "pro": 2}
CHARACTERS_PER_CREDIT = 10
"""Of a spoken text; a started ten counts whole."""
DEFAULT_INTENSITY = 1.5
"""Of the old mode ``expressive``, the only one that knows it."""
DEFAULT_CONFIDENCE = 0.5
"""How sure the finder has to be that something is a face, unless asked otherwise."""
MODES: Mapping[wire.TalkingPhotoMode, Literal["realistic", "prompted"]] = {
    "realistic": "realistic",
    "pro": "realistic",
    "stable": "realistic",
    "prompted": "prompted",
    "standard": "prompted",
    "expressive": "prompted",
}
"""All names a mode ever had."""
STATUSES: Mapping[type[LipsmithError], int] = {
    InvalidRequest: 400,
    Unauthorized: 401,
    InsufficientCredits: 402,
    PlanTooSmall: 402,
    LinkRefused: 403,
    NotFound: 404,
    FileInUse: 409,
    FileTooLarge: 413,
    UnusableAsset: 422,
    KeyReused: 422,
}
"""Our errors as HTTP statuses; all others are 500."""
CODES: Mapping[str, str] = {InvalidVideo.code: "invalid_video_file", UnknownVoice.code: "invalid_voice"}
"""Our codes of failed projects that the vendor names otherwise; those that tell more than its own stay ours."""
EVENTS: Mapping[Event, str] = {"started": "video.started", "completed": "video.completed", "errored": "video.errored"}
AUDIO_EVENTS: Mapping[Event, str] = {
    "started": "audio.started",
    "completed": "audio.completed",
    "errored": "audio.errored",
}

Linker = Callable[[str], Link]
"""Makes a fresh download link, as an absolute URL, for a key of the storage."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the owner of the server decides."""

    max_talking_photo_s: Mapping[Literal["realistic", "prompted"], float]
    """Longest clip by mode."""
    max_lip_sync_frames: int
    paid_lip_sync_modes: tuple[wire.LipSyncMode, ...]
    """Modes that the free plan does not have."""
    max_text_characters: int
    stand_in_voice: str | None
    """Who speaks where the voice that was asked for is not here; None: one that fits."""
    no_youtube: str | None
    """Why nothing is fetched from there, and what to do; None where it is."""


def from_talking_photo(request: wire.TalkingPhotoRequest, account: Account, rules: Rules, now_ms: int) -> Order:
    """Raises InvalidRequest, naming the field."""
    style = request.style or wire.TalkingPhotoStyle()
    asked = style.generation_mode or "realistic"
    mode = MODES[asked]
    longest_s = rules.max_talking_photo_s[mode]
    assets = request.assets
    if (assets.audio_file_path is None) == (assets.text is None):
        raise InvalidRequest("assets.audio_file_path, assets.text: exactly one of the two is needed.")
    inputs = {"image": Wanted(text=assets.image_file_path, kind="image", field="assets.image_file_path")}
    text = None
    if assets.audio_file_path is not None:
        inputs["audio"] = Wanted(text=assets.audio_file_path, kind="audio", field="assets.audio_file_path")
        start_s, end_s = _window(request)
        if end_s - start_s > longest_s:
            raise InvalidRequest(f"end_seconds: a clip in the mode {asked} may last at most {longest_s:g} s.")
    else:
        text = texts.check_text(assets.text or "", "assets.text", longest=rules.max_text_characters)
        start_s, end_s = 0.0, min(texts.guessed_s(text, assets.rate or 1.0), longest_s)
    prompt = (style.prompt or "").strip() if mode == "prompted" else ""
    return Order(
        dialect=NAME,
        kind="talking_photo",
        name=request.name or f"Talking Photo - {_minute(now_ms)}",
        inputs=inputs,
        request=TalkRequest(
            photo="image",
            audio="audio" if text is None else None,
            text=text,
            voice=assets.voice if text else None,
            language=assets.language if text else None,
            rate=(assets.rate or 1.0) if text else 1.0,
            fps=TALKING_PHOTO_FPS,
            max_resolution=_longest_side_px(request, mode, account.plan),
            mode="prompted" if prompt else "realistic",
            prompt=prompt or None,
            head_motion="lively" if mode == "prompted" else "natural",
            intensity=(style.intensity or DEFAULT_INTENSITY) if asked == "expressive" else 1.0,
        ),
        start_s=start_s,
        end_s=end_s,
        fps=ESTIMATE_FPS,
        price=Price(credits=TALKING_PHOTO_RATES[mode]),
        longest_s=longest_s if text else None,
    )


def from_voice(request: wire.VoiceRequest, rules: Rules, now_ms: int) -> Order:
    """Raises InvalidRequest, naming the field. Names are the vendor's or ours; nobody is imitated."""
    asked = request.style.prompt
    voice = request.style.voice_name
    return Order(
        dialect=NAME,
        kind="voice",
        name=request.name or f"Voice Generator - {_minute(now_ms)}",
        inputs={},
        request=SpeakRequest(
            text=texts.check_text(asked, "style.prompt", longest=rules.max_text_characters),
            voice=voice,
            stand_in=StandIn(voice=rules.stand_in_voice, gender=texts.gender_of(voice)),
        ),
        start_s=0.0,
        end_s=0.0,
        fps=0,
        price=Price(credits=math.ceil(len(asked) / CHARACTERS_PER_CREDIT), per="whole"),
    )


def from_lip_sync(request: wire.LipSyncRequest, account: Account, rules: Rules, now_ms: int) -> Order:
    """Raises InvalidRequest or UnusableAsset, naming the field."""
    mode = (request.style and request.style.generation_mode) or "lite"
    _check_window(request.start_seconds, request.end_seconds)
    if (request.end_seconds - request.start_seconds) * ESTIMATE_FPS > rules.max_lip_sync_frames:
        raise InvalidRequest(f"end_seconds: a video may have {rules.max_lip_sync_frames:,} frames, and this has more.")
    return Order(
        dialect=NAME,
        kind="lip_sync",
        name=request.name or f"Lip Sync - {_minute(now_ms)}",
        inputs={
            "video": _clip(request.assets, rules),
            "audio": Wanted(text=request.assets.audio_file_path, kind="audio", field="assets.audio_file_path"),
        },
        request=SyncRequest(
            video="video",
            audio="audio",
            mode=mode,
            max_fps=request.max_fps_limit,
            max_resolution=account.plan.max_side_px,
        ),
        start_s=request.start_seconds,
        end_s=request.end_seconds,
        fps=min(ESTIMATE_FPS, request.max_fps_limit or ESTIMATE_FPS),
        price=Price(credits=LIP_SYNC_RATES[mode]),
        needs_paid_plan=f"style.generation_mode: {mode}" if mode in rules.paid_lip_sync_modes else None,
    )


def to_upload_url(offer: Offer, link: Link) -> wire.UploadUrl:
    """One offered place."""
    return wire.UploadUrl(upload_url=link.url, expires_at=to_time(link.expires_at_s * 1000), file_path=offer.key)


def to_created(project: Project) -> wire.Created:
    """The old name of the cost is still required by official clients."""
    return wire.Created(id=project.id, credits_charged=project.credits, estimated_frame_cost=project.credits)


def to_video_project(project: Project, linker: Linker) -> wire.VideoProject:
    """Everything that can be told about it."""
    result: Mapping[str, Any] = project.result or {}
    downloads = []
    for key in project.keys:
        link = linker(key)
        downloads.append(wire.Download(url=link.url, expires_at=to_time(link.expires_at_s * 1000)))
    return wire.VideoProject(
        id=project.id,
        name=project.name,
        status=project.state,
        type="TALKING_PHOTO" if project.kind == "talking_photo" else "LIP_SYNC",
        created_at=to_time(project.created_ms),
        width=result.get("width", -1),
        height=result.get("height", -1),
        enabled=not project.deleted,
        start_seconds=project.params["start_s"],
        end_seconds=_end_s(project),
        total_frame_cost=project.credits,
        credits_charged=project.credits,
        fps=result.get("fps", project.params["fps"]),
        error=_error(project.error) if project.error else None,
        downloads=downloads,
        download=downloads[0] if downloads else None,
        progress=project.progress,
        progress_stage=project.stage,
        progress_seconds_left=project.left_s,
        warnings=list(result.get("warnings", ())),
    )


def to_audio_project(project: Project, linker: Linker) -> wire.AudioProject:
    """Everything that can be told about a spoken text."""
    links = [linker(key) for key in project.keys]
    return wire.AudioProject(
        id=project.id,
        name=project.name,
        status=project.state,
        type="VOICE_GENERATOR",
        created_at=to_time(project.created_ms),
        enabled=not project.deleted,
        credits_charged=project.credits,
        error=_error(project.error) if project.error else None,
        downloads=[wire.Download(url=link.url, expires_at=to_time(link.expires_at_s * 1000)) for link in links],
        progress=project.progress,
        progress_stage=project.stage,
        progress_seconds_left=project.left_s,
        warnings=list((project.result or {}).get("warnings", ())),
    )


def from_face_detection(request: wire.FaceDetectionRequest) -> Order:
    """What is to be looked at tells by its ending whether it moves."""
    target = request.assets.target_file_path
    extension = target.partition("?")[0].rpartition(".")[2].lower()
    least = DEFAULT_CONFIDENCE if request.confidence_score is None else request.confidence_score
    return Order(
        dialect=NAME,
        kind="face_detection",
        name="Face Detection",
        inputs={"target": Wanted(text=target, kind="any", field="assets.target_file_path")},
        request=DetectRequest(source="target", min_score=least, moving=extension in EXTENSIONS["video"]),
        start_s=0,
        end_s=0,
        fps=0,
        price=None,
    )


def to_face_detection(project: Project, linker: Linker) -> wire.FaceDetection:
    """What was found, each face as a file that can be looked at and used as an input."""
    faces = [wire.FoundFace(path=key, url=linker(key).url) for key in project.keys]
    status = "error" if project.state == "canceled" else project.state
    return wire.FaceDetection(id=project.id, credits_charged=0, status=status, faces=faces)


def to_account(account: Account, credits: int) -> wire.AccountAnswer:
    """Nothing is sold here, so there is no subscription."""
    return wire.AccountAnswer(
        id=account.id, email=account.email, credits=credits, tier=account.plan.name, subscription=None
    )


def to_time(ms: int) -> str:
    """ISO 8601, UTC, to the millisecond.

    >>> to_time(1_790_000_000_123)
    '2026-09-21T14:13:20.123Z'
    """
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_status(error: LipsmithError) -> int:
    """The HTTP status of an error."""
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 500)


def _error(failure: Failure) -> wire.ProjectError:
    return wire.ProjectError(message=failure.message, code=CODES.get(failure.code, failure.code))


def _check_window(start_s: float, end_s: float) -> None:
    if end_s <= start_s:
        raise InvalidRequest(f"end_seconds: {end_s:g} is not after start_seconds, {start_s:g}.")


def _window(request: wire.TalkingPhotoRequest) -> tuple[float, float]:
    start_s, end_s = request.start_seconds, request.end_seconds
    if start_s is None:
        raise InvalidRequest("start_seconds: this field is required.")
    if end_s is None:
        raise InvalidRequest("end_seconds: this field is required.")
    _check_window(start_s, end_s)
    return start_s, end_s


def _clip(assets: wire.LipSyncAssets, rules: Rules) -> Wanted:
    if assets.video_source == "file":
        if assets.video_file_path is None:
            raise InvalidRequest("assets.video_file_path: needed where video_source is file.")
        return Wanted(text=assets.video_file_path, kind="video", field="assets.video_file_path")
    if rules.no_youtube is not None:
        raise UnusableAsset(f"assets.video_source: {rules.no_youtube}")
    if assets.youtube_url is None:
        raise InvalidRequest("assets.youtube_url: needed where video_source is youtube.")
    try:
        video = youtube.video_id(assets.youtube_url)
    except InvalidUrl as error:
        raise UnusableAsset(f"assets.youtube_url: {error.message}") from error
    return Wanted(text=youtube.plain_url(video), kind="video", field="assets.youtube_url", needs_extension=False)


def _end_s(project: Project) -> float:
    """As asked for; of a text a guess, until it is spoken."""
    result = project.result
    if project.params.get("longest_s") is None or not result or "frames" not in result:
        return float(project.params["end_s"])
    return round(result["frames"] / result["fps"], 3)


def _longest_side_px(request: wire.TalkingPhotoRequest, mode: str, plan: Plan) -> int:
    """The largest that every limit allows: the one asked for, the preset it stands for, and the plan."""
    wished = request.max_resolution if request.resolution is None else None
    small = mode == "prompted" if wished is None else wished < LONGEST_720P_PX
    if request.resolution is not None:
        small = request.resolution == "480p"
    preset = LONGEST_480P_PX if small else LONGEST_720P_PX
    return min(preset, plan.max_side_px, wished or preset)


def _minute(now_ms: int) -> str:
    return f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d %H:%M}"
