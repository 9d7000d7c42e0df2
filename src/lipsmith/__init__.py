"""lipsmith makes a portrait speak.

The names below are loaded when they are first used, so that ``import lipsmith`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lipsmith.errors import LipsmithError
    from lipsmith.motion.track import MotionTrack
    from lipsmith.pipeline import Progress, StyleResult, TalkResult, learn_style, talking_photo

__version__ = "0.1.0"

__all__ = [
    "LipsmithError",
    "MotionTrack",
    "Progress",
    "StyleResult",
    "TalkResult",
    "__version__",
    "learn_style",
    "talking_photo",
]

_HOMES = {
    "LipsmithError": "lipsmith.errors",
    "MotionTrack": "lipsmith.motion.track",
    "Progress": "lipsmith.pipeline",
    "StyleResult": "lipsmith.pipeline",
    "TalkResult": "lipsmith.pipeline",
    "learn_style": "lipsmith.pipeline",
    "talking_photo": "lipsmith.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(__all__) | set(globals()))
