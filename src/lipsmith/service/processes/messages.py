"""Messages between the runner and a child process: one line of JSON each.

The parent sends one `Task`. The child answers with lines of `Answer`. A child that has decoded an untrusted file may be
under its control, so every field of an answer is checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Interval, Len

from lipsmith.pipeline.options import JsonValue, Option, Record
from lipsmith.service.processes.sandbox import Guards
from lipsmith.service.project import Failure, OutputInfo

if TYPE_CHECKING:
    from pydantic import TypeAdapter

TaskKind = Literal["talking_photo", "lip_sync", "face_detection", "voice", "warm_up"]


@dataclass(frozen=True, kw_only=True)
class Task(Record):
    """Work for one child process."""

    kind: Annotated[str, Option(help="One of `TaskKind`.")]
    inputs: Annotated[Mapping[str, str], Option(help="Paths of the inputs by role.")]
    out: Annotated[str, Option(help="Folder for the results.")]
    options: Annotated[Mapping[str, JsonValue], Option(help="Stored form of the request to the pipeline.")]
    start_s: Annotated[float, Option(help="Start in the recording or clip, seconds.")] = 0.0
    end_s: Annotated[float, Option(help="End in the recording or clip, seconds.")] = 0.0
    offset_s: Annotated[float, Option(help="Time in the original clip at which the input begins, seconds.")] = 0.0
    max_duration_s: Annotated[float | None, Option(help="Longest result, where its duration is unknown.")] = None

    @property
    def paid_s(self) -> float | None:
        """Seconds that the held credits pay for, where the duration is unknown; else None."""
        return None if self.max_duration_s is None else self.end_s - self.start_s


@dataclass(frozen=True, kw_only=True)
class ProgressReport:
    """Progress within one stage."""

    stage: Annotated[str, Len(1, 40)]
    done: Annotated[int, Interval(ge=0, le=10**9)]
    total: Annotated[int, Interval(ge=0, le=10**9)]
    left_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class TaskResult(OutputInfo):
    """Result of a task."""

    files: Annotated[tuple[Annotated[str, Len(1, 100)], ...], Len(0, 10_000)]
    """Names of the files in the folder for results."""


@dataclass(frozen=True, kw_only=True)
class VoiceDescription:
    """One voice that can speak a text."""

    name: Annotated[str, Len(1, 200)]
    language: Annotated[str, Len(0, 50)]
    """BCP 47 tag, such as ``en-GB``."""
    gender: Annotated[str, Len(0, 20)]
    """``female``, ``male`` or ``neutral``."""
    description: Annotated[str, Len(0, 1000)]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One line from a child process: exactly one field is set. `NOTHING` has none."""

    guards: Guards | None = None
    progress: ProgressReport | None = None
    result: TaskResult | None = None
    error: Failure | None = None
    voices: Annotated[tuple[VoiceDescription, ...], Len(0, 100_000)] | None = None

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


NOTHING = Answer()


def encode(message: Task | Answer) -> bytes:
    """Return ``message`` as one line."""
    if isinstance(message, Task):
        return json.dumps(message.to_json()).encode() + b"\n"
    return json.dumps({name: part for name, part in asdict(message).items() if part is not None}).encode() + b"\n"


def decode_task(line: bytes) -> Task:
    """Return the task in ``line``. Raises InvalidOption or ValueError."""
    return Task.from_json(json.loads(line))


def decode_answer(line: bytes) -> Answer:
    """Return the answer in ``line``. Raises ValueError for anything that is not exactly one valid answer."""
    answer = _answers().validate_json(line)
    if sum(part is not None for part in vars(answer).values()) != 1:
        raise ValueError("not exactly one answer")
    return answer


@cache
def _answers() -> TypeAdapter[Answer]:
    from pydantic import TypeAdapter  # in the parent only

    return TypeAdapter(Answer)
