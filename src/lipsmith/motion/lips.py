"""What the lips do in the pictures of a clip, whenever these come. Knows no head: a clip has its own."""

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
"""Clips without one rate are sampled from curves of this one."""
CLOSURE_S = 0.1
"""A picture shows a closure that comes so soon after its beginning; one that stays longer is open as it begins."""
SHUT_IOD = 0.012
"""Lips this near to each other are seen as shut."""


def lips_at_frames(
    speech: Speech, *, times_s: Sequence[Fraction], fps: Fraction, variable_rate: bool, reach: float = 1.0
) -> MotionTrack:
    """One row for each picture, shown from ``times_s`` on.

    ``fps``: their rate, an average where ``variable_rate``; ``reach``: how far this person opens the mouth, 1 for
    most people. Lips that meet are seen shut in at least one picture.
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
        if lowest < SHUT_IOD:  # a picture that stays a while shows the closure it would else hide
            channels["aperture"][n] = lowest
    return channels
