"""Head coordinates, and conversion between them and image coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsmith.face.layout import BONE

F64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class HeadFrame:
    """Axes of a head in the image: x through the eyes, y from brow to chin, z away from the camera.

    ``rotation`` rows are the three unit axes; ``origin`` is the nose bridge (mesh point 168) in pixels;
    ``iod_px`` is the eye distance in three dimensions, so that turning the head does not shrink the unit.
    """

    origin: F64
    rotation: F64
    iod_px: float

    @classmethod
    def of(cls, points: F64) -> HeadFrame:
        """Return the frame of a (478, 3) mesh in pixels."""
        across = (points[263] + points[362]) / 2 - (points[33] + points[133]) / 2
        iod_px = float(np.linalg.norm(across))
        x_axis = across / iod_px
        down = points[152] - points[10]
        down = down - x_axis * float(down @ x_axis)
        y_axis = down / np.linalg.norm(down)
        (a, b, c), (d, e, f) = x_axis.tolist(), y_axis.tolist()  # numpy's cross product takes 20 times as long
        rotation = np.stack([x_axis, y_axis, np.array([b * f - c * e, c * d - a * f, a * e - b * d])])
        return cls(origin=points[168].copy(), rotation=rotation, iod_px=iod_px)

    def to_head(self, points: F64) -> F64:
        """Convert (n, 3) pixels to (n, 3) IOD in the head's frame."""
        return (points - self.origin) @ self.rotation.T / self.iod_px

    def offsets_to_image(self, offsets: F64) -> F64:
        """Convert (n, 3) displacements in IOD to (n, 2) displacements in pixels."""
        moved: F64 = (offsets @ self.rotation)[:, :2] * self.iod_px
        return moved

    def to_image(self, points: F64) -> F64:
        """Convert (n, 3) IOD in the head's frame to (n, 2) pixels."""
        return self.offsets_to_image(points) + self.origin[:2]

    @property
    def yaw_deg(self) -> float:
        """Turn of the head, positive if the nose points to the right of the image.

        The z axis points away from the camera, so the nose points along -z.
        """
        z_axis = self.rotation[2]
        return float(np.degrees(np.arctan2(-z_axis[0], z_axis[2])))

    @property
    def pitch_deg(self) -> float:
        """Nod of the head, positive if it looks down."""
        z_axis = self.rotation[2]
        return float(np.degrees(np.arctan2(-z_axis[1], np.hypot(z_axis[0], z_axis[2]))))

    @property
    def roll_deg(self) -> float:
        """Tilt of the head, positive if clockwise in the image."""
        return float(np.degrees(np.arctan2(self.rotation[0, 1], self.rotation[0, 0])))


@dataclass(frozen=True, kw_only=True)
class SkullFrame:
    """Axes of a skull in the image, from bone alone. Those of `HeadFrame` hang on the chin, which moves with the jaw.

    Coordinates are those of the head's frame of a typical mesh, IOD.
    """

    origin: F64
    """(3,) pixels."""
    axes: F64
    """(3, 3): rows are pixels per IOD along x, y and z."""

    @classmethod
    def of(cls, points: F64, rest: F64) -> SkullFrame:
        """Fit ``rest``, the (478, 3) typical mesh in its head's frame, to a (478, 3) mesh in pixels."""
        scales, rotations, origins = fit_similarity(points[None, list(BONE)], rest[list(BONE)])
        return cls(origin=origins[0], axes=rotations[0].T * scales[0])

    def to_skull(self, points: F64) -> F64:
        """Convert (n, 3) pixels to (n, 3) IOD."""
        return (points - self.origin) @ self.axes.T / float((self.axes[0] ** 2).sum())

    def plane_to_image(self, anchor: F64) -> F64:
        """Return the (2, 3) map from (x, y, 1), IOD from ``anchor`` (3,) across and down the skull, to pixels."""
        at = anchor @ self.axes + self.origin
        return np.column_stack([self.axes[0, :2], self.axes[1, :2], at[:2]])


def fit_similarity(points: F64, mean: F64) -> tuple[F64, F64, F64]:
    """Fit ``mean`` (b, d) to each of ``points`` (m, b, d); return scales (m,), rotations (m, d, d), origins (m, d).

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991).
    """
    middle = mean.mean(axis=0)
    middles = points.mean(axis=1)
    flat, spread = mean - middle, points - middles[:, None]
    u, strength, vt = np.linalg.svd(np.einsum("mbi,bj->mij", spread, flat))
    mirror = np.ones_like(strength)
    mirror[:, -1] = np.sign(np.linalg.det(u @ vt))
    rotations = (u * mirror[:, None]) @ vt
    scales = (strength * mirror).sum(axis=1) / (flat**2).sum()
    return scales, rotations, middles - scales[:, None] * (rotations @ middle)


def smoothstep(values: F64 | float, low: float, high: float) -> F64:
    """Return 0 below ``low``, 1 above ``high``, and a smooth cubic between."""
    t = np.clip((np.asarray(values, dtype=np.float64) - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def inverse_of(local: F64) -> F64:
    """Invert a (2, 2) matrix; a library call would cost more than all work with the result."""
    (a, b), (c, d) = local.tolist()
    return np.array([[d, -b], [-c, a]]) / (a * d - b * c)


def rotate_points_back(points: F64, turns: int, width: int, height: int) -> F64:
    """Convert points of `numpy.rot90(image, turns)` to points of the image of ``width`` x ``height``."""
    x, y = points[:, 0].copy(), points[:, 1].copy()
    back = points.copy()
    if turns % 4 == 1:  # rot90 turns counter-clockwise: new x = old y, new y = width - 1 - old x
        back[:, 0], back[:, 1] = width - 1 - y, x
    elif turns % 4 == 2:
        back[:, 0], back[:, 1] = width - 1 - x, height - 1 - y
    elif turns % 4 == 3:
        back[:, 0], back[:, 1] = y, height - 1 - x
    return back
