"""A lip sync's result becomes words, and the command line's words reach the library."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from lipsmith import SyncedFace, SyncResult
from lipsmith.cli.main import run
from lipsmith.cli.request_command import as_json_object
from lipsmith.cli.sync import sync_line

RESULT = SyncResult(
    path=Path("grüße.mp4"),
    seconds=4.571233,
    frames=137,
    fps=Fraction(30000, 1001),
    width=642,
    height=358,
    faces=(
        SyncedFace(number=2, iod_px=71.4, own_offset_s=0.04, learnt_s=4.5),
        SyncedFace(number=1, iod_px=37.0, own_offset_s=None, learnt_s=None),
    ),
    faces_found=3,
    unchanged_s=((0.0, 0.52), (3.3, 4.571233)),
    damaged_s=(),
    warnings=("The face is small.",),
    stage_seconds={"clip": 0.015, "video": 1.25},
)


def test_the_result_as_json() -> None:
    assert json.loads(as_json_object(RESULT)) == {
        "path": "grüße.mp4",
        "seconds": 4.571233,
        "frames": 137,
        "fps": 29.97002997002997,
        "width": 642,
        "height": 358,
        "faces": [
            {"number": 2, "iod_px": 71.4, "own_offset_s": 0.04, "learnt_s": 4.5},
            {"number": 1, "iod_px": 37.0, "own_offset_s": None, "learnt_s": None},
        ],
        "faces_found": 3,
        "unchanged_s": [[0.0, 0.52], [3.3, 4.571233]],
        "damaged_s": [],
        "warnings": ["The face is small."],
        "stage_seconds": {"clip": 0.015, "video": 1.25},
    }


def test_the_result_as_a_line() -> None:
    assert sync_line(RESULT) == (
        "grüße.mp4 · 4.57 s · 137 frames · 29.97 fps · 642×358 · face 2 of 3, 71 px between the eyes, speaks as in 4 s "
        "of the clip and face 1 of 3, 37 px between the eyes · unchanged 0.00-0.52 s, 3.30-4.57 s · "
        "warnings: The face is small. · clip 0.01 s, video 1.25 s"
    )


def test_nothing_unchanged_and_no_warnings() -> None:
    line = sync_line(replace(RESULT, unchanged_s=(), warnings=()))
    assert "unchanged" not in line
    assert "no warnings" in line


def test_the_words_reach_the_library(room: Path) -> None:
    said = ["--end", "0.6", "--mode", "lite", "--no-adapt", "--face", "1", "--max-fps", "12.5", "--quiet"]
    assert run(["sync", "clip.mp4", "speech.wav", *said]) == 0
    assert Path("clip-synced.mp4").is_file()
    assert run(["sync", "clip.mp4", "speech.wav", *said]) == 2  # it exists now
