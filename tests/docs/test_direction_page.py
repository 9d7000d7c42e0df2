"""The page about directing lists every act, with phrases that ask for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lipsmith.motion.direction import read_direction
from lipsmith.motion.vocabulary import ACTS, WHEN

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs/howto/direction.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", PAGE, re.MULTILINE)
EXAMPLES = [(name, phrase) for name, phrases in ROWS for phrase in re.findall(r'"(.+?)"', phrases)]


def test_every_act_is_listed() -> None:
    assert [name for name, _ in ROWS] == list(ACTS)


@pytest.mark.parametrize(("name", "phrase"), EXAMPLES)
def test_every_example_asks_for_its_act(name: str, phrase: str) -> None:
    direction = read_direction(phrase)
    assert ({act.name for act in direction.acts}, direction.unknown) == ({name}, ())


def test_every_time_is_listed() -> None:
    section = PAGE.split("## When, how much")[1].split("| less strongly")[0]
    said = {act.when for phrase in re.findall(r'"(.+?)"', section) for act in read_direction(f"nod {phrase}").acts}
    assert said == set(WHEN)
    for phrase in re.findall(r'"(.+?)"', section):
        assert read_direction(f"nod {phrase}").unknown == ()
