"""Personal style: the steps from clips of one person to a style file.

Knows the order of the steps. Knows no mathematics and no file formats.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lipsmith.errors import InvalidOption, StyleNotLearnt
from lipsmith.pipeline.facade import Facade
from lipsmith.pipeline.footage import follow, footage_of, opening_of
from lipsmith.pipeline.outputs import check_not_an_input, check_text_output, written_atomically
from lipsmith.pipeline.progress import ProgressReporter, StrPath
from lipsmith.pipeline.requests import StyleRequest
from lipsmith.pipeline.speakers import face_choice

if TYPE_CHECKING:
    from lipsmith.engines.contract import PersonalSpeechReader
    from lipsmith.face.choice import FaceChoice
    from lipsmith.media.clip import Audio
    from lipsmith.media.reader import Clip
    from lipsmith.speech.personal import Footage

MAX_CLIP_S = 180.0
"""Part of each clip that is used; more teaches little."""


@dataclass(frozen=True, kw_only=True)
class StyleResult:
    """LearnedStyle personal style."""

    path: Path
    """Style file."""
    seconds: float
    """Footage in which the person was both seen and heard."""
    opening_iod: float
    """95th percentile of the lips' opening, in distances between the eye centres."""
    width_iod: float
    """Range of the mouth's width, from the 5th to the 95th percentile, in the same unit."""
    r_before: float
    """Correlation of predicted and true opening without the style."""
    r_after: float
    """Correlation with the style, on parts of the footage that were left out of learning."""
    offsets_s: tuple[float, ...]
    """Delay of each clip's audio against its lips, which is removed before learning."""
    warnings: tuple[str, ...]
    stage_seconds: Mapping[str, float]
    """Wall-clock seconds of each stage."""


def make_style(request: StyleRequest) -> StyleResult:
    """Learn how a person moves the lips from ``clips``, and write the style to ``out``.

    Raises StyleNotLearnt where too little is seen or heard, or lips and audio do not belong together.
    """
    from lipsmith.engines import registry
    from lipsmith.speech.personal import learn_personal_style

    paths = _paths(request.clips)
    choice = face_choice(request.face)
    out = Path(request.out)
    check_not_an_input([out], paths)
    check_text_output(out, request.overwrite)
    request.check_engines()
    reporter = ProgressReporter(request.progress, request.cancelled)
    reader = registry.create("personal_speech_reader", request.engines.get("personal_speech_reader"))
    footage = [_footage(path, choice, reader, reporter, request.engines) for path in paths]
    with reporter.stage("speech"):
        learnt = learn_personal_style(footage, net=reader.fingerprint)
    with written_atomically(out, learnt.style.to_json):
        pass
    return StyleResult(
        path=out,
        seconds=learnt.style.seconds,
        opening_iod=round(learnt.style.range.high_iod, 3),
        width_iod=round(learnt.style.range.width_iod, 3),
        r_before=round(learnt.r_before, 2),
        r_after=round(learnt.r_after, 2),
        offsets_s=learnt.lags_s,
        warnings=learnt.warnings,
        stage_seconds=reporter.seconds,
    )


learn_style = Facade("learn_style", StyleRequest, make_style)


def _paths(clips: StrPath | Sequence[StrPath]) -> list[Path]:
    given = [clips] if isinstance(clips, str | os.PathLike) else list(clips) if isinstance(clips, Sequence) else [clips]
    if not given:
        raise InvalidOption("There is nothing to learn from. Give at least one clip in which the person speaks.")
    for clip in given:
        if not isinstance(clip, str | os.PathLike):
            raise InvalidOption(f"clips holds {clip!r}. Give paths of videos.")
    return [Path(clip) for clip in given]


def _footage(
    path: Path, choice: FaceChoice, reader: PersonalSpeechReader, reporter: ProgressReporter, engines: Mapping[str, str]
) -> Footage:
    from lipsmith.face.choice import choose_face
    from lipsmith.media.background import own_audio_delay_s
    from lipsmith.media.reader import open_clip

    with reporter.stage("clip"):
        clip = open_clip(path, on_frame=reporter.check)
        audio = _audio_of(clip)
        delay_s = own_audio_delay_s(clip.info)
    with reporter.stage("speech"):
        reading = reader.reading(reporter.cancellable(audio))
    with reporter.stage("face"):
        last = sum(1 for time_s in clip.times_s if time_s < MAX_CLIP_S)
        tracks = follow(clip, last, reporter, engines)
        track = choose_face(tracks, choice, expected=opening_of(reading, delay_s))
    return footage_of(track, reading, audio_delay_s=delay_s, name=path.name)


def _audio_of(clip: Clip) -> Audio:
    from lipsmith.media.background import open_own_audio

    audio = open_own_audio(clip)
    if audio is None:
        raise StyleNotLearnt(
            f"{clip.info.name!r} has no audible audio, so nothing can be learnt from its lips. "
            "Choose a clip in which the person speaks."
        )
    return audio
