"""Translation between AKOOL's requests and answers and the service's records: pure functions."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lipsmith import errors, limits
from lipsmith.dialects.akool import wire
from lipsmith.dialects.contract import Linker
from lipsmith.errors import LipsmithError
from lipsmith.pipeline.requests import SpeakRequest, SyncMode, SyncRequest, TalkRequest
from lipsmith.service import errors as service_errors
from lipsmith.service.billing.accounts import Account
from lipsmith.service.billing.prices import Price
from lipsmith.service.errors import NotFound, Suspended, Unauthorized
from lipsmith.service.jobs.orders import Order, Wanted
from lipsmith.service.network.assets import WantedKind
from lipsmith.service.processes.messages import VoiceDescription
from lipsmith.service.project import Kind, Project, State
from lipsmith.storage import errors as storage_errors
from lipsmith.storage.errors import NotStored

NAME = "akool"

KEPT_DAYS = 7
"""Retention of results, as the vendor documents it."""
KEPT_S = KEPT_DAYS * limits.DAY_S
TALKING_PHOTO_FPS = 25
"""Highest frame rate that the vendor advises."""
LONGEST_SIDE_PX: Mapping[wire.Resolution, int] = {"720": 1280, "1080": 1920}
"""Longer side of a video by its name: 720 is 1280×720, or 720×1280 for a portrait."""
PRICE = Price(credits=10, per="10 s")
LIP_SYNC_MODE: SyncMode = "standard"
"""The vendor has no modes. This one shows the person's own mouth, in reasonable time."""
SERVER_VOICES = 3
"""Value of ``from`` for the voices that all accounts have."""

SUCCESS, PARAMETER, NOT_FOUND, EXPIRED, TOKEN_WRONG, TOKEN_MISSING = 1000, 1003, 1008, 1014, 1101, 1102
NOT_POSSIBLE, INVALID_IMAGE, INVALID_AUDIO, NO_CREDITS, SUSPENDED, PLAN_TOO_SMALL = 1010, 1108, 1110, 1104, 1200, 1213
VIDEO_TOO_LONG, TOO_LARGE, INVALID_VIDEO, VIDEO_ENCRYPTED = 1204, 1207, 1208, 1209
VIDEO_NOT_MADE, AUDIO_NOT_MADE, LIP_SYNC_NOT_MADE = 1015, 1201, 1211

CODES: Mapping[str, int] = {
    service_errors.InvalidRequest.code: PARAMETER,
    service_errors.UnusableAsset.code: PARAMETER,
    service_errors.InvalidUrl.code: PARAMETER,
    service_errors.SourceUnreachable.code: PARAMETER,
    service_errors.SourceRefused.code: PARAMETER,
    service_errors.SourceTooSlow.code: PARAMETER,
    errors.InvalidOption.code: PARAMETER,
    errors.EmptyText.code: PARAMETER,
    errors.WindowOutOfRange.code: PARAMETER,
    service_errors.NotFound.code: NOT_FOUND,
    errors.UnknownVoice.code: NOT_FOUND,
    storage_errors.NotStored.code: EXPIRED,
    service_errors.Unauthorized.code: TOKEN_WRONG,
    storage_errors.LinkRefused.code: TOKEN_WRONG,
    service_errors.InsufficientCredits.code: NO_CREDITS,
    service_errors.PlanTooSmall.code: PLAN_TOO_SMALL,
    storage_errors.FileInUse.code: NOT_POSSIBLE,
    service_errors.KeyReused.code: NOT_POSSIBLE,
    service_errors.QuotaReached.code: NOT_POSSIBLE,
    errors.InvalidImage.code: INVALID_IMAGE,
    errors.ImageTooLarge.code: INVALID_IMAGE,
    errors.ImageTooSmall.code: INVALID_IMAGE,
    errors.NoSourceFace.code: INVALID_IMAGE,
    errors.FaceTooSmall.code: INVALID_IMAGE,
    errors.FaceTurnedAway.code: INVALID_IMAGE,
    errors.NoSuchFace.code: INVALID_IMAGE,
    errors.InvalidAudio.code: INVALID_AUDIO,
    errors.SilentAudio.code: INVALID_AUDIO,
    errors.AudioTooLong.code: VIDEO_TOO_LONG,
    errors.VideoTooLong.code: VIDEO_TOO_LONG,
    storage_errors.FileTooLarge.code: TOO_LARGE,
    errors.VideoTooLarge.code: TOO_LARGE,
    errors.InvalidVideo.code: INVALID_VIDEO,
    errors.VideoEncrypted.code: VIDEO_ENCRYPTED,
}
"""The vendor's number for a code; other codes have the one of the kind of project, see `FAULTS`."""
FAULTS: Mapping[Kind, int] = {
    "talking_photo": VIDEO_NOT_MADE,
    "lip_sync": LIP_SYNC_NOT_MADE,
    "voice": AUDIO_NOT_MADE,
}
STATUSES: Mapping[State, wire.VideoStatus] = {"queued": 1, "rendering": 2, "complete": 3, "error": 4, "canceled": 4}
TYPES: Mapping[Kind, str] = {"talking_photo": "talking photo", "lip_sync": "lipsync", "voice": "audio"}
"""Names of the kinds in webhooks."""

_ID = re.compile(r"[0-9a-f]{24}")
_NAMESPACE = uuid.UUID("5a2f0f0c-93f5-4f0e-9e6b-6c6970736d69")


class NoKey(Unauthorized):
    """Missing key. Send it as x-api-key, or a token of getToken as Authorization: Bearer."""


class ResultExpired(NotStored):
    """The result has expired: results are kept for seven days, or until they are deleted."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Limits that the settings choose."""

    max_talking_photo_s: float
    max_lip_sync_s: float


def from_talking_photo(request: wire.TalkingPhotoRequest, account: Account, rules: Rules, now_ms: int) -> Order:
    """Translate a request. The video lasts as long as the audio, which is not fetched yet."""
    prompt = (request.prompt or "").strip()
    side_px = min(LONGEST_SIDE_PX[request.resolution], account.plan.max_side_px)
    return Order(
        dialect=NAME,
        kind="talking_photo",
        name=f"Talking Photo - {_minute(now_ms)}",
        inputs={
            "image": _wanted(request.talking_photo_url, "image", "talking_photo_url"),
            "audio": _wanted(request.audio_url, "audio", "audio_url"),
        },
        request=TalkRequest(
            photo="image",
            audio="audio",
            fps=TALKING_PHOTO_FPS,
            max_resolution=side_px,
            mode="prompted" if prompt else "realistic",
            prompt=prompt or None,
        ),
        start_s=0.0,
        end_s=rules.max_talking_photo_s,
        fps=TALKING_PHOTO_FPS,
        price=PRICE,
        max_duration_s=rules.max_talking_photo_s,
        webhook=request.webhookUrl,
        retention_days=KEPT_DAYS,
        metadata=request.model_dump(),
    )


def from_lip_sync(request: wire.LipSyncRequest, account: Account, rules: Rules, now_ms: int) -> Order:
    """Translate a request. The video keeps its duration: longer audio is cut, and after shorter audio the lips rest."""
    return Order(
        dialect=NAME,
        kind="lip_sync",
        name=f"Lip Sync - {_minute(now_ms)}",
        inputs={
            "video": _wanted(request.video_url, "video", "video_url"),
            "audio": _wanted(request.audio_url, "audio", "audio_url"),
        },
        request=SyncRequest(video="video", audio="audio", mode=LIP_SYNC_MODE, max_resolution=account.plan.max_side_px),
        start_s=0.0,
        end_s=rules.max_lip_sync_s,
        fps=TALKING_PHOTO_FPS,
        price=PRICE,
        max_duration_s=rules.max_lip_sync_s,
        webhook=request.webhookUrl,
        retention_days=KEPT_DAYS,
        metadata=request.model_dump(),
    )


def from_audio(request: wire.AudioRequest, voice: VoiceDescription, now_ms: int) -> Order:
    """Translate a request. Speech is free of credits, since the vendor publishes no price for it."""
    return Order(
        dialect=NAME,
        kind="voice",
        name=f"Audio - {_minute(now_ms)}",
        inputs={},
        request=SpeakRequest(
            text=request.input_text,
            voice=voice.name,
            rate=min(max(request.rate / 100, limits.RATE.low), limits.RATE.high),
        ),
        start_s=0.0,
        end_s=0.0,
        fps=0.0,
        price=None,
        webhook=request.webhookUrl,
        retention_days=KEPT_DAYS,
        metadata=request.model_dump(),
    )


def to_audio(project: Project, linker: Linker) -> wire.Audio:
    """Return the answer about a spoken text."""
    request: Mapping[str, Any] = project.params.metadata
    answer = {
        **_record(project),
        "input_text": request["input_text"],
        "rate": f"{request['rate']:g}%",
        "voice_id": request["voice_id"],
        "voice_model_id": request["voice_id"],
        "url": _url(project, linker),
        "status": STATUSES[project.state],
        "webhookUrl": request["webhookUrl"] or "",
        **_failure(project),
    }
    return (wire.FailedAudio if "error_code" in answer else wire.Audio)(**answer)


def to_voice(voice: VoiceDescription) -> wire.Voice:
    """Return the answer about an installed voice. It has no price, no face and no sample."""
    return wire.Voice(
        id=hashlib.sha256(voice.name.encode()).hexdigest()[:24],
        create_time=0,
        uid=0,
        from_=SERVER_VOICES,
        voice_id=voice.name,
        gender=voice.gender,
        accent=voice.language,
        name=voice.name,
        description=voice.description,
        useCase="",
        type=1,
        preview="",
    )


def to_video(project: Project, linker: Linker) -> wire.Video:
    """Return the answer about a video, in any state."""
    request: Mapping[str, Any] = project.params.metadata
    shared = {
        **_record(project),
        "video_id": str(uuid.uuid5(_NAMESPACE, project.id)),
        "video_lock_duration": seconds(project),
        "deduction_lock_duration": project.credits,
        "deduction_duration": project.credits if project.state == "complete" else 0,
        "external_video": "",
        "video": _url(project, linker),
        "video_status": STATUSES[project.state],
        "faceswap_quality": 2,
        "storage_loc": 1,
        "version": 0,
        "webhookUrl": request.get("webhookUrl") or "",
        "progress": project.progress,
        "warnings": list(project.warnings),
        **_failure(project),
    }
    if project.kind == "lip_sync":
        of_lip_sync = {
            "target_video": request.get("video_url", ""),
            "input_audio": request.get("audio_url", ""),
            "task_id": shown_id(project),
        }
        return (wire.FailedLipSync if "error_code" in shared else wire.LipSync)(**shared, **of_lip_sync)
    of_photo = {
        "talking_photo": request.get("talking_photo_url", ""),
        "prompt": request.get("prompt") or "",
        "resolution": request.get("resolution", "720"),
    }
    return (wire.FailedTalkingPhoto if "error_code" in shared else wire.TalkingPhoto)(**shared, **of_photo)


def shown_id(project: Project) -> str:
    """Return the vendor's form of a project's id: 24 hexadecimal digits, which is the id without its first letter."""
    return project.id[1:]


def from_id(text: str) -> str:
    """Return the project's id for the vendor's form of it. Raises NotFound for any other text.

    >>> from_id("65e5a1b2c3d4e5f6a7b8c9d0")
    'c65e5a1b2c3d4e5f6a7b8c9d0'
    """
    if not _ID.fullmatch(text):
        raise NotFound()
    return f"c{text}"


def check_kept(project: Project, now_ms: int) -> None:
    """Raise ResultExpired if the project was deleted or its retention has ended, even if its files still exist."""
    if project.deleted or (project.expires_ms is not None and project.expires_ms <= now_ms):
        raise ResultExpired()


def to_uid(account: str) -> int:
    """Return a number for an account: the last 31 bits of its id."""
    return int(account[-8:], 16) & 0x7FFFFFFF


def seconds(project: Project) -> float:
    """Return the duration of the video; until it is known, the duration that credits are held for."""
    made_s = project.result.video_s if project.result else None
    return round(float(project.params.end_s - project.params.start_s), 3) if made_s is None else made_s


def to_code(error: LipsmithError) -> int:
    """Return the vendor's number for an error of a request."""
    if isinstance(error, Suspended):
        return SUSPENDED
    if isinstance(error, NoKey):
        return TOKEN_MISSING
    return CODES.get(error.code, NOT_POSSIBLE)


def to_refusal(error: LipsmithError) -> wire.Done:
    """Return the answer to a refused request."""
    return wire.Done(code=to_code(error), msg=error.message)


def _wanted(url: str, kind: WantedKind, field: str) -> Wanted:
    return Wanted(text=url, kind=kind, field=field, needs_extension=False)


def _record(project: Project) -> dict[str, Any]:
    made = {"id": shown_id(project), "create_time": project.created_ms, "uid": to_uid(project.account)}
    return made | {"from_": 2}


def _url(project: Project, linker: Linker) -> str:
    return linker(project.keys[0]).url if project.state == "complete" and project.keys else ""


def _failure(project: Project) -> dict[str, Any]:
    if project.state == "canceled":
        return {"error_code": NOT_POSSIBLE, "error_reason": "It was canceled."}
    if project.error is None:
        return {}
    code = CODES.get(project.error.code, FAULTS[project.kind])
    return {"error_code": code, "error_reason": project.error.message}


def _minute(now_ms: int) -> str:
    return f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d %H:%M}"
