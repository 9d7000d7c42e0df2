"""What a clip itself shows and says: its faces are followed, its own sound is heard. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.face.choice import ExpectedOpening
    from lipsmith.face.track import FaceTrack
    from lipsmith.media.clip import ClipFrame
    from lipsmith.media.reader import Clip
    from lipsmith.pipeline.progress import ProgressReporter
    from lipsmith.speech.personal import Footage, SpeechReading


def follow(clip: Clip, last: int, work: ProgressReporter) -> Sequence[FaceTrack]:
    """Every face in the frames before ``last``, from left to right."""
    from lipsmith.engines import registry

    def counted() -> Iterator[ClipFrame]:
        for done, frame in enumerate(clip.frames(0, last), start=1):
            yield frame
            work.frame(done, last)

    return registry.create("face_follower").follow(counted(), pixel_aspect=clip.info.pixel_aspect)


def opening_of(reading: SpeechReading, delay_s: float) -> ExpectedOpening:
    """How far mouths should be open by a sound that begins ``delay_s`` after the first picture."""
    import numpy as np

    from lipsmith.face.choice import ExpectedOpening
    from lipsmith.speech.visemes import HOP_S

    openness = reading.lips.aperture.astype(np.float64)
    return ExpectedOpening(times_s=np.arange(len(openness)) * HOP_S + delay_s, openness=openness)


def footage_of(track: FaceTrack, reading: SpeechReading, *, audio_delay_s: float, name: str) -> Footage:
    """The lips of a followed face beside what was heard; the sound begins ``audio_delay_s`` after the first picture."""
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
