"""Words on the command line become values, and results become words."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

from lipsmith import TalkResult
from lipsmith.cli.request_command import as_json_object
from lipsmith.cli.talk import talk_line

RESULT = TalkResult(
    path=Path("grüße.mp4"),
    seconds=1.7684333333333333,
    frames=53,
    fps=Fraction(30000, 1001),
    width=642,
    height=358,
    face_box=(11, 22, 133, 144),
    iod_px=37.4,
    warnings=("The face is small.",),
    stage_seconds={"picture": 0.015, "video": 1.25},
)


def test_the_result_as_json() -> None:
    assert json.loads(as_json_object(RESULT)) == {
        "path": "grüße.mp4",
        "seconds": 1.7684333333333333,
        "frames": 53,
        "fps": 29.97002997002997,
        "width": 642,
        "height": 358,
        "face_box": [11, 22, 133, 144],
        "iod_px": 37.4,
        "warnings": ["The face is small."],
        "stage_seconds": {"picture": 0.015, "video": 1.25},
    }


def test_the_result_as_a_line() -> None:
    assert talk_line(RESULT) == (
        "grüße.mp4 · 1.77 s · 53 frames · 29.97 fps · 642×358 · face 11,22 to 133,144 · 37 px between the eyes · "
        "warnings: The face is small. · picture 0.01 s, video 1.25 s"
    )
