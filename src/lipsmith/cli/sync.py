"""Command `lipsmith sync`."""

from __future__ import annotations

from pathlib import Path

from lipsmith.cli.request_command import request_command, result_line
from lipsmith.pipeline import SyncRequest, SyncResult, lip_sync


def sync_line(result: SyncResult) -> str:
    """Result for people."""
    faces = " and ".join(
        f"face {face.number} of {result.faces_found}, {face.iod_px:.0f} px between the eyes"
        + (f", speaks as in {face.learnt_s:.0f} s of the clip" if face.learnt_s is not None else "")
        for face in result.faces
    )
    kept = ", ".join(f"{start_s:.2f}-{end_s:.2f} s" for start_s, end_s in result.unchanged_s)
    parts = [
        str(result.path),
        f"{result.seconds:.2f} s",
        f"{result.frames} frames",
        f"{float(result.fps):.4g} fps",
        f"{result.width}×{result.height}",
        faces,
        *([f"unchanged {kept}"] if kept else []),
    ]
    return result_line(parts, result.warnings, result.stage_seconds)


sync = request_command(
    "sync",
    SyncRequest,
    lip_sync,
    sync_line,
    help="""Change the lips of a person in VIDEO to AUDIO, or --text. Only the lower face changes.

    The new video has the clip's size, rate and colours. After an error, nothing is written.
    """,
    default_out=lambda video: Path(f"{video.stem}-synced.mp4"),
)
