"""Registry of engines by role and name. Imports an engine only when it is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

from lipsmith import plugins
from lipsmith.engines.contract import (
    FaceFinder,
    FaceFollower,
    LipSyncer,
    PersonalSpeechReader,
    PhotoAnimator,
    SpeechReader,
    TranscriptReader,
)
from lipsmith.errors import InvalidOption
from lipsmith.synthesis import voices
from lipsmith.synthesis.contract import Voice

Role = Literal[
    "face_finder",
    "face_follower",
    "speech_reader",
    "personal_speech_reader",
    "transcript_reader",
    "photo_animator",
    "lip_syncer",
    "voice",
]

BUILT_IN: Mapping[Role, Mapping[str, str]] = {
    "face_finder": {"mediapipe": "lipsmith.engines.mediapipe_face:MediapipeFaceFinder"},
    "face_follower": {"mediapipe": "lipsmith.engines.mediapipe_face:MediapipeFaceFollower"},
    "speech_reader": {
        "net": "lipsmith.engines.net_reader:NetReader",
        "rule": "lipsmith.engines.rule_reader:RuleReader",
    },
    "personal_speech_reader": {"net": "lipsmith.engines.net_reader:NetReader"},
    "transcript_reader": {"pocketsphinx": "lipsmith.engines.pocketsphinx_reader:PocketsphinxReader"},
    "photo_animator": {"classic": "lipsmith.engines.classic_animator:ClassicAnimator"},
    "lip_syncer": {"classic": "lipsmith.engines.classic_lip_syncer:ClassicLipSyncer"},
    "voice": voices.BUILT_IN,
}
"""Role to name to ``module:Class``. The first name of a role is its default."""


def names(role: Role) -> tuple[str, ...]:
    """Return the names of all engines for ``role``, the built-in ones first.

    >>> names("photo_animator")[0]
    'classic'
    """
    return plugins.names(role, BUILT_IN[role])


def check_choices(engines: Mapping[str, str]) -> None:
    """Check that each item of ``engines`` maps a role to one of its engines. Raises InvalidOption.

    A voice has a name of its own, from which its engine follows, so ``voice`` is no role to choose an engine for.
    """
    roles = [role for role in BUILT_IN if role != "voice"]
    for role, name in engines.items():
        if role not in roles:
            raise InvalidOption(f"There is no engine role {role!r}. Use one of {', '.join(roles)}.")
        plugins.check_name(role, name, BUILT_IN[role])


@overload
def create(role: Literal["face_finder"], name: str | None = None) -> FaceFinder: ...
@overload
def create(role: Literal["face_follower"], name: str | None = None) -> FaceFollower: ...
@overload
def create(role: Literal["speech_reader"], name: str | None = None) -> SpeechReader: ...
@overload
def create(role: Literal["personal_speech_reader"], name: str | None = None) -> PersonalSpeechReader: ...
@overload
def create(role: Literal["transcript_reader"], name: str | None = None) -> TranscriptReader: ...
@overload
def create(role: Literal["photo_animator"], name: str | None = None) -> PhotoAnimator: ...
@overload
def create(role: Literal["lip_syncer"], name: str | None = None) -> LipSyncer: ...
@overload
def create(role: Literal["voice"], name: str | None = None) -> Voice: ...
def create(role: Role, name: str | None = None) -> Any:
    """Import the engine called ``name`` (the role's default if None) and return a new instance.

    Raises InvalidOption for an unknown name, MissingDependency if the engine's own libraries are not installed.
    """
    return plugins.create(role, name, BUILT_IN[role])
