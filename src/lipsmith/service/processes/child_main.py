"""The process that renders one video or voice, and the only part of the service that knows how. Run with ``python -m``.

It locks itself in, warms up, waits for one line of JSON on stdin, does that one job, tells on stdout how far it is,
line by line, and ends. When stdin closes, its parent is gone, and it ends at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, get_args

from lipsmith.errors import AudioTooLong, LipsmithError, UnknownVoice, VideoTooLong, WindowOutOfRange
from lipsmith.service.errors import InsufficientCredits
from lipsmith.service.processes.sandbox import Limits, enter

if TYPE_CHECKING:
    from lipsmith.pipeline import Progress, SyncResult, TalkResult

VIDEO = "video.mp4"
"""The file of a finished video, in the folder for results."""
VOICE = "voice.mp3"
"""The file of a spoken text, there as well."""
FACE_MARGIN = 0.25
"""What a cut-out face keeps around it, of its longer side."""
MIN_LEFT_S = 0.1
"""What has to be left of a window that ends beyond its sound or clip: as much as the shortest window."""

_OPTION_NAMES = {"head_motion": "motion", "watermark": "mark"}

Report = Callable[[Mapping[str, Any]], None]


def render_lip_sync(spec: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """The same for a clip and a new sound; the window is the clip's."""
    from lipsmith.media.reader import open_clip
    from lipsmith.pipeline import lip_sync

    video = spec["inputs"]["video"]

    def render(end_s: float | None) -> SyncResult:
        return lip_sync(
            video,
            spec["inputs"]["audio"],
            Path(spec["out"]) / VIDEO,
            start_s=spec["start_s"],
            end_s=end_s,
            max_duration_s=_paid_s(spec),
            progress=_teller(report),
            **_arguments_of(spec),
        )

    return _as_far_as_it_goes(render, spec, lambda: float(open_clip(video).info.duration_s))


def render_talking_photo(spec: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """``spec`` names ``inputs`` by role, the folder ``out``, the window and the pipeline's own ``options``."""
    from lipsmith.media.decode import open_audio
    from lipsmith.pipeline import talking_photo

    audio = spec["inputs"].get("audio")  # or the options have a text

    def render(end_s: float | None) -> TalkResult:
        return talking_photo(
            spec["inputs"]["image"],
            audio,
            Path(spec["out"]) / VIDEO,
            start_s=spec["start_s"] if audio else None,
            end_s=end_s,
            max_duration_s=_paid_s(spec),
            progress=_teller(report),
            **_arguments_of(spec),
        )

    return _as_far_as_it_goes(render, spec, lambda: float(open_audio(audio).duration_s))


def speak(spec: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Speaks a text. ``options`` are those of `speak_text`, and ``stand_in``: null, or who speaks for an unknown voice.

    A stand-in is described by its ``voice`` and its ``gender``, either of which may be null.
    """
    from lipsmith.pipeline import speak_text

    options = dict(spec["options"])
    stand_in = options.pop("stand_in", None)
    notes: list[str] = []
    if stand_in is not None and not _is_voice(options["voice"]):
        asked, options["voice"] = options["voice"], _stand_in(stand_in, options["text"])
        notes.append(f"There is no voice called {asked!r} here, and nobody is imitated: {options['voice']!r} speaks.")
    made = speak_text(out=Path(spec["out"]) / VOICE, progress=_teller(report), **options)
    return {"files": [VOICE], "duration_s": made.duration_s, "warnings": [*notes, *made.warnings]}


def detect_faces(spec: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Writes each face of a picture, or of a video's first frame, to a file of its own in the folder ``out``."""
    import cv2

    from lipsmith.engines import registry
    from lipsmith.media.clip import Image
    from lipsmith.media.decode import read_frames
    from lipsmith.media.image import read_image
    from lipsmith.pipeline.requests import DetectRequest

    path = Path(spec["inputs"]["target"])
    request = DetectRequest.from_json(spec["options"], source=path)
    image = Image(rgb=next(iter(read_frames(path))), grey=False) if request.moving else read_image(path)
    report({"progress": {"stage": "face", "done": 0, "total": 1, "left_s": None}})
    files: list[str] = []
    for face in registry.create("face_finder").find(image):
        if face.score < request.min_score:
            continue
        left, top, right, bottom = face.box
        margin = round(FACE_MARGIN * max(right - left, bottom - top))
        rows, columns = slice(max(0, top - margin), bottom + margin), slice(max(0, left - margin), right + margin)
        files.append(f"face-{len(files) + 1}.png")
        cv2.imwrite(str(Path(spec["out"]) / files[-1]), cv2.cvtColor(image.rgb[rows, columns], cv2.COLOR_RGB2BGR))
    return {"files": files}


def warm_up_jit(spec: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Makes videos of a face and a sound of our own, in every way, so that all loops are compiled at the end."""
    import cv2

    from lipsmith.pipeline import SyncMode, lip_sync, talking_photo
    from lipsmith.service.processes.jit_warmup import drawn_face, every_motion, write_hum

    out = Path(spec["out"])
    sound = write_hum(out / "practice.wav")
    for laughs in (True, False):
        photo, clip = out / "practice.png", out / f"{laughs}.mp4"
        cv2.imwrite(str(photo), cv2.cvtColor(drawn_face(laughs=laughs), cv2.COLOR_RGB2BGR))
        talking_photo(photo, sound, clip, motion_track=every_motion(), watermark="practice")
    for mode in get_args(SyncMode):
        lip_sync(clip, sound, out / f"{mode}.mp4", mode=mode, watermark="practice")
    return {"files": []}


KINDS: Mapping[str, Callable[[Mapping[str, Any], Report], dict[str, Any]]] = {
    "talking_photo": render_talking_photo,
    "lip_sync": render_lip_sync,
    "face_detection": detect_faces,
    "voice": speak,
    "practice": warm_up_jit,
}


def main() -> None:
    """Does one job."""
    arguments = _arguments()
    limits = Limits(memory_mb=arguments.memory_mb, cpu_s=arguments.cpu_s, file_mb=arguments.file_mb)
    guards = enter(limits, arguments.private, readable=arguments.readable)
    answers = _own_stdout()

    def say(answer: Mapping[str, Any]) -> None:
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()

    say({"guards": asdict(guards)})
    _warm_up()
    line = sys.stdin.buffer.readline()
    if not line:
        return
    threading.Thread(target=_end_with_parent, daemon=True).start()
    spec = json.loads(line)
    try:
        say({"result": KINDS[spec["kind"]](spec, say)})
    except LipsmithError as error:
        say({"error": {"code": error.code, "message": error.message}})
    except MemoryError:
        say({"error": {"code": "processing_failed", "message": "There is too little memory for this video."}})
    except Exception:
        traceback.print_exc()
        say({"error": {"code": LipsmithError.code, "message": "The video could not be made, through a fault of ours."}})


def _is_voice(name: str) -> bool:
    from lipsmith.synthesis import voices

    try:
        voices.find(name)
    except UnknownVoice:
        return False
    return True


def _stand_in(wish: Mapping[str, str | None], text: str) -> str:
    """The voice that was named to stand in, where it speaks the text's language; else one that does."""
    from lipsmith.speech.script import language_of, same_language
    from lipsmith.speech.ssml import plain_words
    from lipsmith.synthesis import voices

    language = language_of(plain_words(text))
    if (asked := wish.get("voice")) is not None:
        named = voices.find(asked)
        if language is None or same_language(named.language, language):
            return named.name
    return voices.choose_voice(language, wish.get("gender")).name


def _arguments_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Options as the pipeline's functions call them, for now."""
    return {_OPTION_NAMES.get(name, name): value for name, value in spec["options"].items()}


def _teller(report: Report) -> Callable[[Progress], None]:
    return lambda progress: report({"progress": asdict(progress)})


def _as_far_as_it_goes(
    render: Callable[[float | None], TalkResult | SyncResult], spec: Mapping[str, Any], length_s: Callable[[], float]
) -> dict[str, Any]:
    """Renders the window, or what there is of it: callers round its end up, and pay by the frame anyway.

    ``length_s`` measures the whole, which takes a while and is seldom needed. Where nobody could know the end, all of
    it is rendered, unless it is longer than was paid for.
    """
    try:
        return _facts(render(spec["end_s"] if spec["longest_s"] is None else None))
    except (AudioTooLong, VideoTooLong) as error:
        if error.length_s > spec["longest_s"]:
            raise
        raise InsufficientCredits(
            f"This lasts {error.length_s:.1f} s, and the account's credits were enough for {_paid_s(spec):g} s."
        ) from error
    except WindowOutOfRange:
        whole_s = length_s()
        if not spec["start_s"] + MIN_LEFT_S <= whole_s < spec["end_s"]:
            raise
    facts = _facts(render(None))
    cut_s = spec["begins_s"]
    note = (
        f"The window ends at {spec['end_s'] + cut_s:g} s, but there is nothing after {whole_s + cut_s:.3f} s; "
        "the video ends there."
    )
    return facts | {"warnings": [note, *facts["warnings"]]}


def _paid_s(spec: Mapping[str, Any]) -> float | None:
    """The longest that credits are held for, where nobody could know the end."""
    return None if spec["longest_s"] is None else spec["end_s"] - spec["start_s"]


def _facts(result: TalkResult | SyncResult) -> dict[str, Any]:
    return {
        "files": [VIDEO],
        "frames": result.frames,
        "fps": float(result.fps),
        "width": result.width,
        "height": result.height,
        "warnings": list(result.warnings),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--private", type=Path, required=True)
    parser.add_argument("--readable", type=Path, action="append", default=[])
    parser.add_argument("--memory-mb", type=int, required=True)
    parser.add_argument("--cpu-s", type=int, required=True)
    parser.add_argument("--file-mb", type=int, required=True)
    return parser.parse_args()


def _own_stdout() -> BinaryIO:
    """The real stdout, for answers alone; whatever a library prints goes to stderr from now on."""
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _warm_up() -> None:
    """Loads what every job needs, while nobody waits for it."""
    import numpy as np

    import lipsmith.media.decode
    import lipsmith.media.encode
    import lipsmith.pipeline
    import lipsmith.render.portrait  # noqa: F401
    from lipsmith.engines import registry
    from lipsmith.media.clip import Image

    black = Image(rgb=np.zeros((64, 64, 3), np.uint8), grey=True)
    registry.create("face_finder").find(black)  # loads its networks, which takes longer than all the rest
    registry.create("speech_reader")
    registry.create("photo_animator")


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
