"""Strips of the lids: states of a blink, then the consecutive frames of one."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.mouth_sheet import Rows
from benchmarks.subjects import Subject, at_rest
from lipsmith.media.clip import U8
from lipsmith.motion.eyes import blink_of_both

STATES = (0.0, 0.15, 0.3, 0.5, 0.75, 1.0)
FPS, FRAMES = 25, 12
FIRST_FRAMES = 3
"""Frames before the one in which the eyes are shut."""
EYES_IOD = (2.0, 0.85)
CELL_PX = (420, 178)


def blink_strip(subject: Subject) -> Rows:
    """Draw the eyes at the states of a blink and in its consecutive frames."""
    lid = subject.portrait.eye_looks[0].lid
    kind = f"shut by {lid.amount:.0%}{', glasses' if lid.glasses else ''}"
    states = [_cell(subject, b, b, f"blink {b:.2f}  {kind}") for b in STATES]
    times_s = np.arange(FRAMES) / FPS
    lids = blink_of_both(np.random.default_rng(0), times_s, FIRST_FRAMES / FPS)
    frames = [
        _cell(subject, left, right, f"{n} / {FPS} s  {left:.2f} {right:.2f}")
        for n, (left, right) in enumerate(zip(lids["blink_left"], lids["blink_right"], strict=True))
    ]
    per_row = len(states)
    return [states, *(frames[k : k + per_row] for k in range(0, FRAMES, per_row))]


def _cell(subject: Subject, left: float, right: float, text: str) -> tuple[U8, str]:
    frame = subject.portrait.draw_rgb(at_rest(blink_left=float(left), blink_right=float(right)))
    return _eyes(subject, frame), text


def _eyes(subject: Subject, frame: U8) -> U8:
    """Cut out both eyes, upright."""
    head = subject.portrait.shape.frame
    centre = subject.face.points[[33, 133, 263, 362], :2].mean(axis=0)
    scale = CELL_PX[0] / (EYES_IOD[0] * subject.iod_px)
    to_cell = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), head.roll_deg, scale)
    to_cell[:, 2] += np.array(CELL_PX) / 2 - centre
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    cut = cv2.warpAffine(frame, to_cell, CELL_PX, flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)
