"""Commands `lipsmith talk` and `lipsmith demo`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from lipsmith.cli.interrupt import Interrupt
from lipsmith.cli.progress import shown
from lipsmith.cli.request_command import as_json_object, request_command, result_line
from lipsmith.cli.shared_options import AsJson, Overwrite, Quiet
from lipsmith.errors import MissingDependency
from lipsmith.pipeline import TalkRequest, TalkResult, talking_photo

DEMO_VOICE = "en-us+f2"
DEMO_TEXT = (
    "Hello! A moment ago I was only a photograph. Now I can tell you a story, read you the news, "
    "or say whatever you like. What shall we talk about?"
)


def talk_line(result: TalkResult) -> str:
    """Result for people."""
    left, top, right, bottom = result.face_box
    parts = [
        str(result.path),
        f"{result.seconds:.2f} s",
        f"{result.frames} frames",
        f"{float(result.fps):g} fps",
        f"{result.width}×{result.height}",
        f"face {left},{top} to {right},{bottom}",
        f"{result.iod_px:.0f} px between the eyes",
    ]
    return result_line(parts, result.warnings, result.stage_seconds)


talk = request_command(
    "talk",
    TalkRequest,
    talking_photo,
    talk_line,
    help="""Animate the person in PHOTO to speak AUDIO, or --text.

    The video is H.264 with AAC audio and plays in every browser. After an error, nothing is written.
    """,
    default_out=lambda photo: Path(f"{photo.stem}.mp4"),
)


def demo(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT.mp4", help="Video to write.")] = Path("demo.mp4"),
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make a first video from a portrait and a voice that come with the extra [demo].

    The portrait is a NASA photograph of the astronaut Eileen Collins, in the public domain.
    """
    interrupt: Interrupt = ctx.obj
    with shown(quiet) as progress:
        result = talking_photo(
            demo_portrait(),
            out=out,
            text=DEMO_TEXT,
            voice=DEMO_VOICE,
            overwrite=overwrite,
            progress=progress,
            cancelled=lambda: interrupt.seen,
        )
    typer.echo(as_json_object(result) if as_json else talk_line(result))


def demo_portrait() -> Path:
    """Path of the astronaut's portrait inside scikit-image, which is found but not imported."""
    spec = find_spec("skimage")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (portrait := Path(folder) / "data" / "astronaut.png").is_file():
            return portrait
    raise MissingDependency(
        "The demo's portrait comes with scikit-image, which is not installed. "
        "Type: python -m pip install 'scikit-image>=0.24' 'espeakng-loader>=0.2.4'"
    )
