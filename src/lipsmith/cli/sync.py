"""`lipsmith sync`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from lipsmith.cli.interrupt import Interrupt
from lipsmith.cli.options import AsJson, AudioPath, LanguageTag, Overwrite, Quiet, SpeakingRate, SpokenText, VoiceName
from lipsmith.cli.progress import shown
from lipsmith.media.durations import LengthMode
from lipsmith.pipeline import SyncMode, SyncResult, lip_sync


def sync(
    ctx: typer.Context,
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A clip with a face.")],
    audio: AudioPath = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="OUT.mp4",
            help="The video to write. [default: VIDEO's name with -synced.mp4, in this folder]",
        ),
    ] = None,
    text: SpokenText = None,
    voice: VoiceName = None,
    language: LanguageTag = None,
    rate: SpeakingRate = 1.0,
    audio_start: Annotated[
        float | None, typer.Option("--audio-start", metavar="S", help="Begin here in AUDIO, seconds.")
    ] = None,
    audio_end: Annotated[
        float | None, typer.Option("--audio-end", metavar="S", help="Stop there in AUDIO, seconds.")
    ] = None,
    speakers: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE.json", help="Several faces, each with its own words, instead of AUDIO."),
    ] = None,
    face: Annotated[
        str,
        typer.Option(
            "--face",
            metavar="auto|speaker|N|X,Y@S",
            help="Whose lips change: auto is who speaks in the clip, else the most prominent face; speaker only the "
            "former; the N-th face from the left; or the one at X,Y at S seconds.",
        ),
    ] = "auto",
    mode: Annotated[
        SyncMode,
        typer.Option(
            "--mode",
            help="The mouth's inside: lite makes it, standard takes it from elsewhere in the clip where that fits, pro "
            "with more effort.",
        ),
    ] = "standard",
    start: Annotated[float | None, typer.Option("--start", metavar="S", help="Begin here in VIDEO, seconds.")] = None,
    end: Annotated[float | None, typer.Option("--end", metavar="S", help="Stop there in VIDEO, seconds.")] = None,
    length_mode: Annotated[
        LengthMode,
        typer.Option(
            "--length-mode",
            help="Where clip and sound are not equally long: silence, the clip decides; cut, the shorter one; loop, "
            "bounce and hold, the sound, and the clip begins anew, runs to and fro, or its last picture stays.",
        ),
    ] = "silence",
    max_fps: Annotated[
        str | None, typer.Option("--max-fps", metavar="N", help="Leave pictures out where more come per second, 1-60.")
    ] = None,
    max_resolution: Annotated[
        int | None,
        typer.Option("--max-resolution", metavar="N", help="Scale down where a side has more pixels; never enlarges."),
    ] = None,
    keep_background: Annotated[
        float | None,
        typer.Option("--keep-background", metavar="DB", help="Keep the clip's own sound beneath, -60 to 0 dB."),
    ] = None,
    adapt: Annotated[
        bool,
        typer.Option("--adapt/--no-adapt", help="Learn from the clip's own speech how this person moves the lips."),
    ] = True,
    style: Annotated[
        Path | None,
        typer.Option("--style", metavar="ME.style", help="Speak as this person does: `lipsmith style learn` wrote it."),
    ] = None,
    intensity: Annotated[
        float, typer.Option("--intensity", metavar="X", help="How far the mouth opens, 0.1-2.0.")
    ] = 1.0,
    crf: Annotated[int, typer.Option("--crf", metavar="N", help="Quality: 1 best, 51 worst.")] = 16,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="FILE",
            help="Also write the motion of the lips; the ending says how: .json, to edit it, .arkit.csv, .arkit.json, "
            ".cues.tsv, .cues.json, and with --text .srt, .vtt.",
        ),
    ] = None,
    from_motion: Annotated[
        Path | None, typer.Option("--from-motion", metavar="FILE.json", help="Draw this motion, edited or not.")
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make a person in VIDEO say what is heard in AUDIO, or --text. Only the lower face changes.

    The new video has the clip's size, rate and colours. Nothing is written unless all went well.
    """
    options: dict[str, Any] = {
        "text": text,
        "voice": voice,
        "language": language,
        "rate": rate,
        "audio_start_s": audio_start,
        "audio_end_s": audio_end,
        "speakers": speakers,
        "face": face,
        "mode": mode,
        "start_s": start,
        "end_s": end,
        "length_mode": length_mode,
        "max_fps": max_fps,
        "max_resolution": max_resolution,
        "keep_background_db": keep_background,
        "adapt": adapt,
        "style": style,
        "intensity": intensity,
        "crf": crf,
        "export": export,
        "from_motion": from_motion,
    }
    interrupt: Interrupt = ctx.obj
    with shown(quiet) as progress:
        result = lip_sync(
            video,
            audio,
            out or Path(f"{video.stem}-synced.mp4"),
            **options,
            overwrite=overwrite,
            progress=progress,
            cancelled=lambda: interrupt.seen,
        )
    typer.echo(synced_as_json(result) if as_json else synced_as_line(result))


def synced_as_json(result: SyncResult) -> str:
    """One JSON object on one line."""
    return json.dumps(asdict(result) | {"path": str(result.path), "fps": float(result.fps)})


def synced_as_line(result: SyncResult) -> str:
    """The same for people."""
    faces = " and ".join(
        f"face {face.number} of {result.faces_found}, {face.iod_px:.0f} px between the eyes"
        + (f", speaks as in {face.learnt_s:.0f} s of the clip" if face.learnt_s is not None else "")
        for face in result.faces
    )
    kept = ", ".join(f"{start_s:.2f}-{end_s:.2f} s" for start_s, end_s in result.unchanged_s)
    warnings = " ".join(result.warnings)
    return " · ".join(
        [
            str(result.path),
            f"{result.seconds:.2f} s",
            f"{result.frames} frames",
            f"{float(result.fps):.4g} fps",
            f"{result.width}×{result.height}",
            faces,
            *([f"unchanged {kept}"] if kept else []),
            f"warnings: {warnings}" if warnings else "no warnings",
            ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in result.stage_seconds.items()),
        ]
    )
