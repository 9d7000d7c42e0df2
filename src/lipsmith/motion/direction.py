"""Direction by prompt: English phrases become acts, and acts become motion.

Every phrase is either understood (`Direction.acts`) or returned as text (`Direction.unknown`); none is dropped
silently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal, TypeVar

import numpy as np

from lipsmith.errors import InvalidOption
from lipsmith.limits import EMOTION_STRENGTH
from lipsmith.motion.gestures import GESTURES, Scene, apply, pauses
from lipsmith.motion.head_motion import Emotion
from lipsmith.motion.track import MotionTrack
from lipsmith.motion.vocabulary import (
    ACTS,
    ALONE,
    AMPLIFIERS,
    CAVEATS,
    CONNECTORS,
    FORMS,
    INTENSITY,
    LAST,
    LESS,
    NEGATORS,
    PLAIN,
    SILENT,
    SLOW,
    SLOW_ACTS,
    WHEN,
    ActName,
    When,
)
from lipsmith.speech.visemes import Speech

MAX_PROMPT_CHARACTERS = 2000

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|&|[.!?;:\n。！？]|[,()–—/、，]")
_STOPS, _COMMAS = frozenset(".!?;:\n。！？"), frozenset(",()–—/、，")
_PLACES = frozenset(("left", "right", "up", "down", "in", "out", "forward", "back", "away", "around"))

_Kind = Literal["word", "stop", "comma", "link", "not", "when", "less", "strength", "amplifier"]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Act:
    """Phrase that was understood."""

    name: ActName
    negated: bool = False
    """True: less of it, or none."""
    intensity: float = 1.0
    """0.2–2; if negated, nothing is left of it from 1 on."""
    when: When = "whole"
    phrase: str = ""
    """Text of the request."""


@dataclass(frozen=True, kw_only=True)
class Direction:
    """Content of a prompt."""

    acts: tuple[Act, ...] = ()
    """In the order of the prompt."""
    unknown: tuple[str, ...] = ()
    """Phrases that lipsmith cannot act on, in the words of the prompt."""


@dataclass(frozen=True, kw_only=True)
class _Token:
    """Word, sign, or phrase of the vocabulary for a time or a degree."""

    kind: _Kind
    plain: str
    """Plain form, as in the vocabulary."""
    start: int
    """Place in the prompt."""
    end: int


@dataclass(kw_only=True)
class _Clause:
    """Part of a sentence between two links; usually one request."""

    tokens: list[_Token] = field(default_factory=list)
    link: str = ""
    """Connector before it, or a comma; empty at the beginning of a sentence."""
    sentence: int = 0
    negated: bool = False
    when: tuple[When, ...] = ()
    when_leads: bool = False
    """True if the time comes first and applies to what follows: "at the end, nod and smile"."""

    def of(self, kind: _Kind) -> list[_Token]:
        return [token for token in self.tokens if token.kind == kind]


def read_direction(prompt: str) -> Direction:
    """Read the requests in ``prompt``. Raises InvalidOption if it is longer than 2000 characters.

    >>> direction = read_direction("Nod gently at the end and wave.")
    >>> direction.acts[0].name, direction.acts[0].intensity, direction.acts[0].when
    ('nod', 0.6, 'end')
    >>> direction.unknown
    ('wave',)
    """
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise InvalidOption(f"The prompt has {len(prompt)} characters. Shorten it to {MAX_PROMPT_CHARACTERS} or fewer.")
    clauses = _clauses(_tokens(prompt))
    _carry(clauses)
    acts: list[Act] = []
    unknown: list[str] = []
    for clause in clauses:
        found, rest = _read_clause(clause, prompt, acts)
        if acts and not (found or rest or clause.of("word")):  # "nod, very gently"
            acts[-1] = replace(acts[-1], intensity=_within(acts[-1].intensity * _strength(clause.tokens)))
        acts += found
        unknown += rest
    return Direction(acts=tuple(dict.fromkeys(acts)), unknown=tuple(dict.fromkeys(unknown)))


def apply_direction(track: MotionTrack, direction: Direction, speech: Speech, *, seed: int) -> MotionTrack:
    """Return the track with every act of ``direction``; equal arguments always give the same track.

    Acts that loosen or forbid come first, so "keep still, and nod at the end" nods.
    """
    if not direction.acts:
        return track
    before = {name: values.astype(np.float64) for name, values in track.channels.items()}
    channels = {name: values.copy() for name, values in before.items()}
    times_s = np.arange(len(track)) / float(track.fps)
    for place, act in sorted(enumerate(direction.acts), key=lambda item: not _is_first(item[1])):
        rng = np.random.default_rng([seed, 100 + place])  # one per act: a further act does not change the others
        scene = Scene.of(times_s, speech, act.when, rng)
        gesture = GESTURES[act.name]
        if not act.negated:
            gesture.do(channels, scene, act.intensity)
        elif gesture.undo:
            gesture.undo(channels, scene, min(act.intensity, 1.0))
    apply(channels, before)
    return track.edited(**channels)


def emotion_direction(emotion: Emotion, strength: float) -> Direction:
    """Return the direction that shows one emotion throughout; nothing for ``neutral``. ``strength``: 0.2-2."""
    if emotion == "neutral":
        return Direction()
    name: ActName = "smile" if emotion == "happy" else emotion
    return Direction(acts=(Act(name=name, intensity=_within(strength), phrase=emotion),))


def direction_warnings(direction: Direction, speech: Speech) -> tuple[str, ...]:
    """Return a sentence for every request that is not done, or is done differently than expected."""
    warnings = [f'The prompt asks for "{phrase}", which lipsmith cannot act on.' for phrase in direction.unknown]
    if not direction.acts and not direction.unknown:
        warnings.append("The prompt contains nothing that lipsmith can do.")
    for act in direction.acts:
        if act.when == "pauses" and not pauses(speech):
            warnings.append(f'There is no pause in this speech, so "{act.phrase}" changes nothing.')
        elif act.name in CAVEATS and not act.negated:
            warnings.append(f'For "{act.phrase}", {CAVEATS[act.name]}.')
    return tuple(dict.fromkeys(warnings))


def plain_words(text: str) -> tuple[str, ...]:
    """Return the words of a text in the plain form of the vocabulary.

    >>> plain_words("She looks to the left")
    ('she', 'look', 'left')
    """
    return tuple(token.plain for token in _words(text))


def _is_first(act: Act) -> bool:
    return act.negated or GESTURES[act.name].first


def _words(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        lower = match[0].lower().replace("’", "'")
        plain = FORMS.get(lower) or FORMS.get(lower.removesuffix("'s")) or lower.removesuffix("'s")
        if plain in SILENT:
            continue
        kind: _Kind = "word"
        if plain in _STOPS:
            kind = "stop"
        elif plain in _COMMAS:
            kind = "comma"
        yield _Token(kind=kind, plain=plain, start=match.start(), end=match.end())


def _tokens(prompt: str) -> list[_Token]:
    """Split into words and signs. Times and degrees are one token each, so "now and then" links nothing."""
    tokens = _joined(list(_words(prompt)), "when", _by_words({str(when): phrases for when, phrases in WHEN.items()}))
    tokens = _joined(tokens, "less", {tuple(phrase.split()): phrase for phrase in LESS})
    tokens = _joined(tokens, "strength", {tuple(phrase.split()): phrase for phrase in INTENSITY})
    tokens = _joined(tokens, "amplifier", {(word,): word for word in AMPLIFIERS})
    tokens = _joined(tokens, "not", {(word,): word for word in NEGATORS})
    return _joined(tokens, "link", {(word,): word for word in CONNECTORS})


def _joined(tokens: Sequence[_Token], kind: _Kind, table: Mapping[tuple[str, ...], str]) -> list[_Token]:
    joined: list[_Token] = []
    place = 0
    for start, end, meaning in _matches(tokens, table):
        joined += tokens[place:start]
        joined.append(_Token(kind=kind, plain=meaning, start=tokens[start].start, end=tokens[end - 1].end))
        place = end
    return [*joined, *tokens[place:]]


def _matches(tokens: Sequence[_Token], table: Mapping[tuple[str, ...], T]) -> Iterator[tuple[int, int, T]]:
    """Find phrases of the table, the longest first: start, end (past the last word) and meaning."""
    longest = max(len(phrase) for phrase in table)
    place = 0
    while place < len(tokens):
        for end in range(min(place + longest, len(tokens)), place, -1):
            run = tokens[place:end]
            if all(token.kind == "word" for token in run) and (phrase := _phrase(run)) in table:
                yield place, end, table[phrase]
                place = end
                break
        else:
            place += 1


def _clauses(tokens: Sequence[_Token]) -> list[_Clause]:
    """Split at signs and links, and before every negation."""
    clauses = [_Clause()]
    for token in tokens:
        here = clauses[-1]
        if token.kind in ("stop", "comma", "link"):
            sentence = here.sentence + (token.kind == "stop")
            link = {"stop": "", "comma": ","}.get(token.kind, token.plain)
            clauses.append(_Clause(link=link, sentence=sentence))
        elif token.kind == "not" and here.of("word"):
            clauses.append(_Clause(tokens=[token], link="not", sentence=here.sentence))
        else:
            here.tokens.append(token)
    for clause in clauses:
        clause.negated = len(clause.of("not")) % 2 == 1  # "never stop smiling" is a smile
        clause.when = tuple(dict.fromkeys(_when(token.plain) for token in clause.of("when")))
        clause.when_leads = bool(clause.when) and clause.tokens[0].kind == "when"
    return [clause for clause in clauses if clause.tokens]


def _carry(clauses: Sequence[_Clause]) -> None:
    """Apply parts of one clause to others: "at the end, nod and smile"; "no nodding, winking or blinking"."""
    for place, (before, clause) in enumerate(pairwise(clauses), start=1):
        if clause.sentence != before.sentence:
            continue
        if not clause.when and before.when_leads:
            clause.when, clause.when_leads = before.when, True
        if before.negated and not clause.of("not"):
            later = (other for other in clauses[place:] if other.sentence == clause.sentence)
            link = next((other.link for other in later if other.link != ","), "")
            clause.negated = clause.link in ("or", "nor", ",") and link in ("or", "nor")


def _read_clause(clause: _Clause, prompt: str, before: Sequence[Act]) -> tuple[list[Act], list[str]]:
    """Return the acts of a clause, and its phrases that request something else."""
    words = [word for word in clause.of("word") if word.plain not in SLOW]
    if len(words) == 1 and words[0].plain in _PLACES and before:  # "look left, then right"
        words = [*_verb_of(before[-1], words[0]), *words]
    found = [
        (words[start:end], name)
        for start, end, name in _matches(words, _by_words(ACTS))
        if not (words[start].plain in LAST and end == start + 1 and words[end:])
    ]
    understood = {token for run, _ in found for token in run}
    if found and all(name in SLOW_ACTS for _, name in found):
        understood |= {token for token in clause.tokens if token.plain in SLOW}
    unknown = _unknown_phrases([token for token in clause.tokens if token not in understood], prompt)
    if unknown:
        found = [(run, name) for run, name in found if not (len(run) == 1 and run[0].plain in ALONE)]
    less = [LESS[token.plain] for token in clause.of("less")]
    is_ambiguous = bool(less) and clause.negated  # "don't smile less" names no amount
    negated = clause.negated or bool(less)
    impossible = [name for _, name in found if is_ambiguous or (negated and GESTURES[name].undo is None)]
    if impossible or (unknown and not found):
        return [], [_text(clause.tokens, prompt)]
    if not found:
        is_request = clause.of("not") or less or (clause.of("strength") and (words or not before))
        return [], [_text(clause.tokens, prompt)] if is_request else []
    acts = []
    for run, name in found:
        near = [token for token in clause.tokens if _nearest(token, found) is run]
        strength = _strength(near) * (less[0] if less else 1.0)
        acts += [
            Act(name=name, negated=negated, intensity=_within(strength), when=when, phrase=_text(clause.tokens, prompt))
            for when in clause.when or ("whole",)
        ]
    return _merged(acts), unknown


def _verb_of(act: Act, word: _Token) -> list[_Token]:
    """Return the words before the last one in the phrase of an act with a direction: "look" of "look left"."""
    verb = next((phrase.split()[:-1] for phrase in ACTS[act.name] if phrase.split()[-1] in _PLACES), [])
    return [_Token(kind="word", plain=plain, start=word.start, end=word.end) for plain in verb]


def _unknown_phrases(left: Sequence[_Token], prompt: str) -> list[str]:
    """Return phrases that contain more than the vocabulary and common filler words; neighbours stay together."""
    runs: list[list[_Token]] = [[]]
    for token in left:
        if token.kind == "word":
            gap = runs[-1] and _TOKEN.search(prompt, runs[-1][-1].end, token.start)
            if gap and not _silent(gap[0]):
                runs.append([])
            runs[-1].append(token)
    phrases = []
    for run in runs:
        odd = [place for place, token in enumerate(run) if token.plain not in PLAIN]
        if odd:
            phrases.append(_text(run[odd[0] : odd[-1] + 1], prompt))
    return phrases


def _silent(word: str) -> bool:
    return word.lower() in SILENT


def _strength(tokens: Sequence[_Token]) -> float:
    """Return the product of all degrees; a "very" strengthens the next one, up or down."""
    total, amplifier = 1.0, 1.0
    for token in tokens:
        if token.kind == "amplifier":
            amplifier *= AMPLIFIERS[token.plain]
        elif token.kind == "strength":
            degree = INTENSITY[token.plain]
            total *= degree * amplifier if degree >= 1.0 else degree / amplifier
            amplifier = 1.0
    return total * amplifier


def _nearest(token: _Token, found: Sequence[tuple[Sequence[_Token], ActName]]) -> Sequence[_Token]:
    """Return the act that a degree belongs to: the nearest, or the later of two equally near ones."""

    def away(run: Sequence[_Token]) -> int:
        return max(run[0].start - token.end, token.start - run[-1].end)

    return min(reversed([run for run, _ in found]), key=away)


def _merged(acts: Sequence[Act]) -> list[Act]:
    """Keep each act once: "a warm smile" is one smile."""
    strongest: dict[tuple[ActName, When], Act] = {}
    for act in acts:
        known = strongest.get((act.name, act.when))
        if known is None or known.intensity < act.intensity:
            strongest[act.name, act.when] = act
    return list(strongest.values())


def _by_words(phrases: Mapping[T, tuple[str, ...]]) -> dict[tuple[str, ...], T]:
    return {tuple(phrase.split()): meaning for meaning, variants in phrases.items() for phrase in variants}


def _phrase(tokens: Sequence[_Token]) -> tuple[str, ...]:
    return tuple(token.plain for token in tokens)


def _when(plain: str) -> When:
    return next(when for when in WHEN if when == plain)


def _text(tokens: Sequence[_Token], prompt: str) -> str:
    """Return the prompt's own words from the first token to the last."""
    start, end = min(token.start for token in tokens), max(token.end for token in tokens)
    return " ".join(prompt[start:end].split())


def _within(intensity: float) -> float:
    return round(float(np.clip(intensity, *EMOTION_STRENGTH)), 2)
