"""The page about exports lists every extension, every shape that moves and every letter."""

from __future__ import annotations

import re
from pathlib import Path

from lipsmith.motion.arkit import SHAPES, TURNS, blend_shapes
from lipsmith.motion.exports import EXTENSIONS
from lipsmith.motion.track import CHANNELS, MotionTrack
from lipsmith.speech.cues import LETTERS

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs/howto/exports.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table of a section, without its head."""
    table = re.findall(r"^\|(.+)\|$", PAGE.split(heading)[1], re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in table[2:]]


def test_every_extension_is_listed() -> None:
    listed = re.findall(r"`(\.[\w.]+)`", "".join(row[0] for row in rows("# Export the motion")[: len(EXTENSIONS)]))
    assert set(listed) == set(EXTENSIONS)


def test_every_shape_that_moves_is_listed() -> None:
    listed = {name for row in rows("## ARKit") if len(row) == 2 for name in re.findall(r"`(\w+)`", row[0])}
    moving = set()
    for name, (low, high, _, _) in CHANNELS.items():
        for value in (low, high):
            track = MotionTrack.of(25, 1, **({"aperture": 0.2} | {name: value}))  # type: ignore[arg-type]
            moving |= {shape for shape, values in blend_shapes(track).items() if values[0] > 0}
    assert moving <= set(SHAPES)
    assert listed & (set(SHAPES) | set(TURNS)) == moving | set(TURNS)


def test_every_viseme_has_the_letter_that_the_page_says() -> None:
    listed = {
        viseme: row[0].strip("`")
        for row in rows("## Mouth shapes")
        if len(row) == 3
        for viseme in re.findall(r"`(\w+)`", row[1])
    }
    assert listed == dict(LETTERS)
