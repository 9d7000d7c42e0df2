"""Detection of glasses, whose rims must not bend or vanish as lids move below them."""

from __future__ import annotations

import cv2
import numpy as np

from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.layout import LEFT_UPPER_LID, RIGHT_UPPER_LID
from lipsmith.media.clip import U8
from lipsmith.render.eye_axes import EyeAxes
from lipsmith.render.mouth_colours import LUMA

RIM_STEP = 0.50
"""Steps in brightness near the lid, relative to the skin, that count as the rim of glasses."""
BRIDGE_STEP = 0.42
"""Steps in brightness across the bridge of the nose that count as the bridge of glasses. Measured on 58 faces: .54 and
more with frames, at most .34 without."""
BRIDGE_WIDTH_IOD, BRIDGE_HEIGHT_IOD = 0.10, 0.22
"""Half the size of the area between the inner corners of the eyes that is searched."""
STEP_OVER_IOD = 0.012
COLUMNS = 13


def has_glasses(rgb: U8, points: F64, frame: HeadFrame, eyes: tuple[EyeAxes, EyeAxes]) -> bool:
    """Return whether the face wears glasses with a visible frame. ``points``: (478, 3) pixels."""
    return any(_has_rim(eye) for eye in eyes) or _bridge_step(rgb, points, frame) > BRIDGE_STEP


def _has_rim(eye: EyeAxes) -> bool:
    """Return whether a sharp edge runs along the fold or just above it."""
    light = eye.along(eye.fold, -np.linspace(-0.01, 0.16, 30)) @ LUMA
    steps = np.abs(np.diff(light, axis=0)).max(axis=0)[eye.middle]
    return bool(np.median(steps) / max(float(np.median(light[:, eye.middle])), 20.0) > RIM_STEP)


def _bridge_step(rgb: U8, points: F64, frame: HeadFrame) -> float:
    """Return the largest step in brightness down the bridge of the nose, relative to the skin; median of columns."""
    centre = points[[LEFT_UPPER_LID[-1], RIGHT_UPPER_LID[0]], :2].mean(axis=0)
    local = frame.rotation[:2, :2] * frame.iod_px
    u = np.linspace(-BRIDGE_WIDTH_IOD, BRIDGE_WIDTH_IOD, COLUMNS)
    v = np.arange(-BRIDGE_HEIGHT_IOD, BRIDGE_HEIGHT_IOD, max(STEP_OVER_IOD, 1.0 / frame.iod_px))
    at = (centre + u[None, :, None] * local[0] + v[:, None, None] * local[1]).astype(np.float32)
    low = np.clip(np.floor(at.min(axis=(0, 1))).astype(int) - 1, 0, [rgb.shape[1] - 2, rgb.shape[0] - 2])
    high = np.maximum(np.ceil(at.max(axis=(0, 1))).astype(int) + 2, low + 2)
    part = np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]])
    light = cv2.remap(part, at - low.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) @ LUMA
    steps = np.abs(light[2:] - light[:-2]).max(axis=0)
    return float(np.median(steps) / max(float(np.median(light)), 20.0))
