"""Conversion of a motion track to the 52 blend shapes of ARKit.

ARKit's left and right are those of the person; a motion track's are those of the image. So the eye on the image's left
is ``eyeBlinkRight``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lipsmith.motion.track import MotionTrack

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

SHAPES = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthRight", "mouthLeft", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp",
    "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip
"""Names of Apple's ``ARFaceAnchor.BlendShapeLocation``, in the order of a Live Link Face file."""

TURNS = ("headYaw", "headPitch", "headRoll")
"""Degrees. Yaw is positive to the person's own left, pitch up, roll towards the person's own right shoulder."""

WIDE_OPEN_IOD = 0.30
"""Aperture of a wide open mouth; half of the vowels stay under 0.15."""
_JAW_SHARE = 0.7  # a mouth wide open in speech does not bring the jaw to its limit
_SPREAD_IOD = 0.08
_LIFT_IOD = 0.08
_CORNER_IOD = 0.08
_FULL_CHEEK = 2.0
_ROUND_OPEN_IOD = 0.12  # rounded lips are a funnel above this, and pucker below
_EYEBALL_IOD = 0.19
_FULL_GAZE_DEG = 30.0

_EYE_TURNS = ("LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch", "RightEyeRoll")


def blend_shapes(track: MotionTrack) -> Mapping[str, F32]:
    """Return every name of `SHAPES` -> (frames,) float32, 0–1; shapes that no channel moves are 0.

    The smile of the photo is left out, since it belongs to that face alone.
    """
    channel = {name: values.astype(np.float64) for name, values in track.channels.items()}
    opening = np.clip(channel["aperture"] / WIDE_OPEN_IOD, 0.0, 1.0)
    spread = np.clip(channel["width"] / _SPREAD_IOD, 0.0, 1.0)
    funnel = np.clip(channel["aperture"] / _ROUND_OPEN_IOD, 0.0, 1.0)
    gaze_x, gaze_y = (_gaze_deg(channel[name]) / _FULL_GAZE_DEG for name in ("gaze_x", "gaze_y"))
    jaw = _JAW_SHARE * np.clip((channel["aperture"] + channel["jaw"]) / WIDE_OPEN_IOD, 0.0, 1.0)
    raised = channel["corner"] / _CORNER_IOD
    both = {
        "mouthSmile": 0.4 * spread + np.maximum(raised, 0.0),
        "mouthFrown": -raised,
        "mouthStretch": 0.5 * spread,
        "mouthPress": channel["press"],
        "mouthLowerDown": 0.4 * opening + 0.5 * channel["lower_drop"] / _LIFT_IOD,
        "mouthUpperUp": 0.2 * opening + 0.5 * channel["upper_raise"] / _LIFT_IOD,
        "browDown": -channel["brow"] - 0.6 * channel["brow_inner"],
        "browOuterUp": 0.8 * channel["brow"],
        "cheekSquint": channel["cheek"] / _FULL_CHEEK,
        "eyeLookUp": -gaze_y,
        "eyeLookDown": gaze_y,
    }
    shapes = {
        "jawOpen": jaw,
        "mouthClose": jaw * channel["press"],
        "mouthFunnel": channel["pucker"] * funnel,
        "mouthPucker": channel["pucker"] * (1.0 - 0.6 * funnel),
        "mouthRollLower": 0.6 * channel["tuck"] + 0.3 * channel["press"],
        "mouthRollUpper": 0.3 * channel["press"],
        "browInnerUp": channel["brow"] + channel["brow_inner"],
        "eyeBlinkLeft": channel["blink_right"],
        "eyeBlinkRight": channel["blink_left"],
        "eyeLookOutLeft": gaze_x,
        "eyeLookInRight": gaze_x,
        "eyeLookInLeft": -gaze_x,
        "eyeLookOutRight": -gaze_x,
        **{f"{name}{side}": values for name, values in both.items() for side in ("Left", "Right")},
    }
    none = np.zeros(len(track))
    return {name: np.clip(shapes.get(name, none), 0.0, 1.0).astype(np.float32) for name in SHAPES}


def head_turns(track: MotionTrack) -> Mapping[str, F32]:
    """Return every name of `TURNS` -> (frames,) float32, degrees."""
    return {
        "headYaw": track["head_yaw"] + 0.0,
        "headPitch": 0.0 - track["head_pitch"],
        "headRoll": 0.0 - track["head_roll"],
    }


def to_csv(track: MotionTrack) -> str:
    """Write the layout of a Live Link Face file: timecode, count, 52 shapes, and head and eyes in radians."""
    shapes, turns = blend_shapes(track), head_turns(track)
    radians = {name: np.radians(values) for name, values in turns.items()}
    eye_yaw, eye_pitch = np.radians(_gaze_deg(track["gaze_x"])), -np.radians(_gaze_deg(track["gaze_y"]))
    none = np.zeros(len(track))
    columns = np.stack(
        [*shapes.values(), *radians.values(), eye_yaw, eye_pitch, none, eye_yaw, eye_pitch, none], axis=1
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [name[0].upper() + name[1:] for name in (*SHAPES, *TURNS)]
    writer.writerow(["Timecode", "BlendshapeCount", *names, *_EYE_TURNS])
    for n, row in enumerate(columns):
        writer.writerow([_timecode(n, track), columns.shape[1], *(f"{value + 0.0:.6f}" for value in row)])
    return text.getvalue()


def to_json(track: MotionTrack) -> str:
    """Write one object per frame: its time, the shapes by name, and the head's turns in degrees."""
    shapes, turns = blend_shapes(track), head_turns(track)
    frames = [
        {
            "time": round(n / float(track.fps), 5),
            "blendShapes": {name: round(float(values[n]), 4) for name, values in shapes.items()},
            "head": {name: round(float(values[n]), 3) for name, values in turns.items()},
        }
        for n in range(len(track))
    ]
    return json.dumps({"format": "arkit-52", "fps": str(track.fps), "frames": frames}, indent=1)


def _gaze_deg(shift_iod: F64 | F32) -> F64:
    """Convert a shift of the irises to a turn of the eyes."""
    return np.degrees(np.arcsin(np.clip(shift_iod.astype(np.float64) / _EYEBALL_IOD, -1.0, 1.0)))


def _timecode(n: int, track: MotionTrack) -> str:
    """Return ``HH:MM:SS:FF.mmm``, counted in frames without drop frames; the fraction is always 0."""
    per_second = -(-track.fps.numerator // track.fps.denominator)  # 29.97 counts to 30
    seconds, frame = divmod(n, per_second)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{frame:02}.000"
