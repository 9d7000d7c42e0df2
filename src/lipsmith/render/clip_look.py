"""The inside of a filmed person's mouth: what the clip shows of their teeth, and the light of each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lipsmith.face.geometry import F64
from lipsmith.face.layout import I32
from lipsmith.media.clip import F32, U8
from lipsmith.render.mouth import CHEEKS, INCISAL_EDGE_IOD, MouthLook, median_at, read_look
from lipsmith.render.shape import FaceShape
from lipsmith.render.warp import Source

LEAST_LIGHT, MOST_LIGHT = 0.25, 3.0
"""How much darker or brighter than where the look was read a frame may be."""


@dataclass(frozen=True, kw_only=True)
class ClipLook:
    """A look that follows the light of the clip."""

    look: MouthLook
    cheeks: F64
    """(3,) RGB of the cheeks where ``look`` was read."""

    def lit_as(self, rgb: U8, points: F64, iod_px: float, aperture: float) -> MouthLook:
        """The look in the light that falls on the cheeks of a frame.

        ``points``: (478, 3) pixels of ``rgb``; ``aperture``: how open the frame's own mouth is, IOD.
        """
        cheeks = median_at(rgb, points[list(CHEEKS), :2], 0.10 * iod_px)
        light = np.clip(cheeks / np.maximum(self.cheeks, 1.0), LEAST_LIGHT, MOST_LIGHT).astype(np.float32)

        def lit(colour: F32) -> F32:
            return np.clip(colour * light, 0.0, 250.0)

        look = self.look
        return replace(
            look,
            tooth=lit(look.tooth),
            tongue=lit(look.tongue),
            cavity=lit(look.cavity),
            gum=lit(look.gum),
            line=lit(look.line),
            own_gap_iod=aperture,
        )


def read_clip_look(pictures: Sequence[tuple[U8, F64]], triangles: I32) -> ClipLook:
    """Reads the look from pictures, each (rgb, (478, 3) points in its pixels), best those in which teeth are seen.

    The frame's own mouth is never kept, since it belongs to other words; its teeth lend their colour and length.
    """
    looks = [
        (read_look(rgb, points, FaceShape(points, triangles), grey=False, source=Source.of(rgb, 0, 0)), rgb, points)
        for rgb, points in pictures
    ]
    with_teeth = [entry for entry in looks if entry[0].own is not None]
    known = sorted(with_teeth or looks, key=lambda entry: float(entry[0].tooth.sum()))
    look, rgb, points = known[len(known) // 2]
    iod_px = float(np.linalg.norm(points[[33, 133]].mean(axis=0) - points[[362, 263]].mean(axis=0)))
    incisal_iod = float(np.median([entry[0].incisal_iod for entry in with_teeth])) if with_teeth else INCISAL_EDGE_IOD
    return ClipLook(
        look=replace(look, own=None, incisal_iod=min(incisal_iod, 0.11)),
        cheeks=median_at(rgb, points[list(CHEEKS), :2], 0.10 * iod_px),
    )
