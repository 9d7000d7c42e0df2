"""Words on the command line become values, and results become words."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from lipsmith import TalkResult
from lipsmith.cli.talk import parse_face, result_as_json, result_as_line
from lipsmith.errors import InvalidOption

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


@pytest.mark.parametrize(("wish", "face"), [("2", 2), ("310,144", (310.0, 144.0)), ("3.5, 7", (3.5, 7.0)), ("-1", -1)])
def test_a_face_is_a_number_or_a_point(wish: str, face: int | tuple[float, float]) -> None:
    assert parse_face(wish) == face


@pytest.mark.parametrize("wish", ["left", "1,2,3", "1,", "", "1.5", "x,y"])
def test_anything_else_is_no_face(wish: str) -> None:
    with pytest.raises(InvalidOption, match="neither a number nor a point"):
        parse_face(wish)


def test_the_result_as_json() -> None:
    assert json.loads(result_as_json(RESULT)) == {
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
    assert result_as_line(RESULT) == (
        "grüße.mp4 · 1.77 s · 53 frames · 29.97 fps · 642×358 · face 11,22 to 133,144 · 37 px between the eyes · "
        "warnings: The face is small. · picture 0.01 s, video 1.25 s"
    )
