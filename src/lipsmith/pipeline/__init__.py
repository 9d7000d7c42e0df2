"""Pipeline: the steps from a photo or a clip to a new video.

requests.py              records of everything that can be asked for
options.py, facade.py    options as fields, and functions that take them as arguments
talk.py, photo.py        talking photo
sync.py, sync_*.py       lip sync
speak.py                 text to an audio file
style.py                 personal style from clips
detect.py                faces in a photo or a clip
speakers.py              faces of a clip and their words
speech_reading.py        recordings and texts to visemes
footage.py               faces and audio of a clip
outputs.py, progress.py  files, progress and cancellation
"""

from lipsmith.pipeline.detect import DetectedFace, DetectResult, detect_faces
from lipsmith.pipeline.outputs import NEED_SPEECH
from lipsmith.pipeline.progress import STAGES, SYNC_STAGES, Progress, Stage, StrPath
from lipsmith.pipeline.requests import (
    DetectRequest,
    FaceSelector,
    Speaker,
    SpeakRequest,
    StyleRequest,
    SyncMode,
    SyncRequest,
    TalkMode,
    TalkRequest,
)
from lipsmith.pipeline.speak import SpokenResult, speak_text
from lipsmith.pipeline.style import StyleResult, learn_style
from lipsmith.pipeline.sync import SyncedFace, SyncResult, lip_sync
from lipsmith.pipeline.talk import TalkResult, talking_photo

__all__ = [
    "NEED_SPEECH",
    "STAGES",
    "SYNC_STAGES",
    "DetectRequest",
    "DetectResult",
    "DetectedFace",
    "FaceSelector",
    "Progress",
    "SpeakRequest",
    "Speaker",
    "SpokenResult",
    "Stage",
    "StrPath",
    "StyleRequest",
    "StyleResult",
    "SyncMode",
    "SyncRequest",
    "SyncResult",
    "SyncedFace",
    "TalkMode",
    "TalkRequest",
    "TalkResult",
    "detect_faces",
    "learn_style",
    "lip_sync",
    "speak_text",
    "talking_photo",
]
