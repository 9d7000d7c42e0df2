"""Contact sheets for visual checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from benchmarks.mouth_sheet import corner_strip, sentence_strip, teeth_strip
from benchmarks.subjects import LOOKS, Subject, astronaut, look, read_even, sentence_track, upright_crop
from lipsmith.errors import LipsmithError
from lipsmith.media.clip import U8

FACE_IOD, MOUTH_IOD = 4.0, 1.5
CELL_PX = 240
LABEL_PX = 22
SENTENCE_FROM_S = 0.3
SENTENCE_FRAMES, SENTENCE_ROWS = 24, 2


def write_sheets(photos: Sequence[Path], folder: Path, *, teeth: bool = False, corners: bool = False) -> int:
    """Write one sheet per photo, and all of them below each other in ``all.png``. Prints the names of the files.

    ``teeth``, ``corners``: strips of large mouths, or of the corners of the mouth, in place of the sheet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    sheets: list[U8] = []
    named: list[tuple[str, Path | None]] = [(path.stem, path) for path in photos] or [("astronaut", None)]
    for name, path in named:
        try:
            subject = Subject.of(name, read_even(path) if path else astronaut())
        except LipsmithError as error:
            print(f"{name}: {error}")
            continue
        if subject is None:
            print(f"{name}: no face")
            continue
        sheets.append(strips(subject, teeth=teeth, corners=corners) if teeth or corners else sheet(subject))
        _save(sheets[-1], folder / f"{name}.png")
    if len(sheets) > 1:
        width = max(pixels.shape[1] for pixels in sheets)
        _save(np.vstack([_padded(pixels, width) for pixels in sheets]), folder / "all.png")
    return 0 if sheets else 1


def sheet(subject: Subject) -> U8:
    """Draw mouth shapes as faces and as mouths, then consecutive frames of a sentence, (h, w, 3)."""
    frames = {"source": subject.image.rgb} | {name: subject.portrait.draw_rgb(look(name)) for name in LOOKS}
    faces = [_cell(_face(subject, frame), name) for name, frame in frames.items()]
    mouths = [_cell(_mouth(subject, frame), name) for name, frame in frames.items()]
    track = sentence_track(25)
    first = round(SENTENCE_FROM_S * 25)
    spoken = []
    for n in range(first, min(first + SENTENCE_FRAMES, len(track))):
        frame = subject.portrait.draw_rgb(track.frame(n))
        spoken.append(_cell(_face(subject, frame), f"{n} / 25 s  opening {track['aperture'][n]:.2f}"))
    per_row = SENTENCE_FRAMES // SENTENCE_ROWS
    rows = [faces, mouths, *(spoken[k : k + per_row] for k in range(0, len(spoken), per_row))]
    width = max(len(row) for row in rows) * CELL_PX
    title = _label(f"{subject.name}   {subject.iod_px:.0f} px between the eyes", width)
    return np.vstack([title, *(_row(row, width) for row in rows)])


def strips(subject: Subject, *, teeth: bool, corners: bool) -> U8:
    """Draw mouths and 24 frames of a sentence for ``teeth``, both corners for ``corners``, (h, w, 3)."""
    cells = [*teeth_strip(subject), *sentence_strip(subject)] if teeth else []
    cells += corner_strip(subject) if corners else []
    joined = [np.hstack([np.vstack([_label(text, pixels.shape[1]), pixels]) for pixels, text in row]) for row in cells]
    width = max(row.shape[1] for row in joined)
    title = _label(f"{subject.name}   {subject.iod_px:.0f} px between the eyes", width)
    return np.vstack([title, *(_padded(row, width) for row in joined)])


def _face(subject: Subject, frame: U8) -> U8:
    down = subject.portrait.shape.frame.rotation[1, :2] * subject.iod_px
    centre = subject.face.points[168, :2] + 0.45 * down
    return upright_crop(frame, subject, centre=centre, side_iod=FACE_IOD, side_px=CELL_PX)


def _mouth(subject: Subject, frame: U8) -> U8:
    centre = subject.face.points[[61, 291, 13, 14], :2].mean(axis=0)
    return upright_crop(frame, subject, centre=centre, side_iod=MOUTH_IOD, side_px=CELL_PX)


def _cell(pixels: U8, text: str) -> U8:
    return np.vstack([_label(text, CELL_PX), pixels])


def _label(text: str, width: int) -> U8:
    image = Image.new("RGB", (width, LABEL_PX), "white")
    ImageDraw.Draw(image).text((5, 5), text, fill="black")
    return np.array(image, dtype=np.uint8)


def _row(cells: Sequence[U8], width: int) -> U8:
    return _padded(np.hstack(cells), width)


def _padded(pixels: U8, width: int) -> U8:
    return np.pad(pixels, ((0, 0), (0, width - pixels.shape[1]), (0, 0)), constant_values=255)


def _save(pixels: U8, path: Path) -> None:
    Image.fromarray(pixels).save(path)
    print(path)
