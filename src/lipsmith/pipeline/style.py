"""A person's own footage becomes a personal style: the whole way from clips to a small file, told step by step.

Knows the order of the steps, who reports progress and who may cancel. Knows no maths and no file formats.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lipsmith.errors import InvalidOption, OutputExists, StyleNotLearnt
from lipsmith.pipeline.footage import follow, footage_of, opening_of
from lipsmith.pipeline.outputs import written_atomically
from lipsmith.pipeline.progress import Progress, ProgressReporter, StrPath
from lipsmith.pipeline.speakers import FaceSelector, face_choice

if TYPE_CHECKING:
    from lipsmith.engines.contract import PersonalSpeechReader
    from lipsmith.face.choice import FaceChoice
    from lipsmith.media.clip import Audio
    from lipsmith.media.reader import Clip
    from lipsmith.speech.personal import Footage

MAX_CLIP_S = 180.0
"""So much of each clip is looked at; more teaches little."""


@dataclass(frozen=True, kw_only=True)
class StyleResult:
    """A personal style that was learnt."""

    path: Path
    """The file."""
    seconds: float
    """In which the person was both seen and heard."""
    opening_iod: float
    """How far this person opens the lips, their 95th percentile, in distances between the eye centres."""
    width_iod: float
    """How much wider their mouth gets than it was at its narrowest, from the 5th to the 95th percentile."""
    r_before: float
    """How well their lips were followed without it: correlation of the opening."""
    r_after: float
    """The same with it, on parts of the footage that were left out of learning."""
    offsets_s: tuple[float, ...]
    """For each clip, how much later its sound comes than its lips; removed before learning."""
    warnings: tuple[str, ...]
    """What the owner of the result may want to know."""
    stage_seconds: Mapping[str, float]
    """Wall-clock seconds spent in each stage."""


def learn_style(
    clips: StrPath | Sequence[StrPath],
    out: StrPath = "me.style",
    *,
    face: FaceSelector = "auto",
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StyleResult:
    """Learns how a person moves the lips from ``clips`` in which they speak, and writes that to ``out``.

    - ``clips``: one video or several, all of the same person, 15 s or more together, with their own sound.
    - ``face``: who it is where several are seen: "auto" or "speaker" (whose lips move with the sound), a number from
      the left, or (x, y) or (x, y, seconds) inside the face; also as a text, "X,Y@SECONDS".
    - ``overwrite``: replaces ``out`` where it exists. ``progress`` and ``cancelled`` as for `talking_photo`.

    Raises StyleNotLearnt where too little is seen or heard, or lips and sound do not belong together; InvalidVideo,
    NoSourceFace, FaceTooSmall, NoSuchFace, InvalidAudio, InvalidOption or OutputExists. Then nothing is written.
    """
    from lipsmith.engines import registry
    from lipsmith.speech.personal import learn_personal_style

    paths = _paths(clips)
    choice = face_choice(face)
    _check_target(Path(out), paths, overwrite)
    work = ProgressReporter(progress, cancelled)
    reader = registry.create("personal_speech_reader")
    footage = [_footage(path, choice, reader, work) for path in paths]
    with work.stage("speech"):
        learnt = learn_personal_style(footage, net=reader.fingerprint)
    with written_atomically(out, learnt.style.to_json):
        pass
    return StyleResult(
        path=Path(out),
        seconds=learnt.style.seconds,
        opening_iod=round(learnt.style.range.high_iod, 3),
        width_iod=round(learnt.style.range.width_iod, 3),
        r_before=round(learnt.r_before, 2),
        r_after=round(learnt.r_after, 2),
        offsets_s=learnt.lags_s,
        warnings=learnt.warnings,
        stage_seconds=work.seconds,
    )


def _paths(clips: StrPath | Sequence[StrPath]) -> list[Path]:
    given = [clips] if isinstance(clips, str | os.PathLike) else list(clips) if isinstance(clips, Sequence) else [clips]
    if not given:
        raise InvalidOption("Nothing to learn from: give at least one clip in which the person speaks.")
    for clip in given:
        if not isinstance(clip, str | os.PathLike):
            raise InvalidOption(f"clips holds {clip!r}; each has to be the path of a video.")
    return [Path(clip) for clip in given]


def _footage(path: Path, choice: FaceChoice, reader: PersonalSpeechReader, work: ProgressReporter) -> Footage:
    from lipsmith.face.choice import choose_face
    from lipsmith.media.background import own_audio_delay_s
    from lipsmith.media.reader import open_clip

    with work.stage("clip"):
        clip = open_clip(path, on_frame=work.check)
        audio = _sound_of(clip)
        delay_s = own_audio_delay_s(clip.info)
    with work.stage("speech"):
        reading = reader.reading(work.cancellable(audio))
    with work.stage("face"):
        last = sum(1 for time_s in clip.times_s if time_s < MAX_CLIP_S)
        tracks = follow(clip, last, work)
        track = choose_face(tracks, choice, expected=opening_of(reading, delay_s))
    return footage_of(track, reading, audio_delay_s=delay_s, name=path.name)


def _sound_of(clip: Clip) -> Audio:
    from lipsmith.media.background import open_own_audio

    audio = open_own_audio(clip)
    if audio is None:
        raise StyleNotLearnt(
            f"Nothing can be heard in {clip.info.name!r}, so it does not tell how its lips go with a sound. "
            "Choose a clip in which the person speaks."
        )
    return audio


def _check_target(out: Path, inputs: Sequence[Path], overwrite: bool) -> None:
    if out.resolve() in {path.resolve() for path in inputs}:
        raise InvalidOption(f"{out} is used twice, and writing it would destroy the clip. Choose another name.")
    if out.is_dir() or not out.parent.is_dir():
        raise InvalidOption(f"{out} cannot be written: it is a folder, or lies in one that does not exist.")
    if out.exists() and not overwrite:
        raise OutputExists(f"{out} exists already. Choose another name or allow overwriting (--overwrite).")
