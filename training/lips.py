"""Recordings of people with measured lips, and their sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsmith.media.clip import F32
from lipsmith.media.decode import open_audio
from training.data import mel_of

FRAME_CENTRE_S = 0.02
"""The studio recordings next to ``grid/`` give times at the centre of a frame, all others at its start."""

FOLDS = (
    ("s1",), ("s4",), ("s26", "sxf"), ("s31",), ("s2", "sxb", "sxd", "sxe", "sxg"), ("s23", "sxa", "sxc"),
)  # fmt: skip
"""Speakers that are left out together. The identity of the sx… is not known, and some may be the same person: sxf
resembles s26 in voice and look. So the men among them are left out together, and so are the women."""
STUDIO_SPEAKERS = {
    "bbaf2n": "s1", "brbk7n": "sxa", "lbax4n": "sxb", "lbbc2a": "sxc", "lrwp9a": "s23", "lwbsza": "s4", "pwij3p": "s2",
    "sbia1a": "sxd", "sbwe5n": "sxe", "swiz3n": "sxf", "swwp2s": "s2",
}  # fmt: skip
"""Speaker of the studio recordings that are named only by their sentence."""


def left_out_head(name: str) -> str:
    """Return the file of the head fitted without the speaker of the recording ``name``. Raises KeyError."""
    speaker = STUDIO_SPEAKERS.get(name, name.split("_")[0])
    first = {member: fold[0] for fold in FOLDS for member in fold}
    return f"lip_head.without-{first[speaker]}.npz"


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Audio and lips of one clip."""

    name: str
    speaker: str
    mel: F32
    time_s: np.ndarray
    aperture: np.ndarray
    width: np.ndarray


def recordings(folder: Path, pattern: str, lead_s: float = 0.0) -> list[Recording]:
    """Return all matching recordings, ordered by name. ``lead_s`` is subtracted from their times."""
    found = []
    for table_path in sorted(folder.glob(pattern + ".csv")):
        audio_path = next(p for p in table_path.parent.glob(table_path.stem + ".*") if p.suffix != ".csv")
        table = np.genfromtxt(table_path, delimiter=",", names=True)
        samples = np.concatenate([block[0] for block in open_audio(audio_path).blocks(16000, 1)])
        found.append(Recording(
            name=table_path.stem, speaker=table_path.stem.split("_")[0], mel=mel_of(samples, 16000),
            time_s=table["time_s"] - lead_s, aperture=table["aperture"], width=table["width"],
        ))  # fmt: skip
    return found
