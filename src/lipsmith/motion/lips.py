"""Motion of the lips for the frames of a clip, at their own times."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipsmith.motion.mouth import mouth_channels
from lipsmith.motion.track import MotionTrack
from lipsmith.speech.visemes import Speech

F64 = NDArray[np.float64]

UNEVEN_HZ = 60
"""Rate of the curves from which clips with a variable rate are sampled."""
CLOSURE_S = 0.1
"""A frame shows a closure within this time from its start; after that it shows its start."""
SHUT_IOD = 0.012
"""Lips this near to each other look shut."""


def lips_at_frames(
    speech: Speech, *, times_s: Sequence[Fraction], fps: Fraction, variable_rate: bool, reach: float = 1.0
) -> MotionTrack:
    """Return one row for each frame of a clip, shown from ``times_s`` on.

    ``fps``: frame rate, the mean if ``variable_rate``; ``reach``: opening of this person's mouth relative to most
    people's. Lips that meet are shut in at least one frame.
    """
    count = len(times_s)
    if not variable_rate:
        channels = mouth_channels(speech, fps=fps, frames=count)
    else:
        channels = _at_times(speech, np.array([float(t) for t in times_s]))
    channels["aperture"] = channels["aperture"] * reach
    return MotionTrack.of(fps, count, **channels)


def _at_times(speech: Speech, times_s: F64) -> dict[str, F64]:
    spans_s = np.diff(times_s, append=2 * times_s[-1] - times_s[-2] if len(times_s) > 1 else times_s[-1] + 0.04)
    rows = int(np.ceil((times_s[-1] + spans_s[-1]) * UNEVEN_HZ)) + 2
    even = mouth_channels(speech, fps=Fraction(UNEVEN_HZ), frames=rows)
    at = np.minimum(np.round(times_s * UNEVEN_HZ).astype(int), rows - 1)
    channels = {name: curve[at] for name, curve in even.items()}
    ends = np.minimum(np.round((times_s + np.minimum(spans_s, CLOSURE_S)) * UNEVEN_HZ).astype(int), rows)
    for n, (start, end) in enumerate(zip(at, ends, strict=True)):
        lowest = even["aperture"][start : max(end, start + 1)].min()
        if lowest < SHUT_IOD:  # otherwise a long frame would hide the closure
            channels["aperture"][n] = lowest
    return channels
