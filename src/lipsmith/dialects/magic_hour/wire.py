"""The shapes of requests and answers, exactly as the vendor documents them. Unknown fields of a request are ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

TalkingPhotoMode = Literal["pro", "standard", "stable", "expressive", "realistic", "prompted"]
LipSyncMode = Literal["lite", "standard", "pro"]
Status = Literal["draft", "queued", "rendering", "complete", "error", "canceled"]

LARGEST_S = 1_000_000.0
"""No clip is as long; larger numbers are mistakes."""


def _storable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= request <= "\udfff" for request in text):
        raise ValueError("holds characters that cannot be stored")
    return text


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("has to be a number")
    return value


Words = Annotated[str, AfterValidator(_storable)]
Text = Annotated[str, Field(min_length=1, max_length=100_000), AfterValidator(_storable)]
"""What is spoken; a setting may allow less."""
VoiceName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]
Reference = Annotated[str, Field(min_length=1, max_length=8192), AfterValidator(_storable)]
"""A file that is here already, or a URL."""
IsNumber = BeforeValidator(_number)
"""Comes last: limits that stand behind it are missing in the API's description."""
Seconds = Annotated[float, Field(ge=0, le=LARGEST_S, allow_inf_nan=False), IsNumber]
EndSeconds = Annotated[float, Field(ge=0.1, le=LARGEST_S, allow_inf_nan=False), IsNumber]


class Request(BaseModel):
    """What all requests share."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class UploadWish(Request):
    """One file that will be uploaded."""

    type: Literal["video", "audio", "image"]
    extension: Annotated[str, Field(pattern=r"^[a-z0-9]+$", max_length=16)]


class UploadUrlsRequest(Request):
    """POST /v1/files/upload-urls"""

    items: Annotated[list[UploadWish], Field(min_length=1, max_length=100)]


class UploadUrl(BaseModel):
    """Where one file goes."""

    upload_url: str
    expires_at: str
    file_path: str


class UploadUrlsAnswer(BaseModel):
    """In the order of the request."""

    items: list[UploadUrl]


class TalkingPhotoAssets(Request):
    """What is animated by what."""

    image_file_path: Reference
    audio_file_path: Reference | None = None
    text: Text | None = Field(default=None, description="Is spoken; instead of audio_file_path.")
    voice: VoiceName | None = None
    language: Annotated[Words, Field(min_length=1, max_length=40)] | None = None
    rate: Annotated[float, Field(ge=0.5, le=2, allow_inf_nan=False), IsNumber] | None = None


class TalkingPhotoStyle(Request):
    """How it moves."""

    generation_mode: TalkingPhotoMode | None = None
    prompt: Annotated[Words, Field(max_length=10_000)] | None = None
    intensity: Annotated[float, Field(ge=0.1, le=2, allow_inf_nan=False), IsNumber] | None = None


class TalkingPhotoRequest(Request):
    """POST /v1/ai-talking-photo"""

    name: Annotated[Words, Field(max_length=1000)] | None = None
    assets: TalkingPhotoAssets
    start_seconds: Seconds | None = Field(default=None, description="Needed with audio_file_path.")
    end_seconds: EndSeconds | None = Field(default=None, description="Needed with audio_file_path.")
    style: TalkingPhotoStyle | None = None
    max_resolution: Annotated[int, Field(ge=64, le=2**53), IsNumber] | None = None
    resolution: Literal["480p", "720p"] | None = None


class LipSyncAssets(Request):
    """What is said by whom."""

    audio_file_path: Reference
    video_source: Literal["file", "youtube"]
    video_file_path: Reference | None = None
    youtube_url: Reference | None = None


class LipSyncStyle(Request):
    """With how much care."""

    generation_mode: LipSyncMode | None = None


class LipSyncRequest(Request):
    """POST /v1/lip-sync"""

    name: Annotated[Words, Field(max_length=1000)] | None = None
    assets: LipSyncAssets
    start_seconds: Seconds
    end_seconds: EndSeconds
    max_fps_limit: Annotated[float, Field(ge=1, allow_inf_nan=False), IsNumber] | None = None
    style: LipSyncStyle | None = None
    width: Any = Field(default=None, deprecated=True, description="Accepted and ignored.")
    height: Any = Field(default=None, deprecated=True, description="Accepted and ignored.")


class VoiceStyle(Request):
    """Who says what."""

    prompt: Text
    voice_name: VoiceName


class VoiceRequest(Request):
    """POST /v1/ai-voice-generator"""

    name: Annotated[Words, Field(max_length=1000)] | None = None
    style: VoiceStyle


class VoiceCreated(BaseModel):
    """What it answers."""

    id: str
    credits_charged: int


class FaceDetectionAssets(Request):
    """What is looked at."""

    target_file_path: Reference


class FaceDetectionRequest(Request):
    """POST /v1/face-detection"""

    assets: FaceDetectionAssets
    confidence_score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), IsNumber] | None = None


class FaceDetectionCreated(BaseModel):
    """What it answers: looking is free."""

    id: str
    credits_charged: int


class FoundFace(BaseModel):
    """One face, cut out."""

    path: str
    url: str


class FaceDetection(BaseModel):
    """GET /v1/face-detection/{id}"""

    id: str
    credits_charged: int
    status: Literal["queued", "rendering", "complete", "error"]
    faces: list[FoundFace]


class Created(BaseModel):
    """What a create call answers."""

    id: str
    credits_charged: int
    estimated_frame_cost: int


class Download(BaseModel):
    """Where the video is, for a while."""

    url: str
    expires_at: str


class ProjectError(BaseModel):
    """Why there is none."""

    message: str
    code: str


class VideoProject(BaseModel):
    """GET /v1/video-projects/{id}; every key is always there, and the last four are our own."""

    id: str
    name: str | None
    status: Status
    type: Literal["TALKING_PHOTO", "LIP_SYNC"]
    created_at: str
    width: int
    height: int
    enabled: bool
    start_seconds: float
    end_seconds: float
    total_frame_cost: int
    credits_charged: int
    fps: float
    error: ProjectError | None
    downloads: list[Download]
    download: Download | None
    progress: float
    progress_stage: str | None
    progress_seconds_left: float | None
    warnings: list[str]


class AudioProject(BaseModel):
    """GET /v1/audio-projects/{id}; every key is always there, and the last four are our own."""

    id: str
    name: str | None
    status: Status
    type: Literal["VOICE_GENERATOR"]
    created_at: str
    enabled: bool
    credits_charged: int
    error: ProjectError | None
    downloads: list[Download]
    progress: float
    progress_stage: str | None
    progress_seconds_left: float | None
    warnings: list[str]


class Subscription(BaseModel):
    """What a paid plan costs; nothing here."""

    name: str
    status: Literal["active", "past_due"]
    billing_interval: Literal["month", "year"] | None
    current_period_end: str | None
    cancel_at_period_end: bool
    price: dict[str, Any] | None
    discount: dict[str, Any] | None


class AccountAnswer(BaseModel):
    """GET /v1/account"""

    id: str
    email: str | None
    credits: int
    tier: Literal["free", "creator", "pro", "business"]
    subscription: Subscription | None


class Message(BaseModel):
    """Every error."""

    message: str
