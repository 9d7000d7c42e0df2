"""Viseme alphabet, conversion of phones to visemes, and speech as timed visemes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
"""Fifteen mouth shapes, in the order of all viseme arrays."""

HOP_S = 0.02
"""Seconds from one row of visemes to the next: 50 Hz."""


@dataclass(frozen=True, kw_only=True)
class LipRange:
    """Range of one person's lips, in distances between the eye centres (IOD)."""

    rest_iod: float
    """Lip gap during silence."""
    rest_share: float = 1.0
    """Share of rest in pauses: 1 keeps the rest gap, 0 keeps moving as between words."""
    low_iod: float
    """5th percentile of opening."""
    high_iod: float
    """95th percentile of opening."""
    width_iod: float
    """Difference of the 95th and the 5th percentile of width."""


@dataclass(frozen=True, kw_only=True)
class Speech:
    """Visemes, loudness and pitch at 50 Hz. Row ``k`` describes the time ``k * HOP_S``."""

    visemes: NDArray[np.float32]
    """(n, 15) float32, 0–1, rows sum to 1: share of each viseme, in the order of `VISEMES`."""
    openness: NDArray[np.float32] | None
    """(n,) float32: mouth opening, 1 = this speaker's 95th percentile. None if only the visemes are known."""
    loudness: NDArray[np.float32]
    """(n,) float32, 0–1: 0 = silence, 1 = this recording's loud syllables."""
    pitch_hz: NDArray[np.float32]
    """(n,) float32: fundamental frequency, 0 where there is none."""
    duration_s: float
    width: NDArray[np.float32] | None = None
    """(n,) float32: mouth width, 0 = this speaker's mean, in units of the range from the 5th to the 95th percentile.
    If present, ``openness`` follows true lips: 0 = the 5th percentile, and loudness is not needed."""
    lip_range: LipRange | None = None
    """Range of this speaker; None if unknown, for an average one."""


def delayed(speech: Speech, hops: int) -> Speech:
    """Delay speech by ``hops`` rows of silence."""

    def after_silence(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([np.zeros((hops, *rows.shape[1:]), np.float32), rows])

    visemes = after_silence(speech.visemes)
    visemes[:hops, VISEMES.index("sil")] = 1.0
    return replace(
        speech,
        visemes=visemes,
        openness=None if speech.openness is None else after_silence(speech.openness),
        loudness=after_silence(speech.loudness),
        pitch_hz=after_silence(speech.pitch_hz),
        duration_s=speech.duration_s + hops * HOP_S,
        width=None if speech.width is None else after_silence(speech.width),
    )


@dataclass(frozen=True, kw_only=True)
class Phone:
    """One phone from ``start_s`` to ``end_s``; ``symbol`` is IPA, and contains no letter for a pause."""

    symbol: str
    start_s: float
    end_s: float


# Visemes of the letters of the International Phonetic Alphabet (chart of 2020), in the classes of the Oculus lip-sync
# set: lips, teeth and tongue tip decide, since the back of the mouth is invisible.
_LETTERS_OF: Mapping[str, str] = {
    "PP": "pbmʙɓβʘᵐ",  # β: Spanish and Japanese lips all but meet; ᵐ: the nasal start of Sinhala's prenasal stops
    "FF": "fvɱʋⱱ",
    "TH": "θð",
    "DD": "tdʈɖɗᶑɾɽɺǀǃǂ",
    "kk": "kɡgqɢxɣχʁʀħʕhɦʔcɟçʝɰʛɠʄʜʢʡ",
    "CH": "ʃʒɕʑʂʐɧ",
    "SS": "szʦʣ",
    "nn": "nŋɲɳɴlɫɬɮɭʎʟǁᵑ",
    "RR": "ɹɻrɚɝ",
    "aa": "aɑɐʌæ",
    "E": "eɛɜɤ",
    "ih": "iɪɨɘəɯᵻj",  # the neutral vowel opens little, ɯ is high and unrounded
    "oh": "oɔɒɵɞøœɶ",
    "ou": "uʊʉyʏᵝɥwʍɸ",  # ɸ: breath through rounded, nearly closed lips; ᵝ: those of the Japanese u
}
_VISEME_OF: Mapping[str, str] = {letter: viseme for viseme, letters in _LETTERS_OF.items() for letter in letters}

# Symbols of espeak-ng 1.52 for phonemes without an IPA name (in Kirghiz, Irish, Oromo and Danish).
_LEFTOVERS: Mapping[str, str] = {
    "A": "aa", "E": "E", "ε": "E", "I": "ih", "O": "oh", "U": "ou", "S": "CH", "Z": "CH", "X": "kk", "N": "nn",
    "T": "TH", "D": "TH", "R": "RR", "?": "kk", "Φ": "PP",
}  # fmt: skip

_GLIDES = "jɥwʍɸ"
_VOWELS = frozenset("".join(_LETTERS_OF[viseme] for viseme in ("aa", "E", "ih", "oh", "ou"))) - frozenset(_GLIDES)
_DIPHTHONG_SHARES = (0.55, 0.45)
_TRIPHTHONG_SHARES = (0.40, 0.30, 0.30)
_PLOSIVES = frozenset("pbtdʈɖkɡgcɟqɢɓɗɠʄʛ")
_LANGUAGE_TAG = re.compile(r"\([^)]*\)?")  # "(en)": espeak-ng read the next word in another language


@cache
def visemes_of(symbol: str) -> tuple[tuple[str, float], ...]:
    """Return the successive visemes of a phone, each with its share of the phone's duration.

    ``symbol`` is IPA; stress, length, tone and other marks are ignored. Shares sum to 1. The result is empty for a
    symbol without letters: a pause or a mark. An unknown letter counts as its Latin base letter, else as the class
    ``kk``, which moves the lips least.

    >>> visemes_of("ˈaɪ")
    (('aa', 0.55), ('ih', 0.45))
    """
    letters = [(letter, viseme) for letter in _letters(symbol) if (viseme := _viseme_of_letter(letter))]
    vowels = sum(letter in _VOWELS for letter, _ in letters)
    if vowels == len(letters) == 2:
        shares: Sequence[float] = _DIPHTHONG_SHARES
    elif vowels == len(letters) == 3:
        shares = _TRIPHTHONG_SHARES
    elif len(letters) == 2 and letters[0][1] == "DD" and letters[1][1] in ("CH", "SS"):
        shares = (0.0, 1.0) if letters[1][1] == "CH" else (0.3, 0.7)  # in "ch" the lips are forward from the start
    else:  # such as a vowel with r: the vowel lasts about twice as long as the consonant
        weights = [2.0 if letter in _VOWELS else 1.0 for letter, _ in letters]
        shares = [weight / sum(weights) for weight in weights]
    return tuple((viseme, share) for (_, viseme), share in zip(letters, shares, strict=True) if share)


def is_plosive(symbol: str) -> bool:
    """Return True if a phone starts with a closure and a burst, such as p, d or the affricate t͡ʃ."""
    return next((letter in _PLOSIVES for letter in _letters(symbol) if _viseme_of_letter(letter)), False)


def viseme_rows(phones: Sequence[Phone], duration_s: float) -> NDArray[np.float32]:
    """Convert timed phones to (n, 15) float32 rows of visemes: each row the shares within ``HOP_S`` around its time.

    ``phones`` are in order of time; gaps are silence.
    """
    edges_s, visemes = [-1.0], ["sil"]
    for phone in phones:
        start_s = max(phone.start_s, edges_s[-1])
        for viseme, share in visemes_of(phone.symbol) or (("sil", 1.0),):
            edges_s.append(start_s)
            visemes.append(viseme)
            start_s += share * (phone.end_s - phone.start_s)
        edges_s.append(max(phone.end_s, edges_s[-1]))
        visemes.append("sil")
    edges_s.append(max(duration_s, edges_s[-1]) + 1.0)
    lengths_s = np.diff(edges_s)
    times_s = np.arange(row_count(duration_s)) * HOP_S
    rows = np.empty((len(times_s), len(VISEMES)), np.float32)
    for column, viseme in enumerate(VISEMES):
        shown_s = np.concatenate([[0.0], np.cumsum(lengths_s * [v == viseme for v in visemes])])
        until, since = (np.interp(times_s + side * HOP_S / 2, edges_s, shown_s) for side in (1, -1))
        rows[:, column] = (until - since) / HOP_S
    return rows


def row_count(duration_s: float) -> int:
    """Return the number of rows for audio of this length, at least 1."""
    return max(1, int(np.ceil(duration_s / HOP_S - 1e-6)))


def with_early_stops(phones: Sequence[Phone], lead_s: float = 0.040) -> list[Phone]:
    """Start every plosive ``lead_s`` earlier, at the cost of the phone before it.

    Synthesizers mark a stop in the middle of its silence, 40–45 ms after the lips close (measured: energy minimum 0 to
    15 ms before the mark). The phone before keeps at least half of its duration.
    """
    moved = list(phones)
    for index in range(1, len(moved)):
        before, phone = moved[index - 1], moved[index]
        if is_plosive(phone.symbol):
            start_s = max(phone.start_s - lead_s, (before.start_s + before.end_s) / 2)
            if before.end_s >= start_s:
                moved[index - 1] = replace(before, end_s=start_s)
            moved[index] = replace(phone, start_s=start_s)
    return moved


def _letters(symbol: str) -> str:
    """Return the symbol without language marks, in composed form."""
    return unicodedata.normalize("NFC", _LANGUAGE_TAG.sub("", symbol))


def _viseme_of_letter(letter: str) -> str | None:
    """Return the viseme of one character; None for stress, length, tone and other marks."""
    base = unicodedata.normalize("NFD", letter)[0]
    known = _VISEME_OF.get(letter) or _VISEME_OF.get(base) or _LEFTOVERS.get(base)
    if known or unicodedata.category(base) not in ("Ll", "Lu", "Lo"):
        return known
    named = re.match(
        r"(?:LATIN|CYRILLIC|GREEK) (?:SMALL|CAPITAL) LETTER (?:\w+ )?([A-Z])\b", unicodedata.name(base, "")
    )
    return _VISEME_OF.get(named[1].lower(), "kk") if named else "kk"
