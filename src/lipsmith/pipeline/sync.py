"""A filmed person says something else: the whole way from a clip and a sound to a new video, told step by step.

Knows the order of the steps. Knows no maths and no file formats.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from lipsmith.errors import FaceTooSmall, FaceTurnedAway, InvalidOption, StyleNotLearnt, VideoTooLong
from lipsmith.pipeline.footage import follow, footage_of, opening_of
from lipsmith.pipeline.old_options import intensity_rule, is_whole, quality_rules, refuse_types, refuse_values
from lipsmith.pipeline.outputs import (
    NEED_SPEECH,
    check_extension,
    check_outputs,
    export_text_of,
    has_visemes_for,
    load_track,
    written_atomically,
)
from lipsmith.pipeline.progress import Progress, ProgressReporter, StrPath
from lipsmith.pipeline.speakers import FaceSelector, Speaker, check_speaker, face_choice, read_speakers
from lipsmith.pipeline.speech_reading import (
    load_style,
    open_recording,
    read_speech,
    say,
    speech_of,
    with_lip_range,
)

if TYPE_CHECKING:  # all of these pull numpy at least; `import lipsmith` stays light
    import numpy as np
    from numpy.typing import NDArray

    from lipsmith.engines.contract import LipSyncer, NewLips
    from lipsmith.face.choice import ExpectedOpening, FaceChoice
    from lipsmith.face.track import FaceTrack
    from lipsmith.media.clip import Audio, ClipInfo, TimedPlanes
    from lipsmith.media.durations import LengthMode
    from lipsmith.media.reader import Clip
    from lipsmith.media.timeline import FramePlan, PlannedFrame
    from lipsmith.motion.track import MotionTrack
    from lipsmith.speech.personal import LearnedStyle, PersonalStyle, SpeechReading
    from lipsmith.speech.visemes import Speech
    from lipsmith.synthesis.contract import SynthesizedSpeech

SyncMode = Literal["lite", "standard", "pro"]

MIN_SPEAKER_R = 0.35
"""From this correlation of lips and sound on, what a clip says about its own speech can be believed."""
SMALL_IOD_PX = 40
"""Below this the result works but looks soft."""
MIN_REPORTED_S = 0.1
"""Differences in length below this are not worth a word."""
MIN_REPORTED_SHARE = 0.2
"""More of the video than this without new lips is told."""
READ_MARGIN_S = 1.0
"""So much more of a sound is read than is shown: what comes next shapes the last sound."""
USUAL_WIDTH_IOD, USUAL_OPENING_IOD = 0.74, 0.25
"""A mouth at rest, corner to corner, and how far it opens in speech (95th percentile): most people's."""


@dataclass(frozen=True, kw_only=True)
class SyncedFace:
    """A face that got new lips."""

    number: int
    """Counted from the left, starting at 1."""
    iod_px: float
    """Distance between the eye centres, as a rule; pixels of the video."""
    own_offset_s: float | None
    """How much later the clip's own sound comes than these lips; None where nothing was learnt from them."""
    learnt_s: float | None
    """From so many seconds of the clip's own speech this person's way of speaking was learnt; None where it was not."""


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
    faces: tuple[SyncedFace, ...]
    """Who speaks, in the order of the speakers."""
    faces_found: int
    """How many faces could be followed in the clip."""
    unchanged_s: tuple[tuple[float, float], ...]
    """Start and end, seconds of the video, of stretches that stayed as they were: no face, or one turned away."""
    damaged_s: tuple[tuple[float, float], ...]
    """Start and end, seconds of the clip's window, of pictures that could not be decoded."""
    warnings: tuple[str, ...]
    """What the owner of the result may want to know."""
    stage_seconds: Mapping[str, float]
    """Wall-clock seconds spent in each stage, by the names of `SYNC_STAGES`."""


def lip_sync(
    video: StrPath,
    audio: StrPath | None = None,
    out: StrPath = "out.mp4",
    *,
    text: str | None = None,
    voice: str | None = None,
    language: str | None = None,
    rate: float = 1.0,
    audio_start_s: float | None = None,
    audio_end_s: float | None = None,
    speakers: StrPath | Sequence[Speaker] | None = None,
    face: FaceSelector = "auto",
    mode: SyncMode = "standard",
    start_s: float | None = None,
    end_s: float | None = None,
    longest_s: float | None = None,
    length_mode: LengthMode = "silence",
    max_fps: float | Fraction | str | None = None,
    max_resolution: int | None = None,
    keep_background_db: float | None = None,
    adapt: bool = True,
    style: StrPath | PersonalStyle | None = None,
    intensity: float = 1.0,
    crf: int = 16,
    mark: str | None = None,
    syncer: str | None = None,
    export: StrPath | None = None,
    from_motion: StrPath | MotionTrack | None = None,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> SyncResult:
    """Makes a person in ``video`` say what is heard in ``audio``, or ``text``, and writes the result to ``out``.

    Only the lower face changes, and only while it is seen; all else goes to the encoder byte by byte, with the clip's
    own times, size and colours.

    - ``audio``, ``text``, ``voice``, ``language``, ``rate``: as for `talking_photo`. ``audio_start_s``,
      ``audio_end_s``: the part of ``audio`` that is said, seconds.
    - ``speakers``: several faces, each with its own words, instead of the options above and ``face``: a list of
      `Speaker`, or a JSON file of them. What is heard is all of them together.
    - ``face``: who speaks: "auto" is whoever's lips move with the clip's own sound, else the most prominent face;
      "speaker" is only the former; a number counts from the left, starting at 1; (x, y) or (x, y, seconds), also as the
      text "X,Y@S", is a point inside the face at that moment, in pixels and seconds of the clip.
    - ``mode``: "lite" moves the lips and makes the inside of the mouth; "standard" takes the person's own mouth from
      elsewhere in the clip where that fits; "pro" does so with more effort.
    - ``start_s``, ``end_s``: the part of the clip that is used, seconds. ``longest_s``: what becomes longer is refused.
    - ``length_mode``: what happens where clip and sound are not equally long. "silence": the clip decides, sound is cut
      or lips rest. "cut": the shorter decides. "loop", "bounce", "hold": the sound decides; the clip begins anew, runs
      to and fro, or its last picture stays.
    - ``max_fps`` leaves pictures out, ``max_resolution`` scales the clip down, its longest side in pixels, where it has
      more. Without them each picture keeps its time and its bytes.
    - ``keep_background_db``: keeps the clip's own sound beneath the new one, -60 to 0 dB.
    - ``adapt``: where the person speaks in the clip, their way of moving the lips is learnt from it. ``style``: it is
      taken from a file that `learn_style` wrote.
    - ``intensity``: how far the mouth opens, 0.1–2.0. ``crf``: x264's quality, 1 (best) to 51 (worst); 16 looks like
      the source. ``mark``: as for `talking_photo`. ``syncer``: who draws, by the name of its engine.
    - ``export``, ``from_motion``: as for `talking_photo`, with one row for each picture of the video.
    - ``overwrite``: replaces ``out`` and ``export`` where they exist.
    - ``progress`` is called at the start and end of each stage and after every frame. ``cancelled`` is asked at the
      same moments, and for every picture that is decoded; once it answers True, Cancelled is raised.

    Whatever error is raised, nothing is written. All of them are LipsmithErrors: InputError where the caller can mend
    it, MissingDependency, VoiceFailed, EncodingFailed or Cancelled where not.
    """
    from lipsmith.engines import registry
    from lipsmith.media.background import open_own_audio
    from lipsmith.media.reader import open_clip
    from lipsmith.media.timeline import FramePlan, check_length

    _check_types(video, out, max_resolution, crf, keep_background_db, adapt)
    _check_options(mode, length_mode, max_fps, max_resolution, keep_background_db, intensity, crf, start_s, end_s)
    lip_syncer = registry.create("lip_syncer", syncer)
    single = Speaker(
        face=face,
        audio=audio,
        text=text,
        voice=voice,
        language=language,
        rate=rate,
        start_s=audio_start_s,
        end_s=audio_end_s,
        style=style,
    )
    asked = _requested_speakers(single, speakers, export, from_motion)
    choices = [_in_window(face_choice(speaker.face), start_s, end_s) for speaker in asked]
    inputs = [video, speakers, from_motion, *(path for speaker in asked for path in (speaker.audio, speaker.style))]
    check_outputs(out, export, overwrite, inputs)
    extension = check_extension(export, asked[0].text)
    speaking_styles = [load_style(speaker.style) for speaker in asked]
    given = load_track(from_motion)
    work = ProgressReporter(progress, cancelled)
    with work.stage("clip"):
        clip = open_clip(
            Path(video),
            start_s=start_s,
            end_s=end_s,
            max_fps=max_fps,
            max_resolution=max_resolution,
            on_frame=work.check,
        )
        _check_rate(given, clip.info)
        own = open_own_audio(clip)
    with work.stage("sound"):
        words = [_words(speaker) for speaker in asked]
        sound = _together(words)
        plan = FramePlan(durations_s=clip.durations_s, audio_s=sound.duration_s, mode=length_mode)
        check_length(float(plan.duration_s), longest_s, VideoTooLong)
        shown = list(plan)
    with work.stage("face"):
        tracks = follow(clip, 1 + max(picture.source for picture in shown), work)
    with work.stage("speech"):
        learns = adapt and given is None and None in speaking_styles
        heard = _own_speech(own, clip.info, work) if own and (learns or _is_asked(choices, tracks)) else None
        chosen = _choose(tracks, choices, heard, clip.info, lip_syncer)
        people = [
            _person(track, one, heard if learns else None) for track, one in zip(chosen, speaking_styles, strict=True)
        ]
        said: list[_ReadSpeech] = []
        if given is None or (extension in NEED_SPEECH and not has_visemes_for(extension, given)):
            said = [_read(one, person, plan, work) for one, person in zip(words, people, strict=True)]
    with work.stage("motion"):
        if given is not None:
            motions = [given.of_length(len(shown))]
        else:
            motions = [_motion(one, clip.info, shown, intensity) for one in said]
        new_lips = _new_lips(chosen, motions, shown)
    speech = said[0].speech if said else None
    with (
        work.stage("video"),
        written_atomically(export, lambda: export_text_of(extension, motions[0], speech, words[0].text)),
    ):
        heard_sound = _mix_background(sound, own, clip, plan, keep_background_db)
        _write(clip, plan, new_lips, heard_sound, Path(out), mode, lip_syncer, crf, mark, overwrite, work)
    unchanged_s = _unchanged([lip_syncer.replaced_share(track) for track in chosen], shown)
    return SyncResult(
        path=Path(out),
        seconds=float(plan.duration_s),
        frames=len(shown),
        fps=clip.info.fps,
        width=clip.info.width,
        height=clip.info.height,
        faces=tuple(_synced_face(person, tracks) for person in people),
        faces_found=len(tracks),
        unchanged_s=unchanged_s,
        damaged_s=clip.damaged_s,
        warnings=(
            *clip.info.warnings,
            *_damage_warnings(clip.damaged_s),
            *(note for one in words for note in one.warnings),
            *_length_warnings(plan, clip.info, given, len(shown)),
            *(note for one in said for note in one.warnings),
            *_silence_warnings(motions),
            *_face_warnings(people, unchanged_s, float(plan.duration_s)),
            *_background_warnings(own, keep_background_db),
        ),
        stage_seconds=work.seconds,
    )


@dataclass(frozen=True, kw_only=True)
class _SpeakerAudio:
    """What one speaker says, before it is read."""

    audio: Audio
    spoken: SynthesizedSpeech | None
    text: str | None
    hops: int
    """How much later than the video it begins, in rows of speech."""
    warnings: tuple[str, ...]

    @property
    def at_s(self) -> float:
        from lipsmith.speech.visemes import HOP_S

        return self.hops * HOP_S


@dataclass(frozen=True, kw_only=True)
class _OwnSpeech:
    """The clip's own speech."""

    reading: SpeechReading
    opening: ExpectedOpening
    delay_s: float
    name: str


@dataclass(frozen=True, kw_only=True)
class _Person:
    """A face of the clip, and what is known of how it speaks."""

    track: FaceTrack
    speaking_style: PersonalStyle | None
    learnt: LearnedStyle | None
    """What the clip's own speech taught."""
    reach: float
    """How far this mouth opens where the manner does not tell; 1 for most people."""


@dataclass(frozen=True, kw_only=True)
class _ReadSpeech:
    """What one speaker says, read."""

    speech: Speech
    reach: float
    warnings: tuple[str, ...]


def _check_types(
    video: object, out: object, max_resolution: object, crf: object, keep_background_db: object, adapt: object
) -> None:
    decibels = isinstance(keep_background_db, int | float) and not isinstance(keep_background_db, bool)
    refuse_types(
        (isinstance(video, str | os.PathLike), "video", video, "the path of a video"),
        (isinstance(out, str | os.PathLike), "out", out, "the path of the video to write"),
        (max_resolution is None or is_whole(max_resolution), "max_resolution", max_resolution, "a whole number"),
        (is_whole(crf), "crf", crf, "a whole number"),
        (keep_background_db is None or decibels, "keep_background_db", keep_background_db, "a number of dB"),
        (isinstance(adapt, bool), "adapt", adapt, "True or False"),
    )


def _check_options(
    mode: str,
    length_mode: str,
    max_fps: float | Fraction | str | None,
    max_resolution: int | None,
    keep_background_db: float | None,
    intensity: float,
    crf: int,
    start_s: float | None,
    end_s: float | None,
) -> None:
    from lipsmith.media.background import LOUDEST_DB, QUIETEST_DB
    from lipsmith.media.durations import LENGTH_MODES
    from lipsmith.media.timeline import check_fps, check_window

    refuse_values(
        (mode in get_args(SyncMode), f"There is no mode {mode!r}, only {', '.join(get_args(SyncMode))}."),
        (
            length_mode in LENGTH_MODES,
            f"There is no length mode {length_mode!r}, only {', '.join(LENGTH_MODES)}.",
        ),
        (
            keep_background_db is None or QUIETEST_DB <= keep_background_db <= LOUDEST_DB,
            f"The clip's own sound cannot be kept at {keep_background_db} dB. Use {QUIETEST_DB:g} (hardly there) to "
            f"{LOUDEST_DB:g} (as loud as it was).",
        ),
        intensity_rule(intensity),
        *quality_rules(max_resolution, crf),
    )
    check_window(start_s, end_s, of="clip")
    if max_fps is not None:
        check_fps(max_fps)


def _requested_speakers(
    single: Speaker, speakers: StrPath | Sequence[Speaker] | None, export: object, from_motion: object
) -> tuple[Speaker, ...]:
    """Who is to speak: the one whom the options name, or several."""
    if speakers is None:
        check_speaker(single)
        return (single,)
    several = read_speakers(speakers)
    refuse_values(
        (
            single == Speaker(),
            "The speakers say who says what and how; leave audio, text, voice, language, rate, style, the face and the "
            "window in the recording to them (--map).",
        ),
        (
            len(several) == 1 or (export is None and from_motion is None),
            "A motion file holds the lips of one face, and several speak here. Leave --export and --from-motion out.",
        ),
    )
    return several


def _in_window(choice: FaceChoice, start_s: float | None, end_s: float | None) -> FaceChoice:
    """A place in the clip at a time of its window."""
    from lipsmith.face.choice import At

    if not isinstance(choice, At) or choice.time_s == 0.0:
        return choice
    time_s = choice.time_s - (start_s or 0.0)
    if time_s < 0 or (end_s is not None and choice.time_s > end_s):
        raise InvalidOption(
            f"The face is looked for at {choice.time_s:g} s, outside the part of the clip that is used. Name a time in "
            "it."
        )
    return replace(choice, time_s=time_s)


def _check_rate(given: MotionTrack | None, info: ClipInfo) -> None:
    if given is not None and given.fps != info.fps:
        raise InvalidOption(
            f"The motion was made for {given.fps} fps, and the clip has {info.fps}. Make it from this clip (--export)."
        )


def _words(speaker: Speaker) -> _SpeakerAudio:
    from lipsmith.speech.visemes import HOP_S

    hops = round(speaker.at_s / HOP_S)
    if speaker.audio is None:
        assert speaker.text is not None  # checked at the door
        said = say(speaker.text, voice=speaker.voice, language=speaker.language, rate=speaker.rate)
        spoken = said.spoken
        return _SpeakerAudio(audio=spoken.audio, spoken=spoken, text=said.words, hops=hops, warnings=said.warnings)
    sound = open_recording(speaker.audio, speaker.start_s, speaker.end_s)
    return _SpeakerAudio(audio=sound, spoken=None, text=speaker.text, hops=hops, warnings=sound.warnings)


def _together(words: Sequence[_SpeakerAudio]) -> Audio:
    from lipsmith.media.mix import MixedAudio

    if len(words) == 1 and not words[0].hops:
        return words[0].audio
    return MixedAudio(parts=[(one.audio, one.at_s) for one in words])


def _is_asked(choices: Sequence[FaceChoice], tracks: Sequence[FaceTrack]) -> bool:
    """Whether it matters who speaks in the clip itself."""
    return "speaker" in choices or ("auto" in choices and len(tracks) > 1)


def _own_speech(own: Audio, info: ClipInfo, work: ProgressReporter) -> _OwnSpeech:
    from lipsmith.engines import registry
    from lipsmith.media.background import own_audio_delay_s

    reading = registry.create("personal_speech_reader").reading(work.cancellable(own))
    delay_s = own_audio_delay_s(info)
    return _OwnSpeech(reading=reading, opening=opening_of(reading, delay_s), delay_s=delay_s, name=info.name)


def _choose(
    tracks: Sequence[FaceTrack],
    choices: Sequence[FaceChoice],
    heard: _OwnSpeech | None,
    info: ClipInfo,
    lip_syncer: LipSyncer,
) -> list[FaceTrack]:
    from lipsmith.face.choice import At, choose_face

    shrunk = float(info.scale)
    chosen: list[FaceTrack] = []
    for choice in choices:
        place = replace(choice, x=choice.x * shrunk, y=choice.y * shrunk) if isinstance(choice, At) else choice
        try:
            track = choose_face(tracks, place, expected=heard.opening if heard else None)
        except FaceTooSmall as error:
            if shrunk == 1.0:
                raise
            raise FaceTooSmall(
                f"{error.message} The clip was scaled down: allow a larger video (--max-resolution)."
            ) from error
        if any(track is other for other in chosen):
            raise InvalidOption("Two of the speakers are the same face. Say with a number or a place who is who.")
        if not lip_syncer.replaced_share(track).any():
            raise FaceTurnedAway(
                "The face is never seen from the front in this part of the clip, so its lips cannot be changed. Choose "
                "another part, or another face."
            )
        chosen.append(track)
    return chosen


def _person(track: FaceTrack, speaking_style: PersonalStyle | None, heard: _OwnSpeech | None) -> _Person:
    """What is known of how this one speaks: given, learnt from what is heard, or guessed from the mouth's size."""
    import numpy as np

    from lipsmith.face.choice import lip_audio_agreement

    reach = float(np.clip(np.nanmedian(track.width) / USUAL_WIDTH_IOD, 0.80, 1.05))
    if heard is None or speaking_style is not None:
        return _Person(track=track, speaking_style=speaking_style, learnt=None, reach=reach)
    agreement = lip_audio_agreement(track, heard.opening)
    if agreement is not None and agreement.r >= MIN_SPEAKER_R:
        reach = float(np.clip(np.nanpercentile(track.aperture, 95) / USUAL_OPENING_IOD, 0.6, 1.15))
    learnt = _learnt(track, heard)
    return _Person(track=track, speaking_style=learnt.style if learnt else None, learnt=learnt, reach=reach)


def _learnt(track: FaceTrack, heard: _OwnSpeech) -> LearnedStyle | None:
    """This person's way of speaking; None where the clip does not show enough of it."""
    from lipsmith.engines import registry
    from lipsmith.speech.personal import learn_personal_style

    footage = footage_of(track, heard.reading, audio_delay_s=heard.delay_s, name=heard.name)
    try:
        return learn_personal_style([footage], net=registry.create("personal_speech_reader").fingerprint)
    except StyleNotLearnt:
        return None


def _read(words: _SpeakerAudio, person: _Person, plan: FramePlan, work: ProgressReporter) -> _ReadSpeech:
    from lipsmith.media.mix import AudioStart
    from lipsmith.speech.visemes import delayed

    reach = person.reach if person.speaking_style is None else 1.0
    if words.spoken is not None:
        speech = with_lip_range(person.speaking_style, speech_of(words.spoken))
        return _ReadSpeech(speech=delayed(speech, words.hops), reach=reach, warnings=())
    sound = words.audio
    if words.text is None:  # a known text has to be found as a whole
        sound = AudioStart(whole=sound, most_s=max(float(plan.duration_s) - words.at_s, 0.0) + READ_MARGIN_S)
    speech, warnings = read_speech(work.cancellable(sound), words.text, person.speaking_style)
    return _ReadSpeech(speech=delayed(speech, words.hops), reach=reach, warnings=tuple(warnings))


def _motion(said: _ReadSpeech, info: ClipInfo, shown: Sequence[PlannedFrame], intensity: float) -> MotionTrack:
    from lipsmith.motion.intensity import scale_intensity
    from lipsmith.motion.lips import lips_at_frames

    motion = lips_at_frames(
        said.speech,
        times_s=[picture.time_s for picture in shown],
        fps=info.fps,
        variable_rate=info.variable_rate,
        reach=said.reach,
    )
    return scale_intensity(motion, intensity)


def _new_lips(
    tracks: Sequence[FaceTrack], motions: Sequence[MotionTrack], shown: Sequence[PlannedFrame]
) -> list[NewLips]:
    import numpy as np

    from lipsmith.engines.contract import NewLips

    sources = np.array([picture.source for picture in shown], dtype=np.int64)
    return [NewLips(track=track, motion=motion, sources=sources) for track, motion in zip(tracks, motions, strict=True)]


def _mix_background(sound: Audio, own: Audio | None, clip: Clip, plan: FramePlan, gain_db: float | None) -> Audio:
    from lipsmith.media.background import BackgroundMix, own_audio_delay_s

    if gain_db is None or own is None:
        return sound
    return BackgroundMix(
        sound,
        own,
        gain_db=gain_db,
        duration_s=plan.duration_s,
        delay_s=own_audio_delay_s(clip.info),
        repeat_s=clip.info.duration_s if plan.mode == "loop" else None,
    )


def _write(
    clip: Clip,
    plan: FramePlan,
    new_lips: Sequence[NewLips],
    sound: Audio,
    out: Path,
    mode: SyncMode,
    lip_syncer: LipSyncer,
    crf: int,
    mark: str | None,
    overwrite: bool,
    work: ProgressReporter,
) -> None:
    from lipsmith.media.encode import write_clip
    from lipsmith.render.watermark import watermarked_clip

    total = len(plan)
    frames: Iterable[TimedPlanes] = lip_syncer.frames(clip, clip.play(plan), new_lips, effort=mode)
    if mark:
        frames = watermarked_clip(frames, mark, clip.info.width, clip.info.height)
    write_clip(
        out, clip.info, frames, sound, crf=crf, on_frame=lambda done: work.frame(done, total), overwrite=overwrite
    )


def _unchanged(shares: Sequence[NDArray[np.float64]], shown: Sequence[PlannedFrame]) -> tuple[tuple[float, float], ...]:
    """The stretches, (start, end) in seconds of the video, in which no lips are new."""
    stretches: list[tuple[Fraction, Fraction]] = []
    for picture in shown:
        if any(share[picture.source] > 0 for share in shares):
            continue
        end_s = picture.time_s + picture.duration_s
        if stretches and stretches[-1][1] == picture.time_s:
            stretches[-1] = (stretches[-1][0], end_s)
        else:
            stretches.append((picture.time_s, end_s))
    return tuple((float(start_s), float(end_s)) for start_s, end_s in stretches)


def _synced_face(person: _Person, tracks: Sequence[FaceTrack]) -> SyncedFace:
    import numpy as np

    number = next(n for n, track in enumerate(tracks, start=1) if track is person.track)
    return SyncedFace(
        number=number,
        iod_px=round(float(np.nanmedian(person.track.iod_px)), 1),
        own_offset_s=person.learnt.lags_s[0] if person.learnt else None,
        learnt_s=person.learnt.style.seconds if person.learnt else None,
    )


def _damage_warnings(damaged_s: Sequence[tuple[float, float]]) -> Iterator[str]:
    if damaged_s:
        places = ", ".join(f"{start_s:.2f}-{end_s:.2f} s" for start_s, end_s in damaged_s)
        yield f"The clip is damaged at {places}; the last good picture stands there, or a flawed one."


def _length_warnings(plan: FramePlan, info: ClipInfo, given: MotionTrack | None, frames: int) -> Iterator[str]:
    longer_s = plan.audio_s - float(info.duration_s)
    if plan.mode == "silence" and longer_s > MIN_REPORTED_S:
        yield (
            f"The sound is {longer_s:.2f} s longer than the clip, and its end was cut. The length modes loop, bounce "
            "and hold show all of it."
        )
    elif plan.mode == "silence" and longer_s < -MIN_REPORTED_S:
        yield (
            f"The sound ends {-longer_s:.2f} s before the clip; from there on the lips rest. The length mode cut ends "
            "the video there."
        )
    if given is not None and len(given) != frames:
        done = "its last row is held" if len(given) < frames else "its end is cut"
        yield f"The motion has {len(given)} rows and the video {frames} pictures: {done}."


def _silence_warnings(motions: Sequence[MotionTrack]) -> Iterator[str]:
    from lipsmith.motion.lips import SHUT_IOD

    silent = [number for number, motion in enumerate(motions, start=1) if not (motion["aperture"] > SHUT_IOD).any()]
    if silent:
        whose = "" if len(motions) == 1 else f" of speaker {', '.join(map(str, silent))}"
        yield f"No speech was heard{whose}, so the lips rest for the whole video."


def _face_warnings(
    people: Sequence[_Person], unchanged_s: Sequence[tuple[float, float]], whole_s: float
) -> Iterator[str]:
    import numpy as np

    smallest_px = min(float(np.nanmedian(person.track.iod_px)) for person in people)
    if smallest_px < SMALL_IOD_PX:
        yield (
            f"The face is small: {smallest_px:.0f} pixels between the eyes. From {SMALL_IOD_PX} on lips and teeth look "
            "sharp."
        )
    kept_s = math.fsum(end_s - start_s for start_s, end_s in unchanged_s)
    if kept_s > MIN_REPORTED_SHARE * whole_s:
        yield (
            f"In {kept_s:.1f} of {whole_s:.1f} s no face to change is seen, or it is turned away: there the picture "
            "stays as it is, while the new words go on."
        )


def _background_warnings(own: Audio | None, gain_db: float | None) -> Iterator[str]:
    if gain_db is not None and own is None:
        yield "The clip has no sound of its own that could be kept."
