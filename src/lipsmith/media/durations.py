"""What can be done about a clip and a sound of different length. Names alone; `lipsmith.media.timeline` does it."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

DurationMode: TypeAlias = Literal["silence", "cut", "loop", "bounce", "hold"]
"""What happens when a clip and its new sound are not equally long.

    silence  the clip decides: the sound is cut, or the rest of the clip stays silent
    cut      the shorter decides
    loop     the sound decides: the clip begins anew as often as needed
    bounce   the sound decides: the clip runs to and fro; its first and last picture are not doubled
    hold     the sound decides: the clip's last picture stays

Where the sound decides, the pictures cover it, and the last one is shown for its whole length.
"""
DURATION_MODES: tuple[DurationMode, ...] = get_args(DurationMode)
