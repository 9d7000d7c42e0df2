"""The whole way from a photo, or a clip, to a new video: the order of the steps, who reports and who may cancel.

talk.py, sync.py   the two stories, told as named steps
speak.py           a text to a sound file, without a face
style.py           how one person speaks, learnt from their clips
options.py         what options may be
speakers.py        which face of a clip says what
speaking.py        a recording, or a text that is spoken
watching.py        what a clip itself shows and says
outputs.py         the files that are written
work.py            progress and cancelling
"""

from lipsmith.pipeline.outputs import NEED_SPEECH
from lipsmith.pipeline.progress import STAGES, SYNC_STAGES, Progress, Stage, StrPath
from lipsmith.pipeline.speak import SpokenResult, speak_text
from lipsmith.pipeline.speakers import FaceSelector, Speaker
from lipsmith.pipeline.style import StyleResult, learn_style
from lipsmith.pipeline.sync import SyncedFace, SyncMode, SyncResult, lip_sync
from lipsmith.pipeline.talk import Mode, TalkResult, talking_photo

__all__ = [
    "NEED_SPEECH",
    "STAGES",
    "SYNC_STAGES",
    "FaceSelector",
    "Mode",
    "Progress",
    "Speaker",
    "SpokenResult",
    "Stage",
    "StrPath",
    "StyleResult",
    "SyncMode",
    "SyncResult",
    "SyncedFace",
    "TalkResult",
    "learn_style",
    "lip_sync",
    "speak_text",
    "talking_photo",
]
