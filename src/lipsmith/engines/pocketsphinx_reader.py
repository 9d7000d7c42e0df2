"""Transcript reader by forced alignment with pocketsphinx, the extra ``align``.

The words are given; only their times are found. English only: pocketsphinx includes an English acoustic model and
dictionary, and nothing is downloaded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lipsmith.errors import EmptyText, MissingDependency, TranscriptNotUsed
from lipsmith.media.clip import Audio
from lipsmith.speech.features import at_rows, measure, relative_loudness, steady_pitch
from lipsmith.speech.script import language_of
from lipsmith.speech.visemes import Phone, Speech, viseme_rows

MAX_DURATION_S = 60.0
"""Longer recordings are too often aligned wrongly."""

_RATE_HZ = 16000
_FRAME_S = 0.01
_PAD_S = 0.2  # of faint noise on both sides: the search needs silence before the first phone
_NOISE = 1e-4  # full scale ±1
_SHORTEST_FRAMES = 3  # three states, one frame each: a phone that was not found

# Fit of audio and words: the mean distance of each 10 ms to the best-fitting phone of all, in pocketsphinx's own units,
# and a point for each percent of phones that were not found. Eleven people with the right text got −10 to −31, and one
# −70, whose times were wrong; synthesizers −15 to −50; other sentences −54 and worse.
_MIN_FIT = -52.0
_FIT_PER_SHORT = 100.0
_MAX_LOUDNESS_IN_PAUSES = 0.20
"""Share of all loudness: 0–.14 with the whole text (the most on a noisy camera), .24–.84 with words left out."""

# ARPAbet, the phones of the CMU Pronouncing Dictionary (its file cmudict.phones), in IPA. R-coloured ER is the vowel of
# "hurt"; the affricates and diphthongs are two letters, which share their time (`lipsmith.speech.visemes`).
IPA_OF: Mapping[str, str] = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ", "D": "d", "DH": "ð",
    "EH": "ɛ", "ER": "ɝ", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ", "IY": "i", "JH": "dʒ", "K": "k",
    "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ",
    "T": "t", "TH": "θ", "UH": "ʊ", "UW": "u", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
"""Other names (SIL and pocketsphinx's names of noises) are pauses."""

_TOKEN = re.compile(r"\d(?:[\w.,:]*\w)?|[^\W\d_]+(?:'[^\W\d_]+)*'?|[%&@+=°$€£]")
_SIGNS: Mapping[str, str] = {"%": "percent", "&": "and", "@": "at", "+": "plus", "=": "equals", "°": "degrees"}
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_UNKNOWN_NAMED = 5


class _AlignedPhone(NamedTuple):
    """Phone with its place in the padded audio, frames of 10 ms."""

    name: str
    start: int
    frames: int
    score: int


class PocketsphinxReader:
    """Aligns an English text with a recording of it; a `TranscriptReader`."""

    def read(self, audio: Audio, text: str) -> Speech:
        """Return the visemes of ``text`` at their times in ``audio``; ``openness`` is None.

        Raises EmptyText, MissingDependency if the extra is not installed, and TranscriptNotUsed with the reason if the
        text is not found in the audio.
        """
        phones = self.phones(audio, text)
        visemes = viseme_rows(phones, audio.duration_s)
        speaking = 1.0 - visemes[:, 0]
        features = measure(audio)
        loudness = at_rows(relative_loudness(features), audio.duration_s)
        if (loudness * visemes[:, 0]).sum() > _MAX_LOUDNESS_IN_PAUSES * loudness.sum():
            raise TranscriptNotUsed(
                "The recording contains more speech than the text. Write down every word that is spoken."
            )
        return Speech(
            visemes=visemes,
            openness=None,
            loudness=loudness * speaking,
            pitch_hz=at_rows(steady_pitch(features), audio.duration_s) * (speaking > 0.5),
            duration_s=audio.duration_s,
        )

    def phones(self, audio: Audio, text: str) -> list[Phone]:
        """Return the phones of ``text`` with their times, pauses included. Raises as `read` does, except for missing
        words."""
        if not any(c.isalnum() for c in text):
            raise EmptyText()
        if language_of(text) is not None:
            raise TranscriptNotUsed("Only English can be aligned, and this text is in another script.")
        if audio.duration_s > MAX_DURATION_S:
            raise TranscriptNotUsed(
                f"The recording lasts {audio.duration_s:.0f} s. The most is {MAX_DURATION_S:.0f} s."
            )
        words = spelled(text, _decoder().lookup_word)
        aligned = _aligned(_pcm(audio), words)
        if _fit(aligned) < _MIN_FIT:
            raise TranscriptNotUsed("The recording does not match this text. Check that every word is in it.")
        return [_phone(one, audio.duration_s) for one in aligned]


def spelled(text: str, lookup: Callable[[str], str | None]) -> list[str]:
    """Return the words of ``text`` as in the dictionary; whole numbers up to 100 and a few signs become words.

    ``lookup`` returns None for a word that the dictionary lacks. Raises TranscriptNotUsed with those words.

    >>> spelled("Twenty-one cafés, 42%!", {"twenty": "…", "one": "…", "cafes": "…", "percent": "…"}.get)
    ['twenty', 'one', 'cafes', 'forty', 'two', 'percent']
    """
    words: list[str] = []
    unknown: list[str] = []
    for token in _TOKEN.findall(text.replace("’", "'")):
        if known := _dictionary_words(token.lower(), lookup):
            words += known
        elif token not in unknown:
            unknown.append(token)
    if unknown:
        more = f" and {len(unknown) - _UNKNOWN_NAMED} more" if len(unknown) > _UNKNOWN_NAMED else ""
        raise TranscriptNotUsed(
            f"Not in the English dictionary: {', '.join(unknown[:_UNKNOWN_NAMED])}{more}. "
            "Spell the text out, with numbers in words."
        )
    return words


def _dictionary_words(token: str, lookup: Callable[[str], str | None]) -> Sequence[str]:
    """Return the token in words of the dictionary; empty if it has none."""
    if token.isdecimal() and int(token) <= 100:
        return _number(int(token))
    plain = "".join(c for c in unicodedata.normalize("NFD", token) if not unicodedata.combining(c))
    for word in (_SIGNS.get(token, token), token.rstrip("'"), plain):
        if lookup(word):
            return [word]
    return []


def _number(number: int) -> Sequence[str]:
    """
    >>> _number(42)
    ['forty', 'two']
    """
    if number < 20:
        return [_ONES[number]]
    if number == 100:
        return ["one", "hundred"]
    tens, ones = divmod(number, 10)
    return [_TENS[tens - 2], *([_ONES[ones]] if ones else [])]


def _decoder() -> Any:
    """Return a new decoder: the state of one search affects the next."""
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise MissingDependency(
            "Aligning a known text needs pocketsphinx, which is not installed. "
            "Install it with: pip install 'lipsmith[align]'   (Python 3.11 to 3.13; no package exists for 3.14)"
        ) from error
    return Decoder(lm=None, loglevel="FATAL")


def _pcm(audio: Audio) -> bytes:
    """Return the audio as pocketsphinx takes it: 16 bit, 16 kHz, mono."""
    samples = np.concatenate([np.zeros(0, np.float32), *(block[0] for block in audio.blocks(_RATE_HZ, 1))])
    pad = round(_PAD_S * _RATE_HZ)
    noisy = np.pad(samples, pad) + np.random.default_rng(0).normal(0.0, _NOISE, len(samples) + 2 * pad)
    whole: NDArray[np.int16] = (np.clip(noisy, -1.0, 1.0) * 32767).astype("<i2")
    return whole.tobytes()


def _aligned(samples: bytes, words: Sequence[str]) -> list[_AlignedPhone]:
    """Find words first, then the phones within them. Raises TranscriptNotUsed."""
    decoder = _decoder()
    try:
        decoder.set_align_text(" ".join(words))
        _search(decoder, samples)
        if decoder.hyp() is None:
            raise RuntimeError("no path through all words")
        decoder.set_alignment()
        _search(decoder, samples)
        found = decoder.get_alignment()
        return [_AlignedPhone(p.name, p.start, p.duration, p.score) for word in found or () for p in word]
    except RuntimeError as error:
        raise TranscriptNotUsed(
            "The text was not found in the recording. Check that every word is in it, and no other."
        ) from error


def _search(decoder: Any, samples: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()


def _fit(aligned: Sequence[_AlignedPhone]) -> float:
    """Return how well the audio fits the words, from 0 downwards; see `_MIN_FIT`."""
    phones = [one for one in aligned if one.name in IPA_OF]
    if not phones:
        return -np.inf
    short = sum(one.frames <= _SHORTEST_FRAMES for one in phones) / len(phones)
    return sum(one.score for one in phones) / sum(one.frames for one in phones) - _FIT_PER_SHORT * short


def _phone(aligned: _AlignedPhone, duration_s: float) -> Phone:
    start_s, end_s = (
        min(max(frame * _FRAME_S - _PAD_S, 0.0), duration_s)
        for frame in (aligned.start, aligned.start + aligned.frames)
    )
    return Phone(symbol=IPA_OF.get(aligned.name, ""), start_s=start_s, end_s=end_s)
