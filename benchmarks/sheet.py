"""Contact sheets for visual checks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from benchmarks.blink_strip import blink_strip
from benchmarks.mouth_sheet import Rows, corner_strip, sentence_strip, teeth_strip
from benchmarks.subjects import LOOKS, Subject, astronaut, at_rest, look, read_even, sentence_track, upright_crop
from lipsmith.errors import LipsmithError
from lipsmith.media.clip import U8

FACE_IOD, MOUTH_IOD = 4.0, 1.5
CELL_PX = 240
LABEL_PX = 22
SENTENCE_FROM_S = 0.3
SENTENCE_FRAMES, SENTENCE_ROWS = 24, 2
TWO_SENTENCES = "We saw them move over the blue sea. Then, my friend, all five of them came home."
SHUT_IOD = 0.005
REST_PER_ROW, MOTION_FRAMES, MOTION_STEP = 8, 24, 6


def write_sheets(photos: Sequence[Path], folder: Path, parts: Collection[str] = ()) -> int:
    """Write one sheet per photo, and all of them below each other in ``all.png``. Prints the names of the files.

    ``parts``: names of `STRIPS`, which are drawn in place of the sheet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    sheets: list[U8] = []
    for subject in named_subjects(photos):
        sheets.append(strips(subject, parts) if parts else sheet(subject))
        save(sheets[-1], folder / f"{subject.name}.png")
    if len(sheets) > 1:
        width = max(pixels.shape[1] for pixels in sheets)
        save(np.vstack([_padded(pixels, width) for pixels in sheets]), folder / "all.png")
    return 0 if sheets else 1


def named_subjects(photos: Sequence[Path]) -> Iterator[Subject]:
    """Find the face of each photo, or of the astronaut if there are none. Prints which have no face."""
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
        yield subject


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
    title = label(f"{subject.name}   {subject.iod_px:.0f} px between the eyes", width)
    return np.vstack([title, *(_row(row, width) for row in rows)])


def strips(subject: Subject, parts: Collection[str]) -> U8:
    """Draw the named parts of `STRIPS` below each other, (h, w, 3)."""
    cells = [row for name in parts for draw in STRIPS[name] for row in draw(subject)]
    joined = [np.hstack([np.vstack([label(text, pixels.shape[1]), pixels]) for pixels, text in row]) for row in cells]
    width = max(row.shape[1] for row in joined)
    title = label(f"{subject.name}   {subject.iod_px:.0f} px between the eyes", width)
    return np.vstack([title, *(_padded(row, width) for row in joined)])


def rest_strip(subject: Subject) -> Rows:
    """Draw the source, the face at rest, and the frames around the longest pause of two sentences."""
    cells = [
        (_face(subject, subject.image.rgb), "source"),
        (_face(subject, subject.portrait.draw_rgb(at_rest())), "rest"),
    ]
    track = sentence_track(25, text=TWO_SENTENCES)
    shut = track["aperture"] < SHUT_IOD
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shut[5:-5].astype(np.int8), [0]]))).reshape(-1, 2) + 5
    start, stop = max(edges.tolist(), key=lambda run: run[1] - run[0], default=(0, 0))
    for n in range(max(0, start - 3), min(len(track), stop + 3)):
        frame = subject.portrait.draw_rgb(track.frame(n))
        cells.append((_face(subject, frame), f"{n}: opening {track['aperture'][n]:.2f}"))
    return [cells[k : k + REST_PER_ROW] for k in range(0, len(cells), REST_PER_ROW)]


def motion_strip(subject: Subject) -> Rows:
    """Draw every sixth frame of two sentences as heads with their surroundings."""
    track = sentence_track(25, text=TWO_SENTENCES)
    cells = []
    for n in range(0, min(len(track), MOTION_FRAMES * MOTION_STEP), MOTION_STEP):
        frame = subject.portrait.draw_rgb(track.frame(n))
        cells.append((_face(subject, frame), f"{n}: {track['head_yaw'][n]:+.1f} {track['head_pitch'][n]:+.1f}"))
    return [cells[k : k + REST_PER_ROW] for k in range(0, len(cells), REST_PER_ROW)]


STRIPS: Mapping[str, tuple[Callable[[Subject], Rows], ...]] = {
    "blinks": (blink_strip,),
    "teeth": (teeth_strip, sentence_strip),
    "corners": (corner_strip,),
    "rest": (rest_strip,),
    "motion": (motion_strip,),
}
"""Functions of each part that can be looked at more closely: they draw rows of cells with their labels."""


def _face(subject: Subject, frame: U8) -> U8:
    down = subject.portrait.shape.frame.rotation[1, :2] * subject.iod_px
    centre = subject.face.points[168, :2] + 0.45 * down
    return upright_crop(frame, subject, centre=centre, side_iod=FACE_IOD, side_px=CELL_PX)


def _mouth(subject: Subject, frame: U8) -> U8:
    centre = subject.face.points[[61, 291, 13, 14], :2].mean(axis=0)
    return upright_crop(frame, subject, centre=centre, side_iod=MOUTH_IOD, side_px=CELL_PX)


def _cell(pixels: U8, text: str) -> U8:
    return np.vstack([label(text, CELL_PX), pixels])


def label(text: str, width: int) -> U8:
    """Return a white line of text, (LABEL_PX, width, 3)."""
    image = Image.new("RGB", (width, LABEL_PX), "white")
    ImageDraw.Draw(image).text((5, 5), text, fill="black")
    return np.array(image, dtype=np.uint8)


def _row(cells: Sequence[U8], width: int) -> U8:
    return _padded(np.hstack(cells), width)


def _padded(pixels: U8, width: int) -> U8:
    return np.pad(pixels, ((0, 0), (0, width - pixels.shape[1]), (0, 0)), constant_values=255)


def save(pixels: U8, path: Path) -> None:
    """Write an image, and print its name."""
    Image.fromarray(pixels).save(path)
    print(path)
