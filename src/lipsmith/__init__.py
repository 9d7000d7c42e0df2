"""lipsmith animates a portrait to speak, and gives a filmed person new words.

The names below are loaded when they are first used, so that ``import lipsmith`` costs almost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lipsmith.errors import LipsmithError
    from lipsmith.motion.track import MotionTrack
    from lipsmith.pipeline import (
        DetectedFace,
        DetectRequest,
        DetectResult,
        Progress,
        Speaker,
        SpeakRequest,
        SpokenResult,
        StyleRequest,
        StyleResult,
        SyncedFace,
        SyncRequest,
        SyncResult,
        TalkRequest,
        TalkResult,
        detect_faces,
        learn_style,
        lip_sync,
        speak_text,
        talking_photo,
    )

__version__ = "0.1.0"

__all__ = [
    "DetectRequest",
    "DetectResult",
    "DetectedFace",
    "LipsmithError",
    "MotionTrack",
    "Progress",
    "SpeakRequest",
    "Speaker",
    "SpokenResult",
    "StyleRequest",
    "StyleResult",
    "SyncRequest",
    "SyncResult",
    "SyncedFace",
    "TalkRequest",
    "TalkResult",
    "__version__",
    "detect_faces",
    "learn_style",
    "lip_sync",
    "speak_text",
    "talking_photo",
]

_MODULES = {"LipsmithError": "lipsmith.errors", "MotionTrack": "lipsmith.motion.track"}
"""Modules of the names; all others are in `lipsmith.pipeline`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES.get(name, "lipsmith.pipeline")), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(__all__) | set(globals()))
