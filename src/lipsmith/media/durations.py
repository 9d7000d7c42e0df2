"""Names of the ways to fit a clip and audio of different length; `lipsmith.media.timeline` implements them."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

DurationMode: TypeAlias = Literal["silence", "cut", "loop", "bounce", "hold"]
"""Length of a new video whose clip and audio differ in length.

    silence  as long as the clip: the audio is cut or padded with silence
    cut      as long as the shorter of the two
    loop     as long as the audio: the clip repeats
    bounce   as long as the audio: the clip plays forwards and backwards, without doubling its first and last frame
    hold     as long as the audio: the last frame freezes

In the modes that follow the audio, the frames cover all of it, and the last frame has its full duration.
"""
DURATION_MODES: tuple[DurationMode, ...] = get_args(DurationMode)
