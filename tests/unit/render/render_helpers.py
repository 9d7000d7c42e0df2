"""Shared by the tests of the render room."""

from __future__ import annotations

import numpy as np

from lipsmith.media.clip import Image
from lipsmith.motion.track import CHANNELS
from lipsmith.render.matte import Matte


def motion(**given: float) -> dict[str, float]:
    """All channels at rest but for those given."""
    return {name: rest for name, (_, _, rest, _) in CHANNELS.items()} | given


def solid_matte(image: Image) -> Matte:
    """A person everywhere in the image."""
    return Matte(values=np.ones((8, 8), np.float32), rect=(0, 0, image.width, image.height))
