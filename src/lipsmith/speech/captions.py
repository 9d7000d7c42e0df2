"""Which sentence is spoken when, where the text is known: captions. Knows no words' own times.

Speech does not say which word is where. But sentences take time in proportion to their length, and between two of them
there is a pause: the pauses that fit best are taken.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsmith.speech.visemes import HOP_S, Speech

F64 = NDArray[np.float64]

LINE_CHARACTERS = 42
_END = re.compile(r"(?<=[.!?…؟।۔])[\"'”’»)\]]*\s+|(?<=[。！？])[”’」』）]*\s*|\n\s*")
_NO_END = re.compile(  # titles, initials and ordinal numbers; where it errs, two sentences share one caption
    r"(?:^|[\s.(\"'“‘„])(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|jr|sr|bzw|z\.b|usw|ca|nr|\w|\d\d)\.$", re.IGNORECASE
)
_LEAST_PAUSE_S = 0.08
_DIGIT_WEIGHT = 4.0  # a digit is spoken as a word
_LENGTH_REWARD = 1.2  # how much a pause of twice the length may lie further off, in units of the expected error
_WITHOUT_PAUSE = 9.0  # what a boundary without any pause costs, in the same units


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A sentence from ``start_s`` to ``end_s``."""

    text: str
    start_s: float
    end_s: float


def sentences(text: str) -> list[str]:
    """The text's sentences, white space made single.

    >>> sentences("Dr. Li is here. Really?  Yes!")
    ['Dr. Li is here.', 'Really?', 'Yes!']
    """
    parts: list[str] = []
    place = 0
    for end in _END.finditer(text):
        if "\n" not in end[0] and _NO_END.search(text, place, end.start()):
            continue
        parts.append(text[place : end.start()] + end[0].rstrip())
        place = end.end()
    parts.append(text[place:])
    plain = [" ".join(part.split()) for part in parts]
    return [part for part in plain if any(c.isalnum() for c in part)]


def captions(text: str, speech: Speech) -> list[Caption]:
    """Each sentence of ``text`` with its time in ``speech``, in order and without overlap; empty without a sentence."""
    said = sentences(text)
    silent = speech.visemes[:, 0] > 0.5
    if not said or silent.all():
        return []
    first, last = np.flatnonzero(~silent)[[0, -1]]
    pauses = _pauses(silent, int(first), int(last))
    spoken_s = np.concatenate([[0.0], np.cumsum(~silent)]) * HOP_S  # how long has been spoken before a row
    lengths = np.array([_length(sentence) for sentence in said])
    expected_s = np.cumsum(lengths)[:-1] / lengths.sum() * spoken_s[last + 1]
    chosen = _matched(expected_s, pauses, spoken_s)
    rows = [(int(first), int(first)), *chosen, (int(last) + 1, int(last) + 1)]
    found: list[Caption] = []
    for sentence, (_, begin), (end, _) in zip(said, rows[:-1], rows[1:], strict=True):
        start_s = max(round(begin * HOP_S, 3), found[-1].end_s if found else 0.0)
        end_s = max(round(end * HOP_S, 3), round(start_s + HOP_S, 3))
        found.append(Caption(text=sentence, start_s=start_s, end_s=end_s))
    return found


def to_srt(spoken: list[Caption]) -> str:
    """SubRip: numbered, times with a comma."""
    return "".join(
        f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n{_lines(cue.text)}\n\n"
        for number, cue in enumerate(spoken, start=1)
    )


def to_vtt(spoken: list[Caption]) -> str:
    """WebVTT; the signs that mean something there are escaped."""
    blocks = []
    for cue in spoken:
        text = _lines(cue.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n{text}\n\n")
    return "WEBVTT\n\n" + "".join(blocks)


def _length(sentence: str) -> float:
    """How long a sentence takes, in letters. A sign of Chinese or Japanese is a syllable."""
    letters = [c for c in sentence if c.isalnum()]
    return sum(_DIGIT_WEIGHT if c.isdigit() else 3.0 if c >= "⺀" else 1.0 for c in letters)


def _pauses(silent: NDArray[np.bool_], first: int, last: int) -> list[tuple[int, int]]:
    """First and past-the-last row of each silence between the first and the last sound."""
    inside = np.concatenate([[False], silent[first : last + 1], [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(inside)).reshape(-1, 2) + first
    return [(int(a), int(b)) for a, b in edges if (b - a) * HOP_S >= _LEAST_PAUSE_S]


def _matched(expected_s: F64, pauses: list[tuple[int, int]], spoken_s: F64) -> list[tuple[int, int]]:
    """For each expected boundary (seconds of speech before it) a pause, or no pause; in order, the cheapest choice."""
    if not len(expected_s):
        return []
    rows = np.searchsorted(spoken_s, expected_s)
    places = sorted([*pauses, *((int(row), int(row)) for row in rows)])
    since, until = np.array(places).T
    lengths_s = (until - since) * HOP_S
    off = (spoken_s[since] - expected_s[:, None]) / (0.15 + 0.05 * spoken_s[-1])
    reward = _LENGTH_REWARD * np.log2(np.maximum(lengths_s, _LEAST_PAUSE_S) / _LEAST_PAUSE_S)
    cost = off * off - np.where(lengths_s > 0, reward, -_WITHOUT_PAUSE)
    total, came = cost[0], []
    for k in range(1, len(expected_s)):
        # The cheapest place before each place, and what it costs to come from there.
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
