"""Appearance of the inside of a filmed person's mouth: the teeth that the clip shows, and the light of each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from lipsmith.face.geometry import F64
from lipsmith.media.clip import F32, U8
from lipsmith.render.mouth import MouthLook, read_look
from lipsmith.render.mouth_colours import LOWER_CHEEKS, light_between, median_at
from lipsmith.render.softness import softness_px
from lipsmith.render.warp import Source

USUAL_IOD, MAX_INCISAL_IOD = 0.072, 0.088
"""Lower edge of the upper teeth below the resting lip: speaking lips show less of them than the smile of a portrait."""
GUM_OF_TOOTH = 0.78
BLURRED = 0.6
"""A frame is blurred by motion if its sharpness relative to the clip is below this."""
DRAWN_SOFTNESS_PX = 0.5
"""Softness that the painted inside of a mouth already has."""


@dataclass(frozen=True, kw_only=True)
class ClipLook:
    """Mouth look that follows the light of the clip."""

    look: MouthLook
    cheeks: F64
    """(3,) RGB of the cheeks where ``look`` was read."""
    softness_px: float
    """Sigma of the blur in the clip's own edges."""

    def soften(self, painted: U8, inside: F32, sharpness: float = 1.0) -> U8:
        """Make the drawn inside of a mouth as soft as the frame. ``inside``: (h, w) mask of it, 0-1; ``sharpness``: of
        the frame relative to the clip."""
        blur = max(1.0 / max(sharpness / BLURRED, 1e-3) - 1.0, 0.0) * (self.softness_px**2 + 1.0)
        sigma = float(np.sqrt(max(self.softness_px**2 - DRAWN_SOFTNESS_PX**2, 0.0) + blur))
        if sigma < 0.3:
            return painted
        return np.asarray(
            cv2.blendLinear(cv2.GaussianBlur(painted, (0, 0), sigma), painted, inside, 1.0 - inside), dtype=np.uint8
        )

    def lit_as(self, cheeks: F64, aperture: float) -> MouthLook:
        """Return the look in the light of a frame whose cheeks have the colour ``cheeks``, (3,) RGB.

        ``aperture``: opening of the mouth in the frame itself, IOD.
        """
        light = light_between(self.cheeks, cheeks).astype(np.float32)

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


def read_clip_look(frames: Sequence[tuple[U8, F64]]) -> ClipLook:
    """Read the look from frames, each (rgb, (478, 3) points in its pixels), best those that show teeth.

    A frame's own mouth interior is never kept, since it belongs to other words. Its teeth give colour and length.
    """
    looks = [(read_look(rgb, points, grey=False, source=Source.of(rgb, 0, 0)), rgb, points) for rgb, points in frames]
    with_teeth = [entry for entry in looks if entry[0].own is not None]
    # Take the brightest teeth: darker ones lie in the shadow of the lips, which the painter draws itself.
    look, rgb, points = max(with_teeth or looks, key=lambda entry: float(entry[0].tooth.sum()))
    iod_px = float(np.linalg.norm(points[[33, 133]].mean(axis=0) - points[[362, 263]].mean(axis=0)))
    incisal_iod = float(np.median([entry[0].incisal_iod for entry in with_teeth])) if with_teeth else USUAL_IOD
    return ClipLook(
        # A filmed mouth whose lip rises shows more of the teeth and hardly any gum.
        look=replace(
            look, own=None, incisal_iod=min(incisal_iod, MAX_INCISAL_IOD), gum=GUM_OF_TOOTH * look.tooth, own_light=1.0
        ),
        cheeks=median_at(rgb, points[list(LOWER_CHEEKS), :2], 0.10 * iod_px),
        softness_px=float(np.median([softness_px(rgb, points) for rgb, points in frames])),
    )
