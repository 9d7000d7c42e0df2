"""Recording of a lip sync: requested lips, and every drawn frame before it is encoded.

The whole pipeline runs as usual; only the lip syncer is wrapped. Frames are stored in a file.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from lipsmith import lip_sync
from lipsmith.engines import registry
from lipsmith.engines.classic_lip_syncer import ClassicLipSyncer, replaced_share
from lipsmith.engines.contract import Effort, NewLips
from lipsmith.face.geometry import F64
from lipsmith.face.track import FaceTrack
from lipsmith.media.clip import U8, ClipFrame, ClipInfo
from lipsmith.media.reader import Clip


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Frame of the new video, in the form that the face follower takes."""

    planes: U8
    time_s: Fraction


class Recording:
    """Finished lip sync of one face."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.seconds = self.cpu_seconds = 0.0
        self.clip: Clip
        self.speaker: NewLips
        self._store = out.with_suffix(".planes")
        self._times_s: list[Fraction] = []

    def __len__(self) -> int:
        return len(self._times_s)

    @property
    def info(self) -> ClipInfo:
        return self.clip.info

    @property
    def track(self) -> FaceTrack:
        return self.speaker.track

    @property
    def share(self) -> F64:
        """Return the share of new lips in each frame of the new video, (n,) 0-1."""
        return replaced_share(self.track)[self.speaker.sources]

    @property
    def requested(self) -> F64:
        """Return the requested opening, (n,) IOD."""
        return np.asarray(self.speaker.motion["aperture"], np.float64)

    def drawn(self) -> Iterator[Drawn]:
        """Yield all frames as sent to the encoder."""
        shape = (self.info.height * 3 // 2, self.info.width)
        with self._store.open("rb") as file:
            for time_s in self._times_s:
                yield Drawn(planes=np.fromfile(file, np.uint8, shape[0] * shape[1]).reshape(shape), time_s=time_s)

    def pairs(self) -> Iterator[tuple[int, U8, U8]]:
        """Yield the index of each frame in the clip, its planes in the source, and its planes as drawn."""
        sources = self.speaker.sources
        before = (frame for frame in self.clip.frames(0, int(sources.max()) + 1))
        for number, drawn in enumerate(self.drawn()):
            source = next(before)
            if source.index != int(sources[number]):
                raise ValueError("Only clips that run once, forwards, can be compared frame by frame.")
            yield source.index, source.planes, drawn.planes

    def forget(self) -> None:
        """Delete the frames."""
        self._store.unlink(missing_ok=True)

    def frames(
        self, clip: Clip, shown: Iterable[ClipFrame], speakers: Sequence[NewLips], *, effort: Effort, first: int = 0
    ) -> Iterator[ClipFrame]:
        """The role `LipSyncer`: the built-in engine, watched."""
        (self.speaker,) = speakers
        self.clip = clip
        with self._store.open("wb") as file:
            for frame in ClassicLipSyncer().frames(clip, shown, speakers, effort=effort, first=first):
                self._times_s.append(frame.time_s)
                frame.planes.tofile(file)
                yield frame

    def replaced_share(self, track: FaceTrack) -> F64:
        return replaced_share(track)


_under_way: list[Recording] = []


def watched() -> Recording:
    """Make the engine that the registry returns while `record` runs."""
    return _under_way[-1]


def record(video: Path, audio: Path, out: Path, **options: Any) -> Recording:
    """Run `lip_sync` and keep the drawn frames. Raises the errors of `lip_sync`."""
    recording = Recording(out)
    _under_way.append(recording)
    start, cpu_start = time.perf_counter(), time.process_time()
    try:
        with patch.dict(registry.BUILT_IN["lip_syncer"], {"watched": f"{__name__}:watched"}):  # type: ignore[arg-type]
            lip_sync(video, audio, out, engines={"lip_syncer": "watched"}, overwrite=True, **options)
    finally:
        _under_way.pop()
    recording.seconds = time.perf_counter() - start
    recording.cpu_seconds = time.process_time() - cpu_start
    return recording
