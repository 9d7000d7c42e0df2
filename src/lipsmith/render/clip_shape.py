"""Motion of the mesh of a filmed face: from the lips of a frame to the target lips.

Like `lipsmith.render.shape`, whose fields it uses, but for a face whose own lips move: every frame starts from another
opening and width, and targets are absolute. The expensive parts are computed once per clip.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.layout import I32
from lipsmith.render.shape import FaceShape

LIP_SHAPES = ("pucker", "press", "tuck", "upper_raise", "lower_drop", "corner", "jaw")
"""Channels of a motion track that shape the lower face apart from aperture and width."""


class ClipShape:
    """Moving mesh of one face in one clip."""

    def __init__(self, typical: F64, triangles: I32) -> None:
        """``typical``: (478, 3) pixels, from `typical_mesh`."""
        self.shape = FaceShape(typical, triangles)

    def displacement(self, now: F64, lips: Mapping[str, float], *, aperture: float, width: float) -> F64:
        """Return the displacement of every point of a frame's mesh, (478, 3) IOD.

        ``now``: (478, 3) mesh of the frame in the head's frame, IOD; ``aperture`` and ``width``: targets, IOD; of
        ``lips``, only `LIP_SHAPES` are used.
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
    """Return the median of (n, 478, 3) meshes in their own heads' frames, at the median size, (478, 3) pixels."""
    frames = [HeadFrame.of(mesh) for mesh in meshes]
    heads = np.stack([frame.to_head(mesh) for frame, mesh in zip(frames, meshes, strict=True)])
    median: F64 = np.median(heads, axis=0) * float(np.median([frame.iod_px for frame in frames]))
    return median
