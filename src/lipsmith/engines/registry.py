"""Registry of engines by role and name. Imports an engine only when it is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

from lipsmith import plugins
from lipsmith.engines.contract import FaceFinder, FaceFollower, LipSyncer, PhotoAnimator, SpeechReader
from lipsmith.synthesis import voices
from lipsmith.synthesis.contract import Voice

Role = Literal["face_finder", "face_follower", "speech_reader", "photo_animator", "lip_syncer", "voice"]

BUILT_IN: Mapping[Role, Mapping[str, str]] = {
    "face_finder": {"mediapipe": "lipsmith.engines.mediapipe_face:MediapipeFaceFinder"},
    "face_follower": {"mediapipe": "lipsmith.engines.mediapipe_face:MediapipeFaceFollower"},
    "speech_reader": {
        "net": "lipsmith.engines.net_reader:NetReader",
        "rule": "lipsmith.engines.rule_reader:RuleReader",
    },
    "photo_animator": {"classic": "lipsmith.engines.classic_animator:ClassicAnimator"},
    "lip_syncer": {"classic": "lipsmith.engines.classic_lip_syncer:ClassicLipSyncer"},
    "voice": voices.BUILT_IN,
}
"""Role to name to ``module:Class``. The first name of a role is its default."""


def names(role: Role) -> tuple[str, ...]:
    """All engines that can play ``role``, the built-in ones first.

    >>> names("photo_animator")[0]
    'classic'
    """
    return plugins.names(role, BUILT_IN[role])


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
    return plugins.create(role, name, BUILT_IN[role])
