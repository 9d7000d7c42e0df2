"""Motion of the mesh of a filmed face: from the lips of a frame to the target lips.

Like `lipsmith.render.shape`, whose fields it uses, but for a face whose own lips move: every frame starts from another
opening and width, and targets are absolute. The expensive parts are computed once per clip.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lipsmith.face.geometry import F64, HeadFrame, SkullFrame
from lipsmith.face.landmarks import aperture as aperture_of
from lipsmith.face.layout import I32, INNER_UPPER
from lipsmith.render.shape import UPPER_LIP_RISE, FaceShape

LIP_SHAPES = ("pucker", "press", "tuck", "upper_raise", "lower_drop", "corner", "jaw")
"""Channels of a motion track that shape the lower face apart from aperture and width."""


MIN_SPREAD_IOD = 0.02
"""A mouth whose opening varies by less, as a standard deviation, says nothing about the rise of its lip."""
MAX_RISE = 0.45
RISE_THAT_STAYS = 0.7
"""Share of a rise of the upper lip that is left once the gap between the lips has been met."""


class ClipShape:
    """Moving mesh of one face in one clip."""

    def __init__(self, typical: F64, triangles: I32, lip_rise: float = UPPER_LIP_RISE) -> None:
        """``typical``: (478, 3) pixels, from `typical_mesh`; ``lip_rise``: from `upper_lip_rise`."""
        self.shape = FaceShape(typical, triangles)
        self._extra_rise = (lip_rise - UPPER_LIP_RISE) / RISE_THAT_STAYS

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
                "upper_raise": lips["upper_raise"] + self._extra_rise * opening,
            }
        )
        self.shape.meet_gaps(now, moved, aperture=aperture, pucker=lips["pucker"])
        return moved


def upper_lip_rise(meshes: F64, rest: F64) -> float:
    """Return the share of an opening by which this person's upper lip rises; people differ between 0 and a half.

    ``meshes``: (n, 478, 3) pixels; ``rest``: (478, 3) IOD, the typical mesh in its head's frame.
    """
    openings = np.array([aperture_of(mesh) for mesh in meshes])
    spread = float(openings.std())
    if spread < MIN_SPREAD_IOD:
        return UPPER_LIP_RISE
    edge = list(INNER_UPPER[3:8])
    heights = [float(SkullFrame.of(mesh, rest).to_skull(mesh[edge])[:, 1].mean()) for mesh in meshes]
    slope = -float(np.cov(openings, heights)[0, 1]) / spread**2
    return float(np.clip(slope, 0.0, MAX_RISE))


def typical_mesh(meshes: F64) -> F64:
    """Return the median of (n, 478, 3) meshes in their own heads' frames, at the median size, (478, 3) pixels."""
    frames = [HeadFrame.of(mesh) for mesh in meshes]
    heads = np.stack([frame.to_head(mesh) for frame, mesh in zip(frames, meshes, strict=True)])
    median: F64 = np.median(heads, axis=0) * float(np.median([frame.iod_px for frame in frames]))
    return median
