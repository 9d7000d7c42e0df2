"""A filmed person says something else: the whole way from a clip and a sound to a new video, told step by step.

Knows the order of the steps, who reports progress and who may cancel. Knows no maths and no file formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lipsmith.errors import InvalidOption
from lipsmith.pipeline.outputs import check_outputs
from lipsmith.pipeline.speaking import read_speech, speak, speaker_of
from lipsmith.pipeline.work import Progress, StrPath, Work

if TYPE_CHECKING:
    from lipsmith.engines.contract import NewLips, Spoken
    from lipsmith.face.choice import FaceChoice, Opening
    from lipsmith.face.track import FaceTrack
    from lipsmith.media.clip import ClipFacts, ClipFrame, Sound
    from lipsmith.media.reader import Clip
    from lipsmith.media.timeline import LengthMode, Shown, ShowPlan
    from lipsmith.speech.visemes import Speech

SyncMode = Literal["lite", "standard", "pro"]

OFFSET_R = 0.35
"""From this correlation of lips and sound on, a clip's own offset and opening range can be believed."""


@dataclass(frozen=True, kw_only=True)
class SyncResult:
    """A finished lip sync."""

    path: Path
    """The video."""
    seconds: float
    """Its length."""
    frames: int
    fps: Fraction
    """On average, where the clip's rate varies."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    unchanged_s: tuple[tuple[float, float], ...]
    """Start and end, seconds of the video, of stretches that stayed as they were: no face, or one turned away."""
    damaged_s: tuple[tuple[float, float], ...]
    """Start and end, seconds of the clip, of pictures that could not be decoded."""
    own_offset_s: float | None
    """How much later the clip's own sound comes than its lips; None where the clip does not tell."""
    warnings: tuple[str, ...]
    """What the owner of the result may want to know."""
    stage_seconds: Mapping[str, float]
    """Wall-clock seconds spent in each stage."""


def lip_sync(
    video: StrPath,
    audio: StrPath | None = None,
    out: StrPath = "out.mp4",
    *,
    text: str | None = None,
    voice: str | None = None,
    rate: float = 1.0,
    mode: SyncMode = "standard",
    face: str | int | tuple[float, float] | tuple[float, float, float] = "auto",
    start_s: float | None = None,
    end_s: float | None = None,
    audio_start_s: float | None = None,
    audio_end_s: float | None = None,
    length_mode: LengthMode = "silence",
    max_fps: float | Fraction | str | None = None,
    keep_background_db: float | None = None,
    adapt: bool = True,
    intensity: float = 1.0,
    crf: int = 16,
    syncer: str | None = None,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> SyncResult:
    """Makes a person in ``video`` say what is heard in ``audio``, or ``text``, and writes the result to ``out``."""
    from lipsmith.media.background import open_own_sound
    from lipsmith.media.encode import write_clip
    from lipsmith.media.reader import open_clip
    from lipsmith.media.timeline import ShowPlan

    check_outputs(out, None, overwrite, inputs=[video, audio])
    choice = _face_choice(face)
    work = Work(progress, cancelled)
    with work.stage("clip"):
        clip = open_clip(Path(video), start_s=start_s, end_s=end_s, max_fps=max_fps)
        own = open_own_sound(clip)
    with work.stage("sound"):
        sound, spoken = _new_sound(text, audio, voice, rate, audio_start_s, audio_end_s)
        plan = ShowPlan(durations_s=clip.durations_s, sound_s=sound.duration_s, mode=length_mode)
        shown = list(plan)
    with work.stage("face"):
        used = 1 + max(picture.source for picture in shown)
        tracks = _follow(clip, used, work)
    with work.stage("speech"):
        heard = _own_speech(own, clip.facts) if own is not None else None
        track = _choose(tracks, choice, heard)
        speech, hearing = (spoken.speech, ()) if spoken else read_speech(sound, text)
    with work.stage("motion"):
        speaker, offset_s = _new_lips(speech, track, clip, shown, heard, adapt, intensity)
    with work.stage("video"):
        frames = _drawn(clip, plan, [speaker], mode, syncer)
        under = _with_background(sound, own, clip, plan, keep_background_db)
        write_clip(
            Path(out),
            clip.facts,
            frames,
            under,
            crf=crf,
            on_frame=lambda done: work.frame(done, len(shown)),
            overwrite=overwrite,
        )
    last = shown[-1]
    return SyncResult(
        path=Path(out),
        seconds=float(last.time_s + last.duration_s),
        frames=len(shown),
        fps=clip.facts.fps,
        width=clip.facts.width,
        height=clip.facts.height,
        unchanged_s=_unchanged(track, shown),
        damaged_s=clip.damaged_s,
        own_offset_s=offset_s,
        warnings=(*clip.facts.warnings, *getattr(sound, "warnings", ()), *hearing),
        stage_seconds=work.seconds,
    )


def _face_choice(face: object) -> FaceChoice:
    from lipsmith.face.choice import At, read_choice

    if isinstance(face, str):
        return read_choice(face)
    if isinstance(face, int) and not isinstance(face, bool) and face >= 1:
        return face
    if isinstance(face, tuple | list) and len(face) in (2, 3):
        return At(x=float(face[0]), y=float(face[1]), time_s=float(face[2]) if len(face) == 3 else 0.0)
    raise InvalidOption(
        f"The face is {face!r}; say auto, speaker, a number from the left, or (x, y) or (x, y, seconds)."
    )


def _new_sound(
    text: str | None, audio: StrPath | None, voice: str | None, rate: float, start_s: float | None, end_s: float | None
) -> tuple[Sound, Spoken | None]:
    from lipsmith.media.decode import open_sound

    if audio is None:
        assert text is not None  # checked at the door
        spoken = speak(text, voice or speaker_of(text), rate)
        return spoken.sound, spoken
    return open_sound(Path(audio), start_s=start_s, end_s=end_s), None


def _follow(clip: Clip, used: int, work: Work) -> Sequence[FaceTrack]:
    from lipsmith.engines import registry

    def counted() -> Iterator[ClipFrame]:
        for done, frame in enumerate(clip.frames(0, used), start=1):
            yield frame
            work.frame(done, used)

    return registry.create("face_follower").follow(counted(), pixel_aspect=clip.facts.pixel_aspect)


def _own_speech(own: Sound, facts: ClipFacts) -> Opening:
    import numpy as np

    from lipsmith.engines import registry
    from lipsmith.face.choice import Opening
    from lipsmith.media.background import own_sound_delay_s
    from lipsmith.speech.visemes import HOP_S

    speech = registry.create("speech_reader").read(own)
    times_s = np.arange(len(speech.visemes)) * HOP_S + own_sound_delay_s(facts)
    openness = speech.openness if speech.openness is not None else 1.0 - speech.visemes[:, 0]
    return Opening(times_s=times_s, openness=openness.astype(np.float64))


def _choose(tracks: Sequence[FaceTrack], choice: FaceChoice, heard: Opening | None) -> FaceTrack:
    from lipsmith.face.choice import choose_face

    return choose_face(tracks, choice, heard=heard)


def _new_lips(
    speech: Speech,
    track: FaceTrack,
    clip: Clip,
    shown: Sequence[Shown],
    heard: Opening | None,
    adapt: bool,
    intensity: float,
) -> tuple[NewLips, float | None]:
    import numpy as np

    from lipsmith.engines.contract import NewLips
    from lipsmith.face.choice import lips_with_sound
    from lipsmith.motion.lips import lips_in_pictures

    agreement = lips_with_sound(track, heard) if heard is not None else None
    speaks = agreement is not None and agreement.r >= OFFSET_R
    reach = float(np.clip(np.nanmedian(track.width) / 0.74, 0.80, 1.05))
    if adapt and speaks:
        reach = float(np.clip(np.nanpercentile(track.aperture, 95) / 0.25, 0.6, 1.4))
    motion = lips_in_pictures(
        speech,
        times_s=[picture.time_s for picture in shown],
        fps=clip.facts.fps,
        uneven=clip.facts.uneven,
        reach=reach * intensity,
    )
    sources = np.array([picture.source for picture in shown], dtype=np.int64)
    return NewLips(track=track, motion=motion, sources=sources), agreement.lag_s if speaks and agreement else None


def _drawn(
    clip: Clip, plan: ShowPlan, speakers: Sequence[NewLips], mode: SyncMode, syncer: str | None
) -> Iterable[ClipFrame]:
    from lipsmith.engines import registry

    return registry.create("lip_syncer", syncer).frames(clip, clip.play(plan), speakers, effort=mode)


def _with_background(sound: Sound, own: Sound | None, clip: Clip, plan: ShowPlan, gain_db: float | None) -> Sound:
    from lipsmith.media.background import KeptBackground, own_sound_delay_s

    if gain_db is None or own is None:
        return sound
    return KeptBackground(
        sound,
        own,
        gain_db=gain_db,
        duration_s=plan.duration_s,
        delay_s=own_sound_delay_s(clip.facts),
        repeat_s=clip.facts.duration_s if plan.mode == "loop" else None,
    )


def _unchanged(track: FaceTrack, shown: Sequence[Shown]) -> tuple[tuple[float, float], ...]:
    from lipsmith.engines.classic_lips import strength

    share = strength(track)
    stretches: list[tuple[float, float]] = []
    for picture in shown:
        if share[picture.source] > 0:
            continue
        start, end = float(picture.time_s), float(picture.time_s + picture.duration_s)
        if stretches and abs(stretches[-1][1] - start) < 1e-6:
            stretches[-1] = (stretches[-1][0], end)
        else:
            stretches.append((start, end))
    return tuple(stretches)
