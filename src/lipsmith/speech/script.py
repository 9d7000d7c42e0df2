"""Which language a text is probably in, by the script it is written in: data and one rule. Knows no sound."""

from __future__ import annotations

import unicodedata
from collections import Counter

from lipsmith.errors import EmptyText

LANGUAGE_OF_SCRIPT = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "cmn", "HANGUL": "ko", "ARABIC": "ar", "HEBREW": "he",
    "CYRILLIC": "ru", "GREEK": "el", "GEORGIAN": "ka", "ARMENIAN": "hy", "DEVANAGARI": "hi", "BENGALI": "bn",
    "GURMUKHI": "pa", "GUJARATI": "gu", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml",
    "ORIYA": "or", "SINHALA": "si", "THAI": "th", "MYANMAR": "my", "ETHIOPIC": "am",
}  # fmt: skip
"""First word of a letter's Unicode name -> the most widely spoken language written in that script."""

_SAME = {"zh": "cmn", "iw": "he", "in": "id", "ji": "yi", "no": "nb", "tl": "fil", "jp": "ja", "cz": "cs"}
"""Codes of the same language: old ones, wider ones, and slips of the tongue."""


def same_language(one: str, other: str) -> bool:
    """Whether two tags name the same language, whatever their region.

    >>> same_language("zh-CN", "cmn")
    True
    """
    first, second = (tag.lower().replace("_", "-").partition("-")[0] for tag in (one, other))
    return _SAME.get(first, first) == _SAME.get(second, second)


def speakable(text: str) -> str:
    """The text as a synthesizer may see it: control characters are spaces.

    Raises EmptyText when it holds no letter, digit or sign.
    """
    # Cc and Cs would end the text early or be taken as commands; format characters (Cf) shape Persian and Hindi words.
    plain = "".join(c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs", "Cn", "Co") else " " for c in text)
    if not any(unicodedata.category(c)[0] in "LNS" for c in plain):
        raise EmptyText()
    return plain


def language_of(text: str) -> str | None:
    """The language of the script that most letters of ``text`` belong to; None for Latin, which many languages share.

    Japanese mixes its own letters with Chinese ones, so a few of its own decide.
    """
    letters = Counter(unicodedata.name(c, "").partition(" ")[0] for c in text if c.isalpha())
    if letters["HIRAGANA"] + letters["KATAKANA"] > 0.1 * letters.total():
        return "ja"
    if not letters:
        return None
    return LANGUAGE_OF_SCRIPT.get(letters.most_common(1)[0][0])
