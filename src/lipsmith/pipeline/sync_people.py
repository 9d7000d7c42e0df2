"""People of a lip sync: their speech, their faces in the clip, and the way they move the lips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lipsmith.errors import FaceTooSmall, FaceTurnedAway, InvalidOption, StyleNotLearnt
from lipsmith.pipeline.footage import footage_of, opening_of
from lipsmith.pipeline.progress import ProgressReporter
from lipsmith.pipeline.requests import Speaker
from lipsmith.pipeline.speech_reading import OpenedSpeech, open_speech, read_speech

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    import numpy as np
    from numpy.typing import NDArray

    from lipsmith.engines.contract import LipSyncer
    from lipsmith.face.choice import ExpectedOpening, FaceChoice
    from lipsmith.face.track import FaceTrack
    from lipsmith.media.clip import Audio, ClipInfo
    from lipsmith.speech.personal import LearnedStyle, PersonalStyle, SpeechReading
    from lipsmith.speech.visemes import Speech

MIN_SPEAKER_R = 0.35
"""Correlation of lips and audio from which a clip's own speech is evidence of how far a mouth opens."""
READ_MARGIN_S = 1.0
"""Audio that is read beyond the end of the video, since the next phone shapes the last one."""
USUAL_WIDTH_IOD, USUAL_OPENING_IOD = 0.74, 0.25
"""Width of most people's mouths at rest, corner to corner, and their opening in speech (95th percentile)."""


@dataclass(frozen=True, kw_only=True)
class SpeakerSpeech:
    """Speech of one speaker, before visemes are read."""

    opened: OpenedSpeech
    hops: int
    """Start in the video, rows of speech."""

    @property
    def at_s(self) -> float:
        """Start in the video, seconds."""
        from lipsmith.speech.visemes import HOP_S

        return self.hops * HOP_S


@dataclass(frozen=True, kw_only=True)
class OwnSpeech:
    """Speech in the clip's own audio."""

    reading: SpeechReading
    fingerprint: str
    """Version of the speech reader."""
    opening: ExpectedOpening
    delay_s: float
    name: str


@dataclass(frozen=True, kw_only=True)
class Person:
    """Face of the clip, and how this person speaks."""

    track: FaceTrack
    replaced: NDArray[np.float64]
    """Strength of the new lips in each frame of the clip, 0-1."""
    style: PersonalStyle | None
    learnt: LearnedStyle | None
    """Result of learning from the clip's own speech."""
    reach: float
    """ExpectedOpening of this mouth against most people's, where there is no style."""


@dataclass(frozen=True, kw_only=True)
class SpeakerVisemes:
    """Visemes of one speaker, on the clock of the video."""

    visemes: Speech
    reach: float
    warnings: tuple[str, ...]


def open_speaker(speaker: Speaker) -> SpeakerSpeech:
    """Open the recording of ``speaker``, or synthesize the text."""
    from lipsmith.speech.visemes import HOP_S

    opened = open_speech(speaker, speaker.start_s, speaker.end_s)
    return SpeakerSpeech(opened=opened, hops=round(speaker.at_s / HOP_S))


def mix_speakers(speech: Sequence[SpeakerSpeech]) -> Audio:
    """Audio of all speakers, each at its time."""
    from lipsmith.media.mix import MixedAudio

    if len(speech) == 1 and not speech[0].hops:
        return speech[0].opened.audio
    return MixedAudio(parts=[(one.opened.audio, one.at_s) for one in speech])


def needs_own_speech(choices: Sequence[FaceChoice], tracks: Sequence[FaceTrack]) -> bool:
    """Test whether the choice of a face depends on the clip's own speech."""
    return "speaker" in choices or ("auto" in choices and len(tracks) > 1)


def read_own_speech(own: Audio, info: ClipInfo, reporter: ProgressReporter, engines: Mapping[str, str]) -> OwnSpeech:
    """Read the clip's own audio."""
    from lipsmith.engines import registry
    from lipsmith.media.background import own_audio_delay_s

    reader = registry.create("personal_speech_reader", engines.get("personal_speech_reader"))
    reading = reader.reading(reporter.cancellable(own))
    delay_s = own_audio_delay_s(info)
    return OwnSpeech(
        reading=reading,
        fingerprint=reader.fingerprint,
        opening=opening_of(reading, delay_s),
        delay_s=delay_s,
        name=info.name,
    )


def choose_tracks(
    tracks: Sequence[FaceTrack],
    choices: Sequence[FaceChoice],
    own: OwnSpeech | None,
    info: ClipInfo,
    syncer: LipSyncer,
) -> list[FaceTrack]:
    """Faces of the speakers, one for each of ``choices``.

    Raises NoSuchFace, FaceTooSmall, FaceTurnedAway, or InvalidOption where two speakers have the same face.
    """
    from lipsmith.face.choice import At, choose_face

    scale = float(info.scale)
    chosen: list[FaceTrack] = []
    for choice in choices:
        place = replace(choice, x=choice.x * scale, y=choice.y * scale) if isinstance(choice, At) else choice
        try:
            track = choose_face(tracks, place, expected=own.opening if own else None)
        except FaceTooSmall as error:
            if scale == 1.0:
                raise
            raise FaceTooSmall(
                f"{error.message} The clip was scaled down: allow a larger video (--max-resolution)."
            ) from error
        if any(track is other for other in chosen):
            raise InvalidOption("Two of the speakers have the same face. Choose each face by a number or a place.")
        if not syncer.replaced_share(track).any():
            raise FaceTurnedAway(
                "The face is never seen from the front in this part of the clip, so its lips cannot be changed. Choose "
                "another part, or another face."
            )
        chosen.append(track)
    return chosen


def read_person(track: FaceTrack, style: PersonalStyle | None, own: OwnSpeech | None, syncer: LipSyncer) -> Person:
    """Collect what is known of a person's lips: the given style, one learnt from ``own``, or the mouth's size."""
    import numpy as np

    from lipsmith.face.choice import lip_audio_agreement

    reach = float(np.clip(np.nanmedian(track.width) / USUAL_WIDTH_IOD, 0.80, 1.05))
    learnt = None
    if own is not None and style is None:
        agreement = lip_audio_agreement(track, own.opening)
        if agreement is not None and agreement.r >= MIN_SPEAKER_R:
            reach = float(np.clip(np.nanpercentile(track.aperture, 95) / USUAL_OPENING_IOD, 0.6, 1.15))
        learnt = _learn(track, own)
        style = learnt.style if learnt else None
    return Person(track=track, replaced=syncer.replaced_share(track), style=style, learnt=learnt, reach=reach)


def read_speaker(
    speech: SpeakerSpeech, person: Person, duration_s: float, reporter: ProgressReporter, engines: Mapping[str, str]
) -> SpeakerVisemes:
    """Read the visemes of one speaker for a video of ``duration_s``."""
    from lipsmith.media.mix import AudioStart
    from lipsmith.speech.visemes import delayed

    audio = speech.opened.audio
    if speech.opened.text is None:  # a known text has to be found in the whole recording
        audio = AudioStart(audio=audio, max_s=max(duration_s - speech.at_s, 0.0) + READ_MARGIN_S)
    if speech.opened.synthesized is None:
        audio = reporter.cancellable(audio)
    visemes, warnings = read_speech(speech.opened, audio, person.style, engines)
    reach = person.reach if person.style is None else 1.0
    return SpeakerVisemes(visemes=delayed(visemes, speech.hops), reach=reach, warnings=tuple(warnings))


def _learn(track: FaceTrack, own: OwnSpeech) -> LearnedStyle | None:
    """Personal style learnt from the clip; None where it does not show enough speech."""
    from lipsmith.speech.personal import learn_personal_style

    footage = footage_of(track, own.reading, audio_delay_s=own.delay_s, name=own.name)
    try:
        return learn_personal_style([footage], net=own.fingerprint)
    except StyleNotLearnt:
        return None
