"""Warnings of a lip sync."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lipsmith.limits import SHARP_IOD_PX

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.media.clip import Audio, ClipInfo
    from lipsmith.media.timeline import FramePlan
    from lipsmith.motion.track import MotionTrack
    from lipsmith.pipeline.sync_people import Person

MIN_REPORTED_S = 0.1
"""Smallest difference in length that gives a warning."""
MIN_REPORTED_SHARE = 0.2
"""Smallest share of the video without new lips that gives a warning."""


def damage_warnings(damaged_s: Sequence[tuple[float, float]]) -> Iterator[str]:
    """Warn of frames that could not be decoded."""
    if damaged_s:
        places = ", ".join(f"{start_s:.2f}-{end_s:.2f} s" for start_s, end_s in damaged_s)
        yield f"The clip is damaged at {places}. The last good frame is shown there, or one with errors."


def length_warnings(show: FramePlan, info: ClipInfo, track: MotionTrack | None) -> Iterator[str]:
    """Warn where clip, audio and motion track are not equally long."""
    longer_s = show.audio_s - float(info.duration_s)
    if show.mode == "silence" and longer_s > MIN_REPORTED_S:
        yield (
            f"The audio is {longer_s:.2f} s longer than the clip, and its end was cut. The duration modes loop, bounce "
            "and hold keep all of it."
        )
    elif show.mode == "silence" and longer_s < -MIN_REPORTED_S:
        yield (
            f"The audio ends {-longer_s:.2f} s before the clip, and the lips rest from there on. The duration mode cut "
            "ends the video there."
        )
    frames = len(show)
    if track is not None and len(track) != frames:
        change = "its last row is held" if len(track) < frames else "its end is cut"
        yield f"The motion track has {len(track)} rows, and the video {frames} frames: {change}."


def silence_warnings(motions: Sequence[MotionTrack]) -> Iterator[str]:
    """Warn of speakers without speech."""
    from lipsmith.motion.lips import SHUT_IOD

    silent = [number for number, motion in enumerate(motions, start=1) if not (motion["aperture"] > SHUT_IOD).any()]
    if silent:
        whose = "" if len(motions) == 1 else f" of speaker {', '.join(map(str, silent))}"
        yield f"No speech{whose} was found, so the lips rest for the whole video."


def face_warnings(
    people: Sequence[Person], unchanged_s: Sequence[tuple[float, float]], duration_s: float
) -> Iterator[str]:
    """Warn of small faces, and of long parts without a face to change."""
    import numpy as np

    smallest_px = min(float(np.nanmedian(person.track.iod_px)) for person in people)
    if smallest_px < SHARP_IOD_PX:
        yield (
            f"The face is small: {smallest_px:.0f} pixels between the eyes. From {SHARP_IOD_PX} pixels on, lips and "
            "teeth look sharp."
        )
    kept_s = math.fsum(end_s - start_s for start_s, end_s in unchanged_s)
    if kept_s > MIN_REPORTED_SHARE * duration_s:
        yield (
            f"In {kept_s:.1f} of {duration_s:.1f} s the face is not seen, or it is turned away. The frames stay "
            "unchanged there, while the new speech goes on."
        )


def background_warnings(own: Audio | None, gain_db: float | None) -> Iterator[str]:
    """Warn where there is no audio to keep."""
    if gain_db is not None and own is None:
        yield "The clip has no audio of its own to keep."
