"""Language of a text by its script and its letter sequences.

Many languages share Latin, Cyrillic, Arabic or Devanagari letters; py3langid, with the model in its package,
distinguishes them. If it is uncertain or not installed, the script's most widely spoken language is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from lipsmith.speech.script import language_of

USUAL = "en"
"""Default language of Latin letters."""

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
"""Default language of a script -> languages in it that both py3langid and espeak-ng support.

Languages that are rare but often guessed for short texts, such as Latin, Volapük and Walloon, are left out.
"""
_SAME_AS = {"nb": "no", "nn": "no"}
_MIN_SHARE = 0.9
"""Sentences above it are hardly ever misidentified; measured in docs/decisions/10-language.md."""
_MIN_LETTERS = 10
"""One-word greetings are the same in many languages."""


@dataclass(frozen=True, kw_only=True)
class LanguageGuess:
    """Probable language of a text."""

    tag: str
    sure: bool
    """False if the script's default language replaces one that could not be identified."""


def guess_language(text: str) -> LanguageGuess:
    """Identify the language of ``text``, given without markup."""
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
    if shares[likeliest] >= _MIN_SHARE and letters >= _MIN_LETTERS:
        return LanguageGuess(tag=likeliest, sure=True)
    return LanguageGuess(tag=usual, sure=False)


def _shares(text: str, languages: Sequence[str]) -> dict[str, float]:
    """Return the probability of each of ``languages``, 1 in total; empty without py3langid."""
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
    """Load py3langid's model, which takes 0.15 s; None if it is not installed."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return None
    # py3langid 0.4 stores its model in another format
    load = getattr(LanguageIdentifier, "from_model_file", None) or LanguageIdentifier.from_pickled_model
    return load(MODEL_FILE, norm_probs=True)
