"""Split text into sentences, and long text into chunks."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MARKS = ".!?…؟।۔。！？"
_SENTENCE_END = re.compile(r"(?<=[.!?…؟।۔])[\"'”’»)\]]*\s+|(?<=[。！？])[”’」』）]*\s*|\n\s*")
_ABBREVIATION = re.compile(  # titles, initials and ordinal numbers; an error merges two sentences
    r"(?:^|[\s.(\"'“‘„])(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|jr|sr|bzw|z\.b|usw|ca|nr|\w|\d\d)\.$", re.IGNORECASE
)
_CLAUSE_END = re.compile(r"[,;:—–]\s+|[，、；：]")
_WORD_END = re.compile(r"\s+")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, with single spaces; a line break always ends a sentence.

    >>> sentences("Dr. Li is here. Really?  Yes!")
    ['Dr. Li is here.', 'Really?', 'Yes!']
    """
    parts: list[str] = []
    start = 0
    for end in _sentence_ends(text, len(text)):
        parts.append(text[start : end.start()] + end[0].rstrip())
        start = end.end()
    parts.append(text[start:])
    plain = [" ".join(part.split()) for part in parts]
    return [part for part in plain if any(c.isalnum() for c in part)]


def split_text(text: str, max_characters: int) -> Iterator[str]:
    """Yield chunks of at most ``max_characters``, cut between sentences, else clauses, words, or anywhere."""
    rest = text.strip()
    while len(rest) > max_characters:
        cut = _last_end(rest, max_characters)
        yield rest[:cut].strip()
        rest = rest[cut:].lstrip()
    if rest:
        yield rest


def _sentence_ends(text: str, limit: int) -> Iterator[re.Match[str]]:
    start = 0
    for end in _SENTENCE_END.finditer(text, 0, limit):
        if "\n" in end[0] or not _ABBREVIATION.search(text, start, end.start()):
            start = end.end()
            yield end


def _last_end(text: str, limit: int) -> int:
    ends = [end for end in _sentence_ends(text, limit) if not _is_line_break(text, end)]
    for found in (ends, *(list(pattern.finditer(text, 0, limit)) for pattern in (_CLAUSE_END, _WORD_END))):
        if found:
            return found[-1].end()
    return limit


def _is_line_break(text: str, end: re.Match[str]) -> bool:
    """Return True for a single line break within a sentence."""
    return text[max(0, end.start() - 1)] not in _MARKS and end[0].count("\n") == 1
