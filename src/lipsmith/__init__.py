"""lipsmith makes a portrait speak, and a filmed person say something else.

The names below are loaded when they are first used, so that ``import lipsmith`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lipsmith.errors import LipsmithError
    from lipsmith.motion.track import MotionTrack
    from lipsmith.pipeline import (
        Progress,
        Speaker,
        SpokenResult,
        StyleResult,
        SyncedFace,
        SyncResult,
        TalkResult,
        learn_style,
        lip_sync,
        speak_text,
        talking_photo,
    )

__version__ = "0.1.0"

__all__ = [
    "LipsmithError",
    "MotionTrack",
    "Progress",
    "Speaker",
    "SpokenResult",
    "StyleResult",
    "SyncResult",
    "SyncedFace",
    "TalkResult",
    "__version__",
    "learn_style",
    "lip_sync",
    "speak_text",
    "talking_photo",
]

_HOMES = {
    "LipsmithError": "lipsmith.errors",
    "MotionTrack": "lipsmith.motion.track",
    "Progress": "lipsmith.pipeline",
    "Speaker": "lipsmith.pipeline",
    "SpokenResult": "lipsmith.pipeline",
    "StyleResult": "lipsmith.pipeline",
    "SyncResult": "lipsmith.pipeline",
    "SyncedFace": "lipsmith.pipeline",
    "TalkResult": "lipsmith.pipeline",
    "learn_style": "lipsmith.pipeline",
    "lip_sync": "lipsmith.pipeline",
    "speak_text": "lipsmith.pipeline",
    "talking_photo": "lipsmith.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(__all__) | set(globals()))
