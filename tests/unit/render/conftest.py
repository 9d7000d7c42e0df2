from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from render_helpers import motion

from lipsmith.engines.mediapipe_face import MediapipeFaceFinder, mesh_triangles, person_matte
from lipsmith.face.landmarks import Face
from lipsmith.face.layout import I32
from lipsmith.media.clip import F32, Picture
from lipsmith.render.portrait import Portrait
from lipsmith.render.shape import FaceShape


@pytest.fixture(scope="session")
def picture(astronaut: NDArray[np.uint8]) -> Picture:
    return Picture(rgb=astronaut, grey=False)


@pytest.fixture(scope="session")
def face(picture: Picture) -> Face:
    return MediapipeFaceFinder().find(picture)[0]


@pytest.fixture(scope="session")
def triangles() -> I32:
    return mesh_triangles()


@pytest.fixture(scope="session")
def matte(picture: Picture) -> F32:
    return person_matte(picture.rgb)


@pytest.fixture(scope="session")
def portrait(picture: Picture, face: Face, matte: F32, triangles: I32) -> Portrait:
    return Portrait(picture, face, matte=matte, triangles=triangles)


@pytest.fixture(scope="session")
def shut_face(face: Face, portrait: Portrait) -> Face:
    """The same face with its lips together and its smile gone: another starting point for the same mesh."""
    channels = motion(smile=0.0)
    frame = portrait.shape.frame
    rest = portrait.shape.rest + portrait.shape.displacement(channels)
    return Face(points=rest * frame.iod_px @ frame.rotation + frame.origin, score=face.score)


@pytest.fixture(scope="session")
def shapes(face: Face, shut_face: Face, triangles: I32) -> dict[str, FaceShape]:
    """The open smile and the shut mouth."""
    return {"smile": FaceShape(face.points, triangles), "shut": FaceShape(shut_face.points, triangles)}
