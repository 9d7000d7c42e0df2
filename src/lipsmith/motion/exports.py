"""Motion and speech as other programs read them; the ending of the file's name says how."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import PurePath
from typing import Literal

import numpy as np

from lipsmith.errors import InvalidOption
from lipsmith.motion import arkit
from lipsmith.motion.track import MotionTrack
from lipsmith.speech import captions, cues
from lipsmith.speech.visemes import HOP_S, Speech, row_count

ExportKind = Literal["motion", "arkit", "cues", "captions"]

EXTENSIONS: Mapping[str, ExportKind] = {
    ".arkit.csv": "arkit",
    ".arkit.json": "arkit",
    ".cues.tsv": "cues",
    ".cues.json": "cues",
    ".srt": "captions",
    ".vtt": "captions",
    ".json": "motion",
}
"""The end of a file's name -> what is written; the first that fits."""


def extension_of(path: str | PathLike[str]) -> str:
    """The ending that says how to write this file. Raises InvalidOption when there is none.

    >>> ending_of("hello.arkit.csv"), ending_of("hello.json")
    ('.arkit.csv', '.json')
    """
    name = PurePath(path).name.lower()
    for extension in EXTENSIONS:
        if name.endswith(extension):
            return extension
    raise InvalidOption(f"{path} has an ending that is no export. Choose one of: {', '.join(EXTENSIONS)}.")


def export_text(extension: str, track: MotionTrack, speech: Speech | None, text: str | None) -> str:
    """What is written into a file of this ending. Captions need ``speech`` and ``text``, cues ``speech`` or visemes in
    the track.

    Raises InvalidOption where they are missing.
    """
    kind = EXTENSIONS[extension]
    if kind == "motion":
        return track.to_json()
    if kind == "arkit":
        return arkit.to_csv(track) if extension == ".arkit.csv" else arkit.to_json(track)
    if speech is None and kind == "cues":
        speech = _speech_of(track)
    if speech is None or (kind == "captions" and text is None):
        raise InvalidOption(f"A file with the ending {extension} needs to know what is said.")
    if kind == "cues":
        return cues.to_tsv(speech) if extension == ".cues.tsv" else cues.to_json(speech)
    captioned = captions.captions(text or "", speech)
    return captions.to_srt(captioned) if extension == ".srt" else captions.to_vtt(captioned)


def _speech_of(track: MotionTrack) -> Speech | None:
    """What the track's visemes say, as far as cues need it; None where it has none."""
    if track.visemes is None:
        return None
    fps = float(track.fps)
    count = row_count(len(track) / fps)
    frames, places = np.arange(len(track)), np.arange(count) * HOP_S * fps
    rows = np.stack([np.interp(places, frames, shares) for shares in track.visemes.T], axis=1).astype(np.float32)
    unknown = np.zeros(count, np.float32)
    return Speech(visemes=rows, openness=None, loudness=unknown, pitch_hz=unknown, duration_s=len(track) / fps)
