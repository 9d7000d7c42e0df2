"""Strips of consecutive frames of a sentence with their visemes, to compare lips and speech by eye."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from benchmarks.subjects import Subject, astronaut, read_even, upright_crop
from lipsmith.errors import LipsmithError
from lipsmith.media.clip import U8
from lipsmith.media.decode import open_audio
from lipsmith.motion.choreography import build_motion
from lipsmith.speech.visemes import HOP_S, VISEMES, Speech

FPS = 25
CELL_PX, MOUTH_PX, LABEL_PX = 120, 84, 36
PER_ROW = 16
MOUTH_IOD, FACE_IOD = 1.25, 3.6
WIDEST_IOD = 0.30
"""Opening whose bar is as long as the cell is wide."""
SHOWN_SHARE = 0.30
"""Visemes with a smaller share of a frame are not shown."""
SHUT_IOD = 0.01

SENTENCES = (
    ("en-us+f3", "Papa bought my baby a big map, a pipe and a mop."),
    ("en-us+f2", "We often saw them move over the blue sea. Who knew?"),
    ("de+f3", "Morgen fahren fünf Freunde mit dem Boot über den See."),
    ("fr+f2", "Bonjour, je vous présente mon petit bateau bleu."),
)
"""Voice and text: shut lips between open vowels, lips on teeth and rounded ones, and two other languages."""

PAPER, INK, RED, GREY = (255, 255, 255), (0, 0, 0), (200, 0, 0), (150, 150, 150)


@dataclass(frozen=True, kw_only=True)
class Said:
    """Speech to draw."""

    name: str
    """Also the name of the file."""
    title: str
    speech: Speech


def write_strips(photo: Path | None, text: str | None, voice: str | None, audio: Path | None, folder: Path) -> int:
    """Write one strip per sentence to ``folder``, of the astronaut by default. Prints the names of the files."""
    cv2.setNumThreads(1)
    try:
        subject = Subject.of(photo.stem if photo else "astronaut", read_even(photo) if photo else astronaut())
        if subject is None:
            print(f"{photo}: no face")
            return 1
        folder.mkdir(parents=True, exist_ok=True)
        for said in sentences(text, voice, audio):
            path = folder / f"{subject.name}-{said.name}.png"
            Image.fromarray(strip(subject, said)).save(path)
            print(path)
    except LipsmithError as error:
        print(error)
        return 1
    return 0


def sentences(text: str | None, voice: str | None, audio: Path | None) -> list[Said]:
    """Return the requested speech: a text, a recording, a recording with its text, or the four of `SENTENCES`."""
    from lipsmith.engines import registry
    from lipsmith.speech.transcript import with_transcript

    if audio is not None:
        recording = open_audio(audio)
        speech = registry.create("speech_reader").read(recording)
        if text:
            speech = with_transcript(speech, registry.create("transcript_reader").read(recording, text))
        return [Said(name=audio.stem, title=f"{audio.name}   {text or 'as it is heard'}", speech=speech)]
    speaker = registry.create("voice")
    spoken = [(voice or "en-us", text)] if text else list(SENTENCES)
    return [
        Said(
            name=f"{number}-{name.partition('+')[0]}",
            title=f"{name}   {words}",
            speech=speaker.speak(words, voice=name, rate=1.0).speech,
        )
        for number, (name, words) in enumerate(spoken, start=1)
    ]


def strip(subject: Subject, said: Said) -> U8:
    """Draw all frames at 25 fps, the mouth above the face, under a title, (h, w, 3).

    Above each frame are its time, its visemes (lips that meet in red), and the opening in IOD, also as a bar.
    """
    frames = max(1, int(said.speech.duration_s * FPS))
    track = build_motion(said.speech, fps=Fraction(FPS), frames=frames)
    down = subject.portrait.shape.frame.rotation[1, :2] * subject.iod_px
    mouth = subject.face.points[[61, 291, 13, 14], :2].mean(axis=0)
    face = subject.face.points[168, :2] + 0.35 * down
    cells: list[U8] = []
    for n in range(frames):
        drawn = subject.portrait.draw_rgb(track.frame(n))
        close = upright_crop(drawn, subject, centre=mouth, side_iod=MOUTH_IOD, side_px=CELL_PX)
        edge = (CELL_PX - MOUTH_PX) // 2
        whole = upright_crop(drawn, subject, centre=face, side_iod=FACE_IOD, side_px=CELL_PX)
        label = _label(n / FPS, named(said.speech, n / FPS), float(track["aperture"][n]))
        cells.append(np.vstack([label, close[edge : edge + MOUTH_PX], whole]))
    width = min(frames, PER_ROW) * CELL_PX
    rows = [_row(cells[k : k + PER_ROW], width) for k in range(0, frames, PER_ROW)]
    return np.vstack([_title(f"{subject.name}   {said.title}", width), *rows])


def named(speech: Speech, time_s: float) -> list[str]:
    """Return the visemes with a share in this moment, the largest first."""
    shares = speech.visemes[min(round(time_s / HOP_S), len(speech.visemes) - 1)]
    found = [int(k) for k in np.argsort(-shares) if shares[k] >= SHOWN_SHARE]
    return [VISEMES[k] for k in found or [int(np.argmax(shares))]]


def _label(time_s: float, visemes: Sequence[str], aperture: float) -> U8:
    image = Image.new("RGB", (CELL_PX, LABEL_PX), PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((3, 2), f"{time_s:.2f}", fill=GREY)
    pen.text((34, 2), "+".join(visemes), fill=RED if "PP" in visemes else INK)
    pen.text((88, 2), f"{aperture:.2f}", fill=RED if aperture <= SHUT_IOD else INK)
    length = round(min(max(aperture, 0.0) / WIDEST_IOD, 1.0) * (CELL_PX - 6))
    pen.rectangle((3, 20, 3 + length, 30), fill=RED if aperture <= SHUT_IOD else GREY)
    return np.array(image, dtype=np.uint8)


def _title(text: str, width: int) -> U8:
    image = Image.new("RGB", (width, LABEL_PX), PAPER)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()  # Pillow's own font knows no ü
    ImageDraw.Draw(image).text((5, 10), plain, fill=INK)
    return np.array(image, dtype=np.uint8)


def _row(cells: Sequence[U8], width: int) -> U8:
    joined = np.hstack(list(cells))
    return np.pad(joined, ((0, 0), (0, width - joined.shape[1]), (0, 0)), constant_values=255)
