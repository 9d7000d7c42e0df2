"""Probable language of a text by its script."""

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
"""First word of a letter's Unicode name -> most widely spoken language in that script."""

_SAME = {"zh": "cmn", "iw": "he", "in": "id", "ji": "yi", "no": "nb", "tl": "fil", "jp": "ja", "cz": "cs"}
"""Other codes of a language: obsolete, broader and mistaken ones."""


def same_language(one: str, other: str) -> bool:
    """Return True if two tags name the same language, regardless of region.

    >>> same_language("zh-CN", "cmn")
    True
    """
    first, second = (tag.lower().replace("_", "-").partition("-")[0] for tag in (one, other))
    return _SAME.get(first, first) == _SAME.get(second, second)


def speakable(text: str) -> str:
    """Replace the control characters of a text for synthesis by spaces.

    Raises EmptyText without a letter, digit or symbol.
    """
    # Cc and Cs would end the text early or be taken as commands; format characters (Cf) shape Persian and Hindi words.
    plain = "".join(c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs", "Cn", "Co") else " " for c in text)
    if not any(unicodedata.category(c)[0] in "LNS" for c in plain):
        raise EmptyText()
    return plain


def language_of(text: str) -> str | None:
    """Return the language of the script of most letters of ``text``; None for Latin, which many languages share.

    Japanese mixes kana with Chinese characters, so a few kana decide.
    """
    letters = Counter(unicodedata.name(c, "").partition(" ")[0] for c in text if c.isalpha())
    if letters["HIRAGANA"] + letters["KATAKANA"] > 0.1 * letters.total():
        return "ja"
    if not letters:
        return None
    return LANGUAGE_OF_SCRIPT.get(letters.most_common(1)[0][0])
