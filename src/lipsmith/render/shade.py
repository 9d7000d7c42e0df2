"""Light and shadow that move with the skin: darker where it turns away from the light, brighter where it turns to it.

The shade follows the change of the mesh's normals under a light from above and in front. Lips are left out, since their
own shading is in the image and moves with them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsmith.face.geometry import F64, smoothstep
from lipsmith.face.layout import I32, LOWER_LIP_RINGS, UPPER_LIP_RINGS
from lipsmith.render.kernel import kernel

LIGHT = np.array([0.0, -0.62, -0.78])
"""Direction to the light in the head's frame: from above and in front."""
STRENGTH = 0.55
DARKEST, BRIGHTEST = 0.80, 1.10


class FoldShade:
    """Shade factors of one face."""

    def __init__(self, rest: F64, triangles: I32) -> None:
        """``rest``: (478, 3) points in the head's frame, IOD; ``triangles`` face the viewer."""
        self._rest = rest
        self._triangles = triangles
        self._normals = _normals(rest, triangles)
        lips = list({point for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS) for point in ring})
        self._share = smoothstep(rest[:, 1], 0.25, 0.6)
        self._share[lips] = 0.0

    def factors(self, moved: F64) -> F64:
        """Return (478,) factors around 1 for a displacement, (478, 3) IOD."""
        change = (_normals(self._rest + moved, self._triangles) - self._normals) @ LIGHT
        return np.clip(1.0 + STRENGTH * self._share * change, DARKEST, BRIGHTEST)


@kernel
def _normals(points: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return unit normals of the points towards the viewer (negative z), weighted by the triangles' areas, (n, 3)."""
    normals = np.zeros_like(points)
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1], points[j, 2] - points[i, 2]
        bx, by, bz = points[k, 0] - points[i, 0], points[k, 1] - points[i, 1], points[k, 2] - points[i, 2]
        # Triangles run clockwise on the screen (y down), so b x a points towards the viewer.
        nx, ny, nz = by * az - bz * ay, bz * ax - bx * az, bx * ay - by * ax
        for n in (i, j, k):
            normals[n, 0] += nx
            normals[n, 1] += ny
            normals[n, 2] += nz
    for n in range(points.shape[0]):
        length = np.sqrt(normals[n, 0] ** 2 + normals[n, 1] ** 2 + normals[n, 2] ** 2)
        if length > 1e-12:
            for c in range(3):
                normals[n, c] /= length
    return normals
