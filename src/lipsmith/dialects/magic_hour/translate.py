"""Pure functions between the vendor's shapes and our records. No input, no output, no rules of the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from lipsmith.dialects.magic_hour import wire
from lipsmith.errors import (
    FileInUse,
    FileTooLarge,
    InsufficientCredits,
    InvalidRequest,
    InvalidVideo,
    KeyReused,
    LinkRefused,
    LipsmithError,
    NotFound,
    PlanTooSmall,
    Unauthorized,
    UnusableAsset,
)
from lipsmith.service.accounts import Account
from lipsmith.service.assets import EXTENSIONS, Offer
from lipsmith.service.plans import Plan
from lipsmith.service.prices import ESTIMATE_FPS, Price
from lipsmith.service.project import Event, Failure, Project
from lipsmith.service.projects import Order, Wanted
from lipsmith.storage.contract import Link

NAME = "magic_hour"

LONGEST_480P_PX, LONGEST_720P_PX = 854, 1280
TALKING_PHOTO_FPS = 24
"""What the vendor renders; its prices per second are multiples of it."""
TALKING_PHOTO_RATES = {"realistic": 2, "prompted": 1}
"""Credits per frame."""
LIP_SYNC_RATES: Mapping[wire.LipSyncMode, int] = {"lite": 1, "standard": 1, "pro": 2}
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
CODES: Mapping[str, str] = {InvalidVideo.code: "invalid_video_file"}
"""Our codes of failed projects that the vendor names otherwise; those that tell more than its own stay ours."""
EVENTS: Mapping[Event, str] = {"started": "video.started", "completed": "video.completed", "errored": "video.errored"}

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


def from_talking_photo(request: wire.TalkingPhotoRequest, account: Account, rules: Rules, now_ms: int) -> Order:
    """Raises InvalidRequest, naming the field."""
    style = request.style or wire.TalkingPhotoStyle()
    asked = style.generation_mode or "realistic"
    mode = MODES[asked]
    longest_s = rules.max_talking_photo_s[mode]
    _check_window(request.start_seconds, request.end_seconds)
    if request.end_seconds - request.start_seconds > longest_s:
        raise InvalidRequest(f"end_seconds: a clip in the mode {asked} may last {longest_s:g} s, and this is longer.")
    return Order(
        dialect=NAME,
        kind="talking_photo",
        name=request.name or f"Talking Photo - {_minute(now_ms)}",
        inputs={
            "image": Wanted(text=request.assets.image_file_path, kind="image", field="assets.image_file_path"),
            "audio": Wanted(text=request.assets.audio_file_path, kind="audio", field="assets.audio_file_path"),
        },
        options={
            "fps": TALKING_PHOTO_FPS,
            "max_resolution": _longest_side_px(request, mode, account.plan),
            **_direction(style, mode, expressive=asked == "expressive"),
        },
        start_s=request.start_seconds,
        end_s=request.end_seconds,
        fps=ESTIMATE_FPS,
        price=Price(credits=TALKING_PHOTO_RATES[mode]),
    )


def from_lip_sync(request: wire.LipSyncRequest, account: Account, rules: Rules, now_ms: int) -> Order:
    """Raises InvalidRequest or UnusableAsset, naming the field."""
    mode = (request.style and request.style.generation_mode) or "lite"
    _check_window(request.start_seconds, request.end_seconds)
    if (request.end_seconds - request.start_seconds) * ESTIMATE_FPS > rules.max_lip_sync_frames:
        raise InvalidRequest(f"end_seconds: a video may have {rules.max_lip_sync_frames:,} frames, and this has more.")
    if request.assets.video_source == "youtube":
        raise UnusableAsset("assets.video_source: this server fetches nothing from YouTube. Upload the video instead.")
    if request.assets.video_file_path is None:
        raise InvalidRequest("assets.video_file_path: needed where video_source is file.")
    return Order(
        dialect=NAME,
        kind="lip_sync",
        name=request.name or f"Lip Sync - {_minute(now_ms)}",
        inputs={
            "video": Wanted(text=request.assets.video_file_path, kind="video", field="assets.video_file_path"),
            "audio": Wanted(text=request.assets.audio_file_path, kind="audio", field="assets.audio_file_path"),
        },
        options={"mode": mode, "max_fps": request.max_fps_limit, "max_resolution": account.plan.max_side_px},
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
        end_seconds=project.params["end_s"],
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


def from_face_detection(request: wire.FaceDetectionRequest) -> Order:
    """What is to be looked at tells by its ending whether it moves."""
    target = request.assets.target_file_path
    ending = target.partition("?")[0].rpartition(".")[2].lower()
    least = DEFAULT_CONFIDENCE if request.confidence_score is None else request.confidence_score
    return Order(
        dialect=NAME,
        kind="face_detection",
        name="Face Detection",
        inputs={"target": Wanted(text=target, kind="any", field="assets.target_file_path")},
        options={"least_score": least, "moving": ending in EXTENSIONS["video"]},
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


def _longest_side_px(request: wire.TalkingPhotoRequest, mode: str, plan: Plan) -> int:
    """The largest that every limit allows: the one asked for, the preset it stands for, and the plan."""
    wished = request.max_resolution if request.resolution is None else None
    small = mode == "prompted" if wished is None else wished < LONGEST_720P_PX
    if request.resolution is not None:
        small = request.resolution == "480p"
    preset = LONGEST_480P_PX if small else LONGEST_720P_PX
    return min(preset, plan.max_side_px, wished or preset)


def _direction(style: wire.TalkingPhotoStyle, mode: str, *, expressive: bool) -> dict[str, Any]:
    """How the face moves. A prompt counts in the mode prompted only; without one that mode is just livelier."""
    prompt = (style.prompt or "").strip()
    options: dict[str, Any] = {"intensity": (style.intensity or DEFAULT_INTENSITY) if expressive else 1.0}
    if mode == "prompted" and prompt:
        return options | {"mode": "prompted", "prompt": prompt, "motion": "lively"}
    return options | {"mode": "realistic", "motion": "lively" if mode == "prompted" else "natural"}


def _minute(now_ms: int) -> str:
    return f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d %H:%M}"
