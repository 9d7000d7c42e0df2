"""How the mesh of a filmed face moves: from the lips it has in a frame to the lips that are asked for.

As `lipsmith.render.shape`, whose fields it borrows, but for a face whose own lips are in motion: every frame starts
from another opening and another width, and asks for an absolute one. What costs time is prepared once for the clip.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.layout import I32
from lipsmith.render.shape import FaceShape

LIP_SHAPES = ("pucker", "press", "tuck", "upper_raise", "lower_drop", "corner", "jaw")
"""The channels of a motion track that shape the lower face apart from aperture and width."""


class ClipShape:
    """The moving mesh of one face in one clip."""

    def __init__(self, typical: F64, triangles: I32) -> None:
        """``typical``: (478, 3) pixels, as `typical_mesh` makes it."""
        self.shape = FaceShape(typical, triangles)

    def displacement(self, now: F64, lips: Mapping[str, float], *, aperture: float, width: float) -> F64:
        """(478, 3) IOD: where every point of a frame's mesh goes.

        ``now``: (478, 3) that mesh in the head's frame, IOD; ``aperture`` and ``width``: what the lips shall have,
        IOD; of ``lips`` only `LIP_SHAPES` count.
        """
        opening = aperture - float(np.hypot(*(now[14, :2] - now[13, :2])))
        widening = width - float(np.linalg.norm(now[291] - now[61]))
        moved = self.shape.moved_by(
            {
                "opening": max(opening, 0.0),
                "closing": min(opening, 0.0),
                "widening": max(widening, 0.0),
                "narrowing": min(widening, 0.0),
                **{name: lips[name] for name in LIP_SHAPES},
            }
        )
        self.shape.meet_gaps(now, moved, aperture=aperture, pucker=lips["pucker"])
        return moved


def typical_mesh(meshes: F64) -> F64:
    """(478, 3) pixels: the median of (n, 478, 3) meshes in their own heads' frames, at the median size."""
    frames = [HeadFrame.of(mesh) for mesh in meshes]
    heads = np.stack([frame.to_head(mesh) for frame, mesh in zip(frames, meshes, strict=True)])
    median: F64 = np.median(heads, axis=0) * float(np.median([frame.iod_px for frame in frames]))
    return median
