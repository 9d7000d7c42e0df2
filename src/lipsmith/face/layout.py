"""Index tables of the 478-point face mesh.

"Left" and "right" are sides of the image, so the subject's right eye is the left one here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]

UPPER_LIP_RINGS = (
    (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
)
"""From the outer edge of the upper lip to its inner edge; eleven columns from the left corner to the right one."""

LOWER_LIP_RINGS = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
)
"""Rings of the lower lip, likewise; the corners are shared."""

INNER_UPPER = UPPER_LIP_RINGS[3]
INNER_LOWER = LOWER_LIP_RINGS[3]
LIP_OUTLINE = [*UPPER_LIP_RINGS[0], *LOWER_LIP_RINGS[0][-2:0:-1]]
"""Outer edge of both lips, from the left corner over the upper lip; INNER_OUTLINE likewise the inner edge."""
INNER_OUTLINE = [*INNER_UPPER, *INNER_LOWER[-2:0:-1]]

LEFT_UPPER_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133)
"""Upper lid margin of the left eye, corner to corner."""
LEFT_LOWER_LID = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_LID_FOLD = (130, 247, 30, 29, 27, 28, 56, 190, 243)
"""Ring above the upper lid, with the skin of the lid in between."""
LEFT_LOWER_FOLD = (130, 25, 110, 24, 23, 22, 26, 112, 243)
RIGHT_UPPER_LID = (362, 398, 384, 385, 386, 387, 388, 466, 263)
RIGHT_LOWER_LID = (362, 382, 381, 380, 374, 373, 390, 249, 263)
RIGHT_LID_FOLD = (463, 414, 286, 258, 257, 259, 260, 467, 359)
RIGHT_LOWER_FOLD = (463, 341, 256, 252, 253, 254, 339, 255, 359)
LEFT_IRIS = (468, 469, 470, 471, 472)
RIGHT_IRIS = (473, 474, 475, 476, 477)
"""Centre first, then four points on the rim."""

LEFT_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
RIGHT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)

LEFT_CHEEK = (31, 228, 229, 230, 231, 232, 233)
"""Skin below the lower fold, from the outer side to the nose."""
RIGHT_CHEEK = (261, 448, 449, 450, 451, 452, 453)

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The outline of the face from the forehead over the right side, the chin and the left side."""

BONE = (
    10, 338, 297, 332, 284, 109, 67, 103, 54, 151, 9, 8, 168, 6, 197, 195, 5, 33, 133, 362, 263, 127, 356, 162, 389,
    117, 346, 123, 352,
)  # fmt: skip
"""Points that move with the skull alone: brow, bridge and sides of the nose, outer eye corners, temples, cheekbones."""

CHIN_LINE = (17, 18, 200, 199, 175, 152)
"""From under the lower lip straight down to the chin."""

MIRROR_PAIRS = {
    2: 2, 43: 273, 57: 287, 58: 288, 93: 323, 98: 327, 129: 358, 132: 361, 136: 365, 148: 377, 149: 378, 150: 379,
    172: 397, 176: 400, 186: 410, 187: 411, 205: 425, 207: 427, 212: 432, 216: 436, 234: 454,
}  # fmt: skip
"""Points on the left that the warp fields use, and their counterparts on the right."""
