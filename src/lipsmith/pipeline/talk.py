"""Talking photo: the steps from a photo and speech to a video.

Knows the order of the steps. Knows no mathematics and no file formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING

from lipsmith.errors import InvalidOption
from lipsmith.limits import DEFAULT_FPS
from lipsmith.pipeline.facade import Facade
from lipsmith.pipeline.outputs import (
    NEED_SPEECH,
    check_extension,
    check_outputs,
    export_text_of,
    has_visemes_for,
    load_track,
    written_atomically,
)
from lipsmith.pipeline.photo import Scene, find_scene, fit_image, photo_warnings, read_photo
from lipsmith.pipeline.progress import ProgressReporter
from lipsmith.pipeline.requests import TalkRequest
from lipsmith.pipeline.speech_reading import load_style, open_speech, read_speech

if TYPE_CHECKING:  # numpy; `import lipsmith` stays light
    from lipsmith.media.clip import Audio
    from lipsmith.motion.direction import Direction
    from lipsmith.motion.track import MotionTrack
    from lipsmith.speech.visemes import Speech as Visemes


@dataclass(frozen=True, kw_only=True)
class TalkResult:
    """Finished talking photo."""

    path: Path
    """Video file."""
    seconds: float
    """Length of the video."""
    frames: int
    fps: Fraction
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    face_box: tuple[int, int, int, int]
    """Left, top, right and bottom of the animated face, pixels of the video."""
    iod_px: float
    """Distance between the eye centres, pixels of the video."""
    warnings: tuple[str, ...]
    """Everything that was changed or may look soft."""
    stage_seconds: Mapping[str, float]
    """Wall-clock seconds of each stage that ran, by the names of `STAGES`."""


def make_talking_photo(request: TalkRequest) -> TalkResult:
    """Animate the person in ``photo`` to speak ``audio`` or ``text``, and write the video to ``out``.

    Give ``audio``, ``text``, or both: then the recording is heard, and the text is its transcript in English. The same
    request gives the same frames.
    """
    from lipsmith.media.timeline import check_length, check_window, frame_count, frames_to_seconds

    direction = _read_direction(request)
    check_outputs(request.out, request.export, request.overwrite, [request.photo, request.audio, request.motion_track])
    extension = check_extension(request.export, request.text)
    check_window(request.start_s, request.end_s)
    track = load_track(request.motion_track)
    style = load_style(request.speaking_style)
    fps = _frame_rate(request, track)
    request.check_engines()
    reporter = ProgressReporter(request.progress, request.cancelled)
    with reporter.stage("picture"):
        source = read_photo(Path(request.photo), request.background)
        image = fit_image(source, request.max_resolution)
    with reporter.stage("face"):
        scene = find_scene(source, image, request)
    with reporter.stage("sound"):
        speech = open_speech(request, request.start_s, request.end_s)
        check_length(speech.audio.duration_s, request.max_duration_s)
        frames = frame_count(speech.audio.duration_s, fps)
    visemes: Visemes | None = None
    notes: Sequence[str] = ()
    if track is None or (extension in NEED_SPEECH and not has_visemes_for(extension, track)):
        with reporter.stage("speech"):
            visemes, notes = read_speech(speech, speech.audio, style, request.engines)
    if track is None:
        assert visemes is not None
        with reporter.stage("motion"):
            motion = _make_motion(request, visemes, fps, frames, direction)
    else:
        motion = track.of_length(frames)
    content = partial(export_text_of, extension, motion, visemes, speech.text)
    with reporter.stage("video"), written_atomically(request.export, content):
        _render(request, scene, motion, speech.audio, reporter)
    width, height = scene.size
    return TalkResult(
        path=Path(request.out),
        seconds=frames_to_seconds(frames, fps),
        frames=frames,
        fps=fps,
        width=width,
        height=height,
        face_box=scene.face_box,
        iod_px=round(scene.face.iod_px, 1),
        warnings=(
            *photo_warnings(scene, request.max_resolution),
            *_length_warnings(track, frames),
            *notes,
            *_silence_warnings(motion),
            *speech.warnings,
            *_prompt_warnings(request, direction, visemes),
        ),
        stage_seconds=reporter.seconds,
    )


talking_photo = Facade("talking_photo", TalkRequest, make_talking_photo)


def _frame_rate(request: TalkRequest, track: MotionTrack | None) -> Fraction:
    from lipsmith.media.timeline import check_fps

    fps = None if request.fps is None else check_fps(request.fps)
    if track is None:
        return fps or DEFAULT_FPS
    if fps not in (None, track.fps):
        raise InvalidOption(f"The motion track has {track.fps} fps, not {fps}. Leave the frame rate out.")
    return track.fps


def _read_direction(request: TalkRequest) -> Direction | None:
    from lipsmith.motion.direction import read_direction

    if request.mode != "prompted":
        return None
    assert request.prompt is not None  # a rule of the request
    return read_direction(request.prompt)


def _make_motion(
    request: TalkRequest, visemes: Visemes, fps: Fraction, frames: int, direction: Direction | None
) -> MotionTrack:
    from lipsmith.motion.choreography import build_motion
    from lipsmith.motion.direction import apply_direction, emotion_direction
    from lipsmith.motion.intensity import scale_intensity

    seed = _seed(request)
    motion = build_motion(
        visemes, fps=fps, frames=frames, head_motion=request.head_motion, still=request.still, seed=seed
    )
    motion = scale_intensity(motion, request.intensity)
    for acts in (emotion_direction(request.emotion, request.emotion_strength), direction):
        motion = motion if acts is None else apply_direction(motion, acts, visemes, seed=seed)
    return motion


def _seed(request: TalkRequest) -> int:
    """Return the seed of the request, or a seed for its photo and its speech: two photos do not move alike."""
    if request.seed is not None:
        return request.seed
    digest = sha256((request.text or "").encode() if request.audio is None else b"")
    for path in (request.photo, request.audio):
        if path is not None:
            with Path(path).open("rb") as file:
                digest.update(file_digest(file, "sha256").digest())
    return int.from_bytes(digest.digest()[:4], "big")


def _render(request: TalkRequest, scene: Scene, motion: MotionTrack, audio: Audio, reporter: ProgressReporter) -> None:
    from lipsmith.engines import registry
    from lipsmith.media.clip import VideoFormat
    from lipsmith.media.encode import write_video
    from lipsmith.render.downscale import downscaled
    from lipsmith.render.watermark import watermarked

    width, height = scene.size
    animator = registry.create("photo_animator", request.engines.get("photo_animator"))
    frames = animator.frames(scene.canvas, scene.faces[0], motion, others=scene.faces[1:])
    if scene.size != (scene.canvas.width, scene.canvas.height):
        frames = downscaled(frames, width, height)
    if request.watermark:
        frames = watermarked(frames, request.watermark, width, height)
    fmt = VideoFormat(width=width, height=height, fps=motion.fps, crf=request.crf)
    total = len(motion)
    write_video(
        Path(request.out),
        fmt,
        frames,
        audio,
        on_frame=lambda done: reporter.frame(done, total),
        overwrite=request.overwrite,
    )


def _prompt_warnings(request: TalkRequest, direction: Direction | None, visemes: Visemes | None) -> Sequence[str]:
    from lipsmith.motion.direction import direction_warnings

    if direction is not None and visemes is not None:
        return direction_warnings(direction, visemes)
    if request.prompt:
        return [f"The mode {request.mode} takes no prompt, so it was ignored. Choose the mode prompted."]
    return []


def _silence_warnings(motion: MotionTrack) -> Iterator[str]:
    if not (motion["aperture"] > 0).any():
        yield "No speech was found, so the mouth stays closed for the whole video."


def _length_warnings(track: MotionTrack | None, frames: int) -> Iterator[str]:
    if track is not None and len(track) != frames:
        change = "its last frame is held" if len(track) < frames else "its end is cut"
        yield f"The motion track has {len(track)} frames, and the speech needs {frames}: {change}."
