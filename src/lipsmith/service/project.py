"""Projects: requests for a video, a voice or faces, as clients see them. Records and their stored form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Annotated, Any, Literal, Self

from annotated_types import Interval, Len

from lipsmith.pipeline.options import JsonValue
from lipsmith.service.billing.prices import Price

Kind = Literal["talking_photo", "lip_sync", "face_detection", "voice"]
State = Literal["queued", "rendering", "complete", "error", "canceled"]
Event = Literal["started", "completed", "errored"]
"""Events that webhooks report."""

OPEN: tuple[State, ...] = ("queued", "rendering")
FINAL: tuple[State, ...] = ("complete", "error", "canceled")
"""States that never change."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Location of an input: a key in the storage, or a URL."""

    key: str | None = None
    url: str | None = None
    extension: str


@dataclass(frozen=True, kw_only=True)
class JobParams:
    """Parameters of a job, as its project stores them."""

    inputs: Mapping[str, Source]
    """Inputs by role."""
    options: Mapping[str, JsonValue]
    """Stored form of the request to the pipeline (`Record.to_json`). The child process reads it back."""
    start_s: float
    end_s: float
    fps: float
    """Frames per second, 0 where there is no video."""
    price: Price | None
    """None for a free job."""
    max_duration_s: float | None = None
    """Longest result where its duration is unknown when the project is created. Credits pay until ``end_s``."""
    retention_days: int | None = None
    """Days until results are deleted; None keeps them."""
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    """Values that the dialect stores for its own answers."""

    def without_words(self) -> Self:
        """Return the parameters without inputs and texts: numbers and choices stay, for answers about the project."""
        return replace(self, inputs={}, options=_without_words(self.options), metadata=_without_words(self.metadata))

    def to_json(self) -> dict[str, JsonValue]:
        """Stored form."""
        return {
            "inputs": {role: asdict(source) for role, source in self.inputs.items()},
            "options": dict(self.options),
            "start_s": self.start_s,
            "end_s": self.end_s,
            "fps": self.fps,
            "price": asdict(self.price) if self.price else None,
            "longest_s": self.max_duration_s,
            "kept_days": self.retention_days,
            "facts": dict(self.metadata),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Record from its stored form."""
        return cls(
            inputs={role: Source(**source) for role, source in data["inputs"].items()},
            options=data["options"],
            start_s=data["start_s"],
            end_s=data["end_s"],
            fps=data["fps"],
            price=Price(**data["price"]) if data.get("price") else None,
            max_duration_s=data.get("longest_s"),
            retention_days=data.get("kept_days"),
            metadata=data.get("facts", {}),
        )


def _without_words(values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return values of the same shape with empty texts."""

    def emptied(value: JsonValue) -> JsonValue:
        if isinstance(value, dict):
            return {name: emptied(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [emptied(inner) for inner in value]
        return "" if isinstance(value, str) else value

    return {name: emptied(value) for name, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class OutputInfo:
    """Properties of a rendered result. Fields that do not apply are None."""

    frames: Annotated[int | None, Interval(ge=0, le=10**9)] = None
    fps: Annotated[float | None, Interval(ge=0, le=1000)] = None
    width: Annotated[int | None, Interval(ge=0, le=10**6)] = None
    height: Annotated[int | None, Interval(ge=0, le=10**6)] = None
    duration_s: Annotated[float | None, Interval(ge=0, le=10**9)] = None
    """Seconds of audio; a video has ``frames`` and ``fps``."""
    warnings: Annotated[tuple[Annotated[str, Len(0, 10_000)], ...], Len(0, 1000)] = ()

    @property
    def video_s(self) -> float | None:
        """Duration of the video in seconds, None where there is none."""
        return round(self.frames / self.fps, 3) if self.frames is not None and self.fps else None


@dataclass(frozen=True, kw_only=True)
class JobResult(OutputInfo):
    """Result of a complete job."""

    keys: tuple[str, ...] = ()
    """Keys of its files in the storage."""

    def to_json(self) -> dict[str, JsonValue]:
        """Stored form, without fields that do not apply."""
        stored = {name: value for name, value in asdict(self).items() if value is not None}
        return stored | {"keys": list(self.keys), "warnings": list(self.warnings)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Record from its stored form. Unknown fields are ignored."""
        known = {one.name: data[one.name] for one in fields(cls) if one.name in data}
        return cls(**known | {"keys": tuple(data.get("keys", ())), "warnings": tuple(data.get("warnings", ()))})


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Reason why a job failed."""

    code: Annotated[str, Len(1, 100)]
    """Stable code of the error class."""
    message: Annotated[str, Len(0, 10_000)]
    """Explanation for people."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """One request for a result, and its state."""

    id: str
    account: str
    dialect: str
    """Name of the API that the request came through."""
    kind: Kind
    name: str
    params: JobParams
    state: State
    credits: int
    """Estimate until the project is final, then the cost."""
    result: JobResult | None
    """None until the project is complete."""
    error: Failure | None
    created_ms: int
    deleted: bool
    """True after its owner deleted it or its results expired."""
    expires_ms: int | None
    """Time at which the results are deleted; None keeps them."""
    progress: float
    """Completed part, 0 to 1."""
    stage: str | None
    """Current stage of the pipeline."""
    left_s: float | None
    """Estimated seconds until the stage is done; None while unknown."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the results in the storage; none after deletion."""
        return self.result.keys if self.result and not self.deleted else ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the result."""
        return self.result.warnings if self.result else ()
