"""Where a long text may be cut so that nobody hears it. Knows no voice."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|[。！？]+[”』」）]*|[।۔؟]\s+|\n\s*\n")
_CLAUSE_END = re.compile(r"[,;:—–]\s+|[，、；：]")
_WORD_END = re.compile(r"\s+")
_ABBREVIATION = re.compile(r"(?:^|[\s(\"'“])\w{1,3}\.\s+$")  # "Dr. " and "p. ", but also "it. ": only a preference


def split_text(text: str, longest: int) -> Iterator[str]:
    """``text`` in pieces of at most ``longest`` characters, cut at sentences, else at clauses, words, or anywhere."""
    rest = text.strip()
    while len(rest) > longest:
        cut = _last_end(rest, longest)
        yield rest[:cut].strip()
        rest = rest[cut:].lstrip()
    if rest:
        yield rest


def _last_end(text: str, longest: int) -> int:
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, longest)]
    sure = [end for end in ends if not _ABBREVIATION.search(text, max(0, end - 8), end)]
    for found in (
        sure,
        ends,
        *([m.end() for m in kind.finditer(text, 0, longest)] for kind in (_CLAUSE_END, _WORD_END)),
    ):
        if found:
            return found[-1]
    return longest
