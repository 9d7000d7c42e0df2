"""Faces for the golden tests, each prepared once for the whole session."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lanes import LANE

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for `benchmarks`, which holds the measures

from benchmarks.subjects import Subject, astronaut, read_even

ASTRONAUT = "astronaut"
PHOTOS = (
    "man_beard_dark.jpg",
    "man_glasses_256.jpg",
    "man_glasses_beard.jpg",
    "man_official_portrait.jpg",
    "old_man_moustache_open_mouth.jpg",
    "two_men.jpg",
    "woman_glasses_turned.jpg",
    "woman_portrait_closed_mouth.png",
    "woman_tilted_outdoor.jpg",
)

_prepared: dict[str, Subject] = {}


@pytest.fixture(params=(ASTRONAUT, *(PHOTOS[:1] if LANE == "fast" else PHOTOS)))
def subject(request: pytest.FixtureRequest) -> Subject:
    """One face after the other: the astronaut always, the others where the shared media are."""
    return _subject(request, request.param)


@pytest.fixture
def one_subject(request: pytest.FixtureRequest) -> Subject:
    """The astronaut alone."""
    return _subject(request, ASTRONAUT)


def _subject(request: pytest.FixtureRequest, name: str) -> Subject:
    if name not in _prepared:
        if name == ASTRONAUT:
            pytest.importorskip("skimage", reason="scikit-image carries the portrait")
            image = astronaut()
        else:
            image = read_even(request.getfixturevalue("shared_media") / "photos" / name)
        found = Subject.of(name, image)
        assert found is not None, f"no face found in {name}"
        _prepared[name] = found
    return _prepared[name]
