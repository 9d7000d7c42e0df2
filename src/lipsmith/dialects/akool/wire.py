"""The shapes of requests and answers, exactly as the vendor documents them. Unknown fields of a request are ignored."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Resolution = Literal["720", "1080"]
VideoStatus = Literal[1, 2, 3, 4]
"""Waiting, in work, there, failed."""

SUCCESS = 1000
MAX_WORDS = 5000

Data = TypeVar("Data")


def _storable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= request <= "\udfff" for request in text):
        raise ValueError("holds characters that cannot be stored")
    return text


def _resolution(value: Any) -> Any:
    """Clients send it as a text, as a number, and with a p behind it; nothing is the smaller one."""
    if value in (None, ""):
        return "720"
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value).strip().lower().removesuffix("p")
    return value


def _rate(value: Any) -> Any:
    """``"120%"`` as 120; a number counts as percent too."""
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
    """What all requests share."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class TokenRequest(Request):
    """POST getToken"""

    clientId: Annotated[Words, Field(min_length=1, max_length=255)]
    clientSecret: Annotated[Words, Field(min_length=1, max_length=255)]


class TalkingPhotoRequest(Request):
    """POST content/video/createbytalkingphoto"""

    talking_photo_url: Url
    audio_url: Url
    prompt: Annotated[Words, Field(max_length=10_000)] | None = None
    resolution: Annotated[Resolution, BeforeValidator(_resolution)] = "720"
    webhookUrl: Webhook = None


class LipSyncRequest(Request):
    """POST content/video/lipsync"""

    video_url: Url
    audio_url: Url
    webhookUrl: Webhook = None


class AudioRequest(Request):
    """POST audio/create"""

    input_text: Annotated[Words, Field(min_length=1, max_length=100_000), AfterValidator(_not_too_many_words)]
    voice_id: Annotated[Words, Field(min_length=1, max_length=255)]
    rate: Annotated[float, Field(ge=0, le=200, allow_inf_nan=False), BeforeValidator(_rate)] = 100.0
    webhookUrl: Webhook = None


class DeleteRequest(Request):
    """POST faceswap/result/delbyids"""

    ids: Annotated[Words, Field(alias="_ids", min_length=1, max_length=10_000)]
    """With commas between them."""


class Record(BaseModel):
    """What every thing here is known by."""

    id: str = Field(serialization_alias="_id")
    create_time: int
    uid: int
    from_: int = Field(serialization_alias="from")


class Video(Record):
    """What is told of every video. ``webhookUrl`` of talking photos, ``progress`` and ``warnings`` are ours."""

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
    """What createbytalkingphoto answers, and infobymodelid of it."""

    type: Literal[5] = 5
    talking_photo: str
    prompt: str
    resolution: str


class LipSync(Video):
    """What lipsync answers, and infobymodelid of it."""

    type: Literal[9] = 9
    target_video: str
    input_audio: str
    task_id: str
    lipsync: Literal[True] = True


class Failed(BaseModel):
    """What is added where ``video_status`` or ``status`` is 4."""

    error_code: int
    error_reason: str


class FailedTalkingPhoto(TalkingPhoto, Failed):
    """A talking photo that there will not be."""


class FailedLipSync(LipSync, Failed):
    """A lip sync that there will not be."""


class Audio(Record):
    """What audio/create answers, and audio/infobymodelid."""

    input_text: str
    rate: str
    voice_id: str
    webhookUrl: str
    voice_model_id: str
    url: str
    status: VideoStatus


class FailedAudio(Audio, Failed):
    """A voice that will not be heard."""


class Voice(Record):
    """One of GET voice/list."""

    voice_id: str
    gender: str
    accent: str
    name: str
    description: str
    useCase: str
    type: int
    preview: str


class Credit(BaseModel):
    """GET faceswap/quota/info"""

    credit: int


class Upload(BaseModel):
    """POST upload, which is ours."""

    url: str
    size: int
    expires_at: int


class Answer(BaseModel, Generic[Data]):
    """Around everything."""

    code: int = SUCCESS
    msg: str = "OK"
    data: Data


class Done(BaseModel):
    """Where there is nothing to tell; every refusal too."""

    code: int = SUCCESS
    msg: str = "OK"


class Token(BaseModel):
    """The one answer that is different."""

    code: int = SUCCESS
    token: str
