"""Captions: the sentences of a known text with their times in the speech.

Speech carries no word times, but sentences take time in proportion to their length and are separated by pauses. The
best-fitting pauses are chosen.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsmith.speech.sentences import sentences
from lipsmith.speech.visemes import HOP_S, Speech

F64 = NDArray[np.float64]

LINE_CHARACTERS = 42
_MIN_PAUSE_S = 0.08
_DIGIT_WEIGHT = 4.0  # a digit is spoken as a word
_LENGTH_REWARD = 1.2  # extra distance allowed to a pause of twice the length, in units of the expected error
_NO_PAUSE_COST = 9.0  # cost of a boundary without a pause, in the same units


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A sentence from ``start_s`` to ``end_s``."""

    text: str
    start_s: float
    end_s: float


def captions(text: str, speech: Speech) -> list[Caption]:
    """Return each sentence of ``text`` with its time in ``speech``, in order and without overlap."""
    texts = sentences(text)
    silent = speech.visemes[:, 0] > 0.5
    if not texts or silent.all():
        return []
    first, last = np.flatnonzero(~silent)[[0, -1]]
    pauses = _pauses(silent, int(first), int(last))
    spoken_s = np.concatenate([[0.0], np.cumsum(~silent)]) * HOP_S  # time spoken before each row
    lengths = np.array([_length(sentence) for sentence in texts])
    expected_s = np.cumsum(lengths)[:-1] / lengths.sum() * spoken_s[last + 1]
    chosen = _best_pauses(expected_s, pauses, spoken_s)
    rows = [(int(first), int(first)), *chosen, (int(last) + 1, int(last) + 1)]
    found: list[Caption] = []
    for sentence, (_, begin), (end, _) in zip(texts, rows[:-1], rows[1:], strict=True):
        start_s = max(round(begin * HOP_S, 3), found[-1].end_s if found else 0.0)
        end_s = max(round(end * HOP_S, 3), round(start_s + HOP_S, 3))
        found.append(Caption(text=sentence, start_s=start_s, end_s=end_s))
    return found


def to_srt(cues: list[Caption]) -> str:
    """Format captions as SubRip: numbered, times with a comma."""
    return "".join(
        f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n{_lines(cue.text)}\n\n"
        for number, cue in enumerate(cues, start=1)
    )


def to_vtt(cues: list[Caption]) -> str:
    """Format captions as WebVTT, with its special characters escaped."""
    blocks = []
    for cue in cues:
        text = _lines(cue.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n{text}\n\n")
    return "WEBVTT\n\n" + "".join(blocks)


def _length(sentence: str) -> float:
    """Estimate the spoken length of a sentence, in letters; a Chinese or Japanese character is a syllable."""
    letters = [c for c in sentence if c.isalnum()]
    return sum(_DIGIT_WEIGHT if c.isdigit() else 3.0 if c >= "⺀" else 1.0 for c in letters)


def _pauses(silent: NDArray[np.bool_], first: int, last: int) -> list[tuple[int, int]]:
    """Return the first and past-the-last row of each silence between the first and the last spoken row."""
    inside = np.concatenate([[False], silent[first : last + 1], [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(inside)).reshape(-1, 2) + first
    return [(int(a), int(b)) for a, b in edges if (b - a) * HOP_S >= _MIN_PAUSE_S]


def _best_pauses(expected_s: F64, pauses: list[tuple[int, int]], spoken_s: F64) -> list[tuple[int, int]]:
    """Return the cheapest ordered choice of a pause, or none, per expected boundary (seconds of speech before it)."""
    if not len(expected_s):
        return []
    rows = np.searchsorted(spoken_s, expected_s)
    places = sorted([*pauses, *((int(row), int(row)) for row in rows)])
    since, until = np.array(places).T
    lengths_s = (until - since) * HOP_S
    off = (spoken_s[since] - expected_s[:, None]) / (0.15 + 0.05 * spoken_s[-1])
    reward = _LENGTH_REWARD * np.log2(np.maximum(lengths_s, _MIN_PAUSE_S) / _MIN_PAUSE_S)
    cost = off * off - np.where(lengths_s > 0, reward, -_NO_PAUSE_COST)
    total, came = cost[0], []
    for k in range(1, len(expected_s)):
        # The cheapest place before each place, and the cost up to there.
        lowest = np.minimum.accumulate(total)
        where = np.maximum.accumulate(np.where(total <= lowest, np.arange(len(places)), 0))
        came.append(np.concatenate([[0], where[:-1]]))
        total = cost[k] + np.concatenate([[np.inf], lowest[:-1]])
    chosen = [int(np.argmin(total))]
    for before in reversed(came):
        chosen.append(int(before[chosen[-1]]))
    return [places[j] for j in reversed(chosen)]


def _lines(text: str) -> str:
    return "\n".join(textwrap.wrap(text, LINE_CHARACTERS, break_on_hyphens=False)) or text


def _clock(seconds: float, point: str) -> str:
    whole_ms = round(seconds * 1000)
    minutes, ms = divmod(whole_ms, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02}{point}{ms % 1000:03}"
