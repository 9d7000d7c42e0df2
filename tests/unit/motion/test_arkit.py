from __future__ import annotations

import csv
import io
import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipsmith.motion.arkit import SHAPES, TURNS, blend_shapes, head_turns, to_csv, to_json
from lipsmith.motion.track import CHANNELS, MotionTrack


def shown(**channels: float) -> dict[str, float]:
    """The shapes that are not 0 in a single frame."""
    shapes = blend_shapes(MotionTrack.of(Fraction(25), 1, **channels))
    return {name: round(float(values[0]), 3) for name, values in shapes.items() if values[0] > 5e-4}


def test_there_are_apples_52_names() -> None:
    assert len(SHAPES) == len(set(SHAPES)) == 52
    for name in SHAPES:  # what has a side has both
        for side, other in (("Left", "Right"), ("Right", "Left")):
            assert not name.endswith(side) or name.removesuffix(side) + other in SHAPES


def test_a_face_at_rest_is_neutral() -> None:
    assert shown() == {}
    assert shown(smile=0.0) == {}  # the smile of the photo belongs to that face alone


@pytest.mark.parametrize(
    ("channels", "shapes"),
    [
        ({"aperture": 0.30}, {"jawOpen": 0.7, "mouthLowerDownLeft": 0.4, "mouthLowerDownRight": 0.4,
                              "mouthUpperUpLeft": 0.2, "mouthUpperUpRight": 0.2}),
        ({"jaw": 0.06}, {"jawOpen": 0.14}),
        ({"aperture": 0.06, "jaw": -0.06}, {"mouthLowerDownLeft": 0.08, "mouthLowerDownRight": 0.08,
                                            "mouthUpperUpLeft": 0.04, "mouthUpperUpRight": 0.04}),
        ({"corner": 0.04}, {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5}),
        ({"corner": -0.06}, {"mouthFrownLeft": 0.75, "mouthFrownRight": 0.75}),
        ({"press": 1.0}, {"mouthPressLeft": 1.0, "mouthPressRight": 1.0, "mouthRollLower": 0.3, "mouthRollUpper": 0.3}),
        ({"tuck": 1.0}, {"mouthRollLower": 0.6}),
        ({"pucker": 1.0}, {"mouthPucker": 1.0}),
        ({"width": 0.08}, {"mouthSmileLeft": 0.4, "mouthSmileRight": 0.4, "mouthStretchLeft": 0.5,
                           "mouthStretchRight": 0.5}),
        ({"width": -0.2}, {}),
        ({"upper_raise": 0.08}, {"mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.5}),
        ({"lower_drop": 0.08}, {"mouthLowerDownLeft": 0.5, "mouthLowerDownRight": 0.5}),
        ({"brow": 1.0}, {"browInnerUp": 1.0, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8}),
        ({"brow": -1.0}, {"browDownLeft": 1.0, "browDownRight": 1.0}),
        ({"blink_left": 1.0}, {"eyeBlinkRight": 1.0}),
        ({"blink_right": 1.0}, {"eyeBlinkLeft": 1.0}),
        ({"gaze_x": 0.08}, {"eyeLookOutLeft": 0.83, "eyeLookInRight": 0.83}),
        ({"gaze_x": -0.08}, {"eyeLookInLeft": 0.83, "eyeLookOutRight": 0.83}),
        ({"gaze_y": 0.08}, {"eyeLookDownLeft": 0.83, "eyeLookDownRight": 0.83}),
        ({"gaze_y": -0.08}, {"eyeLookUpLeft": 0.83, "eyeLookUpRight": 0.83}),
    ],
)  # fmt: skip
def test_channels_become_shapes(channels: dict[str, float], shapes: dict[str, float]) -> None:
    assert shown(**channels) == pytest.approx(shapes, abs=2e-3)


def test_rounded_lips_pucker_when_nearly_shut_and_funnel_when_open() -> None:
    shut, opened = shown(pucker=0.8, aperture=0.03), shown(pucker=0.8, aperture=0.15)
    assert shut["mouthPucker"] > 3 * shut["mouthFunnel"]
    assert opened["mouthFunnel"] > 2 * opened["mouthPucker"]


def test_lips_that_press_while_the_jaw_is_open_close_the_mouth() -> None:
    assert shown(press=1.0, aperture=0.15)["mouthClose"] == shown(aperture=0.15)["jawOpen"]


def test_the_head_turns_as_seen_from_within() -> None:
    turns = head_turns(MotionTrack.of(Fraction(25), 1, head_yaw=5.0, head_pitch=4.0, head_roll=-3.0))
    assert {name: float(values[0]) for name, values in turns.items()} == {
        "headYaw": 5.0, "headPitch": -4.0, "headRoll": 3.0,
    }  # fmt: skip


@given(st.fixed_dictionaries({name: st.floats(low, high) for name, (low, high, _, _) in CHANNELS.items()}))
def test_any_motion_gives_shapes_between_0_and_1(channels: dict[str, float]) -> None:
    shapes = blend_shapes(MotionTrack.of(Fraction(25), 2, **channels))
    assert tuple(shapes) == SHAPES
    for values in shapes.values():
        assert values.shape == (2,)
        assert 0.0 <= values.min() <= values.max() <= 1.0


def test_the_csv_is_laid_out_as_live_link_faces() -> None:
    track = MotionTrack.of(Fraction(30000, 1001), 62, aperture=np.linspace(0, 0.3, 62), head_yaw=9.0, gaze_x=0.08)
    rows = list(csv.DictReader(io.StringIO(to_csv(track))))
    header = to_csv(track).split("\n")[0].split(",")
    assert header[:4] == ["Timecode", "BlendshapeCount", "EyeBlinkLeft", "EyeLookDownLeft"]
    assert header[-10:] == [
        "TongueOut", "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw",
        "RightEyePitch", "RightEyeRoll",
    ]  # fmt: skip
    assert len(header) == 2 + 61
    assert len(rows) == 62
    assert {row["BlendshapeCount"] for row in rows} == {"61"}
    assert [rows[n]["Timecode"] for n in (0, 29, 30, 61)] == [
        "00:00:00:00.000", "00:00:00:29.000", "00:00:01:00.000", "00:00:02:01.000",
    ]  # fmt: skip
    assert float(rows[-1]["JawOpen"]) == pytest.approx(0.7)
    assert float(rows[0]["HeadYaw"]) == pytest.approx(np.radians(9.0), abs=1e-5)
    assert float(rows[0]["LeftEyeYaw"]) == float(rows[0]["RightEyeYaw"]) == pytest.approx(0.434, abs=1e-3)
    assert "-0.000000" not in to_csv(track)


def test_the_json_names_every_shape_in_every_frame() -> None:
    document = json.loads(to_json(MotionTrack.of(Fraction(25), 3, blink_left=[0.0, 0.5, 1.0])))
    assert (document["format"], document["fps"], len(document["frames"])) == ("arkit-52", "25", 3)
    assert [frame["time"] for frame in document["frames"]] == [0.0, 0.04, 0.08]
    assert [frame["blendShapes"]["eyeBlinkRight"] for frame in document["frames"]] == [0.0, 0.5, 1.0]
    assert all(tuple(frame["blendShapes"]) == SHAPES for frame in document["frames"])
    assert all(tuple(frame["head"]) == TURNS for frame in document["frames"])
