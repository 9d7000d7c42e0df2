"""Child process that does one task: the only module of the service that renders. Run with ``python -m``.

It enters the sandbox, loads the libraries, reads one `Task` from stdin, writes `Answer` lines to stdout, and ends. It
ends at once when stdin closes, because its parent is gone. With ``--list-voices`` it lists the voices instead.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, get_args

from lipsmith.errors import AudioTooLong, LipsmithError, UnknownVoice, VideoTooLong, WindowOutOfRange
from lipsmith.pipeline.requests import DetectRequest, SpeakRequest, StandIn, SyncMode, SyncRequest, TalkRequest
from lipsmith.service.errors import InsufficientCredits
from lipsmith.service.processes.messages import (
    Answer,
    ProgressReport,
    Task,
    TaskResult,
    VoiceDescription,
    decode_task,
    encode,
)
from lipsmith.service.processes.sandbox import Limits, enter
from lipsmith.service.project import Failure

if TYPE_CHECKING:
    from lipsmith.pipeline import Progress, SyncResult, TalkResult

VIDEO = "video.mp4"
"""Name of a finished video."""
VOICE = "voice.mp3"
"""Name of a spoken text."""
MIN_WINDOW_S = 0.1
"""Shortest part that is rendered of a window that ends after its recording or clip."""

Report = Callable[[ProgressReport], None]


def render_talking_photo(task: Task, report: Report) -> TaskResult:
    """Render a talking photo. The window lies in the recording, if there is one."""
    from lipsmith.media.decode import open_audio
    from lipsmith.pipeline import talking_photo

    audio = task.inputs.get("audio")  # or the options have a text
    request = TalkRequest.from_json(
        task.options,
        photo=task.inputs["image"],
        audio=audio,
        out=Path(task.out) / VIDEO,
        start_s=task.start_s if audio else None,
        max_duration_s=task.paid_s,
        progress=_progress(report),
    )
    return _render_window(
        lambda end_s: talking_photo(replace(request, end_s=end_s)),
        task,
        lambda: float(open_audio(str(audio)).duration_s),
    )


def render_lip_sync(task: Task, report: Report) -> TaskResult:
    """Render a lip sync. The window lies in the clip."""
    from lipsmith.media.reader import open_clip
    from lipsmith.pipeline import lip_sync

    video = task.inputs["video"]
    request = SyncRequest.from_json(
        task.options,
        video=video,
        audio=task.inputs["audio"],
        out=Path(task.out) / VIDEO,
        start_s=task.start_s,
        max_duration_s=task.paid_s,
        progress=_progress(report),
    )
    return _render_window(
        lambda end_s: lip_sync(replace(request, end_s=end_s)),
        task,
        lambda: float(open_clip(video).info.duration_s),
    )


def speak(task: Task, report: Report) -> TaskResult:
    """Speak a text. If the requested voice is not installed, its stand-in speaks."""
    from lipsmith.pipeline import speak_text

    request = SpeakRequest.from_json(task.options, out=Path(task.out) / VOICE, progress=_progress(report))
    notes: list[str] = []
    if request.stand_in is not None and not _is_installed(request.voice):
        voice = _choose_stand_in(request.stand_in, request.text)
        notes.append(f"There is no voice {request.voice!r} on this server. {voice!r} speaks instead.")
        request = replace(request, voice=voice)
    made = speak_text(replace(request, stand_in=None))
    return TaskResult(files=(VOICE,), duration_s=made.duration_s, warnings=(*notes, *made.warnings))


def find_faces(task: Task, report: Report) -> TaskResult:
    """Write each face of an image, or of a clip's first frame, to a file of its own."""
    from lipsmith.pipeline import detect_faces

    request = DetectRequest.from_json(
        task.options, source=task.inputs["target"], out=task.out, progress=_progress(report)
    )
    return TaskResult(files=tuple(face.path.name for face in detect_faces(request).faces if face.path))


def warm_up_jit(task: Task, report: Report) -> TaskResult:
    """Render made-up inputs in every mode, so that all loops get compiled."""
    import cv2

    from lipsmith.pipeline import lip_sync, talking_photo
    from lipsmith.service.processes.jit_warmup import drawn_face, every_motion, write_hum

    out = Path(task.out)
    audio = write_hum(out / "hum.wav")
    for laughs in (True, False):
        photo, clip = out / "face.png", out / f"{laughs}.mp4"
        cv2.imwrite(str(photo), cv2.cvtColor(drawn_face(laughs=laughs), cv2.COLOR_RGB2BGR))
        talking_photo(TalkRequest(photo, audio, clip, motion_track=every_motion(), watermark="watermark"))
    for mode in get_args(SyncMode):
        lip_sync(SyncRequest(clip, audio, out / f"{mode}.mp4", mode=mode, watermark="watermark"))
    return TaskResult(files=())


TASKS: Mapping[str, Callable[[Task, Report], TaskResult]] = {
    "talking_photo": render_talking_photo,
    "lip_sync": render_lip_sync,
    "face_detection": find_faces,
    "voice": speak,
    "warm_up": warm_up_jit,
}


def main() -> None:
    """Do one task, or list the voices."""
    if sys.argv[1:] == ["--list-voices"]:
        answers = _take_stdout()
        _write(answers, _run(lambda: Answer(voices=_voices())))
        return
    arguments = _arguments()
    limits = Limits(memory_mb=arguments.memory_mb, cpu_s=arguments.cpu_s, file_mb=arguments.file_mb)
    guards = enter(limits, arguments.private, readable=arguments.readable)
    answers = _take_stdout()
    _write(answers, Answer(guards=guards))
    _warm_up()
    line = sys.stdin.buffer.readline()
    if not line:
        return
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def report(progress: ProgressReport) -> None:
        _write(answers, Answer(progress=progress))

    def work() -> Answer:
        task = decode_task(line)
        return Answer(result=TASKS[task.kind](task, report))

    _write(answers, _run(work))


def _run(work: Callable[[], Answer]) -> Answer:
    """Return the answer of ``work``, or its failure."""
    try:
        return work()
    except LipsmithError as error:
        return Answer(error=Failure(code=error.code, message=error.message))
    except MemoryError:
        return Answer(error=Failure(code="processing_failed", message="There is too little memory for this video."))
    except Exception:
        traceback.print_exc()
        return Answer(error=Failure(code=LipsmithError.code, message="Internal error: the video could not be made."))


def _voices() -> tuple[VoiceDescription, ...]:
    from lipsmith.synthesis.voices import all_voices

    return tuple(
        VoiceDescription(name=voice.name, language=voice.language, gender=voice.gender, description=voice.description)
        for voice in all_voices()
    )


def _is_installed(voice: str | None) -> bool:
    from lipsmith.synthesis import voices

    try:
        return voice is not None and bool(voices.find(voice))
    except UnknownVoice:
        return False


def _choose_stand_in(stand_in: StandIn, text: str) -> str:
    """Return the voice of ``stand_in`` if it speaks the language of ``text``, else one that does."""
    from lipsmith.speech.script import language_of, same_language
    from lipsmith.speech.ssml import plain_words
    from lipsmith.synthesis import voices

    language = language_of(plain_words(text))
    if stand_in.voice is not None:
        named = voices.find(stand_in.voice)
        if language is None or same_language(named.language, language):
            return named.name
    return voices.choose_voice(language, stand_in.gender).name


def _progress(report: Report) -> Callable[[Progress], None]:
    return lambda now: report(ProgressReport(stage=now.stage, done=now.done, total=now.total, left_s=now.left_s))


def _render_window(
    render: Callable[[float | None], TalkResult | SyncResult], task: Task, length_s: Callable[[], float]
) -> TaskResult:
    """Render the task's window, or the part of it that exists: clients round its end up and pay for frames anyway.

    ``length_s`` measures the whole recording or clip, which takes a while and is rarely needed. Where the duration was
    unknown, everything is rendered unless it is longer than the held credits pay for.
    """
    try:
        return _result(render(task.end_s if task.max_duration_s is None else None))
    except (AudioTooLong, VideoTooLong) as error:
        if task.max_duration_s is None or error.length_s > task.max_duration_s:
            raise
        raise InsufficientCredits(
            f"This lasts {error.length_s:.1f} s, but the account's credits pay for {task.paid_s:g} s."
        ) from error
    except WindowOutOfRange:
        whole_s = length_s()
        if not task.start_s + MIN_WINDOW_S <= whole_s < task.end_s:
            raise
    result = _result(render(None))
    note = (
        f"The window ends at {task.end_s + task.offset_s:g} s, but the input ends at {whole_s + task.offset_s:.3f} s; "
        "the video ends there."
    )
    return replace(result, warnings=(note, *result.warnings))


def _result(result: TalkResult | SyncResult) -> TaskResult:
    return TaskResult(
        files=(VIDEO,),
        frames=result.frames,
        fps=float(result.fps),
        width=result.width,
        height=result.height,
        warnings=tuple(result.warnings),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--private", type=Path, required=True)
    parser.add_argument("--readable", type=Path, action="append", default=[])
    parser.add_argument("--memory-mb", type=int, required=True)
    parser.add_argument("--cpu-s", type=int, required=True)
    parser.add_argument("--file-mb", type=int, required=True)
    return parser.parse_args()


def _write(answers: BinaryIO, answer: Answer) -> None:
    answers.write(encode(answer))
    answers.flush()


def _take_stdout() -> BinaryIO:
    """Return stdout, for answers only; anything that a library prints goes to stderr."""
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _warm_up() -> None:
    """Load the libraries and models of every task ahead of time."""
    import numpy as np

    import lipsmith.media.decode
    import lipsmith.media.encode
    import lipsmith.pipeline
    import lipsmith.render.portrait  # noqa: F401
    from lipsmith.engines import registry
    from lipsmith.media.clip import Image

    black = Image(rgb=np.zeros((64, 64, 3), np.uint8), grey=True)
    registry.create("face_finder").find(black)  # loads its models, which takes longest
    registry.create("speech_reader")
    registry.create("photo_animator")


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
