"""Export of motion and speech to files of other programs; the extension chooses the format."""

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
"""File name extension -> content; the first match counts."""


def extension_of(path: str | PathLike[str]) -> str:
    """Return the export extension of ``path``. Raises InvalidOption if it has none.

    >>> extension_of("hello.arkit.csv"), extension_of("hello.json")
    ('.arkit.csv', '.json')
    """
    name = PurePath(path).name.lower()
    for extension in EXTENSIONS:
        if name.endswith(extension):
            return extension
    raise InvalidOption(f"{path} has no export extension. Choose one of {', '.join(EXTENSIONS)}.")


def export_text(extension: str, track: MotionTrack, speech: Speech | None, text: str | None) -> str:
    """Return the content of a file with this extension.

    Captions need ``speech`` and ``text``; cues need ``speech`` or visemes in the track. Raises InvalidOption if they
    are missing.
    """
    kind = EXTENSIONS[extension]
    if kind == "motion":
        return track.to_json()
    if kind == "arkit":
        return arkit.to_csv(track) if extension == ".arkit.csv" else arkit.to_json(track)
    if speech is None and kind == "cues":
        speech = _speech_of(track)
    if speech is None or (kind == "captions" and text is None):
        raise InvalidOption(f"A {extension} file needs speech. Export it together with a recording or a text.")
    if kind == "cues":
        return cues.to_tsv(speech) if extension == ".cues.tsv" else cues.to_json(speech)
    captioned = captions.captions(text or "", speech)
    return captions.to_srt(captioned) if extension == ".srt" else captions.to_vtt(captioned)


def _speech_of(track: MotionTrack) -> Speech | None:
    """Return the visemes of ``track`` as speech, for cues; None if it has none."""
    if track.visemes is None:
        return None
    fps = float(track.fps)
    count = row_count(len(track) / fps)
    frames, places = np.arange(len(track)), np.arange(count) * HOP_S * fps
    rows = np.stack([np.interp(places, frames, shares) for shares in track.visemes.T], axis=1).astype(np.float32)
    unknown = np.zeros(count, np.float32)
    return Speech(visemes=rows, openness=None, loudness=unknown, pitch_hz=unknown, duration_s=len(track) / fps)
