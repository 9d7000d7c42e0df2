"""Names of engines, and where each one lives. Imports an engine only when it is chosen.

Other packages add engines through the entry point group ``lipsmith.engines``; the entry point's name is the role and
the engine's name with a dot between them, such as ``photo_animator.puppet``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, overload

from lipsmith.engines.contract import FaceFinder, FaceFollower, LipSyncer, PhotoAnimator, SpeechReader, Voice
from lipsmith.errors import InvalidOption, MissingDependency

Role = Literal["face_finder", "face_follower", "speech_reader", "photo_animator", "lip_syncer", "voice"]

GROUP = "lipsmith.engines"

BUILT_IN: Mapping[Role, Mapping[str, str]] = {
    "face_finder": {"mediapipe": "lipsmith.engines.mediapipe_face:MediapipeFaceFinder"},
    "face_follower": {"mediapipe": "lipsmith.engines.mediapipe_face:MediapipeFaceFollower"},
    "speech_reader": {
        "net": "lipsmith.engines.net_reader:NetReader",
        "rule": "lipsmith.engines.rule_reader:RuleReader",
    },
    "photo_animator": {"classic": "lipsmith.engines.classic:ClassicAnimator"},
    "lip_syncer": {"classic": "lipsmith.engines.classic_lips:ClassicLipSyncer"},
    "voice": {
        "espeak": "lipsmith.engines.voice_espeak:EspeakVoice",
        "piper": "lipsmith.engines.voice_piper:PiperVoice",
    },
}
"""Role to name to ``module:Class``. The first name of a role is its default."""


def names(role: Role) -> tuple[str, ...]:
    """All engines that can play ``role``, the built-in ones first.

    >>> names("photo_animator")[0]
    'classic'
    """
    return tuple(dict.fromkeys([*BUILT_IN[role], *_plugged_in(role)]))


@overload
def create(role: Literal["face_finder"], name: str | None = None) -> FaceFinder: ...
@overload
def create(role: Literal["face_follower"], name: str | None = None) -> FaceFollower: ...
@overload
def create(role: Literal["speech_reader"], name: str | None = None) -> SpeechReader: ...
@overload
def create(role: Literal["photo_animator"], name: str | None = None) -> PhotoAnimator: ...
@overload
def create(role: Literal["lip_syncer"], name: str | None = None) -> LipSyncer: ...
@overload
def create(role: Literal["voice"], name: str | None = None) -> Voice: ...
def create(role: Role, name: str | None = None) -> Any:
    """Imports the engine called ``name`` (the role's default when None) and makes one.

    A built-in engine wins over a plugged-in one of the same name, so that no package changes what a name means.
    Raises InvalidOption for an unknown name, MissingDependency where the engine's own libraries are not installed.
    """
    chosen = name or next(iter(BUILT_IN[role]))
    entry = _plugged_in(role).get(chosen)
    if (target := BUILT_IN[role].get(chosen)) is not None:
        entry = EntryPoint(name=f"{role}.{chosen}", value=target, group=GROUP)
    if entry is None:
        known = ", ".join(names(role))
        raise InvalidOption(f"There is no {role.replace('_', ' ')} called {chosen!r}. Known: {known}.")
    try:
        return getattr(import_module(entry.module), entry.attr)()
    except ImportError as error:
        raise MissingDependency(
            f"The engine {chosen!r} could not be loaded: {error}. `lipsmith doctor` says what to install."
        ) from error


def _plugged_in(role: Role) -> dict[str, EntryPoint]:
    start = f"{role}."
    return {e.name.removeprefix(start): e for e in entry_points(group=GROUP) if e.name.startswith(start)}
