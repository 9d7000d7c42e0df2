"""Requests and answers exactly as AKOOL documents them. Unknown fields of a request are ignored."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Resolution = Literal["720", "1080"]
VideoStatus = Literal[1, 2, 3, 4]
"""Queued, rendering, complete, failed."""

SUCCESS = 1000
MAX_WORDS = 5000

Data = TypeVar("Data")


def _storable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds characters that cannot be stored")
    return text


def _resolution(value: Any) -> Any:
    """Normalize a resolution. Clients send a text, a number, or a text that ends in p; 720 is the default."""
    if value in (None, ""):
        return "720"
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value).strip().lower().removesuffix("p")
    return value


def _rate(value: Any) -> Any:
    """Normalize a rate: ``"120%"`` is 120, and a number is in percent too."""
    if value in (None, ""):
        return 100
    return value.strip().removesuffix("%") if isinstance(value, str) else value


def _not_too_many_words(text: str) -> str:
    if len(text.split()) > MAX_WORDS:
        raise ValueError(f"has more than {MAX_WORDS:,} words")
    return text


def _nothing_if_empty(value: Any) -> Any:
    return None if value == "" else value


Words = Annotated[str, AfterValidator(_storable)]
Url = Annotated[str, Field(min_length=1, max_length=8192), AfterValidator(_storable)]
Webhook = Annotated[Url | None, BeforeValidator(_nothing_if_empty)]


class Request(BaseModel):
    """Base of all requests."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class TokenRequest(Request):
    """Body of POST getToken."""

    clientId: Annotated[Words, Field(min_length=1, max_length=255)]
    clientSecret: Annotated[Words, Field(min_length=1, max_length=255)]


class TalkingPhotoRequest(Request):
    """Body of POST content/video/createbytalkingphoto."""

    talking_photo_url: Url
    audio_url: Url
    prompt: Annotated[Words, Field(max_length=10_000)] | None = None
    resolution: Annotated[Resolution, BeforeValidator(_resolution)] = "720"
    webhookUrl: Webhook = None


class LipSyncRequest(Request):
    """Body of POST content/video/lipsync."""

    video_url: Url
    audio_url: Url
    webhookUrl: Webhook = None


class AudioRequest(Request):
    """Body of POST audio/create."""

    input_text: Annotated[Words, Field(min_length=1, max_length=100_000), AfterValidator(_not_too_many_words)]
    voice_id: Annotated[Words, Field(min_length=1, max_length=255)]
    rate: Annotated[float, Field(ge=0, le=200, allow_inf_nan=False), BeforeValidator(_rate)] = 100.0
    webhookUrl: Webhook = None


class DeleteRequest(Request):
    """Body of POST faceswap/result/delbyids."""

    ids: Annotated[Words, Field(alias="_ids", min_length=1, max_length=10_000)]
    """Separated by commas."""


class Record(BaseModel):
    """Base of all results."""

    id: str = Field(serialization_alias="_id")
    create_time: int
    uid: int
    from_: int = Field(serialization_alias="from")


class Video(Record):
    """Answer about a video. ``progress`` and ``warnings`` are additions to the vendor's fields."""

    type: Literal[5, 9]
    video_id: str
    video_lock_duration: float
    deduction_lock_duration: int
    deduction_duration: int
    external_video: str
    video: str
    video_status: VideoStatus
    faceswap_quality: int
    storage_loc: int
    version: int = Field(serialization_alias="__v")
    webhookUrl: str
    progress: float
    warnings: list[str]


class TalkingPhoto(Video):
    """Answer about a talking photo."""

    type: Literal[5] = 5
    talking_photo: str
    prompt: str
    resolution: str


class LipSync(Video):
    """Answer about a lip sync."""

    type: Literal[9] = 9
    target_video: str
    input_audio: str
    task_id: str
    lipsync: Literal[True] = True


class Failed(BaseModel):
    """Fields that are added if ``video_status`` or ``status`` is 4."""

    error_code: int
    error_reason: str


class FailedTalkingPhoto(TalkingPhoto, Failed):
    """Answer about a failed talking photo."""


class FailedLipSync(LipSync, Failed):
    """Answer about a failed lip sync."""


class Audio(Record):
    """Answer about a spoken text."""

    input_text: str
    rate: str
    voice_id: str
    webhookUrl: str
    voice_model_id: str
    url: str
    status: VideoStatus


class FailedAudio(Audio, Failed):
    """Answer about a text that could not be spoken."""


class Voice(Record):
    """Voice in GET voice/list."""

    voice_id: str
    gender: str
    accent: str
    name: str
    description: str
    useCase: str
    type: int
    preview: str


class Credit(BaseModel):
    """Balance in GET faceswap/quota/info."""

    credit: int


class Upload(BaseModel):
    """File in POST upload."""

    url: str
    size: int
    expires_at: int


class Answer(BaseModel, Generic[Data]):
    """Envelope of all answers with data."""

    code: int = SUCCESS
    msg: str = "OK"
    data: Data


class Done(BaseModel):
    """Answer without data, and every refusal."""

    code: int = SUCCESS
    msg: str = "OK"


class Token(BaseModel):
    """Answer of getToken, which has an envelope of its own."""

    code: int = SUCCESS
    token: str
