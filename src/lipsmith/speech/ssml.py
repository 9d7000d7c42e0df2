"""Subset of SSML 1.1: text with pauses, emphasis, rate and spelling.

Only text that starts with ``<speak`` is markup; in other text, ``<`` is an ordinary character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from lipsmith.errors import InvalidMarkup, MissingDependency

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

T = TypeVar("T")

MAX_CHARACTERS = 200_000
MAX_SEGMENTS = 2000
MAX_BREAK_S = 10.0
SENTENCE_PAUSE_S, PARAGRAPH_PAUSE_S = 0.35, 0.7
"""Default pauses."""
CLAUSE_PAUSE_S, WORD_GAP_S = 0.15, 0.03
"""Pauses between segments of different rate or emphasis: after a comma, and without one."""

_OPENING_TAG = re.compile(r"<speak[\s/>]")
_LEADING_SPACE = "\ufeff \t\r\n"
_NAMESPACE = "{http://www.w3.org/2001/10/synthesis}"
_MAX_DEPTH = 20
_LEADING_MARKS = re.compile(r"\s*([.,;:!?…。，！？、]+)")
_BREAKS_S = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
_RATES = {"x-slow": 0.6, "slow": 0.8, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}
_EMPHASES = {"strong": (0.8, 3.0), "moderate": (0.9, 1.5), "none": (1.0, 0.0), "reduced": (1.1, -3.0)}
"""Level -> rate factor and gain in dB; voices have no common control of stress."""
_SPELLINGS = ("characters", "spell-out", "digits")
_ATTRIBUTES = {
    "speak": ("version", "lang", "schemaLocation"),  # accepted and ignored
    "p": (),
    "s": (),
    "break": ("time", "strength"),
    "emphasis": ("level",),
    "prosody": ("rate",),
    "say-as": ("interpret-as",),
    "sub": ("alias",),
}
"""Supported tags with their attributes."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Words with one prosody, and the pause after them."""

    text: str
    """Empty for a pause before the first word."""
    rate: float = 1.0
    """Factor on the rate of the whole text."""
    gain_db: float = 0.0
    pause_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _Prosody:
    rate: float = 1.0
    gain_db: float = 0.0
    spelled: bool = False
    depth: int = 0


@dataclass(frozen=True, kw_only=True)
class _SpokenText:
    text: str
    rate: float
    gain_db: float


@dataclass(frozen=True, kw_only=True)
class _Pause:
    length_s: float
    explicit: bool
    """True for <break>; False for the end of a sentence or paragraph."""


def is_markup(text: str) -> bool:
    """Return True if the text starts like SSML."""
    return bool(_OPENING_TAG.match(text.lstrip(_LEADING_SPACE)))


def read_ssml(text: str) -> Sequence[Segment]:
    """Parse SSML into segments. Raises InvalidMarkup, or MissingDependency without the parser."""
    root = _parsed(text.lstrip(_LEADING_SPACE))
    if _name(root) != "speak":
        raise InvalidMarkup("The outermost tag must be <speak>.")
    segments = list(_segments(_tag(root, _Prosody())))
    if not any(segment.text for segment in segments):
        raise InvalidMarkup("There is no word between <speak> and </speak>. Add some text.")
    if len(segments) > MAX_SEGMENTS:
        raise InvalidMarkup(f"The tags split the text into more than {MAX_SEGMENTS} parts. Use fewer tags.")
    return segments


def plain_words(text: str) -> str:
    """Return the characters words without markup. Raises as `read_ssml` does."""
    if not is_markup(text):
        return text
    return " ".join(segment.text for segment in read_ssml(text) if segment.text)


def _parsed(text: str) -> Element:
    try:
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import ParseError, fromstring
    except ImportError as error:
        raise MissingDependency(
            "Text with tags needs defusedxml, which is not installed. Install it with: pip install 'lipsmith[voice]'"
        ) from error
    if len(text) > MAX_CHARACTERS:
        raise InvalidMarkup(f"The text has {len(text)} characters; the limit for text with tags is {MAX_CHARACTERS}.")
    try:
        return fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise InvalidMarkup("Type and entity declarations are not supported. Remove <!DOCTYPE ...>.") from error
    except (ParseError, ValueError) as error:
        raise InvalidMarkup(
            f"The text starts with <speak> but is not valid XML ({error}). Close every tag; write & as &amp; and < as "
            "&lt;."
        ) from error


def _tag(element: Element, prosody: _Prosody) -> Iterator[_SpokenText | _Pause]:
    """Yield the words and pauses of one tag."""
    name = _checked_name(element)
    if prosody.depth > _MAX_DEPTH:
        raise InvalidMarkup(f"Tags are nested more than {_MAX_DEPTH} deep.")
    prosody = replace(prosody, depth=prosody.depth + 1)
    if name == "break":
        if len(element) or (element.text or "").strip():
            raise InvalidMarkup("<break> must not contain words: write <break/>.")
        yield _Pause(length_s=_break_s(element), explicit=True)
    elif name == "sub":
        yield from _words(element.get("alias") or (element.text or ""), prosody)
    elif name in ("p", "s"):
        edge = _Pause(length_s=PARAGRAPH_PAUSE_S if name == "p" else SENTENCE_PAUSE_S, explicit=False)
        yield from (edge, *_content(element, prosody), edge)
    else:
        yield from _content(element, _prosody_of(element, name, prosody))


def _content(element: Element, prosody: _Prosody) -> Iterator[_SpokenText | _Pause]:
    yield from _words(element.text, prosody)
    for child in element:
        yield from _tag(child, prosody)
        yield from _words(child.tail, prosody)


def _words(text: str | None, prosody: _Prosody) -> Iterator[_SpokenText]:
    if text and text.strip():
        characters = ", ".join(text.replace(" ", "")) if prosody.spelled else text
        yield _SpokenText(text=characters, rate=prosody.rate, gain_db=prosody.gain_db)


def _segments(parts: Iterable[_SpokenText | _Pause]) -> Iterator[Segment]:
    """Join neighbouring words of one prosody; between others, insert the explicit or else the longest pause."""
    words: list[_SpokenText] = []
    pauses: list[_Pause] = []
    started = False
    for part in parts:
        if isinstance(part, _Pause):
            pauses.append(part)
            continue
        if words and not pauses and (marks := _LEADING_MARKS.match(part.text)):  # they belong to the words before
            words.append(replace(words[-1], text=marks[1]))
            part = replace(part, text=part.text[marks.end() :])
        if not part.text.strip():
            continue
        same = bool(words) and (words[-1].rate, words[-1].gain_db) == (part.rate, part.gain_db)
        if pauses or not same:
            if words or (not started and any(pause.explicit for pause in pauses)):
                yield _segment(words, pauses)
            started, words, pauses = True, [], []
        words.append(part)
    if words:
        yield _segment(words, pauses, last=True)


def _segment(words: Sequence[_SpokenText], pauses: Sequence[_Pause], *, last: bool = False) -> Segment:
    explicit = [pause.length_s for pause in pauses if pause.explicit]
    if not words:  # no sentence ends before the first
        return Segment(text="", pause_s=sum(explicit))
    text = " ".join("".join(part.text for part in words).split())
    implied_s = max([_gap_s(text), *(pause.length_s for pause in pauses)])
    pause_s = sum(explicit) if explicit else 0.0 if last else implied_s
    return Segment(text=text, rate=words[0].rate, gain_db=words[0].gain_db, pause_s=pause_s)


def _gap_s(text: str) -> float:
    """Return the pause implied by the last character of a segment."""
    return SENTENCE_PAUSE_S if text[-1] in ".!?…。！？" else CLAUSE_PAUSE_S if text[-1] in ",;:，、" else WORD_GAP_S


def _prosody_of(element: Element, name: str, prosody: _Prosody) -> _Prosody:
    if name == "emphasis":
        factor, gain_db = _chosen(_EMPHASES, element, "level", "moderate")
        return replace(prosody, rate=prosody.rate * factor, gain_db=prosody.gain_db + gain_db)
    if name == "prosody":
        return replace(prosody, rate=prosody.rate * _rate(element))
    if name == "say-as":
        kind = element.get("interpret-as")
        if kind not in _SPELLINGS:
            raise InvalidMarkup(f"<say-as> has interpret-as {kind!r}; use one of {', '.join(_SPELLINGS)}.")
        return replace(prosody, spelled=True)
    return prosody


def _break_s(element: Element) -> float:
    value = element.get("time")
    if value is None:
        return _chosen(_BREAKS_S, element, "strength", "medium")
    match = re.fullmatch(r"\+?(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})(ms|s)", value.strip())
    length_s = float(match[1]) / (1000 if match[2] == "ms" else 1) if match else None
    if length_s is None or length_s > MAX_BREAK_S:
        raise InvalidMarkup(f"<break> has the time {value!r}; use 500ms or 0.5s, up to {MAX_BREAK_S:g}s.")
    return length_s


def _rate(element: Element) -> float:
    text = (element.get("rate") or "").strip()
    if text in _RATES:
        return _RATES[text]
    match = re.fullmatch(r"([+-]?)(\d{1,3}(?:\.\d{1,4})?)(%?)", text)
    if match is None:
        raise InvalidMarkup(f"<prosody> has the rate {text!r}; use {', '.join(_RATES)}, or a percentage such as 80%.")
    value = float(match[2]) / (100 if match[3] else 1)
    factor = {"+": 1 + value, "-": 1 - value, "": value}[match[1]] if match[3] else value
    if not 0.25 <= factor <= 4.0 or (match[1] and not match[3]):
        raise InvalidMarkup(f"<prosody> has the rate {text!r}; use 25% to 400%.")
    return factor


def _chosen(table: Mapping[str, T], element: Element, attribute: str, default: str) -> T:
    value = element.get(attribute, default)
    if value not in table:
        raise InvalidMarkup(f"<{_name(element)}> has the {attribute} {value!r}; use one of {', '.join(table)}.")
    return table[value]


def _checked_name(element: Element) -> str:
    name = _name(element)
    if name not in _ATTRIBUTES:
        known = ", ".join(f"<{tag}>" for tag in _ATTRIBUTES)
        raise InvalidMarkup(f"Unknown tag <{name}>. Remove it, or use {known}.")
    for attribute in element.attrib:
        plain = attribute.rpartition("}")[2]
        if plain not in _ATTRIBUTES[name]:
            known = ", ".join(_ATTRIBUTES[name]) or "none"
            raise InvalidMarkup(f"<{name}> has no attribute {plain!r}. Supported attributes: {known}.")
    return name


def _name(element: Element) -> str:
    return str(element.tag).removeprefix(_NAMESPACE)
