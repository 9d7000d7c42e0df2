"""A text with pauses, emphasis, rate and spelling, written in a small part of SSML 1.1. Knows no voice.

Only a text that begins with ``<speak`` is markup; in any other, ``<`` is a sign like others.
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
LONGEST_BREAK_S = 10.0
SENTENCE_PAUSE_S, PARAGRAPH_PAUSE_S = 0.35, 0.7
"""Where no other is asked for."""
CLAUSE_PAUSE_S, WORD_GAP_S = 0.15, 0.03
"""Between words that are said apart, since one of them is emphasized or faster: after a comma, and without one."""

_BEGINNING = re.compile(r"<speak[\s/>]")
_BEFORE = "\ufeff \t\r\n"
_NAMESPACE = "{http://www.w3.org/2001/10/synthesis}"
_DEEPEST = 20
_SIGNS_FIRST = re.compile(r"\s*([.,;:!?…。，！？、]+)")
_BREAKS_S = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
_RATES = {"x-slow": 0.6, "slow": 0.8, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}
_EMPHASES = {"strong": (0.8, 3.0), "moderate": (0.9, 1.5), "none": (1.0, 0.0), "reduced": (1.1, -3.0)}
"""How fast, and how many dB louder; voices know no stress that all of them could be asked for."""
_SPELLINGS = ("characters", "spell-out", "digits")
_ATTRIBUTES = {
    "speak": ("version", "lang", "schemaLocation"),  # these three change nothing
    "p": (),
    "s": (),
    "break": ("time", "strength"),
    "emphasis": ("level",),
    "prosody": ("rate",),
    "say-as": ("interpret-as",),
    "sub": ("alias",),
}
"""Every tag that is known, with what it may say."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Words said in one manner, and the silence after them."""

    text: str
    """Empty for a silence before all words."""
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
    asked: bool
    """By <break>; others are what ends of sentences bring."""


def is_markup(text: str) -> bool:
    """Whether the text says of itself that it is SSML."""
    return bool(_BEGINNING.match(text.lstrip(_BEFORE)))


def read_ssml(text: str) -> Sequence[Segment]:
    """The stretches of a text that `is_markup`. Raises InvalidMarkup, or MissingDependency without its parser."""
    root = _parsed(text.lstrip(_BEFORE))
    if _name(root) != "speak":
        raise InvalidMarkup("The outermost tag has to be <speak>.")
    segments = list(_segments(_tag(root, _Prosody())))
    if not any(segment.text for segment in segments):
        raise InvalidMarkup("There is not a single word between <speak> and </speak>.")
    if len(segments) > MAX_SEGMENTS:
        raise InvalidMarkup(f"The tags cut the text into more than {MAX_SEGMENTS} parts. Use fewer.")
    return segments


def plain_words(text: str) -> str:
    """The words that are said, without markup. Raises as `read_ssml` does."""
    if not is_markup(text):
        return text
    return " ".join(segment.text for segment in read_ssml(text) if segment.text)


def _parsed(text: str) -> Element:
    try:
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import ParseError, fromstring
    except ImportError as error:
        raise MissingDependency(
            "A text with tags needs defusedxml, which is not installed. Install it with: pip install 'lipsmith[voice]'"
        ) from error
    if len(text) > MAX_CHARACTERS:
        raise InvalidMarkup(f"The text has {len(text)} characters; with tags it may have {MAX_CHARACTERS}.")
    try:
        return fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise InvalidMarkup("Declarations of types and entities are not read. Leave <!DOCTYPE ...> out.") from error
    except (ParseError, ValueError) as error:
        raise InvalidMarkup(
            f"The text begins with <speak> but is no XML ({error}). Close every tag; write & as &amp; and < as &lt;."
        ) from error


def _tag(element: Element, prosody: _Prosody) -> Iterator[_SpokenText | _Pause]:
    """What one tag brings."""
    name = _checked_name(element)
    if prosody.depth > _DEEPEST:
        raise InvalidMarkup(f"Tags lie more than {_DEEPEST} deep in one another.")
    prosody = replace(prosody, depth=prosody.depth + 1)
    if name == "break":
        if len(element) or (element.text or "").strip():
            raise InvalidMarkup("<break> holds no words: write <break/>.")
        yield _Pause(length_s=_break_s(element), asked=True)
    elif name == "sub":
        yield from _said(element.get("alias") or (element.text or ""), prosody)
    elif name in ("p", "s"):
        edge = _Pause(length_s=PARAGRAPH_PAUSE_S if name == "p" else SENTENCE_PAUSE_S, asked=False)
        yield from (edge, *_inside(element, prosody), edge)
    else:
        yield from _inside(element, _prosody_of(element, name, prosody))


def _inside(element: Element, prosody: _Prosody) -> Iterator[_SpokenText | _Pause]:
    yield from _said(element.text, prosody)
    for child in element:
        yield from _tag(child, prosody)
        yield from _said(child.tail, prosody)


def _said(text: str | None, prosody: _Prosody) -> Iterator[_SpokenText]:
    if text and text.strip():
        spoken = ", ".join(text.replace(" ", "")) if prosody.spelled else text
        yield _SpokenText(text=spoken, rate=prosody.rate, gain_db=prosody.gain_db)


def _segments(parts: Iterable[_SpokenText | _Pause]) -> Iterator[Segment]:
    """Neighbouring words of one manner together; between others the pause that was asked for, or the longest."""
    said: list[_SpokenText] = []
    pauses: list[_Pause] = []
    begun = False
    for part in parts:
        if isinstance(part, _Pause):
            pauses.append(part)
            continue
        if said and not pauses and (signs := _SIGNS_FIRST.match(part.text)):  # they belong to the words before
            said.append(replace(said[-1], text=signs[1]))
            part = replace(part, text=part.text[signs.end() :])
        if not part.text.strip():
            continue
        same = bool(said) and (said[-1].rate, said[-1].gain_db) == (part.rate, part.gain_db)
        if pauses or not same:
            if said or (not begun and any(pause.asked for pause in pauses)):
                yield _segment(said, pauses)
            begun, said, pauses = True, [], []
        said.append(part)
    if said:
        yield _segment(said, pauses, last=True)


def _segment(said: Sequence[_SpokenText], pauses: Sequence[_Pause], *, last: bool = False) -> Segment:
    asked = [pause.length_s for pause in pauses if pause.asked]
    if not said:  # no sentence ends before the first
        return Segment(text="", pause_s=sum(asked))
    text = " ".join("".join(words.text for words in said).split())
    brought = max([_gap_s(text), *(pause.length_s for pause in pauses)])
    pause_s = sum(asked) if asked else 0.0 if last else brought
    return Segment(text=text, rate=said[0].rate, gain_db=said[0].gain_db, pause_s=pause_s)


def _gap_s(text: str) -> float:
    """How long a pause the last sign of a stretch brings."""
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
            raise InvalidMarkup(f"<say-as> knows interpret-as {', '.join(_SPELLINGS)}, and not {kind!r}.")
        return replace(prosody, spelled=True)
    return prosody


def _break_s(element: Element) -> float:
    wish = element.get("time")
    if wish is None:
        return _chosen(_BREAKS_S, element, "strength", "medium")
    match = re.fullmatch(r"\+?(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})(ms|s)", wish.strip())
    length_s = float(match[1]) / (1000 if match[2] == "ms" else 1) if match else None
    if length_s is None or length_s > LONGEST_BREAK_S:
        raise InvalidMarkup(f"<break> lasts {wish!r}; write 500ms or 0.5s, at most {LONGEST_BREAK_S:g}s.")
    return length_s


def _rate(element: Element) -> float:
    wish = (element.get("rate") or "").strip()
    if wish in _RATES:
        return _RATES[wish]
    match = re.fullmatch(r"([+-]?)(\d{1,3}(?:\.\d{1,4})?)(%?)", wish)
    if match is None:
        raise InvalidMarkup(f"<prosody> has the rate {wish!r}; write {', '.join(_RATES)}, or a share such as 80%.")
    value = float(match[2]) / (100 if match[3] else 1)
    factor = {"+": 1 + value, "-": 1 - value, "": value}[match[1]] if match[3] else value
    if not 0.25 <= factor <= 4.0 or (match[1] and not match[3]):
        raise InvalidMarkup(f"<prosody> has the rate {wish!r}; it has to lie between 25% and 400%.")
    return factor


def _chosen(table: Mapping[str, T], element: Element, attribute: str, usual: str) -> T:
    wish = element.get(attribute, usual)
    if wish not in table:
        raise InvalidMarkup(f"<{_name(element)}> has the {attribute} {wish!r}; write {', '.join(table)}.")
    return table[wish]


def _checked_name(element: Element) -> str:
    name = _name(element)
    if name not in _ATTRIBUTES:
        known = ", ".join(f"<{tag}>" for tag in _ATTRIBUTES)
        raise InvalidMarkup(f"The tag <{name}> is not known. Leave it out, or use {known}.")
    for attribute in element.attrib:
        plain = attribute.rpartition("}")[2]
        if plain not in _ATTRIBUTES[name]:
            known = ", ".join(_ATTRIBUTES[name]) or "nothing"
            raise InvalidMarkup(f"<{name}> knows no {plain!r}; it may say {known}.")
    return name


def _name(element: Element) -> str:
    return str(element.tag).removeprefix(_NAMESPACE)
