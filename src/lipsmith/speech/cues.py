"""Timed mouth shapes, as animation software uses them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lipsmith.speech.visemes import HOP_S, VISEMES, Speech

LETTERS: Mapping[str, str] = {
    "sil": "X", "PP": "A", "FF": "G", "TH": "B", "DD": "B", "kk": "B", "CH": "B", "SS": "B", "nn": "B", "RR": "E",
    "aa": "D", "E": "C", "ih": "B", "oh": "E", "ou": "F",
}  # fmt: skip
"""Viseme -> mouth shape of Rhubarb Lip Sync, by its rules for the phones of each viseme.

Its shape H, for a long l alone, never occurs: the viseme ``nn`` covers n and l, and for n the rules allow B.
"""

SHORT_PAUSE_S = 0.2
"""Shorter pauses keep the lips apart."""


@dataclass(frozen=True, kw_only=True)
class Cue:
    """A mouth shape from ``start_s`` to ``end_s``."""

    value: str
    start_s: float
    end_s: float


def viseme_cues(speech: Speech) -> list[Cue]:
    """Return the strongest visemes over time, with equal neighbours merged, from 0 to the end of the speech.

    A viseme of a single 20 ms row is replaced by its neighbour, except closed lips (PP, FF), which remain visible.
    """
    names = [VISEMES[k] for k in speech.visemes.argmax(axis=1)]
    for row in range(1, len(names) - 1):
        alone = names[row - 1] != names[row] != names[row + 1]
        if alone and names[row] not in ("PP", "FF"):
            names[row] = names[row - 1]
    # Row k covers the 20 ms around its time.
    starts = [row for row in range(len(names)) if row == 0 or names[row] != names[row - 1]]
    begin_s = [max(0.0, (row - 0.5) * HOP_S) for row in starts]
    ends_s = [*begin_s[1:], max(speech.duration_s, begin_s[-1])]
    return [
        Cue(value=names[row], start_s=round(start_s, 3), end_s=round(end_s, 3))
        for row, start_s, end_s in zip(starts, begin_s, ends_s, strict=True)
    ]


def letter_cues(speech: Speech) -> list[Cue]:
    """Return the cues as letters A–G and X."""
    cues = viseme_cues(speech)
    letters: list[Cue] = []
    for place, cue in enumerate(cues):
        inside = 0 < place < len(cues) - 1
        short = inside and cue.value == "sil" and cue.end_s - cue.start_s < SHORT_PAUSE_S
        letter = "B" if short else LETTERS[cue.value]
        if letters and letters[-1].value == letter:
            letters[-1] = replace(letters[-1], end_s=cue.end_s)
        else:
            letters.append(replace(cue, value=letter))
    return letters


def to_tsv(speech: Speech) -> str:
    """Format cues like Rhubarb: start in seconds, tab, letter; the last line is the end."""
    cues = letter_cues(speech)
    end_s = np.floor(cues[-1].end_s * 100 + 1e-6) / 100
    return "".join(f"{cue.start_s:.2f}\t{cue.value}\n" for cue in cues) + f"{end_s:.2f}\tX\n"


def to_json(speech: Speech) -> str:
    """Format cues as Rhubarb's JSON, with Oculus visemes in addition to its letters."""

    def listed(cues: Sequence[Cue]) -> list[dict[str, object]]:
        return [{"start": cue.start_s, "end": cue.end_s, "value": cue.value} for cue in cues]

    document = {
        "metadata": {"duration": round(speech.duration_s, 3)},
        "mouthCues": listed(letter_cues(speech)),
        "visemes": listed(viseme_cues(speech)),
    }
    return json.dumps(document, indent=1)
