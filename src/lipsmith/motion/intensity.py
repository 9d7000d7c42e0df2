"""Intensity: one factor for mouth and expression."""

from __future__ import annotations

import numpy as np

from lipsmith.motion.track import MotionTrack

_SCALED = ("aperture", "jaw", "width", "pucker", "upper_raise", "lower_drop", "brow", "brow_inner", "cheek")
_EASY_IOD, _SPAN_IOD = 0.28, 0.08  # above the first the mouth opens ever less, as real lips do


def scale_intensity(track: MotionTrack, intensity: float) -> MotionTrack:
    """Return the track with opening, rounding and brows multiplied by ``intensity``; 1 changes nothing.

    Lips that touch still touch. Pressed lips and the lip under the teeth stay, and so do the head, the eyes and the
    smile, which is the photo's own.
    """
    if intensity == 1.0:
        return track
    channels = dict(track.channels)
    for name in _SCALED:
        channels[name] = channels[name] * np.float32(intensity)
    if intensity > 1.0:
        over = np.maximum(channels["aperture"] - _EASY_IOD, 0.0)
        eased = np.minimum(channels["aperture"], _EASY_IOD) + _SPAN_IOD * np.tanh(over / _SPAN_IOD)
        channels["aperture"] = np.maximum(eased, track["aperture"])
    return track.edited(**channels)
