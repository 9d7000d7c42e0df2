"""Motion of a whole face from speech."""

from __future__ import annotations

from fractions import Fraction
from typing import get_args

import numpy as np

from lipsmith.errors import InvalidOption
from lipsmith.motion.accents import accents
from lipsmith.motion.expression import expression_channels
from lipsmith.motion.eyes import blink_channels, gaze_channels
from lipsmith.motion.head import head_channels
from lipsmith.motion.head_motion import HEAD_MOTIONS, HeadMotion
from lipsmith.motion.mouth import frame_visemes, mouth_channels
from lipsmith.motion.track import MotionTrack
from lipsmith.speech.visemes import Speech


def build_motion(
    speech: Speech,
    *,
    fps: Fraction,
    frames: int,
    head_motion: HeadMotion = "natural",
    still: bool = False,
    seed: int = 0,
) -> MotionTrack:
    """Move a face to ``speech`` for ``frames`` frames; equal arguments always give the same track.

    ``still`` holds the head and the breath; the eyes still blink. The first frame has the head, the eyes and, if the
    speech begins with silence, the mouth as in the photo. Raises InvalidOption for an unknown ``head_motion``.
    """
    if head_motion not in HEAD_MOTIONS:
        raise InvalidOption(f"head_motion is {head_motion!r}. Choose one of {', '.join(get_args(HeadMotion))}.")
    style = HEAD_MOTIONS[head_motion]
    times_s = np.arange(frames) / float(fps)
    # Each part of the face has its own generator: a change in one part does not affect the others.
    for_head, for_lids, for_gaze, for_expression = (np.random.default_rng([seed, part]) for part in range(4))
    stresses = accents(speech)
    mouth = mouth_channels(speech, fps=fps, frames=frames)
    head = {} if still else head_channels(for_head, times_s, stresses, style)
    motionless = np.zeros(frames)
    lids = blink_channels(for_lids, times_s, speech)
    gaze = gaze_channels(for_gaze, times_s, head.get("head_yaw", motionless), head.get("head_pitch", motionless))
    expression = expression_channels(for_expression, times_s, speech, stresses, style)
    visemes = frame_visemes(speech, fps=fps, frames=frames)
    return MotionTrack.of(fps, frames, visemes=visemes, **mouth, **head, **lids, **gaze, **expression)
