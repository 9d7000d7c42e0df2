"""Requests and answers exactly as Magic Hour documents them. Unknown fields of a request are ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

TalkingPhotoMode = Literal["pro", "standard", "stable", "expressive", "realistic", "prompted"]
LipSyncMode = Literal["lite", "standard", "pro"]
Tier = Literal["free", "creator", "pro", "business"]
Status = Literal["draft", "queued", "rendering", "complete", "error", "canceled"]

LARGEST_S = 1_000_000.0
"""Largest time in a clip; larger numbers are mistakes."""


def _storable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds characters that cannot be stored")
    return text


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("has to be a number")
    return value


Words = Annotated[str, AfterValidator(_storable)]
Text = Annotated[str, Field(min_length=1, max_length=100_000), AfterValidator(_storable)]
"""Text to speak; a setting may allow less."""
VoiceName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]
Reference = Annotated[str, Field(min_length=1, max_length=8192), AfterValidator(_storable)]
"""Uploaded file, or a URL."""
IsNumber = BeforeValidator(_number)
"""Stands last: limits after it would be missing in the API's description."""
Seconds = Annotated[float, Field(ge=0, le=LARGEST_S, allow_inf_nan=False), IsNumber]
EndSeconds = Annotated[float, Field(ge=0.1, le=LARGEST_S, allow_inf_nan=False), IsNumber]


class Request(BaseModel):
    """Base of all requests."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class UploadItem(Request):
    """File to upload."""

    type: Literal["video", "audio", "image"]
    extension: Annotated[str, Field(pattern=r"^[a-z0-9]+$", max_length=16)]


class UploadUrlsRequest(Request):
    """Body of POST /v1/files/upload-urls."""

    items: Annotated[list[UploadItem], Field(min_length=1, max_length=100)]


class UploadUrl(BaseModel):
    """URL to upload one file to."""

    upload_url: str
    expires_at: str
    file_path: str


class UploadUrlsAnswer(BaseModel):
    """URLs in the order of the request."""

    items: list[UploadUrl]


class TalkingPhotoAssets(Request):
    """Photo and speech."""

    image_file_path: Reference
    audio_file_path: Reference | None = None
    text: Text | None = Field(default=None, description="Text to speak, instead of audio_file_path.")
    voice: VoiceName | None = None
    language: Annotated[Words, Field(min_length=1, max_length=40)] | None = None
    rate: Annotated[float, Field(ge=0.5, le=2, allow_inf_nan=False), IsNumber] | None = None


class TalkingPhotoStyle(Request):
    """Mode and direction of a talking photo."""

    generation_mode: TalkingPhotoMode | None = None
    prompt: Annotated[Words, Field(max_length=10_000)] | None = None
    intensity: Annotated[float, Field(ge=0.1, le=2, allow_inf_nan=False), IsNumber] | None = None


class TalkingPhotoRequest(Request):
    """Body of POST /v1/ai-talking-photo."""

    name: Annotated[Words, Field(max_length=1000)] | None = None
    assets: TalkingPhotoAssets
    start_seconds: Seconds | None = Field(default=None, description="Required with audio_file_path.")
    end_seconds: EndSeconds | None = Field(default=None, description="Required with audio_file_path.")
    style: TalkingPhotoStyle | None = None
    max_resolution: Annotated[int, Field(ge=64, le=2**53), IsNumber] | None = None
    resolution: Literal["480p", "720p"] | None = None


class LipSyncAssets(Request):
    """Clip and speech."""

    audio_file_path: Reference
    video_source: Literal["file", "youtube"]
    video_file_path: Reference | None = None
    youtube_url: Reference | None = None


class LipSyncStyle(Request):
    """Mode of a lip sync."""

    generation_mode: LipSyncMode | None = None


class LipSyncRequest(Request):
    """Body of POST /v1/lip-sync."""

    name: Annotated[Words, Field(max_length=1000)] | None = None
    assets: LipSyncAssets
    start_seconds: Seconds
    end_seconds: EndSeconds
    max_fps_limit: Annotated[float, Field(ge=1, allow_inf_nan=False), IsNumber] | None = None
    style: LipSyncStyle | None = None
    width: Any = Field(default=None, deprecated=True, description="Accepted and ignored.")
    height: Any = Field(default=None, deprecated=True, description="Accepted and ignored.")


class VoiceStyle(Request):
    """Text and voice."""

    prompt: Text
    voice_name: VoiceName


class VoiceRequest(Request):
    """Body of POST /v1/ai-voice-generator."""

    name: Annotated[Words, Field(max_length=1000)] | None = None
    style: VoiceStyle


class VoiceCreated(BaseModel):
    """Answer to a request for speech."""

    id: str
    credits_charged: int


class FaceDetectionAssets(Request):
    """File to search for faces."""

    target_file_path: Reference


class FaceDetectionRequest(Request):
    """Body of POST /v1/face-detection."""

    assets: FaceDetectionAssets
    confidence_score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), IsNumber] | None = None


class FaceDetectionCreated(BaseModel):
    """Answer to a request for face detection, which is free."""

    id: str
    credits_charged: int


class FoundFace(BaseModel):
    """Image of one face."""

    path: str
    url: str


class FaceDetection(BaseModel):
    """Answer of GET /v1/face-detection/{id}."""

    id: str
    credits_charged: int
    status: Literal["queued", "rendering", "complete", "error"]
    faces: list[FoundFace]


class Created(BaseModel):
    """Answer to a request for a video."""

    id: str
    credits_charged: int
    estimated_frame_cost: int


class Download(BaseModel):
    """Download link and its expiry."""

    url: str
    expires_at: str


class ProjectError(BaseModel):
    """Reason of a failure."""

    message: str
    code: str


class VideoProject(BaseModel):
    """Answer of GET /v1/video-projects/{id}; every key is always there, and the last four are our own."""

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
    """Answer of GET /v1/audio-projects/{id}; every key is always there, and the last four are our own."""

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
    """Price of a paid plan; never present here."""

    name: str
    status: Literal["active", "past_due"]
    billing_interval: Literal["month", "year"] | None
    current_period_end: str | None
    cancel_at_period_end: bool
    price: dict[str, Any] | None
    discount: dict[str, Any] | None


class AccountAnswer(BaseModel):
    """Answer of GET /v1/account."""

    id: str
    email: str | None
    credits: int
    tier: Tier
    subscription: Subscription | None


class Message(BaseModel):
    """Body of every error."""

    message: str
