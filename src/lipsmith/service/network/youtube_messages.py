"""Messages between the server and the process that runs yt-dlp: one line of JSON each.

The parent sends one `DownloadTask`. The child sends `ChildMessage` lines. After each request the parent sends an
`HttpReply`, and the body in plain bytes. The child may be under foreign control, so its messages are checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Interval, Len

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Text = Annotated[str, Len(0, 65_536)]


@dataclass(frozen=True, kw_only=True)
class DownloadTask:
    """Part of a video to download."""

    url: str
    start_s: float
    end_s: float | None
    """None for the end of the video."""
    max_side_px: int
    out: str
    """Path of the file to write."""


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """HTTP request that the child asks for."""

    method: Literal["GET", "HEAD", "POST"]
    url: Text
    headers: Annotated[dict[Text, Text], Len(0, 200)]
    body: Annotated[str, Len(0, 1 << 20)] | None
    """Base64."""


@dataclass(frozen=True, kw_only=True)
class HttpReply:
    """Reply to a request: its status, headers and the length of the body that follows, or the reason of a failure."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int = 0
    fault: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChildMessage:
    """Message of the child: a request, the time at which its file begins, or the reason of its failure."""

    request: HttpRequest | None = None
    begins_s: Annotated[float, Interval(ge=0)] | None = None
    why: Annotated[str, Len(0, 10_000)] | None = None

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


def encode(message: DownloadTask | HttpReply | ChildMessage) -> bytes:
    """Return ``message`` as one line."""
    return json.dumps(asdict(message)).encode() + b"\n"


def decode_child_message(line: bytes) -> ChildMessage:
    """Return the message in ``line``. Raises ValueError for anything invalid."""
    return _messages().validate_json(line)


@cache
def _messages() -> TypeAdapter[ChildMessage]:
    from pydantic import TypeAdapter  # in the parent only

    return TypeAdapter(ChildMessage)
