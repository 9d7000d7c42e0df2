"""Engines by name: built in, plugged in, unknown, broken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lipsmith.engines import registry
from lipsmith.engines.classic_animator import ClassicAnimator
from lipsmith.errors import InvalidOption, MissingDependency


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path that is installed like a package with three engines."""
    info = tmp_path / "marionette-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: marionette\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[lipsmith.engines]\n"
        "photo_animator.marionette = marionette:Marionette\n"
        "photo_animator.classic = marionette:Marionette\n"
        "voice.broken = no_such_module_8151:Voice\n"
    )
    (tmp_path / "marionette.py").write_text("class Marionette:\n    strings = 9\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("marionette", None)


def test_every_role_has_a_built_in_engine() -> None:
    assert {role: registry.names(role)[0] for role in registry.BUILT_IN} == {
        "face_finder": "mediapipe",
        "face_follower": "mediapipe",
        "speech_reader": "net",
        "personal_speech_reader": "net",
        "transcript_reader": "pocketsphinx",
        "photo_animator": "classic",
        "lip_syncer": "classic",
        "voice": "espeak",
    }
    for role in registry.BUILT_IN:
        assert registry.create(role) is not None


def test_a_package_plugs_in_by_its_entry_point(plug_in: Path) -> None:
    assert registry.names("photo_animator") == ("classic", "marionette")
    assert registry.create("photo_animator", "marionette").strings == 9


def test_a_package_cannot_take_a_built_in_name(plug_in: Path) -> None:
    assert isinstance(registry.create("photo_animator", "classic"), ClassicAnimator)


def test_an_unknown_name_lists_the_known_ones(plug_in: Path) -> None:
    with pytest.raises(InvalidOption, match=r"'nobody'.* classic, marionette\."):
        registry.create("photo_animator", "nobody")


def test_a_choice_of_engines_is_checked(plug_in: Path) -> None:
    registry.check_choices({})
    registry.check_choices({"photo_animator": "marionette", "lip_syncer": "classic"})
    for unknown in ({"painter": "classic"}, {"lip_syncer": "marionette"}, {"voice": "espeak"}):
        with pytest.raises(InvalidOption):
            registry.check_choices(unknown)


def test_an_engine_whose_module_is_missing_says_so(plug_in: Path) -> None:
    with pytest.raises(MissingDependency, match=r"'broken' could not be loaded.*no_such_module_8151"):
        registry.create("voice", "broken")
