"""Strips of consecutive frames of a lip sync: the clip's own mouth, and below it the frames of each mode."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from benchmarks.recorded import Recording, record
from lipsmith.errors import LipsmithError
from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.media.clip import U8
from lipsmith.media.colour import Colour, rgb_patch

MODES = ("lite", "standard")
PER_ROW, LABEL_PX = 7, 14
CELL_PX = (208, 184)
REACH_IOD = (0.95, 0.84)
"""Half the width and height of the area around the mouth."""
PAPER, INK, RED = (255, 255, 255), (0, 0, 0), (200, 0, 0)


def write_sync_strips(
    clip: Path, audio: Path, folder: Path, start_s: float | None, end_s: float | None, modes: Sequence[str] = MODES
) -> int:
    """Write PNGs of two rows of frames each into ``folder``, and print their names."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lipsmith-strip-") as scratch:
        try:
            made = [
                record(clip, audio, Path(scratch, f"{mode}.mp4"), mode=mode, start_s=start_s, end_s=end_s)
                for mode in modes
            ]
        except LipsmithError as error:
            print(f"{clip.name}: {error.code}")
            return 1
        columns = columns_of(made, modes)
        for number, first in enumerate(range(0, len(columns), 2 * PER_ROW)):
            rows = [columns[k : k + PER_ROW] for k in range(first, min(first + 2 * PER_ROW, len(columns)), PER_ROW)]
            path = folder / f"{clip.stem}-{audio.stem}-{number:02}.png"
            Image.fromarray(np.vstack([joined(row) for row in rows])).save(path)
            print(path)
    return 0


def columns_of(made: Sequence[Recording], modes: Sequence[str]) -> list[U8]:
    """Yield one column per frame: the source, then each of ``made``; above it its number and the opening."""
    first = made[0]
    columns: list[U8] = []
    middle = np.array([first.info.width / 2, first.info.height / 2])
    for number, views in enumerate(zip(*(recording.pairs() for recording in made), strict=True)):
        index, source, _ = views[0]
        head = None
        if first.track.present[index]:
            points = first.track.points(index)
            head, middle = HeadFrame.of(points), points[[61, 291], :2].mean(axis=0)
        iod_px = head.iod_px if head is not None else float(np.nanmedian(first.track.iod_px))
        aspect = float(first.info.pixel_aspect)
        caption = f"{number} {first.requested[number]:.2f}" if head is not None else f"{number} no face"
        cells = [label(caption, red=head is None or first.requested[number] < 0.012)]
        frames = [source, *(drawn for _, _, drawn in views)]
        cells += [around(planes, middle, iod_px, aspect, first.info.colour) for planes in frames]
        columns.append(np.vstack(cells))
    return columns


def around(planes: U8, middle: F64, iod_px: float, aspect: float, colour: Colour) -> U8:
    """Return the lower face in a cell of one size, (h, w, 3) RGB."""
    width, height = planes.shape[1], planes.shape[0] * 2 // 3
    reach = np.array(REACH_IOD) * iod_px
    low, high = (middle - reach) / [aspect, 1.0], (middle + reach) / [aspect, 1.0]
    left, top = (np.clip(np.floor(low / 2).astype(int) * 2, 0, [width - 2, height - 2])).tolist()
    right, bottom = (np.clip(np.ceil(high / 2).astype(int) * 2, [left + 2, top + 2], [width, height])).tolist()
    rgb = rgb_patch(planes, (left, top, right, bottom), colour)
    how = cv2.INTER_AREA if rgb.shape[1] > CELL_PX[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, CELL_PX, interpolation=how), np.uint8)


def label(text: str, *, red: bool) -> U8:
    image = Image.new("RGB", (CELL_PX[0], LABEL_PX), PAPER)
    ImageDraw.Draw(image).text((3, 1), text, fill=RED if red else INK)
    return np.array(image, dtype=np.uint8)


def joined(columns: Sequence[U8]) -> U8:
    """Join columns side by side; unfilled places are blank."""
    row = np.hstack(list(columns))
    return np.pad(row, ((0, 0), (0, PER_ROW * CELL_PX[0] - row.shape[1]), (0, 0)), constant_values=255)
