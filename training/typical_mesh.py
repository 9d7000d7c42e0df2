"""Measure the typical face mesh on a drawing of a face, and store it: `python -m training.typical_mesh`.

The drawing is made here, so that the mesh is no one's face.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsmith.engines import registry
from lipsmith.face.geometry import F64
from lipsmith.face.placed import TYPICAL_MESH
from lipsmith.media.clip import U8, Image

SIDE_PX, FINER = 512, 8
SKIN, HAIR, SHADE, LINE = (225, 180, 155), (70, 45, 30), (195, 145, 120), (150, 95, 80)
UPPER_LIP = ((216, 340), (236, 333), (250, 329), (256, 331), (262, 329), (276, 333), (296, 340), (276, 342), (256, 343))
LOWER_LIP = ((216, 340), (236, 342), (256, 343), (276, 342), (296, 340), (280, 353), (256, 358), (232, 353))
MIDDLE = ((216, 340), (236, 342), (256, 343), (276, 342), (296, 340))


def draw_face() -> U8:
    """Draw a face from the front with closed lips, (512, 512, 3) RGB."""
    image = np.full((SIDE_PX * FINER, SIDE_PX * FINER, 3), (200, 205, 210), np.uint8)

    def ellipse(
        x: float, y: float, wide: float, high: float, colour: tuple[int, int, int], line: int = -1,
        arc: tuple[float, float] = (0, 360), turned: float = 0,
    ) -> None:  # fmt: skip
        centre, axes = (round(x * FINER), round(y * FINER)), (round(wide * FINER), round(high * FINER))
        cv2.ellipse(image, centre, axes, turned, *arc, colour, line * FINER if line > 0 else -1)

    ellipse(256, 250, 118, 150, HAIR)
    ellipse(256, 400, 60, 110, (205, 160, 135))
    ellipse(256, 268, 100, 134, SKIN)
    for side in (-1, 1):
        eye = 256 + side * 43
        ellipse(eye, 250, 21, 9.5, (245, 245, 245))
        ellipse(eye, 250, 9, 9, (80, 50, 30))
        ellipse(eye, 250, 4, 4, (10, 10, 10))
        ellipse(eye, 251, 22, 11, (60, 35, 25), 3, (185, 355))
        ellipse(eye, 232, 27, 10, (75, 50, 35), 6, (200, 340))
        ellipse(256 + side * 10, 303, 7, 4, LINE, 3, (200, 340))
        ellipse(256 + side * 17, 298, 8, 10, SHADE, 3, (-60, 60), 0 if side > 0 else 180)
    for outline, colour in ((UPPER_LIP, (190, 90, 90)), (LOWER_LIP, (205, 105, 105))):
        cv2.fillPoly(image, [np.array(outline) * FINER], colour)
    cv2.polylines(image, [np.array(MIDDLE) * FINER], False, (110, 45, 45), 2 * FINER)
    small = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.2), np.uint8)


def measure() -> F64:
    """Return the mesh of the drawing, symmetrical, (478, 3) IOD from the middle between the eyes."""
    drawing = draw_face()
    meshes = []
    for rgb in (drawing, np.ascontiguousarray(drawing[:, ::-1])):
        [face] = registry.create("face_finder", None).find(Image(rgb=rgb, grey=False))
        eyes = face.points[[33, 133, 362, 263]].mean(axis=0)
        meshes.append((face.points - eyes) / face.iod_px)
    straight, mirrored = meshes[0], meshes[1] * [-1.0, 1.0, 1.0]
    # A point's counterpart is the point of the mirrored drawing that lies where it lies.
    twins = np.argmin(np.linalg.norm(straight[:, None] - mirrored[None], axis=2), axis=1)
    return np.asarray(0.5 * (straight + mirrored[twins]))


if __name__ == "__main__":
    np.save(TYPICAL_MESH, measure().astype(np.float32))
