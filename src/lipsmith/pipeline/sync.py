"""Lip sync: the steps from a clip and speech to a new video.

Knows the order of the steps. Knows no mathematics and no file formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lipsmith.errors import InvalidOption, VideoTooLong
from lipsmith.pipeline.facade import Facade
from lipsmith.pipeline.footage import follow
from lipsmith.pipeline.outputs import (
    NEED_SPEECH,
    check_extension,
    check_outputs,
    export_text_of,
    has_visemes_for,
    load_track,
    written_atomically,
)
from lipsmith.pipeline.progress import ProgressReporter
from lipsmith.pipeline.requests import Speaker, SyncRequest
from lipsmith.pipeline.speakers import faces_in_window, requested_speakers
from lipsmith.pipeline.speech_reading import load_style
from lipsmith.pipeline.sync_people import (
    Person,
    SpeakerSpeech,
    SpeakerVisemes,
    choose_tracks,
    mix_speakers,
    needs_own_speech,
    open_speaker,
    read_own_speech,
    read_person,
    read_speaker,
)
from lipsmith.pipeline.sync_warnings import (
    background_warnings,
    damage_warnings,
    face_warnings,
    length_warnings,
    silence_warnings,
)

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.engines.contract import LipSyncer, NewLips
    from lipsmith.face.track import FaceTrack
    from lipsmith.media.clip import Audio, TimedPlanes
    from lipsmith.media.reader import Clip
    from lipsmith.media.timeline import FramePlan, PlannedFrame
    from lipsmith.motion.track import MotionTrack


@dataclass(frozen=True, kw_only=True)
class SyncedFace:
    """Face with new lips."""

    number: int
    """Number from the left, starting at 1."""
    iod_px: float
    """Median distance between the eye centres, pixels of the video."""
    own_offset_s: float | None
    """Delay of the clip's own audio against these lips; None where no style was learnt from them."""
    learnt_s: float | None
    """Seconds of the clip's own speech from which this person's style was learnt; None where none was."""


@dataclass(frozen=True, kw_only=True)
class SyncResult:
    """Finished lip sync."""

    path: Path
    """Video file."""
    seconds: float
    """Length of the video."""
    frames: int
    fps: Fraction
    """Average rate, where the clip's rate varies."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    faces: tuple[SyncedFace, ...]
    """Changed faces, in the order of the speakers."""
    faces_found: int
    """Number of faces that could be followed in the clip."""
    unchanged_s: tuple[tuple[float, float], ...]
    """Start and end of parts without new lips, seconds of the video: no face, or one turned away."""
    damaged_s: tuple[tuple[float, float], ...]
    """Start and end of frames that could not be decoded, seconds of the clip's window."""
    warnings: tuple[str, ...]
    stage_seconds: Mapping[str, float]
    """Wall-clock seconds of each stage, by the names of `SYNC_STAGES`."""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Everything that is known before the frames are drawn."""

    syncer: LipSyncer
    clip: Clip
    own: Audio | None
    """The clip's own audio."""
    speech: Sequence[SpeakerSpeech]
    audio: Audio
    """Speech of all speakers together."""
    show: FramePlan
    shown: Sequence[PlannedFrame]


@dataclass(frozen=True, kw_only=True)
class _Lips:
    """Faces to change, and their new lips."""

    tracks: Sequence[FaceTrack]
    """All faces of the clip, from left to right."""
    people: Sequence[Person]
    """One for each speaker."""
    visemes: Sequence[SpeakerVisemes]
    """Read speech of each speaker; empty where a motion track replaces it."""


def make_lip_sync(request: SyncRequest) -> SyncResult:
    """Change the lips of a person in ``video`` to ``audio`` or ``text``, and write the video to ``out``.

    Only the lower face changes. All other bytes reach the encoder unchanged, with the clip's own times, size and
    colours.
    """
    speakers = requested_speakers(request)
    extension = _check_files(request, speakers)
    track = load_track(request.motion_track)
    needs_speech = track is None or (extension in NEED_SPEECH and not has_visemes_for(extension, track))
    request.check_engines()
    reporter = ProgressReporter(request.progress, request.cancelled)
    plan = _open(request, speakers, track, reporter)
    lips = _find_lips(request, speakers, plan, reporter, adapt=request.adapt and track is None, read=needs_speech)
    with reporter.stage("motion"):
        motions = _motions(request, track, lips.visemes, plan)
    visemes = lips.visemes[0].visemes if lips.visemes else None
    content = partial(export_text_of, extension, motions[0], visemes, plan.speech[0].opened.text)
    with reporter.stage("video"), written_atomically(request.export, content):
        _render(request, plan, _new_lips(lips.people, motions, plan.shown), reporter)
    unchanged_s = _unchanged(lips.people, plan.shown)
    info = plan.clip.info
    return SyncResult(
        path=Path(request.out),
        seconds=float(plan.show.duration_s),
        frames=len(plan.shown),
        fps=info.fps,
        width=info.width,
        height=info.height,
        faces=tuple(_synced_face(person, lips.tracks) for person in lips.people),
        faces_found=len(lips.tracks),
        unchanged_s=unchanged_s,
        damaged_s=plan.clip.damaged_s,
        warnings=(
            *info.warnings,
            *damage_warnings(plan.clip.damaged_s),
            *(note for one in plan.speech for note in one.opened.warnings),
            *length_warnings(plan.show, info, track),
            *(note for one in lips.visemes for note in one.warnings),
            *silence_warnings(motions),
            *face_warnings(lips.people, unchanged_s, float(plan.show.duration_s)),
            *background_warnings(plan.own, request.keep_background_db),
        ),
        stage_seconds=reporter.seconds,
    )


lip_sync = Facade("lip_sync", SyncRequest, make_lip_sync)


def _check_files(request: SyncRequest, speakers: Sequence[Speaker]) -> str:
    """Check inputs and outputs before the work, and return the export's extension."""
    from lipsmith.media.timeline import check_fps, check_window

    check_window(request.start_s, request.end_s, of="clip")
    if request.max_fps is not None:
        check_fps(request.max_fps)
    inputs: list[object] = [request.video, request.speakers, request.motion_track]
    inputs += [path for speaker in speakers for path in (speaker.audio, speaker.speaking_style)]
    check_outputs(request.out, request.export, request.overwrite, inputs)
    return check_extension(request.export, speakers[0].text)


def _open(
    request: SyncRequest, speakers: Sequence[Speaker], track: MotionTrack | None, reporter: ProgressReporter
) -> _Plan:
    from lipsmith.engines import registry
    from lipsmith.media.background import open_own_audio
    from lipsmith.media.reader import open_clip
    from lipsmith.media.timeline import FramePlan, check_length

    syncer = registry.create("lip_syncer", request.engines.get("lip_syncer"))
    with reporter.stage("clip"):
        clip = open_clip(
            Path(request.video),
            start_s=request.start_s,
            end_s=request.end_s,
            max_fps=request.max_fps,
            max_resolution=request.max_resolution,
            on_frame=reporter.check,
        )
        if track is not None and track.fps != clip.info.fps:
            raise InvalidOption(
                f"The motion track has {track.fps} fps, and the clip has {clip.info.fps}. Make it from this clip "
                "(--export)."
            )
        own = open_own_audio(clip)
    with reporter.stage("sound"):
        speech = [open_speaker(speaker) for speaker in speakers]
        audio = mix_speakers(speech)
        show = FramePlan(durations_s=clip.durations_s, audio_s=audio.duration_s, mode=request.duration_mode)
        check_length(float(show.duration_s), request.max_duration_s, VideoTooLong)
        return _Plan(syncer=syncer, clip=clip, own=own, speech=speech, audio=audio, show=show, shown=list(show))


def _find_lips(
    request: SyncRequest,
    speakers: Sequence[Speaker],
    plan: _Plan,
    reporter: ProgressReporter,
    *,
    adapt: bool,
    read: bool,
) -> _Lips:
    """Follow the faces, choose those of the speakers, and read their speech where ``read`` is set."""
    styles = [load_style(speaker.speaking_style) for speaker in speakers]
    choices = faces_in_window(speakers, request.start_s, request.end_s)
    info, engines = plan.clip.info, request.engines
    with reporter.stage("face"):
        tracks = follow(plan.clip, 1 + max(frame.source for frame in plan.shown), reporter, engines)
    with reporter.stage("speech"):
        adapt = adapt and None in styles
        own = None
        if plan.own is not None and (adapt or needs_own_speech(choices, tracks)):
            own = read_own_speech(plan.own, info, reporter, engines)
        chosen = choose_tracks(tracks, choices, own, info, plan.syncer)
        people = [
            read_person(one, style, own if adapt else None, plan.syncer)
            for one, style in zip(chosen, styles, strict=True)
        ]
        visemes: list[SpeakerVisemes] = []
        if read:
            whole_s = float(plan.show.duration_s)
            for speech, person in zip(plan.speech, people, strict=True):
                visemes.append(read_speaker(speech, person, whole_s, reporter, engines))
    return _Lips(tracks=tracks, people=people, visemes=visemes)


def _motions(
    request: SyncRequest, track: MotionTrack | None, speakers: Sequence[SpeakerVisemes], plan: _Plan
) -> list[MotionTrack]:
    from lipsmith.motion.intensity import scale_intensity
    from lipsmith.motion.lips import lips_at_frames

    if track is not None:
        return [track.of_length(len(plan.shown))]
    info, times_s = plan.clip.info, [frame.time_s for frame in plan.shown]
    return [
        scale_intensity(
            lips_at_frames(
                one.visemes, times_s=times_s, fps=info.fps, variable_rate=info.variable_rate, reach=one.reach
            ),
            request.intensity,
        )
        for one in speakers
    ]


def _new_lips(people: Sequence[Person], motions: Sequence[MotionTrack], shown: Sequence[PlannedFrame]) -> list[NewLips]:
    import numpy as np

    from lipsmith.engines.contract import NewLips

    sources = np.array([frame.source for frame in shown], dtype=np.int64)
    return [
        NewLips(track=person.track, motion=motion, sources=sources)
        for person, motion in zip(people, motions, strict=True)
    ]


def _render(request: SyncRequest, plan: _Plan, new_lips: Sequence[NewLips], reporter: ProgressReporter) -> None:
    from lipsmith.media.encode import write_video
    from lipsmith.render.watermark import watermarked_clip

    info, total = plan.clip.info, len(plan.show)
    frames: Iterable[TimedPlanes] = plan.syncer.frames(
        plan.clip, plan.clip.play(plan.show), new_lips, effort=request.mode
    )
    if request.watermark:
        frames = watermarked_clip(frames, request.watermark, info.width, info.height)
    write_video(
        Path(request.out),
        info.video_format(request.crf),
        frames,
        _with_background(request, plan),
        on_frame=lambda done: reporter.frame(done, total),
        overwrite=request.overwrite,
    )


def _with_background(request: SyncRequest, plan: _Plan) -> Audio:
    """New speech, over the clip's own audio where that is kept."""
    from lipsmith.media.background import BackgroundMix, own_audio_delay_s

    gain_db = request.keep_background_db
    if gain_db is None or plan.own is None:
        return plan.audio
    info = plan.clip.info
    return BackgroundMix(
        plan.audio,
        plan.own,
        gain_db=gain_db,
        duration_s=plan.show.duration_s,
        delay_s=own_audio_delay_s(info),
        repeat_s=info.duration_s if plan.show.mode == "loop" else None,
    )


def _unchanged(people: Sequence[Person], shown: Sequence[PlannedFrame]) -> tuple[tuple[float, float], ...]:
    """Start and end of parts without new lips, seconds of the video."""
    parts: list[tuple[Fraction, Fraction]] = []
    for frame in shown:
        if any(person.replaced[frame.source] > 0 for person in people):
            continue
        end_s = frame.time_s + frame.duration_s
        if parts and parts[-1][1] == frame.time_s:
            parts[-1] = (parts[-1][0], end_s)
        else:
            parts.append((frame.time_s, end_s))
    return tuple((float(start_s), float(end_s)) for start_s, end_s in parts)


def _synced_face(person: Person, tracks: Sequence[FaceTrack]) -> SyncedFace:
    import numpy as np

    number = next(n for n, track in enumerate(tracks, start=1) if track is person.track)
    return SyncedFace(
        number=number,
        iod_px=round(float(np.nanmedian(person.track.iod_px)), 1),
        own_offset_s=person.learnt.lags_s[0] if person.learnt else None,
        learnt_s=person.learnt.style.seconds if person.learnt else None,
    )
