"""Cost of a clip before anything is drawn: decoding and encoding alone, with the settings of a real run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from lipsmith.limits import CLIP_CRF
from lipsmith.media.background import open_own_audio
from lipsmith.media.clip import Audio
from lipsmith.media.encode import write_video
from lipsmith.media.reader import open_clip


@dataclass(frozen=True, kw_only=True)
class PassThrough:
    """Clip that was read and written again without changes."""

    frames: int
    seconds: float
    """Wall clock, from opening the clip to the finished file."""

    @property
    def fps(self) -> float:
        """Frames per second of wall clock."""
        return self.frames / self.seconds


def pass_through(
    clip: Path, out: Path, *, audio: Audio | None = None, end_s: float | None = None, crf: int = CLIP_CRF
) -> PassThrough:
    """Decode and encode a clip, or its first ``end_s`` seconds, with ``audio`` or else with its own."""
    start = time.perf_counter()
    opened = open_clip(clip, end_s=end_s)
    audio_out = audio or open_own_audio(opened)
    write_video(out, opened.info.video_format(crf), opened.frames(), audio_out, overwrite=True)
    return PassThrough(frames=len(opened), seconds=time.perf_counter() - start)
