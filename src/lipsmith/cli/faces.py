"""Command `lipsmith faces`."""

from __future__ import annotations

from lipsmith.cli.request_command import request_command
from lipsmith.pipeline import DetectRequest, DetectResult, detect_faces


def faces_lines(result: DetectResult) -> str:
    """Faces for people, one on each line."""
    if not result.faces:
        return f"no face in {result.width}×{result.height} pixels"
    lines = []
    for number, face in enumerate(result.faces, start=1):
        left, top, right, bottom = face.box
        place = f"{left},{top} to {right},{bottom}"
        parts = [f"face {number}", place, f"{face.iod_px:.0f} px between the eyes", f"score {face.score:.2f}"]
        lines.append(" · ".join([*parts, *([str(face.path)] if face.path else [])]))
    return "\n".join(lines)


faces = request_command(
    "faces",
    DetectRequest,
    detect_faces,
    faces_lines,
    help="""List the faces in a photo, or in the first frame of a clip, the most prominent first.

    With --out, each face is written as a PNG into that folder, which has to exist.
    """,
)
