"""A photo speaks: the whole way from a picture and a sound to a finished video, told step by step.

Knows the order of the steps. Knows no maths and no file formats.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from lipsmith.errors import FaceTooSmall, FaceTurnedAway, InvalidOption, NoSourceFace, NoSuchFace
from lipsmith.motion.style import StyleName
from lipsmith.pipeline.old_options import (
    intensity_rule,
    is_whole,
    quality_rules,
    refuse_types,
    refuse_values,
    speaking_rules,
)
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
from lipsmith.pipeline.speech_reading import load_style, open_recording, read_speech, say, speech_of, with_lip_range

if TYPE_CHECKING:  # all of these pull numpy at least; `import lipsmith` stays light
    from lipsmith.face.landmarks import Face
    from lipsmith.media.clip import Audio, Image
    from lipsmith.motion.direction import Direction
    from lipsmith.motion.track import MotionTrack
    from lipsmith.speech.personal import PersonalStyle
    from lipsmith.speech.visemes import Speech

Mode = Literal["realistic", "prompted"]

DEFAULT_FPS = Fraction(25)
MAX_SIDE_PX = 1920
"""Longer side of the video unless asked otherwise: a phone's photo has far more, and few want to wait for that."""
MIN_IOD_PX = 24
"""Of the photo. Below this the lips are about ten pixels wide: there is nothing left to shape."""
SMALL_IOD_PX = 40
"""Below this the result works but looks soft. Where a video has fewer than `MIN_IOD_PX`, its frames are drawn with as
many as this, and made smaller."""
MAX_YAW_DEG = 45
"""Beyond this one corner of the mouth is hidden."""


@dataclass(frozen=True, kw_only=True)
class TalkResult:
    """A finished talking photo."""

    path: Path
    """The video."""
    seconds: float
    """Its length."""
    frames: int
    fps: Fraction
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    face_box: tuple[int, int, int, int]
    """Left, top, right, bottom of the face that speaks, pixels of the video."""
    iod_px: float
    """Distance between the eye centres, pixels of the video."""
    warnings: tuple[str, ...]
    """What the owner of the result may want to know: what was changed, what may look soft."""
    stage_seconds: Mapping[str, float]
    """Wall-clock seconds spent in each stage that was needed, by the names of `STAGES`."""


def talking_photo(
    photo: StrPath,
    audio: StrPath | None = None,
    out: StrPath = "out.mp4",
    *,
    text: str | None = None,
    voice: str | None = None,
    language: str | None = None,
    rate: float = 1.0,
    start_s: float | None = None,
    end_s: float | None = None,
    longest_s: float | None = None,
    fps: float | Fraction | str | None = None,
    max_resolution: int | None = None,
    face: int | tuple[float, float] | None = None,
    still: bool = False,
    motion: StyleName = "natural",
    seed: int = 0,
    mode: Mode = "realistic",
    prompt: str | None = None,
    intensity: float = 1.0,
    style: StrPath | PersonalStyle | None = None,
    crf: int = 18,
    background: str = "white",
    mark: str | None = None,
    animator: str | None = None,
    export: StrPath | None = None,
    from_motion: StrPath | MotionTrack | None = None,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TalkResult:
    """Makes the person in ``photo`` say what is heard in ``audio``, or ``text``, and writes the video to ``out``.

    At least one of ``audio`` (a recording, or a video with sound) and ``text`` is needed. With both, the recording is
    what is heard, and ``text`` is what is said in it, in English: each sound is looked for in the recording (the extra
    ``align``), and where that fails the lips follow what is heard, and ``warnings`` says why.

    - ``voice``, ``rate``: who speaks a ``text`` that stands alone and how fast (0.5–2.0); `lipsmith voices` lists the
      names. Without a voice, one that speaks ``language`` (a tag such as ``pt-BR``), else the text's own language.
    - ``start_s``, ``end_s``: the part of ``audio`` that is spoken, seconds. ``longest_s``: what is longer is refused.
    - ``fps``: 1 to 60, also as text such as "30000/1001"; 25 unless given. With ``from_motion`` the track's own rate.
    - ``max_resolution``: longest side of the video, pixels; never enlarges. 1920 unless given.
    - ``face``: who speaks where several faces are: a number counted from the left, starting at 1, or a point (x, y)
      inside the face, in pixels of the upright photo. None: the most prominent one.
    - ``still``: the head does not move. ``motion``: how much it does: calm, natural or lively.
    - ``seed``: same input and same seed give the same frames.
    - ``mode``: "prompted" does what ``prompt`` asks for, in plain English; what it cannot do is named in the result's
      ``warnings``. "realistic" moves as the speech suggests and takes no prompt.
    - ``intensity``: how far the mouth opens and how lively the brows are, 0.1–2.0.
    - ``style``: speaks as one person does, how far and when the lips open: a file that `learn_style` wrote.
    - ``crf``: x264's quality, 1 (best) to 51 (worst). ``background``: colour behind a transparent photo.
    - ``mark``: a word that stands small in the lower right corner of every frame.
    - ``animator``: who draws, by the name of its engine; lipsmith's own unless given.
    - ``export``: also writes the motion there: ``.json`` as it is, ``.arkit.csv`` or ``.arkit.json`` as ARKit's blend
      shapes, ``.cues.tsv`` or ``.cues.json`` as mouth shapes, and with ``text`` ``.srt`` or ``.vtt``.
    - ``from_motion``: draws that motion, a file or a track, instead of making one from the sound; ``still``,
      ``motion``, ``seed``, ``intensity`` and ``style`` then change nothing. The video stays as long as the sound: the
      track's last frame is held, or its end is cut, and a warning says so.
    - ``overwrite``: replaces ``out`` and ``export`` where they exist.
    - ``progress`` is called at the start and end of each stage and after every frame. ``cancelled`` is asked at the
      same moments; once it answers True, Cancelled is raised.

    Whatever error is raised, nothing is written. All of them are LipsmithErrors: InputError where the caller can mend
    it, MissingDependency, VoiceFailed, EncodingFailed or Cancelled where not.
    """
    from lipsmith.media.timeline import check_length, check_window, frame_count, frames_to_seconds

    _check_types(photo, audio, out, text, voice, language, max_resolution, face, seed, crf, background)
    _check_options(text, audio, voice, language, rate, start_s, end_s, max_resolution, face, motion, seed, crf)
    _check_wishes(mode, prompt, intensity, from_motion)
    direction = _read_direction(prompt) if mode == "prompted" else None
    check_outputs(out, export, overwrite, inputs=[photo, audio, from_motion])
    extension = check_extension(export, text)
    check_window(start_s, end_s)
    given = load_track(from_motion)
    speaking_style = load_style(style)
    rate_fps = _frame_rate(fps, given)
    work = ProgressReporter(progress, cancelled)
    with work.stage("picture"):
        source = _read_picture(photo, background)
        picture = _fitted(source, max_resolution)
    with work.stage("face"):
        faces = _find(source)
        chosen = _choose(faces, face)
        _check_face(chosen)
        person = _scaled(chosen, source, picture)
        canvas = _canvas(source, picture, person)
        faces = [chosen, *(other for other in faces if other is not chosen)]
        actors = [_scaled(other, source, canvas) for other in faces]
    with work.stage("sound"):
        said = say(text, voice=voice, language=language, rate=rate) if text is not None and audio is None else None
        sound = said.spoken.audio if said else open_recording(audio, start_s, end_s)
        check_length(sound.duration_s, longest_s)
        frames = frame_count(sound.duration_s, rate_fps)
    speech: Speech | None = None
    hearing: Sequence[str] = ()
    if given is not None:
        track = given.of_length(frames)
    if given is None or (extension in NEED_SPEECH and not has_visemes_for(extension, given)):
        with work.stage("speech"):
            speech, hearing = (
                (with_lip_range(speaking_style, speech_of(said.spoken)), ())
                if said
                else read_speech(sound, text, speaking_style)
            )
    if given is None:
        assert speech is not None
        with work.stage("motion"):
            track = _make_motion(speech, rate_fps, frames, motion, still, seed)
            track = _directed(track, speech, intensity, direction, seed)
    with (
        work.stage("video"),
        written_atomically(export, lambda: export_text_of(extension, track, speech, said.words if said else text)),
    ):
        size = picture.width, picture.height
        _render(canvas, actors, track, size, sound, Path(out), crf, mark, overwrite, animator, work)
    return TalkResult(
        path=Path(out),
        seconds=frames_to_seconds(frames, rate_fps),
        frames=frames,
        fps=rate_fps,
        width=picture.width,
        height=picture.height,
        face_box=_within(person.box, picture),
        iod_px=round(person.iod_px, 1),
        warnings=(
            *source.warnings,
            *getattr(sound, "warnings", ()),
            *_picture_warnings(source, picture, person, max_resolution),
            *_length_warnings(given, frames),
            *hearing,
            *_silence_warnings(track),
            *(said.warnings if said else ()),
            *_prompt_warnings(mode, prompt, direction, speech),
        ),
        stage_seconds=work.seconds,
    )


def _within(box: tuple[int, int, int, int], picture: Image) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    return max(0, left), max(0, top), min(picture.width, right), min(picture.height, bottom)


def _check_options(
    text: str | None,
    audio: StrPath | None,
    voice: str | None,
    language: str | None,
    rate: float,
    start_s: float | None,
    end_s: float | None,
    max_resolution: int | None,
    face: int | tuple[float, float] | None,
    motion: str,
    seed: int,
    crf: int,
) -> None:
    refuse_values(
        *speaking_rules(text, audio, voice, language, rate, start_s, end_s),
        (not isinstance(face, int) or face >= 1, f"Faces are counted from 1, from left to right; {face} is no face."),
        (
            motion in get_args(StyleName),
            f"There is no motion style {motion!r}, only {', '.join(get_args(StyleName))}.",
        ),
        (seed >= 0, f"The seed is {seed}; it has to be 0 or above."),
        *quality_rules(max_resolution, crf),
    )


def _check_types(
    photo: object,
    audio: object,
    out: object,
    text: object,
    voice: object,
    language: object,
    max_resolution: object,
    face: object,
    seed: object,
    crf: object,
    background: object,
) -> None:
    def point(value: object) -> bool:
        return isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(v, int | float) for v in value)

    refuse_types(
        (isinstance(photo, str | os.PathLike), "photo", photo, "the path of a picture"),
        (audio is None or isinstance(audio, str | os.PathLike), "audio", audio, "the path of a recording"),
        (isinstance(out, str | os.PathLike), "out", out, "the path of the video to write"),
        (text is None or isinstance(text, str), "text", text, "a text"),
        (voice is None or isinstance(voice, str), "voice", voice, "the name of a voice"),
        (language is None or isinstance(language, str), "language", language, "a language tag such as pt-BR"),
        (max_resolution is None or is_whole(max_resolution), "max_resolution", max_resolution, "a whole number"),
        (face is None or is_whole(face) or point(face), "face", face, "a whole number or a point (x, y)"),
        (is_whole(seed), "seed", seed, "a whole number"),
        (is_whole(crf), "crf", crf, "a whole number"),
        (isinstance(background, str), "background", background, "a colour's name or #rrggbb"),
    )


def _check_wishes(mode: str, prompt: str | None, intensity: float, from_motion: object) -> None:
    refuse_values(
        (mode in get_args(Mode), f"There is no mode {mode!r}, only {', '.join(get_args(Mode))}."),
        (
            mode != "prompted" or bool(prompt and prompt.strip()),
            "The mode prompted needs a prompt that says what the face should do (--prompt).",
        ),
        (
            mode != "prompted" or from_motion is None,
            "A prompt shapes motion that is made from the sound, and here a motion is given. Leave one of them out.",
        ),
        intensity_rule(intensity),
    )


def _frame_rate(fps: float | Fraction | str | None, given: MotionTrack | None) -> Fraction:
    from lipsmith.media.timeline import check_fps

    asked = None if fps is None else check_fps(fps)
    if given is None:
        return asked or DEFAULT_FPS
    if asked not in (None, given.fps):
        raise InvalidOption(f"The motion was made for {given.fps} fps, not {asked}. Leave the frame rate out.")
    return given.fps


def _read_picture(photo: StrPath, background: str) -> Image:
    from lipsmith.media.image import read_image

    return read_image(Path(photo), background=background)


def _fitted(source: Image, max_resolution: int | None) -> Image:
    """The picture as it will be drawn: sides even, none longer than asked, never larger than it was."""
    from lipsmith.media.image import resize_image
    from lipsmith.media.timeline import fit_size

    width, height = fit_size(source.width, source.height, max_resolution or MAX_SIDE_PX)
    if max(source.width, source.height) <= (max_resolution or MAX_SIDE_PX):
        # An odd row or column is cut off: resampling all others to save it would blur them.
        return replace(source, rgb=source.rgb[:height, :width])
    return resize_image(source, width, height)


def _find(picture: Image) -> Sequence[Face]:
    from lipsmith.engines import registry

    faces = registry.create("face_finder").find(picture)
    if not faces:
        raise NoSourceFace()
    return faces


def _choose(faces: Sequence[Face], wish: int | tuple[float, float] | None) -> Face:
    from lipsmith.face.detect import face_at

    if wish is None:
        return faces[0]
    from_left = sorted(faces, key=lambda face: face.box[0] + face.box[2])
    if isinstance(wish, int):
        if wish <= len(from_left):
            return from_left[wish - 1]
        wanted = f"There is no face number {wish}"
    else:
        if (face := face_at(faces, *wish)) is not None:
            return face
        wanted = f"There is no face at ({wish[0]:g}, {wish[1]:g})"
    seen = "; ".join(f"{n} at ({(b[0] + b[2]) // 2}, {(b[1] + b[3]) // 2})" for n, b in _numbered(from_left))
    raise NoSuchFace(f"{wanted}. Found, counted from the left, with their middles in pixels: {seen}.")


def _numbered(faces: Sequence[Face]) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    return enumerate((face.box for face in faces), start=1)


def _scaled(face: Face, source: Image, picture: Image) -> Face:
    """The face found in ``source``, in pixels of ``image``. Found there, since more pixels show more."""
    if max(picture.width, picture.height) + 1 >= max(source.width, source.height):
        return face
    x, y = picture.width / source.width, picture.height / source.height
    return replace(face, points=face.points * [x, y, (x + y) / 2])


def _canvas(source: Image, picture: Image, face: Face) -> Image:
    """What is drawn on: ``image``, or, where lips would be too small in it to be shaped, a larger one."""
    if face.iod_px >= MIN_IOD_PX:
        return picture
    longer = max(picture.width, picture.height)
    return _fitted(source, min(round(longer * SMALL_IOD_PX / face.iod_px), max(longer, MAX_SIDE_PX)))


def _check_face(face: Face) -> None:
    """``face`` as it is in the photo: a small video of a large face is what was asked for."""
    iod_px, yaw_deg = face.iod_px, abs(face.yaw_deg)
    if iod_px < MIN_IOD_PX:
        raise FaceTooSmall(
            f"The face is too small: {iod_px:.0f} pixels between the eyes, where at least {MIN_IOD_PX} are needed "
            "to shape lips. Use a photo that shows the face larger; scaling this one up adds no detail."
        )
    if yaw_deg > MAX_YAW_DEG:
        raise FaceTurnedAway(
            f"The head is turned {yaw_deg:.0f}° to the side; beyond {MAX_YAW_DEG}° half of the mouth is hidden. "
            "Use a picture in which both eyes and both mouth corners are visible."
        )


def _make_motion(speech: Speech, fps: Fraction, frames: int, style: StyleName, still: bool, seed: int) -> MotionTrack:
    from lipsmith.motion.choreography import build_motion

    return build_motion(speech, fps=fps, frames=frames, style=style, still=still, seed=seed)


def _read_direction(prompt: str | None) -> Direction:
    from lipsmith.motion.direction import read_direction

    assert prompt is not None  # checked at the door
    return read_direction(prompt)


def _directed(
    track: MotionTrack, speech: Speech, intensity: float, direction: Direction | None, seed: int
) -> MotionTrack:
    from lipsmith.motion.direction import apply_direction
    from lipsmith.motion.intensity import scale_intensity

    track = scale_intensity(track, intensity)
    return track if direction is None else apply_direction(track, direction, speech, seed=seed)


def _prompt_warnings(
    mode: Mode, prompt: str | None, direction: Direction | None, speech: Speech | None
) -> Sequence[str]:
    if direction is None or speech is None:
        return [f"The mode {mode} takes no prompt: it was ignored. Choose the mode prompted."] if prompt else []
    from lipsmith.motion.direction import direction_warnings

    return direction_warnings(direction, speech)


def _render(
    canvas: Image,
    actors: Sequence[Face],
    track: MotionTrack,
    size: tuple[int, int],
    sound: Audio,
    out: Path,
    crf: int,
    mark: str | None,
    overwrite: bool,
    animator: str | None,
    work: ProgressReporter,
) -> None:
    from lipsmith.engines import registry
    from lipsmith.media.clip import VideoFormat
    from lipsmith.media.encode import write_video
    from lipsmith.render.downscale import downscaled
    from lipsmith.render.watermark import watermarked

    width, height = size
    frames = registry.create("photo_animator", animator).frames(canvas, actors[0], track, others=actors[1:])
    if size != (canvas.width, canvas.height):
        frames = downscaled(frames, width, height)
    if mark:
        frames = watermarked(frames, mark, width, height)
    fmt = VideoFormat(width=width, height=height, fps=track.fps, crf=crf)
    write_video(out, fmt, frames, sound, on_frame=lambda done: work.frame(done, len(track)), overwrite=overwrite)


def _picture_warnings(source: Image, picture: Image, face: Face, max_resolution: int | None) -> Iterator[str]:
    if max_resolution is None and max(source.width, source.height) > MAX_SIDE_PX:
        yield (
            f"The photo has {source.width}×{source.height} pixels; the video has {picture.width}×{picture.height}, "
            "which is quick to draw. A higher --max-resolution keeps more."
        )
    left, top, right, bottom = face.box
    if left < 0 or top < 0 or right > picture.width or bottom > picture.height:
        yield "Part of the face lies outside the picture; what is there cannot move as it should."
    if face.iod_px < SMALL_IOD_PX:
        yield (
            f"The face is small: {face.iod_px:.0f} pixels between the eyes. From {SMALL_IOD_PX} on lips and teeth "
            "look sharp."
        )


def _silence_warnings(track: MotionTrack) -> Iterator[str]:
    if not (track["aperture"] > 0).any():
        yield "No speech was heard, so the mouth stays shut for the whole video."


def _length_warnings(given: MotionTrack | None, frames: int) -> Iterator[str]:
    if given is not None and len(given) != frames:
        done = "its last frame is held" if len(given) < frames else "its end is cut"
        yield f"The motion has {len(given)} frames and the sound needs {frames}: {done}."
