"""Translation between Magic Hour's requests and answers and the service's records: pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from lipsmith.dialects.contract import Linker
from lipsmith.dialects.magic_hour import texts, wire
from lipsmith.errors import InvalidVideo, UnknownVoice
from lipsmith.pipeline.requests import DetectRequest, SpeakRequest, StandIn, SyncRequest, TalkRequest
from lipsmith.service.billing.accounts import Account
from lipsmith.service.billing.plans import Plan
from lipsmith.service.billing.prices import ESTIMATE_FPS, Price
from lipsmith.service.errors import (
    InvalidRequest,
    InvalidUrl,
    UnusableAsset,
)
from lipsmith.service.jobs.orders import Order, Wanted
from lipsmith.service.network import youtube
from lipsmith.service.network.assets import EXTENSIONS, Offer
from lipsmith.service.project import Event, Failure, JobResult, Project
from lipsmith.storage.contract import Link

NAME = "magic_hour"

LONGEST_480P_PX, LONGEST_720P_PX = 854, 1280
TALKING_PHOTO_FPS = 24
"""Frame rate of the vendor; its prices per second are multiples of it."""
TALKING_PHOTO_RATES = {"realistic": 2, "prompted": 1}
"""Credits per frame."""
LIP_SYNC_RATES: Mapping[wire.LipSyncMode, int] = {"lite": 1, "standard": 1, "pro": 2}
CHARACTERS_PER_CREDIT = 10
"""Price of a spoken text; an incomplete ten counts as ten."""
DEFAULT_INTENSITY = 1.5
"""Intensity of the former mode ``expressive``, the only mode with one."""
DEFAULT_CONFIDENCE = 0.5
"""Lowest score of a face, unless the request names one."""
MODES: Mapping[wire.TalkingPhotoMode, Literal["realistic", "prompted"]] = {
    "realistic": "realistic",
    "pro": "realistic",
    "stable": "realistic",
    "prompted": "prompted",
    "standard": "prompted",
    "expressive": "prompted",
}
"""Mode by name; the last four are former names."""
CODES: Mapping[str, str] = {InvalidVideo.code: "invalid_video_file", UnknownVoice.code: "invalid_voice"}
"""The vendor's code for a code of a failed project; all others keep their own, which is more precise."""
EVENTS: Mapping[Event, str] = {"started": "video.started", "completed": "video.completed", "errored": "video.errored"}
AUDIO_EVENTS: Mapping[Event, str] = {
    "started": "audio.started",
    "completed": "audio.completed",
    "errored": "audio.errored",
}


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Limits that the settings choose."""

    max_talking_photo_s: Mapping[Literal["realistic", "prompted"], float]
    """Longest talking photo by mode, seconds."""
    max_lip_sync_frames: int
    paid_lip_sync_modes: tuple[wire.LipSyncMode, ...]
    """Modes that need a paid plan."""
    max_text_characters: int
    stand_in_voice: str | None
    """Voice to use where the requested one is not installed; None for one that fits the text."""
    no_youtube: str | None
    """Reason why videos are not fetched from YouTube, and what to do; None if they are."""


def from_talking_photo(request: wire.TalkingPhotoRequest, account: Account, rules: Rules, now_ms: int) -> Order:
    """Translate a request. Raises InvalidRequest, with the name of the field."""
    style = request.style or wire.TalkingPhotoStyle()
    name = style.generation_mode or "realistic"
    mode = MODES[name]
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
            raise InvalidRequest(f"end_seconds: a clip in the mode {name} may last at most {longest_s:g} s.")
    else:
        text = texts.check_text(assets.text or "", "assets.text", longest=rules.max_text_characters)
        start_s, end_s = 0.0, min(texts.estimated_s(text, assets.rate or 1.0), longest_s)
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
            intensity=(style.intensity or DEFAULT_INTENSITY) if name == "expressive" else 1.0,
        ),
        start_s=start_s,
        end_s=end_s,
        fps=ESTIMATE_FPS,
        price=Price(credits=TALKING_PHOTO_RATES[mode]),
        max_duration_s=longest_s if text else None,
    )


def from_voice(request: wire.VoiceRequest, rules: Rules, now_ms: int) -> Order:
    """Translate a request. Raises InvalidRequest, with the name of the field.

    A voice may have a name of the vendor's: another one speaks in its place, and imitates no person.
    """
    voice = request.style.voice_name
    return Order(
        dialect=NAME,
        kind="voice",
        name=request.name or f"Voice Generator - {_minute(now_ms)}",
        inputs={},
        request=SpeakRequest(
            text=texts.check_text(request.style.prompt, "style.prompt", longest=rules.max_text_characters),
            voice=voice,
            stand_in=StandIn(voice=rules.stand_in_voice, gender=texts.gender_of(voice)),
        ),
        start_s=0.0,
        end_s=0.0,
        fps=0,
        price=Price(credits=math.ceil(len(request.style.prompt) / CHARACTERS_PER_CREDIT), per="whole"),
    )


def from_lip_sync(request: wire.LipSyncRequest, account: Account, rules: Rules, now_ms: int) -> Order:
    """Translate a request. Raises InvalidRequest or UnusableAsset, with the name of the field."""
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
    """Return the answer about one offered upload."""
    return wire.UploadUrl(upload_url=link.url, expires_at=to_time(link.expires_at_s * 1000), file_path=offer.key)


def to_created(project: Project) -> wire.Created:
    """Return the answer to a request for a video. Official clients still require the former name of the cost."""
    return wire.Created(id=project.id, credits_charged=project.credits, estimated_frame_cost=project.credits)


def to_video_project(project: Project, linker: Linker) -> wire.VideoProject:
    """Return the answer about a video, in any state."""
    result = project.result or JobResult()
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
        width=-1 if result.width is None else result.width,
        height=-1 if result.height is None else result.height,
        enabled=not project.deleted,
        start_seconds=project.params.start_s,
        end_seconds=_end_s(project),
        total_frame_cost=project.credits,
        credits_charged=project.credits,
        fps=project.params.fps if result.fps is None else result.fps,
        error=_error(project.error) if project.error else None,
        downloads=downloads,
        download=downloads[0] if downloads else None,
        progress=project.progress,
        progress_stage=project.stage,
        progress_seconds_left=project.left_s,
        warnings=list(result.warnings),
    )


def to_audio_project(project: Project, linker: Linker) -> wire.AudioProject:
    """Return the answer about a spoken text, in any state."""
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
        warnings=list(project.warnings),
    )


def from_face_detection(request: wire.FaceDetectionRequest) -> Order:
    """Translate a request. The extension says whether the file is a video."""
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
    """Return the answer about a face detection: each face is a file, and can be used as an input."""
    faces = [wire.FoundFace(path=key, url=linker(key).url) for key in project.keys]
    status = "error" if project.state == "canceled" else project.state
    return wire.FaceDetection(id=project.id, credits_charged=0, status=status, faces=faces)


def to_account(account: Account, credits: int) -> wire.AccountAnswer:
    """Return the answer about an account. There is no subscription, since the server sells nothing."""
    return wire.AccountAnswer(
        id=account.id, email=account.email, credits=credits, tier=_tier(account.plan), subscription=None
    )


def to_time(ms: int) -> str:
    """Return a time as ISO 8601, UTC, with milliseconds.

    >>> to_time(1_790_000_000_123)
    '2026-09-21T14:13:20.123Z'
    """
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _tier(plan: Plan) -> wire.Tier:
    """Return the vendor's plan of that name; of other plans, its smallest or largest."""
    for tier in get_args(wire.Tier):
        if tier == plan.name:
            return tier
    return "business" if plan.is_paid else "free"


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
    """Return the end of the window; the estimated end for a text that is not spoken yet."""
    made_s = project.result.video_s if project.result else None
    return float(project.params.end_s) if project.params.max_duration_s is None or made_s is None else made_s


def _longest_side_px(request: wire.TalkingPhotoRequest, mode: str, plan: Plan) -> int:
    """Return the longest side that the request, its preset and the plan allow."""
    requested_px = request.max_resolution if request.resolution is None else None
    small = mode == "prompted" if requested_px is None else requested_px < LONGEST_720P_PX
    if request.resolution is not None:
        small = request.resolution == "480p"
    preset = LONGEST_480P_PX if small else LONGEST_720P_PX
    return min(preset, plan.max_side_px, requested_px or preset)


def _minute(now_ms: int) -> str:
    return f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d %H:%M}"
