from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lipsmith.engines.mediapipe_face import MediapipeFaceFinder
from lipsmith.face.landmarks import Face
from lipsmith.media.clip import Image


@pytest.fixture(scope="session")
def finder() -> MediapipeFaceFinder:
    return MediapipeFaceFinder()


@pytest.fixture(scope="session")
def face(astronaut: NDArray[np.uint8], finder: MediapipeFaceFinder) -> Face:
    """The astronaut's face."""
    return finder.find(Image(rgb=astronaut, grey=False))[0]
