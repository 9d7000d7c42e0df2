"""Progress and cancellation. Knows nothing of the work itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lipsmith.errors import Cancelled

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.media.clip import F32, Audio

StrPath = str | os.PathLike[str]
Stage = Literal["picture", "clip", "face", "sound", "speech", "motion", "video"]

STAGES: tuple[Stage, ...] = ("picture", "face", "sound", "speech", "motion", "video")
"""Stages of a talking photo, in order."""
SYNC_STAGES: tuple[Stage, ...] = ("clip", "sound", "face", "speech", "motion", "video")
"""Stages of a lip sync, in order."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Progress of a request."""

    stage: Stage
    done: int
    """Frames in the stage ``video``, and in ``face`` where a face is followed through a clip; else 0 or 1."""
    total: int
    fps: float
    """Frames finished per second since the stage began; 0 where there are no frames."""
    left_s: float | None
    """Seconds left in this stage; None while unknown."""


class ProgressReporter:
    """Time the stages, report them, and stop them on cancellation."""

    def __init__(self, progress: Callable[[Progress], None] | None, cancelled: Callable[[], bool] | None) -> None:
        self.seconds: dict[str, float] = {}
        """Wall-clock seconds of finished stages."""
        self._progress = progress
        self._cancelled = cancelled
        self._stage: Stage = STAGES[0]
        self._since = time.perf_counter()
        self._frames = 0

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Time and report the stage ``name``, which is the block."""
        self._stage, self._since, self._frames = name, time.perf_counter(), 0
        self._report(0, 1)
        yield
        passed = time.perf_counter() - self._since  # several clips come through the same stage in turn
        self.seconds[name] = round(self.seconds.get(name, 0.0) + passed, 3)
        if not self._frames:
            self._report(1, 1)

    def frame(self, done: int, total: int) -> None:
        """Report finished frames of the stage. Raises Cancelled after cancellation."""
        self._frames = done
        self._report(done, total)

    def check(self) -> None:
        """Raise Cancelled after cancellation."""
        if self._cancelled and self._cancelled():
            raise Cancelled()

    def cancellable(self, audio: Audio) -> Audio:
        """Audio whose reading raises Cancelled after cancellation."""
        return _CancellableAudio(audio, self.check)

    def _report(self, done: int, total: int) -> None:
        self.check()
        if self._progress is None:
            return
        passed = time.perf_counter() - self._since
        fps = done / passed if self._frames and passed > 0 else 0.0
        left_s = (total - done) / fps if fps else None
        self._progress(Progress(stage=self._stage, done=done, total=total, fps=fps, left_s=left_s))


class _CancellableAudio:
    """Implements `Audio`."""

    def __init__(self, audio: Audio, check: Callable[[], None]) -> None:
        self._audio, self._check = audio, check

    @property
    def duration_s(self) -> float:
        return self._audio.duration_s

    @property
    def channels(self) -> int:
        return self._audio.channels

    def blocks(self, rate_hz: int, channels: int) -> Iterator[F32]:
        for block in self._audio.blocks(rate_hz, channels):
            self._check()
            yield block
