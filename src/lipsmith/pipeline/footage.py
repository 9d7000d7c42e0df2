"""Footage of a clip: its faces as tracks, and the lips of a face beside its own audio. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.face.choice import ExpectedOpening
    from lipsmith.face.track import FaceTrack
    from lipsmith.media.clip import ClipFrame
    from lipsmith.media.reader import Clip
    from lipsmith.pipeline.progress import ProgressReporter
    from lipsmith.speech.personal import Footage, SpeechReading


def follow(clip: Clip, last: int, reporter: ProgressReporter, engines: Mapping[str, str]) -> Sequence[FaceTrack]:
    """Follow every face through the frames before ``last``; tracks from left to right."""
    from lipsmith.engines import registry

    def counted() -> Iterator[ClipFrame]:
        for done, frame in enumerate(clip.frames(0, last), start=1):
            yield frame
            reporter.frame(done, last)

    return registry.create("face_follower", engines.get("face_follower")).follow(
        counted(), pixel_aspect=clip.info.pixel_aspect
    )


def opening_of(reading: SpeechReading, delay_s: float) -> ExpectedOpening:
    """Expected opening of the mouth for audio that starts ``delay_s`` after the first frame."""
    import numpy as np

    from lipsmith.face.choice import ExpectedOpening
    from lipsmith.speech.visemes import HOP_S

    openness = reading.lips.aperture.astype(np.float64)
    return ExpectedOpening(times_s=np.arange(len(openness), dtype=np.float64) * HOP_S + delay_s, openness=openness)


def footage_of(track: FaceTrack, reading: SpeechReading, *, audio_delay_s: float, name: str) -> Footage:
    """Lips of a face track beside the speech; the audio starts ``audio_delay_s`` after the first frame."""
    import numpy as np

    from lipsmith.speech.personal import Footage

    seen = track.present & ~track.bridged
    return Footage(
        reading=reading,
        times_s=track.times_s[seen] - audio_delay_s,
        aperture_iod=track.aperture[seen].astype(np.float64),
        width_iod=track.width[seen].astype(np.float64),
        name=name,
    )
