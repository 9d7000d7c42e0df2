"""Displacements of single mesh points, from which `lipsmith.render.shape` spreads each movement over the face.

Vectors are x, y, z in the head's frame, IOD.
"""

from __future__ import annotations

from collections.abc import Mapping

Vector = tuple[float, float, float]
Anchors = dict[int, Vector]

OPENING_ANCHORS: Anchors = {
    18: (0, 0.71, 0.20), 200: (0, 0.61, 0.24), 199: (0, 0.55, 0.27), 152: (0, 0.52, 0.29), 148: (0, 0.49, 0.28),
    176: (0, 0.42, 0.25), 149: (0, 0.34, 0.20), 150: (0, 0.28, 0.15), 136: (0, 0.22, 0.10), 172: (0, 0.16, 0.06),
    58: (0, 0.09, 0.03), 216: (0, 0.12, 0), 207: (0, 0.12, 0), 205: (0, 0.08, 0), 187: (0, 0.08, 0),
    2: (0, 0, 0), 98: (0, 0, 0), 129: (0, 0, 0), 132: (0, 0.04, 0), 93: (0, 0.01, 0),
    234: (0, 0, 0),
}  # fmt: skip
"""Displacement per IOD of aperture, left half; the right half mirrors it."""

WIDENING_ANCHORS: Anchors = {
    216: (-0.20, -0.09, 0.10), 207: (-0.18, -0.05, 0.08),
    187: (-0.16, -0.07, 0.05), 205: (-0.14, -0.03, 0.04), 148: (0, 0.12, 0),
    149: (0, 0.10, 0), 150: (-0.02, 0.08, 0), 152: (0, 0.12, 0), 2: (0, 0, 0), 98: (-0.03, 0, 0), 129: (-0.03, 0, 0),
    58: (0, 0, 0), 132: (0, 0, 0), 234: (0, 0, 0),
}  # fmt: skip
"""Displacement per IOD of mouth width, left half."""

CORNER_ANCHORS: Anchors = {
    57: (0, -0.92, 0), 186: (0, -0.75, 0), 43: (0, -0.85, 0), 212: (0, -0.72, 0), 216: (0, -0.55, 0),
    207: (0, -0.42, 0), 187: (0, -0.20, 0), 205: (0, -0.15, 0), 2: (0, 0, 0), 98: (0, 0, 0), 129: (0, 0, 0),
    18: (0, 0, 0), 200: (0, 0, 0), 152: (0, 0, 0), 149: (0, -0.05, 0), 136: (0, -0.05, 0), 58: (0, 0, 0),
    132: (0, 0, 0), 234: (0, 0, 0),
}  # fmt: skip
"""Displacement per IOD by which the mouth corners rise, left half; chosen by eye."""

BROW_INNER_IOD, BROW_TOGETHER_IOD = 0.060, 0.016
"""Rise of the brows' inner ends, and the way by which they come together as they are drawn down."""
INNER_BROWS: Mapping[int, float] = {55: 1.0, 107: 1.0, 65: 0.55, 66: 0.55, 52: 0.15, 105: 0.15, 9: 0.5, 8: 0.3}
"""Share of that at the left brow's points, and between the brows."""
CHEEK_ANCHORS: Anchors = {
    50: (0.002, -0.026, -0.006), 205: (0.004, -0.030, -0.008), 118: (0, -0.018, -0.004), 101: (0, -0.020, -0.004),
    36: (0.002, -0.020, -0.004), 123: (0, -0.016, 0), 187: (0.002, -0.020, 0), 207: (0.002, -0.014, 0),
    119: (0, -0.010, 0), 117: (0, -0.010, 0), 116: (0, -0.006, 0), 216: (0, -0.008, 0), 129: (0, 0, 0), 98: (0, 0, 0),
    2: (0, 0, 0), 58: (0, 0, 0), 136: (0, 0, 0), 152: (0, 0, 0), 18: (0, 0, 0),
}  # fmt: skip
"""Displacement of a raised cheek, IOD, left half."""
