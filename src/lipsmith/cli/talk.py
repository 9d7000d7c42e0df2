"""`lipsmith talk` and `lipsmith demo`."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from lipsmith.cli.interrupt import Interrupt
from lipsmith.cli.options import AsJson, AudioPath, LanguageTag, Overwrite, Quiet, SpeakingRate, SpokenText, VoiceName
from lipsmith.cli.progress import shown
from lipsmith.errors import InvalidOption, MissingDependency
from lipsmith.motion.style import StyleName
from lipsmith.pipeline import Mode, TalkResult, talking_photo

DEMO_VOICE = "en-us+f2"
DEMO_TEXT = (
    "Hello! A moment ago I was only a photograph. Now I can tell you a story, read you the news, "
    "or say whatever you like. What shall we talk about?"
)


def talk(
    ctx: typer.Context,
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A picture with a face.")],
    audio: AudioPath = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="OUT.mp4",
            help="The video to write. [default: PHOTO's name with .mp4, in this folder]",
        ),
    ] = None,
    text: SpokenText = None,
    voice: VoiceName = None,
    language: LanguageTag = None,
    rate: SpeakingRate = 1.0,
    start: Annotated[float | None, typer.Option("--start", metavar="S", help="Begin here in AUDIO, seconds.")] = None,
    end: Annotated[float | None, typer.Option("--end", metavar="S", help="Stop there in AUDIO, seconds.")] = None,
    fps: Annotated[
        str | None, typer.Option("--fps", metavar="N", help="Frames per second, 1-60, such as 29.97. [default: 25]")
    ] = None,
    max_resolution: Annotated[
        int | None,
        typer.Option(
            "--max-resolution", metavar="N", help="Longest side of the video, pixels; never enlarges. [default: 1920]"
        ),
    ] = None,
    face: Annotated[
        str | None,
        typer.Option(
            "--face",
            metavar="N|X,Y",
            help="Who speaks: the N-th face from the left, or the one at X,Y in the photo. "
            "[default: the most prominent]",
        ),
    ] = None,
    still: Annotated[bool, typer.Option("--still", help="Keep the head still.")] = False,
    motion: Annotated[StyleName, typer.Option("--motion", help="How much the head moves.")] = "natural",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Another number, other blinks and head motion.")] = 0,
    mode: Annotated[
        Mode, typer.Option("--mode", help="Move as the speech suggests, or as --prompt asks.")
    ] = "realistic",
    prompt: Annotated[
        str | None,
        typer.Option(
            "--prompt", metavar="TEXT", help='What the face should do, with --mode prompted: "Nod gently and smile."'
        ),
    ] = None,
    intensity: Annotated[
        float, typer.Option("--intensity", metavar="X", help="How strongly mouth and brows move, 0.1-2.0.")
    ] = 1.0,
    style: Annotated[
        Path | None,
        typer.Option("--style", metavar="FILE.style", help="Speak as one person does; see `lipsmith style learn`."),
    ] = None,
    crf: Annotated[int, typer.Option("--crf", metavar="N", help="Quality: 1 best, 51 worst.")] = 18,
    background: Annotated[
        str, typer.Option("--background", metavar="COLOUR", help="Behind a transparent photo: a name or #rrggbb.")
    ] = "white",
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="FILE",
            help="Also write the motion; the ending says how: .json, to edit it, .arkit.csv, .arkit.json, .cues.tsv, "
            ".cues.json, and with --text .srt, .vtt.",
        ),
    ] = None,
    from_motion: Annotated[
        Path | None, typer.Option("--from-motion", metavar="FILE.json", help="Draw this motion, edited or not.")
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make the person in PHOTO say what is heard in AUDIO, or --text.

    The video is H.264 with AAC sound and plays in every browser. Nothing is written unless all went well.
    """
    options: dict[str, Any] = {
        "text": text,
        "voice": voice,
        "language": language,
        "rate": rate,
        "start_s": start,
        "end_s": end,
        "fps": fps,
        "max_resolution": max_resolution,
        "face": None if face is None else parse_face(face),
        "still": still,
        "motion": motion,
        "seed": seed,
        "mode": mode,
        "prompt": prompt,
        "intensity": intensity,
        "style": style,
        "crf": crf,
        "background": background,
        "export": export,
        "from_motion": from_motion,
    }
    _make(ctx, photo, audio, out or Path(f"{photo.stem}.mp4"), options, overwrite, quiet, as_json)


def demo(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT.mp4", help="The video to write.")] = Path("demo.mp4"),
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make a first video from a portrait and a voice that come with the extra [demo].

    The portrait is a NASA photograph of the astronaut Eileen Collins, in the public domain.
    """
    _make(ctx, demo_portrait(), None, out, {"text": DEMO_TEXT, "voice": DEMO_VOICE}, overwrite, quiet, as_json)


def demo_portrait() -> Path:
    """The astronaut's portrait inside scikit-image, which is found but not imported."""
    spec = find_spec("skimage")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (portrait := Path(folder) / "data" / "astronaut.png").is_file():
            return portrait
    raise MissingDependency(
        "The demo's portrait comes with scikit-image, which is not installed. "
        "Type: python -m pip install 'scikit-image>=0.24' 'espeakng-loader>=0.2.4'"
    )


def parse_face(wish: str) -> int | tuple[float, float]:
    """``2`` or ``310,144``. Raises InvalidOption for anything else.

    >>> parse_face("310,144")
    (310.0, 144.0)
    """
    try:
        if "," not in wish:
            return int(wish)
        x, y = (float(part) for part in wish.split(","))
        return x, y
    except ValueError as error:
        raise InvalidOption(
            f"--face {wish} is neither a number nor a point. Type --face 2 for the second face from the left, "
            "or --face 310,144 for the one at that pixel."
        ) from error


def result_as_json(result: TalkResult) -> str:
    """One JSON object on one line."""
    return json.dumps(asdict(result) | {"path": str(result.path), "fps": float(result.fps)})


def result_as_line(result: TalkResult) -> str:
    """The same for people."""
    left, top, right, bottom = result.face_box
    warnings = " ".join(result.warnings)
    return " · ".join(
        [
            str(result.path),
            f"{result.seconds:.2f} s",
            f"{result.frames} frames",
            f"{float(result.fps):g} fps",
            f"{result.width}×{result.height}",
            f"face {left},{top} to {right},{bottom}",
            f"{result.iod_px:.0f} px between the eyes",
            f"warnings: {warnings}" if warnings else "no warnings",
            ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in result.stage_seconds.items()),
        ]
    )


def _make(
    ctx: typer.Context,
    photo: Path,
    audio: Path | None,
    out: Path,
    options: dict[str, Any],
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    interrupt: Interrupt = ctx.obj
    with shown(quiet) as progress:
        result = talking_photo(
            photo,
            audio,
            out,
            **options,
            overwrite=overwrite,
            progress=progress,
            cancelled=lambda: interrupt.seen,
        )
    typer.echo(result_as_json(result) if as_json else result_as_line(result))
