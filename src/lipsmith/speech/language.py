"""Which language a text is in, by its script and by the letters that follow one another. Knows no sound.

Latin, Cyrillic, Arabic and Devanagari letters are shared by many languages; py3langid, whose model lies in its package,
tells them apart. Where it is doubtful, or not installed, the script's most widely spoken language is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from lipsmith.speech.script import language_of

USUAL = "en"
"""Of Latin letters."""

_SHARE_A_SCRIPT: Mapping[str, tuple[str, ...]] = {
    USUAL: (
        "af", "az", "ca", "cs", "cy", "da", "de", "en", "es", "et", "eu", "fi", "fr", "ga", "hr", "hu", "id", "is",
        "it", "lt", "lv", "ms", "mt", "nl", "no", "pl", "pt", "ro", "sk", "sl", "sq", "sv", "sw", "tr", "vi",
    ),
    "ru": ("be", "bg", "kk", "ky", "mk", "ru", "sr", "uk"),
    "ar": ("ar", "fa", "ug", "ur"),
    "hi": ("hi", "mr", "ne"),
    "bn": ("as", "bn"),
}  # fmt: skip
"""The usual language of a script -> those written in it that py3langid knows and espeak-ng speaks.

Left out are those that are rarely meant and often guessed for a few words: Latin, Volapük, Walloon and the like.
"""
_SAME_AS = {"nb": "no", "nn": "no"}
_SURE = 0.9
"""Whole sentences are then hardly ever taken for another language; measured in docs/decisions/10-language.md."""
_FEWEST_LETTERS = 10
"""Greetings of one word are the same in half of Europe."""


@dataclass(frozen=True, kw_only=True)
class LanguageGuess:
    """What language a text is probably in."""

    tag: str
    sure: bool
    """False where the script's usual language stands in for one that could not be told."""


def guess_language(text: str) -> LanguageGuess:
    """The language of ``text``, its spoken words without markup."""
    usual = language_of(text) or USUAL
    shared = _SHARE_A_SCRIPT.get(usual)
    if shared is None:
        return LanguageGuess(tag=usual, sure=True)
    shares = _shares(text, shared)
    if not shares:
        return LanguageGuess(tag=usual, sure=False)
    likeliest = max(shares, key=lambda tag: shares[tag])
    letters = sum(character.isalpha() for character in text)
    if likeliest == usual:
        return LanguageGuess(tag=usual, sure=True)
    if shares[likeliest] >= _SURE and letters >= _FEWEST_LETTERS:
        return LanguageGuess(tag=likeliest, sure=True)
    return LanguageGuess(tag=usual, sure=False)


def _shares(text: str, languages: Sequence[str]) -> dict[str, float]:
    """How likely each of ``languages`` is, all of them together 1; empty where nobody can tell."""
    identifier = _identifier()
    if identifier is None:
        return {}
    found: dict[str, float] = dict.fromkeys(languages, 0.0)
    for tag, share in identifier.rank(text):
        known = _SAME_AS.get(tag, tag)
        if known in found:
            found[known] += float(share)
    total = sum(found.values())
    return {tag: share / total for tag, share in found.items()} if total > 0 else {}


@cache
def _identifier() -> Any:
    """py3langid's, which is loaded in 0.15 s; None where it is not installed."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return None
    return LanguageIdentifier.from_pickled_model(MODEL_FILE, norm_probs=True)
