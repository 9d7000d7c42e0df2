"""Shared by the tests of the render room."""

from __future__ import annotations

from lipsmith.motion.track import CHANNELS


def motion(**given: float) -> dict[str, float]:
    """All channels at rest but for those given."""
    return {name: rest for name, (_, _, rest, _) in CHANNELS.items()} | given
