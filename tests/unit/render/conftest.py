from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from render_helpers import motion, solid_matte

from lipsmith.engines.mediapipe_face import MediapipeFaceFinder, mesh_triangles, person_matte
from lipsmith.face.geometry import F64
from lipsmith.face.landmarks import Face
from lipsmith.face.layout import I32
from lipsmith.media.clip import U8, Image
from lipsmith.render.matte import Matte
from lipsmith.render.portrait import Portrait
from lipsmith.render.shape import FaceShape


@pytest.fixture(scope="session")
def image(astronaut: NDArray[np.uint8]) -> Image:
    return Image(rgb=astronaut, grey=False)


@pytest.fixture(scope="session")
def face(image: Image) -> Face:
    return MediapipeFaceFinder().find(image)[0]


@pytest.fixture(scope="session")
def triangles() -> I32:
    return mesh_triangles()


@pytest.fixture(scope="session")
def matte(image: Image, face: Face) -> Matte:
    return person_matte(image.rgb, face)


@pytest.fixture(scope="session")
def portrait(image: Image, face: Face, matte: Matte, triangles: I32) -> Portrait:
    return Portrait(image, face, matte=matte, triangles=triangles)


@pytest.fixture(scope="session")
def shut_face(face: Face, portrait: Portrait) -> Face:
    """Return the face with closed lips and without its smile: another starting point for the same mesh."""
    channels = motion(smile=0.0)
    frame = portrait.shape.frame
    rest = portrait.shape.rest + portrait.shape.displacement(channels)
    return Face(points=rest * frame.iod_px @ frame.rotation + frame.origin, score=face.score)


@pytest.fixture(scope="session")
def shapes(face: Face, shut_face: Face, triangles: I32) -> dict[str, FaceShape]:
    """The open smile and the shut mouth."""
    return {"smile": FaceShape(face.points, triangles), "shut": FaceShape(shut_face.points, triangles)}


@pytest.fixture(scope="session")
def filmed(image: Image, triangles: I32) -> dict[str, tuple[U8, F64]]:
    """A clip's frames, made by code: one head that speaks, each (rgb, (478, 3) points found in it), 84 px IOD."""
    near = cv2.resize(image.rgb[20:280, 100:360], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    finder = MediapipeFaceFinder()
    still = Image(rgb=np.asarray(near, np.uint8), grey=False)
    portrait = Portrait(still, finder.find(still)[0], matte=solid_matte(still), triangles=triangles)
    frames = {}
    for name, aperture in (("shut", 0.0), ("parted", 0.05), ("open", 0.12), ("wide", 0.2)):
        rgb = portrait.draw_rgb(motion(aperture=aperture, smile=0.3))
        frames[name] = (rgb, finder.find(Image(rgb=rgb, grey=False))[0].points)
    return frames
